//! SCTP's part of a host's stack.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::SimTime;
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent, Received};
use transport::sctp::{
    AssociationId, ListenerId, MessageOptions, ReceivedMessage, Reliability, SctpConfig, SctpEndpoint,
    SctpError, SctpEvent, StreamRequest,
};
use wire::account::{FlowId, Run, Runs};
use wire::checksum::{Sum, pseudo_header};
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::{Payload, Slice};
use wire::udp;

use super::carrier::SctpOptions;
use super::event::StackEvent;
use super::{Handle, Stack, Way, split};

/// SCTP and what its users have asked for.
#[derive(Debug)]
pub(super) struct Sctp {
    pub(super) endpoint: SctpEndpoint,
    options: BTreeMap<AssociationId, Arc<SctpOptions>>,
    listeners: BTreeMap<ListenerId, (u32, Arc<SctpOptions>)>,
    /// A message of each association that is to be sent back and has no room yet.
    returning: BTreeMap<AssociationId, ReceivedMessage>,
    /// The UDP port whose datagrams hold SCTP packets (RFC 6951).
    udp_port: Option<u16>,
}

impl Stack {
    /// SCTP, made on first use.
    pub(super) fn sctp(&mut self) -> &mut Sctp {
        let rng = &mut self.rng;
        self.sctp.get_or_insert_with(|| {
            Box::new(Sctp {
                endpoint: SctpEndpoint::new(split(rng)),
                options: BTreeMap::new(),
                listeners: BTreeMap::new(),
                returning: BTreeMap::new(),
                udp_port: None,
            })
        })
    }

    /// SCTP's endpoint, if it was ever used.
    pub fn sctp_endpoint(&self) -> Option<&SctpEndpoint> {
        self.sctp.as_ref().map(|sctp| &sctp.endpoint)
    }

    /// The host has got these addresses, or lost them.
    pub(crate) fn on_addresses(&mut self, now: SimTime, addresses: &[IpAddr], lost: bool) {
        let Some(sctp) = &mut self.sctp else { return };
        for address in addresses {
            if lost {
                sctp.endpoint.delete_address(now, *address);
            } else {
                sctp.endpoint.add_address(now, *address);
            }
        }
    }

    /// Starts an association with `peer`.
    pub(super) fn connect_sctp(
        &mut self,
        now: SimTime,
        options: &Arc<SctpOptions>,
        way: Way,
        (address, port): (IpAddr, u16),
        flow: FlowId,
    ) -> Option<Handle> {
        let config = with_mtu(&options.config, way.mtu);
        let addresses = self.addresses().to_vec();
        let sctp = self.sctp();
        sctp.udp_port = config.encapsulation.map(|ports| ports.local_port).or(sctp.udp_port);
        let locals = if options.multihoming { addresses } else { vec![way.source] };
        let id = sctp.endpoint.connect(now, &locals, 0, &[address], port, config).ok()?;
        sctp.endpoint.set_flow(id, flow);
        sctp.options.insert(id, Arc::clone(options));
        Some(Handle::Sctp(id))
    }

    /// Takes associations at a port number.
    pub(super) fn listen_sctp(
        &mut self,
        app: usize,
        options: &Arc<SctpOptions>,
        address: Option<IpAddr>,
        port: u16,
        mtu: u16,
    ) {
        let config = with_mtu(&options.config, mtu);
        let addresses = self.addresses().to_vec();
        let sctp = self.sctp();
        sctp.udp_port = config.encapsulation.map(|ports| ports.local_port).or(sctp.udp_port);
        let locals = match address {
            Some(address) => vec![address],
            None if options.multihoming => addresses,
            None => Vec::new(),
        };
        if let Ok(listener) = sctp.endpoint.listen(&locals, port, config) {
            sctp.listeners.insert(listener, (app as u32, Arc::clone(options)));
        }
    }

    /// Writes a message, or as many of a bulk's as there is room for; says how many bytes were taken.
    ///
    /// A message of the workload is one user message, up to [`MESSAGE_MAX`]; its number chooses the stream.
    pub(super) fn write_sctp(&mut self, now: SimTime, id: AssociationId, slice: &Slice, run: Run) -> u32 {
        let sctp = self.sctp();
        let Some(options) = sctp.options.get(&id) else { return 0 };
        if options.byte_stream {
            return write_bytes(&mut sctp.endpoint, now, id, slice, run);
        }
        let streams = u32::from(sctp.endpoint.streams(id)).max(1);
        let stream = (run.message % streams) as u16;
        let reliability = options.reliability_of(stream);
        let options =
            MessageOptions { stream, unordered: options.unordered, reliability, ..MessageOptions::default() };
        let mut taken = 0;
        while taken < slice.len() {
            let len = (slice.len() - taken).min(MESSAGE_MAX);
            let part = Payload::from(slice.slice(taken..taken + len));
            let last = run.last && taken + len == slice.len();
            let runs = Runs::from_elem(Run { bytes: len, last, ..run }, 1);
            match sctp.endpoint.send(now, id, &options, part, runs) {
                Ok(()) => {}
                // Its sender does not wait for room: what finds none is lost (RFC 7496 §3.2).
                Err(SctpError::Full) if matches!(reliability, Reliability::Priority(_)) => {}
                Err(_) => break,
            }
            taken += len;
        }
        taken
    }

