//! The SCTP of one host.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use sim_core::SimTime;
use wire::account::{Account, FlowId, Runs};
use wire::packet::Packet;
use wire::payload::Payload;
use wire::sctp::{Cause, CommonHeader};

use super::association::{Association, Numbers};
use super::config::SctpConfig;
use super::cookie::{Addresses, CookieJar};
use super::event::{
    AssociationId, AssociationStats, ListenerId, MessageOptions, PathState, ReceivedMessage, SctpCounters,
    SctpError, SctpEvent,
};
use super::parameters::is_host;
use super::state::{CloseReason, State};
use crate::endpoint::{Endpoint, Envelope, NetworkEvent, Received, Transmit};
use crate::ports::choose_ephemeral;
use crate::tally::Tally;
use crate::tcp::deadlines::Deadlines;

/// An association's place in the endpoint.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) association: Option<Box<Association>>,
    /// The listener that it came by, until it is reported.
    pub(super) listener: Option<ListenerId>,
    pub(super) armed_at: SimTime,
    pub(super) queued: bool,
    pub(super) reported: bool,
}

/// A port that takes associations.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) config: Arc<SctpConfig>,
    pub(super) locals: Addresses,
}

/// The SCTP of one host.
#[derive(Debug)]
pub struct SctpEndpoint {
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<u32>,
    /// By local port, peer's address and peer's port. Only looked up, never iterated over.
    pub(super) demux: FxHashMap<(u16, IpAddr, u16), u32>,
    pub(super) listeners: BTreeMap<u16, Listener>,
    pub(super) ready: VecDeque<u32>,
    pub(super) replies: VecDeque<Transmit>,
    pub(super) events: VecDeque<SctpEvent>,
    pub(super) deadlines: Deadlines,
    pub(super) jar: CookieJar,
    pub(super) rng: ChaCha8Rng,
    pub(super) counters: SctpCounters,
    /// Whether an association ever took packets without checksum (RFC 9653).
    pub(super) had_unsummed: bool,
    pub(super) live: u32,
    pub(super) tally: Tally,
}

