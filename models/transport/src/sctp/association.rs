//! One association: what its user calls, its timers, and its paths.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::SimTime;
use wire::account::{FlowId, Reason, Runs};
use wire::payload::Payload;
use wire::sctp::{Cause, Causes, Chunk, ChunkType, Initiation, Parameter, ParameterList};

use super::asconf::Asconf;
use super::auth::{self, Auth, Random};
use super::config::SctpConfig;
use super::control::{Control, Detour};
use super::cookie::{Addresses, Cookie};
use super::ecn::Ecn;
use super::event::{AssociationStats, MessageOptions, ReceivedMessage, SctpError};
use super::extensions::Extensions;
use super::inbound::Inbound;
use super::outbound::Outbound;
use super::path::Path;
use super::path_mtu::Prober;
use super::reconfiguration::Reconfiguring;
use super::reporting::Changes;
use super::scheduling::Schedule;
use super::state::{CloseReason, State};
use crate::congestion::CongestionControl;

/// When a SACK is due (RFC 9260 §6.2).
#[derive(Debug, Default)]
pub(super) struct Acknowledgement {
    pub(super) due: Option<SimTime>,
    pub(super) at_once: bool,
    /// Packets with data since the last SACK.
    pub(super) packets: u8,
    pub(super) first_is_acked: bool,
    /// The path that data came by last.
    pub(super) path: usize,
}

/// One association.
#[derive(Debug)]
pub(super) struct Association {
    pub(super) config: Arc<SctpConfig>,
    pub(super) state: State,
    pub(super) local_port: u16,
    pub(super) peer_port: u16,
    pub(super) local_tag: u32,
    /// Zero until the peer has said it.
    pub(super) peer_tag: u32,
    /// Random numbers that stand for the tags inside cookies (RFC 9260 §5.2.2).
    pub(super) tie_tags: (u32, u32),
    pub(super) local_initial_tsn: u32,
    pub(super) locals: Addresses,
    pub(super) paths: Vec<Path>,
    pub(super) primary: usize,
    /// The path that new data took last.
    pub(super) data_path: usize,
    pub(super) out: Outbound,
    pub(super) inbound: Inbound,
    pub(super) ack: Acknowledgement,
    pub(super) control: VecDeque<Control>,
    /// The cookie that is echoed, with what is bundled behind it.
    pub(super) echo: Vec<u8>,
    /// T1-init or T1-cookie.
    pub(super) t1: Option<SimTime>,
    pub(super) t2: Option<SimTime>,
    pub(super) t5: Option<SimTime>,
    pub(super) init_errors: u32,
    pub(super) error_count: u32,
    pub(super) control_path: usize,
    pub(super) peer_forwards_tsns: bool,
    /// What both sides know.
    pub(super) extensions: Extensions,
    pub(super) reconfiguring: Reconfiguring,
    pub(super) ecn: Ecn,
    pub(super) auth: Option<Box<Auth>>,
    pub(super) asconf: Option<Box<Asconf>>,
    pub(super) prober: Option<Box<Prober>>,
    pub(super) forward_due: bool,
    /// One packet of retransmissions goes out whatever the window says (RFC 9260 §7.2.4 rule 3).
    pub(super) force_retransmission: bool,
    /// Bytes of the smallest message that was refused for lack of room, since there was room.
    pub(super) refused: Option<u64>,
    /// The user has ended before the association stood: it shuts down as soon as it does.
    pub(super) ends_early: bool,
    pub(super) flow: FlowId,
    pub(super) changes: Changes,
    pub(super) stats: AssociationStats,
    /// User data of a full fragment.
    pub(super) fragment_max: u32,
    /// Bytes of chunks in a full packet (PMDCS).
    pub(super) pmdcs: u32,
    pub(super) nonce: u64,
    /// Memory that chunks are made in.
    pub(super) scratch: Vec<u8>,
}

/// The random numbers of an association.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) tag: u32,
    pub(super) initial_tsn: u32,
    pub(super) nonce: u64,
    /// Where the configuration offers to authenticate (RFC 4895 §6.1).
    pub(super) random: Option<Random>,
}

/// Bytes of chunks in packets of `mtu` bytes between addresses like these, a multiple of four.
pub(super) fn chunk_room(config: &SctpConfig, addresses: &[IpAddr]) -> u32 {
    let ip = if addresses.iter().any(IpAddr::is_ipv6) { 40 } else { 20 };
    let udp = if config.encapsulation.is_some() { 8 } else { 0 };
    (config.mtu.clamp(MTU_MIN, 65_535) - ip - udp - 12) / 4 * 4
}

