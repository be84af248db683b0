//! The path MTU by probing (RFC 8899 §5, §6.2.1): a HEARTBEAT and a PAD chunk make a packet of the size that is tried, and
//! the HEARTBEAT ACK says that it got through.
//!
//! ```text
//!                 answered                  answered, or something smaller is tried
//!   BASE ----------------------> SEARCHING --------------+
//!    | ^                          ^    | ^               |
//!    | | black hole               |    | +---------------+
//!    | +--------------------------|----+--- nothing is left to try ---> SEARCH COMPLETE
//!    | unanswered                 | answered                              |  600 s: SEARCHING
//!    +-------------> ERROR -------+                                       +  black hole: BASE
//! ```
//!
//! One size holds for all paths of an association: probes go where data go, and begin anew when data take another path.

use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::sctp::{CHUNK_HEADER_LEN, Chunk, ChunkType, Parameter, ParameterList};

use super::association::{Association, chunk_room};
use super::config::SctpConfig;
use super::control::{CONTROL_MAX, Control, Detour};
use super::state::State;

/// Where the search stands (RFC 8899 §5.2). DISABLED is an association that is not established.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProbeState {
    /// The size that should work everywhere is tried.
    Base,
    /// Larger ones are.
    Searching,
    /// The largest is found.
    SearchComplete,
    /// Not even the first works.
    Error,
}

/// The search of one association. Sizes are those of packets, internet header included.
#[derive(Debug)]
pub(super) struct Prober {
    pub(super) state: ProbeState,
    /// MIN_PLPMTU.
    min: u32,
    /// BASE_PLPMTU.
    pub(super) base: u32,
    /// MAX_PLPMTU: what the first link takes.
    pub(super) max: u32,
    /// The smallest size that is known not to get through, or one more than `max`.
    too_big: u32,
    /// The largest size that has got through, PLPMTU; `base` before any has.
    plpmtu: u32,
    /// What is worth a try before halves are: the largest size, or what a router has named.
    hint: Option<u32>,
    /// PROBED_SIZE, and the number in the HEARTBEAT that is not answered.
    probe: Option<(u32, u64)>,
    /// PROBE_COUNT.
    count: u32,
    /// PROBE_TIMER or PMTU_RAISE_TIMER.
    pub(super) timer: Option<SimTime>,
    /// Expiries of T3 since the cumulative TSN moved.
    timeouts: u32,
}

impl Prober {
    pub(super) fn new(config: &SctpConfig, is_ipv6: bool) -> Self {
        let (min, base) = if is_ipv6 { (MIN_IPV6, MIN_IPV6) } else { (MIN_IPV4, BASE_IPV4) };
        let max = config.mtu.min(65_535);
        let base = base.min(max);
        Self {
            state: ProbeState::Base,
            min: min.min(max),
            base,
            max,
            too_big: max + 1,
            plpmtu: base,
            hint: Some(max),
            probe: None,
            count: 0,
            timer: None,
            timeouts: 0,
        }
    }

    /// The next size that is worth a try (RFC 8899 §5.3.2): a hint first, then halves of what is left.
    fn next_size(&mut self) -> Option<u32> {
        let fits = |size: &u32| *size > self.plpmtu && *size < self.too_big;
        let half = (self.plpmtu + self.too_big.saturating_sub(self.plpmtu) / 2) / 4 * 4;
        self.hint.take().filter(fits).or_else(|| Some(half).filter(fits))
    }

    /// Whether BASE has got through.
    fn has_confirmed(&self) -> bool {
        matches!(self.state, ProbeState::Searching | ProbeState::SearchComplete)
    }

    /// All sizes are open again.
    fn reopen(&mut self) {
        (self.too_big, self.hint, self.count) = (self.max + 1, Some(self.max), 0);
    }
}

impl Association {
    /// Begins at the size that should work everywhere (BASE), once there is somebody to ask.
    pub(super) fn begin_probing(&mut self, now: SimTime) {
        let probes = self.may_probe();
        let Some(prober) = self.prober.as_mut().filter(|_| probes) else { return };
        prober.reopen();
        (prober.state, prober.plpmtu, prober.probe, prober.timeouts) =
            (ProbeState::Base, prober.base, None, 0);
        let base = prober.base;
        self.set_path_mtu(base);
        self.send_probe(now, base);
    }