impl SctpEndpoint {
    /// What cryptography it has done.
    #[inline]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// An endpoint that draws tags, numbers, ports and its secret from `rng`.
    pub fn new(mut rng: ChaCha8Rng) -> Self {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let tally = Tally::default();
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            demux: FxHashMap::default(),
            listeners: BTreeMap::new(),
            ready: VecDeque::new(),
            replies: VecDeque::new(),
            events: VecDeque::new(),
            deadlines: Deadlines::default(),
            jar: CookieJar::new(secret, tally.clone()),
            tally,
            rng,
            counters: SctpCounters::default(),
            had_unsummed: false,
            live: 0,
        }
    }

    /// Takes associations at `port`; more than one address of `locals` is told to peers.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub fn listen(
        &mut self,
        locals: &[IpAddr],
        port: u16,
        config: Arc<SctpConfig>,
    ) -> Result<ListenerId, SctpError> {
        if self.listeners.contains_key(&port) {
            return Err(SctpError::PortInUse(port));
        }
        self.listeners.insert(port, Listener { config, locals: specified(locals) });
        Ok(ListenerId(port))
    }

    /// Takes no more associations there.
    pub fn unlisten(&mut self, listener: ListenerId) {
        self.listeners.remove(&listener.0);
    }

    /// Begins an association from `local_port` (zero for an ephemeral one) to the host with the addresses
    /// `remotes`.
    ///
    /// # Errors
    ///
    /// An address is not one host's, or no port is free.
    pub fn connect(
        &mut self,
        now: SimTime,
        locals: &[IpAddr],
        local_port: u16,
        remotes: &[IpAddr],
        remote_port: u16,
        config: Arc<SctpConfig>,
    ) -> Result<AssociationId, SctpError> {
        let unspecified = SocketAddr::new(IpAddr::from([0; 4]), remote_port);
        let first = remotes.first().map_or(unspecified, |first| SocketAddr::new(*first, remote_port));
        if remote_port == 0 || remotes.is_empty() || !remotes.iter().all(|address| is_host(*address)) {
            return Err(SctpError::BadRemote(first));
        }
        let demux = &self.demux;
        let taken = |port| remotes.iter().any(|remote| demux.contains_key(&(port, *remote, remote_port)));
        let port = match local_port {
            0 => choose_ephemeral(&mut self.rng, |port| !taken(port)).ok_or(SctpError::NoPort(first))?,
            port if taken(port) => return Err(SctpError::PortInUse(port)),
            port => port,
        };
        let numbers = Numbers { random: self.draw_random(&config), ..self.draw_numbers() };
        let ports = (port, remote_port);
        let association = Association::connect(now, config, ports, specified(locals), remotes, numbers);
        let id = self.add(association, None);
        self.touch(id.index);
        Ok(id)
    }

    pub(super) fn draw_numbers(&mut self) -> Numbers {
        Numbers {
            tag: self.rng.next_u32().max(1),
            initial_tsn: self.rng.next_u32(),
            nonce: self.rng.next_u64(),
            random: None,
        }
    }

    pub(super) fn add(
        &mut self,
        mut association: Association,
        listener: Option<ListenerId>,
    ) -> AssociationId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                association: None,
                listener: None,
                armed_at: SimTime::MAX,
                queued: false,
                reported: false,
            });
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 associations")
        });
        association.share(&self.tally);
        self.live += 1;
        self.had_unsummed |= association.config.zero_checksum.is_some();
        self.note_half_open(&association, listener);
        let slot = &mut self.slots[index as usize];
        slot.association = Some(Box::new(association));
        slot.listener = listener;
        slot.reported = false;
        AssociationId { index, generation: slot.generation }
    }

    #[inline]
    pub(super) fn find(&self, local_port: u16, remote: IpAddr, remote_port: u16) -> Option<u32> {
        self.demux.get(&(local_port, remote, remote_port)).copied()
    }

    pub(super) fn at(&mut self, index: u32) -> Option<&mut Association> {
        self.slots.get_mut(index as usize)?.association.as_deref_mut()
    }

    pub(super) fn get(&self, id: AssociationId) -> Option<&Association> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation { slot.association.as_deref() } else { None }
    }

    pub(super) fn get_mut(&mut self, id: AssociationId) -> Option<&mut Association> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.association.as_deref_mut() } else { None }
    }

    /// Sends a message; `runs` say whose bytes it has.
    ///
    /// # Errors
    ///
    /// The association takes no messages, the stream does not exist, the message does not fit for now or ever.
    pub fn send(
        &mut self,
        now: SimTime,
        id: AssociationId,
        options: &MessageOptions,
        payload: Payload,
        runs: Runs,
    ) -> Result<(), SctpError> {
        let described: u64 = runs.iter().map(|run| u64::from(run.bytes)).sum();
        if described != u64::from(payload.len()) {
            return Err(SctpError::Runs { runs: described, payload: payload.len() });
        }
        let association = self.get_mut(id).ok_or(SctpError::Closed)?;
        let sent = association.send(now, options, payload, runs);
        self.touch(id.index);
        sent
    }

    /// Bytes that the send buffer would take now.
    pub fn writable(&self, id: AssociationId) -> u32 {
        self.get(id).filter(|it| it.state.takes_messages()).map_or(0, |association| {
            let left = u64::from(association.config.send_buffer).saturating_sub(association.out.buffered);
            left as u32 // No more than the buffer.
        })
    }

    /// Streams that can be sent on.
    pub fn streams(&self, id: AssociationId) -> u16 {
        self.get(id).map_or(0, |association| association.out.stream_count())
    }

    /// The next message that arrived.
    pub fn receive(&mut self, id: AssociationId) -> Option<ReceivedMessage> {
        let association = self.get_mut(id)?;
        let message = association.read();
        if association.ack.at_once {
            self.queue(id.index);
        }
        message
    }

    /// Ends the association once everything is acknowledged (SHUTDOWN of RFC 9260 §11.1.3).
    pub fn shutdown(&mut self, now: SimTime, id: AssociationId) {
        self.with(id, |association| association.shutdown(now));
    }

    /// Ends the association at once (ABORT of RFC 9260 §11.1.4).
    pub fn abort(&mut self, id: AssociationId, reason: &[u8]) {
        let reason = &reason[..reason.len().min(1000)];
        self.with(id, |association| association.abort(&Cause::UserAbort(reason), CloseReason::Aborted));
    }

    /// Chooses the path that new data take while it works (SET PRIMARY of RFC 9260 §11.1.5).
    pub fn set_primary(&mut self, id: AssociationId, remote: IpAddr) {
        self.with(id, |association| {
            association.primary = association.path_of(remote).unwrap_or(association.primary);
        });
    }

    /// Charges packets without user data to `flow`.
    pub fn set_flow(&mut self, id: AssociationId, flow: FlowId) {
        self.with(id, |association| association.flow = flow);
    }

    fn with(&mut self, id: AssociationId, action: impl FnOnce(&mut Association)) {
        self.change(id, action);
    }

    /// Does something to an association, if there is one.
    pub(super) fn change<T>(
        &mut self,
        id: AssociationId,
        action: impl FnOnce(&mut Association) -> T,
    ) -> Option<T> {
        let outcome = action(self.get_mut(id)?);
        self.touch(id.index);
        Some(outcome)
    }

    /// The state of an association.
    pub fn state(&self, id: AssociationId) -> Option<State> {
        self.get(id).map(|association| association.state)
    }

    /// The figures of an association.
    pub fn stats(&self, id: AssociationId) -> Option<AssociationStats> {
        self.get(id).map(|association| association.stats)
    }

    /// The peer's addresses and the state of each path.
    pub fn paths(&self, id: AssociationId) -> Vec<(IpAddr, PathState)> {
        self.get(id)
            .map_or_else(Vec::new, |it| it.known_paths().map(|path| (path.remote, path.state)).collect())
    }

    /// Counters since the start.
    pub fn counters(&self) -> SctpCounters {
        self.counters
    }

    /// Whether [`Endpoint::poll_transmit`] may have something.
    #[inline]
    pub fn may_transmit(&self) -> bool {
        !self.ready.is_empty() || !self.replies.is_empty()
    }

    /// Whether [`Endpoint::poll_event`] has something.
    #[inline]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Associations in memory.
    pub fn associations(&self) -> u32 {
        self.live
    }

    /// Takes a packet that came inside UDP from port `udp_port`; its UDP header is gone (RFC 6951 §5.3).
    pub fn handle_encapsulated(&mut self, now: SimTime, received: Received<'_>, udp_port: u16) {
        self.handle_packet(now, received, Some(udp_port));
    }
}