/// IPv4's smallest reassembly buffer: no path takes less.
const MTU_MIN: u32 = 576;

impl Association {
    /// An association that this host begins, in COOKIE-WAIT with its INIT to be sent.
    pub(super) fn connect(
        now: SimTime,
        config: Arc<SctpConfig>,
        ports: (u16, u16),
        locals: Addresses,
        remotes: &[IpAddr],
        numbers: Numbers,
    ) -> Self {
        let mut it = Self::new(now, config, ports, locals, remotes, numbers);
        for path in &mut it.paths {
            path.confirmed = true; // RFC 9260 §5.4: the user named it.
        }
        it.send_init(now, false);
        it
    }

    fn new(
        now: SimTime,
        config: Arc<SctpConfig>,
        (local_port, peer_port): (u16, u16),
        locals: Addresses,
        remotes: &[IpAddr],
        numbers: Numbers,
    ) -> Self {
        let is_ipv6 = remotes.iter().any(IpAddr::is_ipv6);
        let prober = config.path_mtu_probing.then(|| Box::new(Prober::new(&config, is_ipv6)));
        let config = match &prober {
            Some(prober) => Arc::new(SctpConfig { mtu: prober.base, ..SctpConfig::clone(&config) }),
            None => config,
        };
        let pmdcs = chunk_room(&config, remotes);
        let streams = config.outbound_streams.max(1);
        let schedule = Schedule::new(config.scheduler, config.stream_values.clone());
        let mut it = Self {
            state: State::CookieWait,
            local_port,
            peer_port,
            local_tag: numbers.tag,
            peer_tag: 0,
            tie_tags: ((numbers.nonce >> 32) as u32 | 1, numbers.nonce as u32 | 1),
            local_initial_tsn: numbers.initial_tsn,
            locals,
            paths: Vec::with_capacity(remotes.len()),
            primary: 0,
            data_path: 0,
            out: Outbound::new(numbers.initial_tsn, streams, 0, schedule),
            inbound: Inbound::new(0, 0, config.receive_buffer),
            ack: Acknowledgement::default(),
            control: VecDeque::new(),
            echo: Vec::new(),
            t1: None,
            t2: None,
            t5: None,
            init_errors: 0,
            error_count: 0,
            control_path: 0,
            peer_forwards_tsns: false,
            extensions: Extensions::default(),
            reconfiguring: Reconfiguring::new(numbers.initial_tsn),
            ecn: Ecn::default(),
            auth: numbers.random.map(|random| Box::new(Auth::new(&config, random))),
            asconf: None,
            prober,
            forward_due: false,
            force_retransmission: false,
            refused: None,
            ends_early: false,
            flow: FlowId::NONE,
            changes: Changes::default(),
            stats: AssociationStats::default(),
            fragment_max: 0,
            pmdcs,
            nonce: numbers.nonce,
            scratch: Vec::new(),
            config,
        };
        it.agree(Extensions::default(), false);
        for remote in remotes {
            it.add_path(now, *remote);
        }
        it
    }

    /// An established association out of a cookie.
    pub(super) fn from_cookie(
        now: SimTime,
        config: Arc<SctpConfig>,
        locals: Addresses,
        cookie: &Cookie,
        nonce: u64,
    ) -> Self {
        let random = cookie.keys.as_ref().map(|(random, _)| *random);
        let numbers = Numbers { tag: cookie.local_tag, initial_tsn: cookie.local_initial_tsn, nonce, random };
        let ports = (cookie.local_port, cookie.peer_port);
        let mut it = Self::new(now, config, ports, locals, &cookie.addresses, numbers);
        it.take_peer(now, cookie);
        it.establish(now);
        it
    }

    /// Takes over what a cookie says about the peer.
    pub(super) fn take_peer(&mut self, now: SimTime, cookie: &Cookie) {
        self.peer_tag = cookie.peer_tag;
        self.agree(cookie.peer_extensions, cookie.peer_forwards_tsns);
        self.reconfiguring.expect(cookie.peer_initial_tsn);
        self.ecn.agreed = cookie.peer_knows_ecn && self.config.ecn;
        self.agree_on_keys(cookie.keys.as_ref().map_or(&[], |(_, vector)| vector));
        self.agree_on_changes(cookie.peer_changes_addresses, cookie.peer_initial_tsn);
        self.inbound =
            Inbound::new(cookie.peer_initial_tsn, cookie.inbound_streams, self.config.receive_buffer);
        self.changes.abandoned += self.out.limit_streams(cookie.outbound_streams);
        self.out.peer_rwnd = u64::from(cookie.peer_rwnd);
        for (place, address) in cookie.addresses.iter().enumerate() {
            let path = self.add_path(now, *address);
            // The cookie went to where its INIT came from, and has come back (RFC 9260 §5.4).
            self.paths[path].confirmed |= place == 0;
        }
    }