    /// Data take another path. A search that is at its beginning goes on there: paths that fail in turn would keep it
    /// there for ever.
    pub(super) fn probe_other_path(&mut self, now: SimTime) {
        if self.prober.as_ref().is_some_and(|prober| prober.has_confirmed()) {
            self.begin_probing(now);
        }
    }

    /// Bytes of chunks in a packet that every path takes (MIN_PLPMTU).
    pub(super) fn smallest_room(&self) -> u32 {
        let remotes: Vec<_> = self.paths.iter().map(|path| path.remote).collect();
        let mtu = if remotes.iter().any(std::net::IpAddr::is_ipv6) { MIN_IPV6 } else { MIN_IPV4 };
        let room = chunk_room(&SctpConfig { mtu, ..SctpConfig::clone(&self.config) }, &remotes);
        room - self.auth.as_ref().map_or(0, |auth| auth.room_beside_data())
    }

    fn may_probe(&self) -> bool {
        matches!(self.state, State::Established | State::ShutdownPending | State::ShutdownReceived)
    }

    fn send_probe(&mut self, now: SimTime, size: u32) {
        let number = self.draw();
        let at = self.data_path;
        let mut info = [0; 24];
        info[..8].copy_from_slice(&now.as_nanos().to_be_bytes());
        info[8..16].copy_from_slice(&number.to_be_bytes());
        info[16..].copy_from_slice(&(at as u64).to_be_bytes());
        let mut list = ParameterList::new();
        list.push(&Parameter::HeartbeatInfo(&info));
        let mut chunks = Vec::new();
        Chunk::Heartbeat(list.parameters()).emit(&mut chunks);
        let remotes = [self.paths[at].remote];
        let room = chunk_room(&SctpConfig { mtu: size, ..SctpConfig::clone(&self.config) }, &remotes);
        let code =
            self.auth.as_ref().map_or(0, |auth| auth.code_room(&[ChunkType::HEARTBEAT, ChunkType::PAD]));
        let pad = (room.saturating_sub(code) as usize).saturating_sub(chunks.len() + CHUNK_HEADER_LEN);
        Chunk::Pad(&vec![0; pad]).emit(&mut chunks);
        let Some(prober) = &mut self.prober else { return };
        prober.probe = Some((size, number));
        prober.timer = Some(now + PROBE_TIMER);
        self.stats.probes_sent += 1;
        if self.control.len() < CONTROL_MAX {
            self.control.push_back(Control {
                path: at,
                chunks,
                tag: self.peer_tag,
                reason: Reason::Control,
                resends: false,
                bundles: false,
                detour: Detour::default(),
            });
        }
    }

    /// Whether a HEARTBEAT ACK answers the probe on a path; the size holds then.
    pub(super) fn on_probe_answered(&mut self, now: SimTime, at: usize, number: u64) -> bool {
        let Some(prober) = &mut self.prober else { return false };
        let Some((size, _)) = prober.probe.take_if(|(_, asked)| *asked == number) else { return false };
        if size >= prober.too_big {
            prober.reopen(); // It was too big, and is no more.
        }
        (prober.state, prober.plpmtu, prober.count) = (ProbeState::Searching, size, 0);
        self.set_path_mtu(size);
        if self.paths.get(at).is_some_and(|path| !path.removed) {
            self.clear_errors(now, at);
        }
        self.search_on(now);
        true
    }

    fn search_on(&mut self, now: SimTime) {
        let Some(prober) = &mut self.prober else { return };
        if let Some(size) = prober.next_size() {
            self.send_probe(now, size);
        } else {
            (prober.state, prober.probe) = (ProbeState::SearchComplete, None);
            prober.timer = Some(now + RAISE_TIMER);
        }
    }

