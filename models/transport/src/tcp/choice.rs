//! What the sender sends next: RFC 6675 NextSeg(), windows, Nagle's algorithm, silly window avoidance.

use sim_core::SimTime;

use super::config::TcpConfig;
use super::connection::{Pending, TcpConnection};
use super::hook::SegmentHook;
use super::sender::{Recovery, Sender};
use super::sequence::ORIGIN;
use super::state::State;

/// What to send next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Choice {
    /// The segment at this place of the scoreboard, again.
    Resend {
        /// Index in the scoreboard.
        index: usize,
        /// For what reason.
        why: Resend,
    },
    /// New data from `nxt` on.
    New {
        /// Bytes of payload.
        len: u32,
        /// Whether the FIN follows.
        fin: bool,
    },
}

/// Why something is sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resend {
    /// It is lost, or suspected to be.
    Lost,
    /// It is the rescue of RFC 6675 §4 rule (4).
    Rescue,
    /// It is a tail loss probe (RFC 8985 §7.3).
    Probe,
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held {
    /// There is nothing, or Nagle waits: an acknowledgment will come.
    Idle,
    /// The congestion window is full.
    ByCongestion,
    /// The peer's window is closed.
    ByWindow,
    /// The peer's window is too small to be worth a segment.
    BySillyWindow,
}

impl TcpConnection {
    /// Whether it is plain that [`Self::next_segment`] would find nothing, as it mostly does after it has found something.
    #[inline]
    pub(super) fn is_silent<H: SegmentHook>(&self, now: SimTime, hook: &H) -> bool {
        self.sender.has_nothing()
            && !self.owes_acknowledgment()
            && self.state == State::Established
            && self.sender.departure <= now
            && self.pending == Pending::default()
            && !(H::ACTIVE && hook.is_waiting())
    }

    /// Notes why nothing is sent where [`Self::is_silent`].
    #[inline]
    pub(super) fn stay_silent(&mut self, now: SimTime) {
        self.sender.note_application_limit();
        self.sender.limit.set(now, self.without_data());
    }
}

impl Sender {
    /// Whether it is plain that [`Self::choose`] would find nothing: all was sent, and nothing is to be sent again.
    #[inline]
    pub(crate) fn has_nothing(&self) -> bool {
        self.nxt >= self.end()
            && self.recovery == Recovery::Open
            && !self.probe.due
            && self.scoreboard.due == 0
            && !self.f_rto_probes()
    }

    /// Decides what to send in a segment with `room` for payload.
    pub(crate) fn choose(&mut self, room: u32, config: &TcpConfig) -> Result<Choice, Held> {
        if let Some(probe) = self.choose_probe(room) {
            return Ok(probe);
        }
        let space = self.send_window().saturating_sub(self.in_network());
        if self.f_rto_probes() {
            match self.choose_new(room, space, config) {
                Ok(choice) => return Ok(choice),
                // Something else than the congestion window holds it: go on as usual.
                Err(_) if space >= u64::from(room) || self.nxt >= self.end() => self.give_up_f_rto(),
                Err(held) if self.in_network() > 0 => return Err(held),
                Err(_) => self.give_up_f_rto(),
            }
        }
        if let Some(index) = self.scoreboard.next_due() {
            let len = u64::from(self.scoreboard.segment(index).len.min(room));
            let may = self.resend_now || len <= space;
            return if may {
                Ok(Choice::Resend { index, why: Resend::Lost })
            } else {
                Err(Held::ByCongestion)
            };
        }
        let held = match self.choose_new(room, space, config) {
            Ok(choice) => return Ok(choice),
            Err(held) => held,
        };
        let Recovery::Fast { point, rescue, .. } = self.recovery else { return Err(held) };
        if !self.sack || space < u64::from(room) || self.detects_by_time(config) {
            return Err(held);
        }
        if let Some(index) = self.scoreboard.next_suspect() {
            return Ok(Choice::Resend { index, why: Resend::Lost });
        }
        if self.una >= rescue
            && let Some(index) = self.scoreboard.last_unsacked()
        {
            self.recovery = Recovery::Fast { point, rescue: point, partial: true };
            return Ok(Choice::Resend { index, why: Resend::Rescue });
        }
        Err(held)
    }

    /// New data, by the peer's window, the congestion window, Nagle's algorithm and silly window avoidance
    /// (RFC 9293 §3.8.6.2.1, §3.7.4).
    fn choose_new(&mut self, room: u32, space: u64, config: &TcpConfig) -> Result<Choice, Held> {
        let end = self.buffer.end();
        if self.nxt >= self.end() {
            return Err(Held::Idle);
        }
        let usable = (self.una + self.window).saturating_sub(self.nxt);
        if usable == 0 {
            return Err(Held::ByWindow);
        }
        let waiting = end - self.nxt.min(end);
        let len = waiting.min(usable).min(u64::from(room));
        let fin = self.fin && len == waiting && usable > len;
        if len > space {
            self.limited_until = self.nxt;
            return Err(Held::ByCongestion);
        }
        if !config.limited_transmit && self.dup_acks > 0 && self.recovery == Recovery::Open {
            return Err(Held::Idle);
        }
        // Minshall's variant waits for the last small segment only, not for full ones.
        let unacknowledged = if config.minshall { self.small_until } else { self.nxt };
        // A SYN in flight, as Fast Open leaves it, is no data.
        let nagle = config.nagle && unacknowledged > self.una.max(ORIGIN + 1);
        let worth =
            len == u64::from(room) || fin || (!nagle && (len == waiting || len * 2 >= self.window_max));
        if worth {
            if len < u64::from(room) {
                self.small_until = self.nxt + len;
            }
            Ok(Choice::New { len: len as u32, fin })
        } else if nagle && len == waiting {
            Err(Held::Idle)
        } else {
            // What is in flight, where Nagle's algorithm has a say, keeps the override away.
            Err(Held::BySillyWindow)
        }
    }

    /// Notes that new data went out.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: SimTime, space: u32) {
        if self.delivery.is_some() {
            self.note_departure(now, self.nxt + u64::from(space), u64::from(space));
        }
        self.scoreboard.push(self.nxt, space, now);
        self.nxt += u64::from(space);
        if self.dup_acks > 0 && self.recovery == Recovery::Open {
            self.limited_sent += u64::from(space);
        }
        self.last_sent = now;
        if self.episode.is_some() {
            self.note_sent(now, u64::from(space), false);
        }
    }

    /// Notes that the segment at `index` went out again.
    pub(crate) fn on_resent(&mut self, now: SimTime, index: usize, why: Resend) {
        let segment = self.scoreboard.segment(index);
        if self.delivery.is_some() {
            self.note_departure(now, segment.end(), u64::from(segment.len));
        }
        self.scoreboard.on_resent(index, now, why == Resend::Lost);
        self.note_sent(now, u64::from(segment.len), true);
        self.resend_now = false;
        self.last_sent = now;
    }
}