    /// The place of a path to `remote`, which is made if it is new.
    pub(super) fn add_path(&mut self, now: SimTime, remote: IpAddr) -> usize {
        if let Some(place) = self.path_of(remote) {
            return place;
        }
        let local = local_for(&self.locals, remote);
        let udp_port = self.config.encapsulation.map_or(0, |ports| ports.remote_port);
        let path = Path::new(now, remote, local, udp_port, &self.config, self.pmdcs);
        self.changes.new_paths = true;
        if let Some(free) = self.paths.iter().position(|path| path.removed) {
            self.paths[free] = path;
            return free;
        }
        self.paths.push(path);
        self.paths.len() - 1
    }

    /// The paths to addresses that the peer has.
    pub(super) fn known_paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().filter(|path| !path.removed)
    }

    pub(super) fn path_of(&self, remote: IpAddr) -> Option<usize> {
        self.paths.iter().position(|path| path.remote == remote && !path.removed)
    }

    /// The parameters that INIT and INIT ACK have in common.
    pub(super) fn own_parameters(
        config: &SctpConfig,
        locals: &[IpAddr],
        random: Option<&Random>,
    ) -> ParameterList {
        let mut list = ParameterList::new();
        if locals.len() > 1 {
            for address in locals {
                list.push(&Parameter::Address(*address));
            }
        }
        let mut extensions = Extensions::offered(config).chunk_types();
        if config.partial_reliability {
            list.push(&Parameter::ForwardTsn);
            extensions.insert(0, ChunkType::FORWARD_TSN.0);
        }
        if auth::is_offered(config) {
            extensions.push(ChunkType::AUTH.0);
        }
        if config.address_changes {
            extensions.extend([ChunkType::ASCONF.0, ChunkType::ASCONF_ACK.0]);
        }
        if !extensions.is_empty() {
            list.push(&Parameter::SupportedExtensions(&extensions));
        }
        if let Some(random) = random {
            auth::push_parameters(&mut list, config, random);
        }
        if config.ecn {
            list.push(&Parameter::EcnCapable);
        }
        if let Some(method) = config.zero_checksum {
            list.push(&Parameter::ZeroChecksum(method.identifier()));
        }
        list
    }

    pub(super) fn send_init(&mut self, now: SimTime, resends: bool) {
        let random = self.auth.as_ref().map(|auth| &auth.random);
        let list = Self::own_parameters(&self.config, &self.locals, random);
        let body = Initiation {
            initiate_tag: self.local_tag,
            a_rwnd: self.config.receive_buffer.max(1500),
            outbound_streams: self.config.outbound_streams.max(1),
            inbound_streams: self.config.inbound_streams.max(1),
            initial_tsn: self.local_initial_tsn,
            parameters: list.parameters(),
        };
        self.queue(self.control_path, &Chunk::Init(body), Reason::Handshake, resends, 0);
        self.t1 = Some(now + self.paths[self.control_path].rto(&self.config));
    }

    pub(super) fn send_echo(&mut self, now: SimTime, resends: bool) {
        let mut chunks = self.echo.clone();
        self.ask_whose(now, self.control_path, &mut chunks);
        let control = Control {
            path: self.control_path,
            chunks,
            tag: self.peer_tag,
            reason: Reason::Handshake,
            resends,
            bundles: self.paths[self.control_path].confirmed, // RFC 9260 §5.4: no data to anybody's address.
            detour: Detour::default(),
        };
        self.control.push_back(control);
        self.t1 = Some(now + self.paths[self.control_path].rto(&self.config));
    }

    /// Data may flow from here on.
    pub(super) fn establish(&mut self, now: SimTime) {
        self.state = State::Established;
        self.t1 = None;
        self.init_errors = 0;
        self.error_count = 0;
        self.changes.connected = true;
        self.primary = (0..self.paths.len()).min_by_key(|at| self.paths[*at].rank()).unwrap_or(0);
        self.data_path = self.primary;
        let mut probed_at = now;
        for at in 0..self.paths.len() {
            let path = &mut self.paths[at];
            path.error_count = 0;
            path.renew_burst(&self.config, self.pmdcs);
            if path.in_flight > 0 {
                path.t3 = Some(now + path.rtt.rto(&self.config.rto)); // It went with the cookie.
            }
            if path.confirmed || path.heartbeat.is_some() {
                self.schedule_heartbeat(now, at);
            } else {
                // RFC 9260 §5.4: probed at once, HB.Max.Burst, which is one (§16), at each RTO.
                path.heartbeat_at = Some(probed_at);
                probed_at += path.rtt.rto(&self.config.rto);
            }
        }
        self.begin_probing(now);
        if self.ends_early {
            self.shutdown(now);
        }
    }

    /// The end: nothing more is sent but what waits in `control`.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.changes.closed = Some(reason);
        (self.t1, self.t2, self.t5, self.ack.due) = (None, None, None, None);
        if let Some(asconf) = &mut self.asconf {
            asconf.t4 = None;
        }
        if let Some(prober) = &mut self.prober {
            prober.timer = None;
        }
        self.reconfiguring.stop();
        self.paths.iter_mut().for_each(|path| (path.t3, path.heartbeat_at) = (None, None));
    }

    /// Ends with an ABORT that names `cause`.
    pub(super) fn abort(&mut self, cause: &Cause<'_>, reason: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        if self.peer_tag != 0 {
            let mut bytes = Vec::new();
            cause.emit(&mut bytes);
            let causes = Causes::parse(&bytes).unwrap_or_default();
            let chunk = Chunk::Abort { reflected: false, causes };
            self.control.clear();
            self.queue(self.data_path, &chunk, Reason::Teardown, false, self.peer_tag);
        } else {
            self.control.clear();
        }
        self.close(reason);
    }

    /// Takes a message of the user.
    pub(super) fn send(
        &mut self,
        now: SimTime,
        options: &MessageOptions,
        payload: Payload,
        runs: Runs,
    ) -> Result<(), SctpError> {
        if !self.state.takes_messages() || self.ends_early {
            return Err(SctpError::Closed);
        }
        if options.stream >= self.out.stream_count() {
            return Err(SctpError::NoStream(options.stream));
        }
        if payload.is_empty() {
            return Err(SctpError::Empty);
        }
        let len = u64::from(payload.len());
        if len > u64::from(self.config.send_buffer) {
            return Err(SctpError::TooLong(payload.len()));
        }
        if !self.has_room(len, options.reliability) {
            self.refused = Some(self.refused.map_or(len, |refused| refused.min(len)));
            return Err(SctpError::Full);
        }
        if self.out.in_flight == 0 {
            for path in &mut self.paths {
                path.renew_burst(&self.config, self.pmdcs);
                let idle = now.saturating_since(path.last_sent);
                let rto = path.rtt.rto(&self.config.rto);
                // RFC 9260 §7.2.1: a window that was not used for an RTO is no longer to be trusted.
                for _ in 0..(idle.as_nanos() / rto.as_nanos().max(1)).min(30) {
                    path.window.on_idle(now);
                }
                path.last_sent = path.last_sent.max(now.saturating_sub(rto));
            }
        }
        self.out.push(now, options, payload, runs);
        Ok(())
    }

    /// Gives the next message to the user; a SACK tells the peer when the window opens again.
    pub(super) fn read(&mut self) -> Option<ReceivedMessage> {
        let before = self.inbound.rwnd();
        let message = self.inbound.read()?;
        if before < self.pmdcs && self.inbound.rwnd() >= self.pmdcs && self.state.receives_data() {
            self.ack.at_once = true;
        }
        Some(message)
    }

    /// The best path, other than `avoid` if there is another that works.
    pub(super) fn best_path(&self, avoid: Option<usize>) -> usize {
        let places = 0..self.paths.len();
        let key = |at: &usize| {
            let (unconfirmed, state, errors) = self.paths[*at].rank();
            (unconfirmed, state, Some(*at) == avoid, *at != self.primary && state == 0, errors, *at)
        };
        places.min_by_key(key).unwrap_or(0)
    }
}

/// The address to send from towards `remote`: the only one of its family; of several the host chooses by its routes,
/// as the specification leaves it to it (RFC 9260 §6.4).
pub(super) fn local_for(locals: &[IpAddr], remote: IpAddr) -> IpAddr {
    let mut fitting = locals.iter().filter(|local| local.is_ipv4() == remote.is_ipv4());
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => *only,
        (Some(_), Some(_)) | (None, _) => match remote {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        },
    }
}
