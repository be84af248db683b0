//! TCP Fast Open: data in the SYN, for a client that has shown before that its address is its own (RFC 7413).

use std::collections::BTreeMap;
use std::net::IpAddr;

use sim_core::{SimTime, digest};
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
}

/// What a client remembers of a server (RFC 7413 §4.1.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownServer {
    cookie: FastOpenCookie,
    segment_size: u16,
}

/// The servers that a client has cookies of.
pub(super) type KnownServers = BTreeMap<IpAddr, KnownServer>;

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
        let state = FastOpen { option, segment_size, sent: 0, early, waiting: early, granted: None };
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

    /// Notes what the SYN-ACK says: a new cookie, or that the data may not have got through.
    pub(super) fn on_fast_open_answer(&mut self, cookie: Option<FastOpenCookie>) {
        let lost = self.syn_sent_count > 1;
        if let Some(fast_open) = &mut self.fast_open {
            fast_open.granted = cookie.filter(|cookie| !cookie.as_bytes().is_empty());
            // RFC 7413 §4.1.3.1: what drops SYNs with data is not to be met again.
            self.changes.cookie = fast_open.granted.is_some() || (lost && fast_open.early);
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
        let mut state = FastOpen {
            option: FastOpenCookie::REQUEST,
            segment_size: 0,
            sent: 0,
            early: false,
            waiting: false,
            granted: None,
        };
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

/// Servers that a client remembers at most.
pub(super) const KNOWN_SERVERS: usize = 1024;
