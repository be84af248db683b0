//! Multipath TCP's part of a host's stack.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sim_core::SimTime;
use transport::endpoint::{Endpoint, Received};
use transport::mptcp::{MptcpConfig, MptcpEndpoint, MptcpEvent, MptcpId};
use transport::tcp::ListenerId;
use wire::account::{FlowId, Runs};
use wire::payload::Payload;

use super::event::StackEvent;
use super::{Handle, Stack, Way, split, tcp};

/// Multipath TCP and who listens.
#[derive(Debug)]
pub(super) struct Mptcp {
    pub(super) endpoint: MptcpEndpoint,
    listeners: BTreeMap<ListenerId, u32>,
}

impl Stack {
    /// Multipath TCP, made on first use.
    pub(super) fn mptcp(&mut self) -> &mut Mptcp {
        let (rng, noting, rare) = (&mut self.rng, self.noting, self.rare.get_or_insert_default());
        self.mptcp.get_or_insert_with(|| {
            let mut endpoint = MptcpEndpoint::new(split(rng));
            endpoint.set_addresses(rare.addresses.clone());
            for &address in &rare.backups {
                endpoint.set_address_backup(SimTime::ZERO, address, true);
            }
            if noting {
                endpoint.keep_notes();
            }
            Box::new(Mptcp { endpoint, listeners: BTreeMap::new() })
        })
    }

    /// Multipath TCP's endpoint, if it was ever used.
    pub fn mptcp_endpoint(&self) -> Option<&MptcpEndpoint> {
        self.mptcp.as_ref().map(|mptcp| &mptcp.endpoint)
    }

    /// Starts a connection towards `peer`.
    pub(super) fn connect_mptcp(
        &mut self,
        now: SimTime,
        config: &Arc<MptcpConfig>,
        way: Way,
        peer: (IpAddr, u16),
        flow: FlowId,
    ) -> Option<Handle> {
        let local = SocketAddr::new(way.source, 0);
        let config = with_mtu(config, way.mtu);
        let endpoint = &mut self.mptcp().endpoint;
        let id = endpoint.connect(now, local, SocketAddr::from(peer), config).ok()?;
        endpoint.set_flow(now, id, flow);
        Some(Handle::Mptcp(id))
    }

    /// Listens on a port number of one address or, as a socket of an operating system does, of both families.
    pub(super) fn listen_mptcp(
        &mut self,
        app: usize,
        config: &Arc<MptcpConfig>,
        address: Option<IpAddr>,
        port: u16,
        mtu: u16,
    ) {
        let mptcp = self.mptcp();
        for local in tcp::listening(address) {
            let listener = mptcp.endpoint.listen(SocketAddr::new(local, port), with_mtu(config, mtu));
            mptcp.listeners.extend(listener.map(|listener| (listener, app as u32)));
        }
    }

    /// Reads up to `max` bytes.
    #[inline]
    pub(super) fn read_mptcp(&mut self, now: SimTime, id: MptcpId, max: u32) -> (Payload, Runs) {
        match &mut self.mptcp {
            Some(mptcp) => mptcp.endpoint.read(now, id, max),
            None => (Payload::empty(), Runs::new()),
        }
    }

    /// Hands a segment to whom it is for: plain TCP and Multipath TCP share a protocol number.
    pub(super) fn handle_segment(&mut self, now: SimTime, mut received: Received<'_>) {
        if let Some(mptcp) = &mut self.mptcp
            && let Some(found) = mptcp.endpoint.find(&mut received)
        {
            mptcp.endpoint.handle_found(now, received, found);
        } else {
            self.tcp().handle_datagram(now, received);
        }
    }

    /// The next event of Multipath TCP that concerns an application.
    pub(super) fn poll_mptcp_event(&mut self) -> Option<(usize, Handle, StackEvent)> {
        while let Some(event) = self.mptcp.as_mut().and_then(|mptcp| mptcp.endpoint.poll_event()) {
            if let Some(event) = self.mptcp_event(event) {
                return Some(event);
            }
        }
        None
    }

    fn mptcp_event(&mut self, event: MptcpEvent) -> Option<(usize, Handle, StackEvent)> {
        let (id, event) = match event {
            MptcpEvent::Connected(id) => (id, StackEvent::Connected),
            MptcpEvent::Accepted { listener, id } => {
                let app = *self.mptcp().listeners.get(&listener)?;
                self.owners.insert(Handle::Mptcp(id), app);
                (id, StackEvent::Accepted)
            }
            MptcpEvent::Readable(id) => (id, StackEvent::Readable),
            MptcpEvent::Writable(id) => (id, StackEvent::Writable),
            MptcpEvent::PeerClosed(id) => (id, StackEvent::PeerClosed),
            MptcpEvent::Closed { id, .. } => (id, StackEvent::Closed),
            // Subflows come and go without the application.
            MptcpEvent::SubflowOpened { .. }
            | MptcpEvent::SubflowClosed { .. }
            | MptcpEvent::FellBack { .. } => return None,
        };
        self.for_owner(Handle::Mptcp(id), event)
    }
}

/// The same configuration for a link that takes packets of `mtu` bytes.
fn with_mtu(config: &Arc<MptcpConfig>, mtu: u16) -> Arc<MptcpConfig> {
    let tcp = tcp::with_mtu(&config.tcp, mtu);
    if Arc::ptr_eq(&tcp, &config.tcp) {
        return Arc::clone(config);
    }
    Arc::new(MptcpConfig { tcp, ..MptcpConfig::clone(config) })
}
