//! TCP Fast Open: data in the SYN, for a client that has shown before that its address is its own (RFC 7413).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sim_core::{SimDuration, SimTime, digest};
use wire::tcp_options::FastOpenCookie;

use super::connection::TcpConnection;
use super::segment::Segment;
use super::sequence::ORIGIN;
use super::state::State;
use super::timer::Timer;

/// What one connection has to do with Fast Open.
#[derive(Clone, Debug)]
pub(super) struct FastOpen {
    /// The option of our first SYN (a request or a cookie), or of our SYN-ACK (a cookie).
    pub(super) option: FastOpenCookie,
    /// The largest segment that the server is known to take, with a cookie.
    segment_size: u16,
    /// Bytes of data that our SYN carried.
    pub(super) sent: u32,
    /// The user may write, and with a server read, before the handshake is over.
    pub(super) early: bool,
    /// The SYN waits for something to carry.
    waiting: bool,
    /// The cookie that the server gave.
    granted: Option<FastOpenCookie>,
    /// When it turned out that data in a SYN does not get through on this path (RFC 7413 §4.1.3.1).
    failed: Option<SimTime>,
    /// Whether the server took the data of our SYN.
    taken: bool,
}

impl FastOpen {
    /// Of a connection that neither asks for anything nor offers it.
    fn new() -> Self {
        Self {
            option: FastOpenCookie::REQUEST,
            segment_size: 0,
            sent: 0,
            early: false,
            waiting: false,
            granted: None,
            failed: None,
            taken: false,
        }
    }
}

/// What a client remembers of a server (RFC 7413 §4.1.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownServer {
    cookie: FastOpenCookie,
    segment_size: u16,
}

/// What a client remembers: the cookies of servers, and the paths that it does not use Fast Open on for a while.
#[derive(Debug, Default)]
pub(super) struct ClientMemory {
    servers: BTreeMap<IpAddr, KnownServer>,
    /// By own address, and address and port of the server (RFC 7413 §4.1.3.1).
    failures: BTreeMap<(IpAddr, SocketAddr), Failure>,
}

/// A path on which data in a SYN did not get through.
#[derive(Clone, Copy, Debug)]
struct Failure {
    /// How often, without a success in between.
    times: u32,
    /// Until when it is not tried again.
    until: SimTime,
}

impl ClientMemory {
    /// Whether Fast Open may be used on a path now, be it to ask for a cookie.
    pub(super) fn allows(&self, now: SimTime, from: IpAddr, to: SocketAddr) -> bool {
        self.failures.get(&(from, to)).is_none_or(|failure| failure.until <= now)
    }

    /// What is known of a server.
    pub(super) fn of(&self, server: IpAddr) -> Option<KnownServer> {
        self.servers.get(&server).copied()
    }

    /// Learns what a connection has found out.
    pub(super) fn learn(&mut self, connection: &TcpConnection) {
        let Some(fast_open) = &connection.fast_open else { return };
        let (from, to) = (connection.local().ip(), connection.remote());
        match connection.known_server() {
            Some(known) if self.servers.len() < REMEMBERED_MAX || self.servers.contains_key(&to.ip()) => {
                self.servers.insert(to.ip(), known);
            }
            Some(_) => {}
            None if fast_open.failed.is_some() => drop(self.servers.remove(&to.ip())),
            None => {}
        }
        match fast_open.failed {
            Some(at) => self.note_failure((from, to), at),
            None if fast_open.taken => drop(self.failures.remove(&(from, to))),
            None => {}
        }
    }

    fn note_failure(&mut self, path: (IpAddr, SocketAddr), at: SimTime) {
        let times = self.failures.get(&path).map_or(0, |failure| failure.times);
        if self.failures.len() >= REMEMBERED_MAX && times == 0 {
            let soonest = self.failures.iter().min_by_key(|(_, failure)| failure.until);
            if let Some(soonest) = soonest.map(|(&path, _)| path) {
                self.failures.remove(&soonest);
            }
        }
        let until = at.saturating_add(AVOIDED_FOR * (1 << times.min(DOUBLINGS_MAX)));
        self.failures.insert(path, Failure { times: times + 1, until });
    }
}