    /// PROBE_TIMER: an unanswered probe is lost, or too big when it is lost again and again. PMTU_RAISE_TIMER: the path
    /// may take more by now.
    pub(super) fn on_probe_timer(&mut self, now: SimTime) {
        let probes = self.may_probe();
        let Some(prober) = self.prober.as_mut().filter(|_| probes) else { return };
        let base = prober.base;
        match (prober.state, prober.probe.take()) {
            (ProbeState::Error, _) => self.send_probe(now, base),
            (ProbeState::Base | ProbeState::Searching | ProbeState::SearchComplete, None) => {
                prober.reopen();
                prober.state = ProbeState::Searching;
                self.search_on(now);
            }
            (state, Some((size, _))) => {
                prober.count += 1;
                if prober.count < MAX_PROBES {
                    self.send_probe(now, size);
                    return;
                }
                prober.count = 0;
                if state == ProbeState::Searching {
                    prober.too_big = size;
                    self.search_on(now);
                } else {
                    let min = prober.min;
                    self.fall_to(now, min);
                }
            }
        }
    }

    /// ERROR: packets of `size`, while BASE is tried each PROBE_TIMER.
    fn fall_to(&mut self, now: SimTime, size: u32) {
        let Some(prober) = &mut self.prober else { return };
        (prober.state, prober.plpmtu, prober.probe, prober.count) = (ProbeState::Error, size, None, 0);
        prober.timer = Some(now + PROBE_TIMER);
        self.set_path_mtu(size);
    }

    /// A router says that it takes no more than `mtu`; the packet that it quotes was this association's (RFC 8899 §4.6).
    pub(super) fn on_probe_too_big(&mut self, now: SimTime, mtu: u32) {
        let probes = self.may_probe();
        let Some(prober) = self.prober.as_mut().filter(|_| probes) else { return };
        let mtu = mtu / 4 * 4;
        let largest = prober.probe.map_or(0, |(size, _)| size).max(prober.plpmtu);
        if mtu < prober.min || mtu >= largest {
            return; // It contradicts what is known (§4.6.3).
        }
        (prober.too_big, prober.hint, prober.count) = (mtu + 1, Some(mtu), 0);
        if mtu < prober.base {
            self.fall_to(now, mtu);
        } else if mtu < prober.plpmtu {
            // The way has changed: from the beginning, and then what it takes.
            (prober.state, prober.plpmtu) = (ProbeState::Base, prober.base);
            let base = prober.base;
            self.set_path_mtu(base);
            self.send_probe(now, base);
        } else if prober.state == ProbeState::Searching {
            self.search_on(now);
        }
    }

    /// T3 has expired: when that happens in a row, packets may vanish for their size, even those of
    /// BASE, which was confirmed (RFC 8899 §4.3).
    pub(super) fn look_for_black_hole(&mut self, now: SimTime) {
        let Some(prober) = &mut self.prober else { return };
        prober.timeouts += 1;
        if prober.timeouts >= BLACK_HOLE_TIMEOUTS && prober.has_confirmed() {
            self.stats.black_holes += 1;
            self.begin_probing(now);
        }
    }

    /// The cumulative TSN has moved: what was lost has got through.
    pub(super) fn note_passage(&mut self) {
        if let Some(prober) = &mut self.prober {
            prober.timeouts = 0;
        }
    }
}

/// BASE_PLPMTU (RFC 8899 §5.1.2); with IPv6 it is MIN_PLPMTU.
const BASE_IPV4: u32 = 1200;
/// MIN_PLPMTU: what every host puts together (RFC 1122 §3.3.2), and what every link carries (RFC 8200 §5).
const MIN_IPV4: u32 = 576;
const MIN_IPV6: u32 = 1280;
/// MAX_PROBES, of one size.
const MAX_PROBES: u32 = 3;
/// PROBE_TIMER: not below 1 s, and more than 15 s (RFC 8899 §5.1.1).
const PROBE_TIMER: SimDuration = SimDuration::from_millis(15_001);
/// PMTU_RAISE_TIMER (RFC 8899 §5.1.1).
const RAISE_TIMER: SimDuration = SimDuration::from_secs(600);
/// Time-outs in a row that make a black hole likely.
const BLACK_HOLE_TIMEOUTS: u32 = 2;