    /// Asks for streams to be reset or added; says whether it has to be tried again, for the association does not
    /// stand yet or is busy.
    pub(crate) fn reconfigure(&mut self, now: SimTime, handle: Handle, request: &StreamRequest) -> bool {
        let Handle::Sctp(id) = handle else { return false };
        let asked = self.sctp().endpoint.reconfigure(now, id, request.clone());
        matches!(asked, Err(SctpError::Closed | SctpError::Reconfiguring))
    }

    /// Reads all messages that have come.
    pub(super) fn read_sctp(&mut self, id: AssociationId) -> (Payload, Runs) {
        let sctp = self.sctp();
        let (mut payload, mut runs) = (Payload::empty(), Runs::new());
        while let Some(message) = sctp.endpoint.receive(id) {
            if payload.is_empty() {
                (payload, runs) = (message.payload, message.runs);
            } else {
                payload.append(message.payload);
                runs.extend(message.runs);
            }
        }
        (payload, runs)
    }

    /// Sends the messages that have come back as they came, each on the stream of its number, as far as the peer takes
    /// them; the others wait unread, so that a peer which only sends is slowed down.
    pub(crate) fn return_messages(&mut self, now: SimTime, handle: Handle) {
        let Handle::Sctp(id) = handle else { return };
        let sctp = self.sctp();
        while let Some(message) = sctp.returning.remove(&id).or_else(|| sctp.endpoint.receive(id)) {
            let options = MessageOptions {
                stream: message.stream % sctp.endpoint.streams(id).max(1),
                unordered: message.unordered,
                ppid: message.ppid,
                ..MessageOptions::default()
            };
            // They belong to their flow, but to no message of it.
            let mut runs = message.runs.clone();
            runs.iter_mut().for_each(|run| (run.message, run.last) = (u32::MAX, false));
            if sctp.endpoint.send(now, id, &options, message.payload.clone(), runs) == Err(SctpError::Full) {
                sctp.returning.insert(id, message);
                return;
            }
        }
    }

    /// The next event of SCTP that concerns an application.
    pub(super) fn poll_sctp_event(&mut self) -> Option<(usize, Handle, StackEvent)> {
        while let Some(event) = self.sctp.as_mut().and_then(|sctp| sctp.endpoint.poll_event()) {
            if let Some(event) = self.sctp_event(event) {
                return Some(event);
            }
        }
        None
    }

    fn sctp_event(&mut self, event: SctpEvent) -> Option<(usize, Handle, StackEvent)> {
        let (id, event) = match event {
            // What is written now goes with the cookie.
            SctpEvent::Answered(id) | SctpEvent::Connected(id) => (id, StackEvent::Connected),
            SctpEvent::Accepted { listener, id } => {
                let sctp = self.sctp();
                let (app, options) = sctp.listeners.get(&listener)?;
                let app = *app;
                sctp.options.insert(id, Arc::clone(options));
                self.owners.insert(Handle::Sctp(id), app);
                (id, StackEvent::Accepted)
            }
            SctpEvent::Readable(id) => (id, StackEvent::Readable),
            SctpEvent::Writable(id) => (id, StackEvent::Writable),
            SctpEvent::PeerShutdown(id) => (id, StackEvent::PeerClosed),
            SctpEvent::Closed { id, .. } => (id, StackEvent::Closed),
            // The application sees what is lost by what does not arrive, and paths do not concern it.
            SctpEvent::Restarted(_)
            | SctpEvent::Abandoned(_)
            | SctpEvent::AddressChanged { .. }
            | SctpEvent::PathChanged { .. }
            | SctpEvent::Reconfigured { .. }
            | SctpEvent::PeerReconfigured(_) => return None,
        };
        if matches!(event, StackEvent::Closed) {
            self.sctp().options.remove(&id);
            self.sctp().returning.remove(&id);
        }
        self.for_owner(Handle::Sctp(id), event)
    }

    /// Whether a UDP datagram is for the port of encapsulation.
    #[inline]
    pub(super) fn is_encapsulated(&self, packet: &mut Packet) -> bool {
        let Some(port) = self.sctp.as_ref().and_then(|sctp| sctp.udp_port) else { return false };
        packet.pull(udp::HEADER_LEN) && packet.header().get(2..4) == Some(&port.to_be_bytes())
    }