/// What a server makes of the option in a SYN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// There was none, or Fast Open is off.
    Ordinary,
    /// A request, or a cookie that is not ours: data is not taken, and a cookie is given.
    Grant(FastOpenCookie),
    /// Our cookie: data is taken at once.
    Accept,
}

/// The cookie of a client: a keyed hash of its address (RFC 7413 §4.1.2).
pub(super) fn cookie(secret: [u64; 2], client: IpAddr) -> FastOpenCookie {
    let bits = match client {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    let first = digest::fold(secret[1] ^ bits as u64, secret[0]);
    let hash = digest::fold(first ^ (bits >> 64) as u64, secret[0].rotate_left(32));
    FastOpenCookie::new(&hash.to_be_bytes()).expect("eight bytes are a cookie")
}

impl TcpConnection {
    /// Makes the SYN ask for a cookie; with a known one it waits for data and carries it (RFC 7413 §4.2.1).
    pub(super) fn use_fast_open(&mut self, known: Option<KnownServer>) {
        let option = known.map_or(FastOpenCookie::REQUEST, |known| known.cookie);
        let early = known.is_some();
        let segment_size = known.map_or(0, |known| known.segment_size);
        let state = FastOpen { option, segment_size, early, waiting: early, ..FastOpen::new() };
        self.fast_open = Some(Box::new(state));
        if early {
            self.pending.syn = false;
            self.timers.clear(Timer::User);
            self.changes.connected = true;
        }
    }

    /// Sends the SYN that has waited for data.
    pub(super) fn stop_waiting(&mut self, now: SimTime) {
        if let Some(fast_open) = &mut self.fast_open
            && fast_open.waiting
        {
            fast_open.waiting = false;
            self.pending.syn = true;
            self.timers.set(Timer::User, now + self.config.connect_timeout);
        }
    }

    /// The option of the SYN or SYN-ACK that is about to be built. A SYN that is sent again goes without
    /// (RFC 7413 §4.2.1), since something on the path may not like it.
    pub(super) fn fast_open_option(&self, answer: bool) -> Option<FastOpenCookie> {
        let fast_open = self.fast_open.as_ref()?;
        if answer {
            (!fast_open.option.as_bytes().is_empty() && !fast_open.early).then_some(fast_open.option)
        } else {
            (self.syn_sent_count == 0).then_some(fast_open.option)
        }
    }

    /// Bytes of data for a SYN with `options` bytes of options, which are sent once.
    pub(super) fn take_syn_payload(&mut self, options: usize) -> u32 {
        let waiting = self.sender.buffer.len();
        match &mut self.fast_open {
            Some(fast_open) if fast_open.early && self.syn_sent_count == 0 => {
                let room = u64::from(fast_open.segment_size).saturating_sub(options as u64);
                fast_open.sent = waiting.min(room) as u32;
                fast_open.sent
            }
            _ => 0,
        }
    }

    /// First place behind the data that our SYN carried.
    pub(super) fn syn_end(&self) -> u64 {
        ORIGIN + 1 + self.fast_open.as_ref().map_or(0, |fast_open| u64::from(fast_open.sent))
    }

    /// Whether data may be sent in SYN-RECEIVED (RFC 7413 §4.2.2).
    #[inline]
    pub(super) fn is_early(&self) -> bool {
        self.state == State::SynReceived && self.passive && self.was_announced()
    }

    /// Whether the user was told of the connection before it was established.
    pub(super) fn was_announced(&self) -> bool {
        self.fast_open.as_ref().is_some_and(|fast_open| fast_open.early)
    }

    /// Notes what the SYN-ACK, which acknowledges all before `ack`, says: a new cookie, or that data in a SYN does not get
    /// through.
    ///
    /// RFC 7413 §4.1.3.1 counts as such an answer that came only to a SYN without data, and one that neither acknowledges
    /// the data nor gives a cookie in exchange for one that is out of date.
    pub(super) fn on_fast_open_answer(&mut self, now: SimTime, cookie: Option<FastOpenCookie>, ack: u64) {
        let lost = self.syn_sent_count > 1;
        let end = self.syn_end();
        if let Some(fast_open) = &mut self.fast_open {
            fast_open.granted = cookie.filter(|cookie| !cookie.as_bytes().is_empty());
            let carried = fast_open.sent > 0;
            fast_open.taken = carried && !lost && ack >= end;
            if fast_open.early && lost || carried && ack < end && fast_open.granted.is_none() {
                fast_open.failed = Some(now);
            } else if fast_open.taken {
                fast_open.failed = None;
            }
            self.changes.cookie =
                fast_open.granted.is_some() || fast_open.failed.is_some() || fast_open.taken;
        }
    }

    /// A connection attempt ends without an answer, or an ICMP error comes for it: if its SYN carried data, that may be why
    /// (RFC 7413 §4.1.3.1).
    pub(super) fn blame_fast_open(&mut self, now: SimTime) {
        if self.state == State::SynSent
            && let Some(fast_open) = self.fast_open.as_mut().filter(|it| it.sent > 0)
        {
            fast_open.failed = Some(now);
            self.changes.cookie = true;
        }
    }

    /// What the client now knows of the server; nothing if the cookie is to be forgotten.
    pub(super) fn known_server(&self) -> Option<KnownServer> {
        let cookie = self.fast_open.as_ref()?.granted?;
        Some(KnownServer { cookie, segment_size: self.sender.segment_size })
    }

    /// Applies the server's verdict to a connection that has just been made from `syn`, and takes its data:
    /// of an ordinary SYN it waits for the handshake's end (RFC 9293 §3.10.7.2).
    pub(super) fn take_syn_data(&mut self, syn: Segment<'_>, verdict: Verdict) {
        let mut state = FastOpen::new();
        match verdict {
            Verdict::Ordinary => {}
            Verdict::Grant(cookie) => {
                state.option = cookie;
                self.fast_open = Some(Box::new(state));
                return;
            }
            Verdict::Accept => {
                state.early = true;
                self.fast_open = Some(Box::new(state));
                let (size, options) = (self.sender.segment_size, self.options_len());
                self.sender.start(size, options, false, &self.config);
                let window = self.sender.window;
                self.sender.on_window(ORIGIN, ORIGIN, window);
                self.changes.connected = true;
            }
        }
        let len = syn.payload_len;
        if len == 0 || len > self.config.receive_buffer.min(u32::from(u16::MAX)) {
            return;
        }
        let (payload, runs) = syn.into_content();
        self.flow = runs.first().map_or(self.flow, |run| run.flow);
        self.receiver.segment_size = self.receiver.segment_size.max(len);
        self.receiver.buffer.insert(ORIGIN + 1, payload, runs);
        self.counters.bytes_received += u64::from(len);
        if verdict == Verdict::Accept {
            self.announce_readable();
        }
    }

    /// Tells the user of data that came with a SYN.
    pub(super) fn announce_readable(&mut self) {
        if self.receiver.buffer.readable() > 0 && !self.read_reported {
            self.read_reported = true;
            self.changes.readable = true;
        }
    }
}

/// Servers, and paths, that a client remembers at most.
const REMEMBERED_MAX: usize = 1024;

/// How long a path is avoided after a first failure: RFC 7413 §4.1.3.1 says "at least temporarily", and Linux has avoided
/// such paths for an hour at first.
const AVOIDED_FOR: SimDuration = SimDuration::from_secs(3600);

/// How often that time is doubled at most.
const DOUBLINGS_MAX: u32 = 6;
