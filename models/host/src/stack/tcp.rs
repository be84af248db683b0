//! TCP's part of a host's stack.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sim_core::SimTime;
use transport::tcp::{TcpConfig, TcpEndpoint, TcpEvent};
use wire::account::FlowId;

use super::event::StackEvent;
use super::{Handle, Stack, Way, split};

impl Stack {
    /// Starts a connection towards `peer`.
    pub(super) fn connect_tcp(
        &mut self,
        now: SimTime,
        config: &Arc<TcpConfig>,
        way: Way,
        peer: (IpAddr, u16),
        flow: FlowId,
    ) -> Option<Handle> {
        let local = SocketAddr::new(way.source, 0); // The configuration may name the port.
        let config = with_mtu(config, way.mtu);
        let id = self.tcp().connect(now, local, SocketAddr::from(peer), config).ok()?;
        self.tcp().set_flow(id, flow);
        Some(Handle::Tcp(id))
    }

    /// Listens on a port number of one address or, as a socket of an operating system does, of both families.
    pub(super) fn listen_tcp(
        &mut self,
        app: usize,
        config: &Arc<TcpConfig>,
        address: Option<IpAddr>,
        port: u16,
        mtu: u16,
    ) {
        for local in listening(address) {
            let listener = self.tcp().listen(
                SocketAddr::new(local, port),
                with_mtu(config, mtu),
                config.listener.syn_queue,
            );
            let listener = listener.map(|listener| (listener, app as u32));
            self.rare().listeners.extend(listener);
        }
    }

    pub(super) fn tcp_event(&mut self, event: TcpEvent) -> Option<(usize, Handle, StackEvent)> {
        let (id, event) = match event {
            TcpEvent::Connected(id) => (id, StackEvent::Connected),
            TcpEvent::Accepted { listener, id } => {
                let app = *self.rare.as_ref()?.listeners.get(&listener)?;
                self.owners.insert(Handle::Tcp(id), app);
                (id, StackEvent::Accepted)
            }
            TcpEvent::Readable(id) => (id, StackEvent::Readable),
            TcpEvent::Writable(id) => (id, StackEvent::Writable),
            TcpEvent::PeerClosed(id) => (id, StackEvent::PeerClosed),
            TcpEvent::Closed { id, .. } => (id, StackEvent::Closed),
            // Nobody here sends urgent data, and a stalled connection may yet recover.
            // Listeners here report connections at once.
            TcpEvent::Urgent(_) | TcpEvent::Stalled(_) | TcpEvent::Acceptable(_) => return None,
        };
        self.for_owner(Handle::Tcp(id), event)
    }

    /// The TCP endpoint, made on first use.
    pub(crate) fn tcp(&mut self) -> &mut TcpEndpoint {
        let (rng, noting) = (&mut self.rng, self.noting);
        self.tcp.get_or_insert_with(|| {
            let mut tcp = TcpEndpoint::new(split(rng));
            if noting {
                tcp.keep_notes();
            }
            Box::new(tcp)
        })
    }

    /// The TCP endpoint, if it was ever used.
    pub fn tcp_endpoint(&self) -> Option<&TcpEndpoint> {
        self.tcp.as_deref()
    }
}

/// The addresses to listen at: the one that is given, else, as a socket of an operating system does, all of both families.
pub(super) fn listening(address: Option<IpAddr>) -> Vec<IpAddr> {
    match address {
        Some(address) => vec![address],
        None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
    }
}

/// The same configuration for a link that takes packets of `mtu` bytes.
pub(super) fn with_mtu(config: &Arc<TcpConfig>, mtu: u16) -> Arc<TcpConfig> {
    if config.mtu == u32::from(mtu) {
        return Arc::clone(config);
    }
    Arc::new(TcpConfig { mtu: u32::from(mtu), ..TcpConfig::clone(config) })
}