fn specified(addresses: &[IpAddr]) -> Addresses {
    addresses.iter().copied().filter(|address| !address.is_unspecified()).collect()
}

impl Endpoint for SctpEndpoint {
    type Event = SctpEvent;

    fn handle_datagram(&mut self, now: SimTime, received: Received<'_>) {
        self.handle_packet(now, received, None);
    }

    fn handle_network(&mut self, now: SimTime, event: &NetworkEvent) {
        let NetworkEvent::Icmp { error, source, destination, quoted } = event else { return };
        // RFC 9260 §10 ICMP5: the quoted ports tell whose packet it was.
        let Ok(header) = CommonHeader::parse(&[quoted.as_slice(), &[0; 4]].concat()) else { return };
        let Some(index) = self.find(header.source_port, *destination, header.destination_port) else {
            return;
        };
        if let Some(association) = self.at(index) {
            association.on_icmp(now, *error, *source, quoted);
            self.touch(index);
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        while let Some((at, index, generation)) = self.deadlines.pop_due(now) {
            let slot = &mut self.slots[index as usize];
            if slot.generation != generation || slot.armed_at != at {
                continue;
            }
            slot.armed_at = SimTime::MAX;
            let Some(association) = &mut slot.association else { continue };
            if association.next_timeout().is_some_and(|at| at <= now) {
                association.on_timeout(now);
                self.touch(index);
            }
            self.arm(index);
        }
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        let mut packet = Packet::new(Payload::empty(), Account::default());
        let envelope = self.poll_transmit_into(now, &mut packet)?;
        Some(envelope.with(packet))
    }

    fn poll_transmit_into(&mut self, now: SimTime, place: &mut Packet) -> Option<Envelope> {
        if let Some(reply) = self.replies.pop_front() {
            return Some(reply.put_into(place));
        }
        while let Some(&index) = self.ready.front() {
            let slot = &mut self.slots[index as usize];
            let association = slot.association.as_mut();
            let envelope = association.and_then(|association| association.poll_transmit_into(now, place));
            if envelope.is_some() {
                return envelope;
            }
            slot.queued = false;
            self.ready.pop_front();
            // Giving up messages may be news, and timers were started by what came, by the user, and by sending.
            if slot.association.as_ref().is_some_and(|association| association.changes.abandoned > 0) {
                self.report(index);
            }
            self.arm(index);
            self.free_if_over(index);
        }
        None
    }

    #[inline]
    fn poll_timeout(&self) -> Option<SimTime> {
        self.deadlines.next()
    }

    #[inline]
    fn poll_event(&mut self) -> Option<SctpEvent> {
        self.events.pop_front()
    }
}