    /// Gives an ICMP error about a UDP datagram of encapsulation to SCTP (RFC 6951 §5.5).
    pub(super) fn handle_encapsulated_error(&mut self, now: SimTime, event: &NetworkEvent) -> bool {
        let NetworkEvent::Icmp { error, source, destination, quoted } = event else { return false };
        let Some(sctp) = &mut self.sctp else { return false };
        let Some(port) = sctp.udp_port else { return false };
        let Some((udp, inner)) = quoted.split_at_checked(udp::HEADER_LEN) else { return false };
        if udp[..2] != port.to_be_bytes() {
            return false;
        }
        let error = match *error {
            IcmpError::PortUnreachable => IcmpError::ProtocolUnreachable, // Nobody unpacks it there.
            error => error,
        };
        let (source, destination, quoted) = (*source, *destination, inner.to_vec());
        sctp.endpoint.handle_network(now, &NetworkEvent::Icmp { error, source, destination, quoted });
        true
    }

    /// Takes the UDP header off an encapsulated packet (RFC 6951 §5.3).
    pub(super) fn handle_encapsulated(&mut self, now: SimTime, received: Received<'_>) {
        let packet = &mut *received.packet;
        let header =
            if packet.pull(udp::HEADER_LEN) { udp::Header::parse(packet.header()).ok() } else { None };
        let Some(header) = header.filter(|header| usize::from(header.length()) == packet.len()) else {
            return;
        };
        let mut rest =
            pseudo_header(received.source, received.destination, IpProtocol::UDP, u32::from(header.length()));
        let (own, inner) = packet.header().split_at(udp::HEADER_LEN);
        rest.add_at(0, Sum::of(inner));
        rest.add_at(inner.len(), packet.payload().sum());
        if packet.corrupted || !udp::verify(own, rest, udp::ZeroChecksum::Accepted) {
            return;
        }
        packet.pop_header(udp::HEADER_LEN);
        let _charge = packet.account.pop_header();
        self.sctp().endpoint.handle_encapsulated(now, received, header.source_port);
    }
}

/// Writes as many bytes as there is room for to stream 0, in messages whose bounds mean nothing.
fn write_bytes(endpoint: &mut SctpEndpoint, now: SimTime, id: AssociationId, slice: &Slice, run: Run) -> u32 {
    let mut taken = 0;
    while taken < slice.len() {
        // One byte more than there is room for makes the association say when there is room again.
        let room = endpoint.writable(id).max(1);
        let len = (slice.len() - taken).min(MESSAGE_MAX).min(room);
        let part = Payload::from(slice.slice(taken..taken + len));
        let last = run.last && taken + len == slice.len();
        let runs = Runs::from_elem(Run { bytes: len, last, ..run }, 1);
        if endpoint.send(now, id, &MessageOptions::default(), part, runs).is_err() {
            break;
        }
        taken += len;
    }
    taken
}

/// The same configuration for a link that takes packets of `mtu` bytes.
fn with_mtu(config: &Arc<SctpConfig>, mtu: u16) -> Arc<SctpConfig> {
    if config.mtu == u32::from(mtu) {
        return Arc::clone(config);
    }
    Arc::new(SctpConfig { mtu: u32::from(mtu), ..SctpConfig::clone(config) })
}

/// The longest user message that a workload's message becomes; a longer one is cut into several.
const MESSAGE_MAX: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use sim_core::SimDuration;
    use sim_core::random::{RunSeed, Streams};
    use transport::endpoint::InterfaceId;
    use transport::sctp::Encapsulation;
    use wire::account::{Account, Protocol, Reason};
    use wire::packet::Packet;
    use wire::payload::Payload;

    use super::super::Carrier;
    use super::*;

    /// Carries datagrams both ways, 10 ms each, until nothing is under way before the deadline.
    fn exchange(
        stacks: &mut [Stack; 2],
        now: &mut SimTime,
        until: SimTime,
    ) -> Vec<(usize, Handle, StackEvent)> {
        let mut events = Vec::new();
        while *now < until {
            let mut flying = Vec::new();
            for (side, stack) in stacks.iter_mut().enumerate() {
                stack.handle_timeout(*now);
                let mut packet = Packet::new(Payload::empty(), Account::default());
                while let Some(envelope) = stack.poll_transmit(*now, &mut packet) {
                    flying.push((side, envelope.with(packet.clone())));
                }
            }
            *now += SimDuration::from_millis(10);
            for (side, mut transmit) in flying {
                let received = Received {
                    source: transmit.source,
                    destination: transmit.destination,
                    interface: InterfaceId(0),
                    hop_limit: 64,
                    traffic_class: 0,
                    packet: &mut transmit.packet,
                };
                stacks[1 - side].handle_datagram(*now, IpProtocol::SCTP, received);
            }
            for (side, stack) in stacks.iter_mut().enumerate() {
                events.extend(
                    std::iter::from_fn(|| stack.poll_event()).map(|(_, handle, event)| (side, handle, event)),
                );
            }
        }
        events
    }

    #[test]
    fn bytes_of_any_messages_come_in_order_over_many_streams() {
        let mut options = SctpOptions { unordered: true, ..SctpOptions::default() };
        let config = SctpConfig {
            outbound_streams: 8,
            send_buffer: 3000,
            heartbeat_interval: None,
            ..Default::default()
        };
        options.config = Arc::new(config);
        options.carry_bytes();
        let carrier = Carrier::Sctp(Arc::new(options));
        let streams = Streams::new(RunSeed::new(1, 0));
        let mut stacks = ["a", "b"].map(|name| Stack::new(&streams, name, false));
        let addresses = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        stacks[1].listen(7, &carrier, Some(addresses[1]), 9000, 1500);
        let way = Way { source: addresses[0], mtu: 1500 };
        let mut now = SimTime::ZERO;
        let flow = FlowId(0);
        let handle =
            stacks[0].open(now, 5, &carrier, way, (addresses[1], 9000), flow).expect("a port is free");
        let accepted = exchange(&mut stacks, &mut now, SimTime::from_millis(200))
            .into_iter()
            .find_map(|(_, handle, event)| matches!(event, StackEvent::Accepted).then_some(handle));
        let accepted = accepted.expect("it was accepted");
        assert_eq!(stacks[1].peer(accepted).map(|peer| peer.ip()), Some(addresses[0]));
        // Twelve messages of 1000 bytes, of which the buffer takes three at a time, and not only whole ones.
        let (mut at, mut cuts, mut heard) = (0_u32, 0, Payload::empty());
        while heard.len() < 12_000 {
            while at < 12_000 {
                let left = 1000 - at % 1000;
                let run = Run {
                    bytes: left,
                    flow,
                    message: at / 1000,
                    generated: SimTime::ZERO,
                    protocol: Protocol::Application,
                    reason: Reason::Data,
                    last: true,
                };
                let taken = stacks[0].write(now, handle, Slice::filler(3, u64::from(at), left), run);
                at += taken;
                cuts += u32::from(taken > 0 && taken < left);
                if taken < left {
                    break;
                }
            }
            let until = now + SimDuration::from_millis(40);
            let events = exchange(&mut stacks, &mut now, until);
            let writable =
                events.iter().any(|(side, _, event)| *side == 0 && matches!(event, StackEvent::Writable));
            assert!(writable || at == 12_000, "room is told of at {at}");
            let (bytes, runs) = stacks[1].read(now, accepted, u32::MAX);
            assert_eq!(runs.iter().map(|run| run.bytes).sum::<u32>(), bytes.len());
            heard.append(bytes);
            assert!(now < SimTime::from_secs(10), "it does not end");
        }
        assert_eq!(heard, Payload::from(Slice::filler(3, 0, 12_000)));
        assert_eq!(
            stacks[0]
                .sctp()
                .endpoint
                .stats(match handle {
                    Handle::Sctp(id) => id,
                    _ => unreachable!("it was opened over SCTP"),
                })
                .map(|stats| stats.abandoned),
            Some(0)
        );
        assert!(cuts <= 12);
    }

    #[test]
    fn a_closed_port_of_encapsulation_means_a_host_without_sctp() {
        // RFC 6951 §5.5: nobody there takes packets out of UDP.
        let encapsulation = Some(Encapsulation { local_port: 9899, remote_port: 9899 });
        let config = SctpConfig { encapsulation, ..SctpConfig::default() };
        let carrier =
            Carrier::Sctp(Arc::new(SctpOptions { config: Arc::new(config), ..SctpOptions::default() }));
        let streams = Streams::new(RunSeed::new(1, 0));
        let [source, destination] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        for (error, ends) in [(IcmpError::Unreachable, false), (IcmpError::PortUnreachable, true)] {
            let mut stack = Stack::new(&streams, "a", false);
            let (now, way) = (SimTime::ZERO, Way { source, mtu: 1500 });
            let handle =
                stack.open(now, 5, &carrier, way, (destination, 9000), FlowId(0)).expect("a port is free");
            let mut packet = Packet::new(Payload::empty(), Account::default());
            let envelope = stack.poll_transmit(now, &mut packet).expect("an INIT");
            assert_eq!(envelope.protocol, IpProtocol::UDP);
            let event = NetworkEvent::Icmp { error, source, destination, quoted: packet.to_vec() };
            stack.handle_network(now, Some(IpProtocol::UDP), &event);
            let over = std::iter::from_fn(|| stack.poll_event())
                .any(|(_, of, event)| of == handle && matches!(event, StackEvent::Closed));
            assert_eq!(over, ends, "{error:?}");
        }
    }
}
