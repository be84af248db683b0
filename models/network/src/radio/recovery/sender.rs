//! The fragmenting end: which fragments go out when, and when a packet is given up (RFC 8931 §6, §7.1 and appendix C).
//!
//! The first fragment goes alone and asks for an acknowledgment, since the receiver takes no other before it (§6.1.2). Then come windows
//! of fragments that have not been confirmed, the last of which asks again.

use sim_core::{SimDuration, SimTime};
use wire::sixlowpan::recovery::{FULL_BITMAP, FragmentAck, NULL_BITMAP};

/// The parameters of RFC 8931 §7.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecoverySettings {
    /// `Window_Size`: fragments that may be outstanding, 1 to 32.
    pub window: u8,
    /// `OptARQTimeOut`: how long an acknowledgment is waited for at first, counted from when the window was queued; it doubles with each try.
    pub timeout: SimDuration,
    /// `MaxFragRetries`: how often a fragment is sent again.
    pub retries: u8,
    /// `MaxDatagramRetries`: how often a packet is begun anew that the receiver does not know any more.
    pub restarts: u8,
    /// `UseECN`: whether the window is halved where an acknowledgment tells of congestion.
    pub ecn: bool,
}

impl Default for RecoverySettings {
    /// Three retries and one restart (recommended); windows of 4, which fit into a queue of 8 frames; a second, above the time that a window
    /// takes where radios are on.
    fn default() -> Self {
        Self { window: 4, timeout: SimDuration::from_secs(1), retries: 3, restarts: 1, ecn: true }
    }
}

/// `MaxARQTimeOut`: far below the minute after which a receiver forgets a packet.
const TIMEOUT_MAX: SimDuration = SimDuration::from_secs(10);

/// A fragment on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    confirmed: bool,
    /// How often it was sent.
    sent: u8,
}

/// What the fragmenting end does next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Sends these fragments, the last of which asks for an acknowledgment.
    Send(Vec<u8>),
    /// Waits.
    Wait,
    /// The whole packet has arrived.
    Done,
    /// Begins anew with another tag: the receiver does not know the packet.
    Restart,
    /// Gives the packet up, and tells the receiver so.
    GiveUp,
    /// Gives the packet up, as the receiver has done.
    Abandon,
}

/// The state of one packet at its sender.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    settings: RecoverySettings,
    parts: Vec<Part>,
    window: u8,
    /// The fragment that asked last.
    asked: u8,
    timeouts: u8,
    restarts: u8,
    deadline: SimTime,
}

impl Progress {
    /// A packet in `count` fragments, 1 to 32.
    pub(super) fn new(settings: RecoverySettings, count: usize) -> Self {
        Self {
            settings,
            parts: vec![Part::default(); count],
            window: settings.window.clamp(1, 32),
            asked: 0,
            timeouts: 0,
            restarts: 0,
            deadline: SimTime::ZERO,
        }
    }

    /// When [`Self::on_timeout`] is due.
    pub(super) fn deadline(&self) -> SimTime {
        self.deadline
    }

    /// Whether a fragment has been sent before its present time.
    pub(super) fn is_repeated(&self, sequence: u8) -> bool {
        self.parts.get(usize::from(sequence)).is_some_and(|part| part.sent > 1)
    }

    /// The first fragment goes out.
    pub(super) fn start(&mut self, now: SimTime) -> Next {
        self.send(now, vec![0])
    }

    /// An acknowledgment has come.
    pub(super) fn on_ack(&mut self, now: SimTime, ack: &FragmentAck) -> Next {
        if ack.bitmap == FULL_BITMAP {
            return Next::Done;
        }
        if ack.bitmap == NULL_BITMAP {
            // Only for the first fragment may it be tried again (§6.3).
            return self.restart();
        }
        for (part, sequence) in self.parts.iter_mut().zip(0..) {
            part.confirmed |= ack.has(sequence);
        }
        if ack.congestion && self.settings.ecn {
            self.window = (self.window / 2).max(1);
        }
        if !ack.has(self.asked) {
            // The answer to an earlier question: what was sent since may be on its way.
            return Next::Wait;
        }
        self.timeouts = 0;
        self.send_window(now)
    }

    /// No acknowledgment has come in time: the fragment that asked for it goes out again.
    pub(super) fn on_timeout(&mut self, now: SimTime) -> Next {
        self.timeouts += 1;
        if self.timeouts > self.settings.retries {
            return Next::GiveUp;
        }
        self.send(now, vec![self.asked])
    }

    fn restart(&mut self) -> Next {
        if self.restarts >= self.settings.restarts {
            return Next::Abandon;
        }
        self.restarts += 1;
        self.timeouts = 0;
        self.parts.iter_mut().for_each(|part| part.confirmed = false);
        Next::Restart
    }

    fn send_window(&mut self, now: SimTime) -> Next {
        let missing = self.parts.iter().zip(0u8..).filter(|(part, _)| !part.confirmed);
        let window: Vec<u8> = missing.map(|(_, number)| number).take(usize::from(self.window)).collect();
        if window.is_empty() {
            // All have arrived, but the receiver does not say that the packet is whole.
            return Next::GiveUp;
        }
        let spent = |&number: &u8| self.parts[usize::from(number)].sent > self.settings.retries;
        if window.iter().any(spent) {
            return Next::GiveUp;
        }
        self.send(now, window)
    }

    fn send(&mut self, now: SimTime, window: Vec<u8>) -> Next {
        for &number in &window {
            let part = &mut self.parts[usize::from(number)];
            part.sent = part.sent.saturating_add(1);
        }
        self.asked = window.last().copied().unwrap_or_default();
        let patience = self.settings.timeout * (1 << self.timeouts.min(6));
        self.deadline = now + patience.min(TIMEOUT_MAX.max(self.settings.timeout));
        Next::Send(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::sixlowpan::recovery::bit;

    fn settings() -> RecoverySettings {
        RecoverySettings { window: 3, ..RecoverySettings::default() }
    }

    fn ack(arrived: &[u8]) -> FragmentAck {
        let bitmap = arrived.iter().map(|&number| bit(number)).fold(NULL_BITMAP, |all, bit| all | bit);
        FragmentAck { congestion: false, datagram_tag: 1, bitmap }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    // Holds: RFC 8931 6-a, 6-c, 6-g, 7.1-a
    #[test]
    fn what_is_missing_is_sent_again_window_by_window() {
        let mut progress = Progress::new(settings(), 6);
        assert_eq!(progress.start(at(0)), Next::Send(vec![0]));
        assert_eq!(progress.on_ack(at(0), &ack(&[0])), Next::Send(vec![1, 2, 3]));
        // 2 is lost: it leads the next window, whose last fragment asks.
        assert_eq!(progress.on_ack(at(0), &ack(&[0, 1, 3])), Next::Send(vec![2, 4, 5]));
        assert!(progress.is_repeated(2) && !progress.is_repeated(4));
        let full = FragmentAck { bitmap: FULL_BITMAP, ..ack(&[]) };
        assert_eq!(progress.on_ack(at(0), &full), Next::Done);
    }

    // Holds: RFC 8931 6-d, 6-e, 7.1-c
    #[test]
    fn the_question_is_repeated_with_doubled_patience_three_times() {
        let mut progress = Progress::new(settings(), 4);
        progress.start(at(0));
        progress.on_ack(at(0), &ack(&[0]));
        // 1, 2, 4 and 8 seconds.
        let mut now = at(0);
        for patience in [1, 2, 4] {
            assert_eq!(progress.deadline(), now + SimDuration::from_secs(patience));
            now = progress.deadline();
            assert_eq!(progress.on_timeout(now), Next::Send(vec![3]), "the fragment with X alone");
        }
        assert_eq!(progress.deadline(), now + SimDuration::from_secs(8));
        assert_eq!(progress.on_timeout(progress.deadline()), Next::GiveUp);
    }

    #[test]
    fn an_answer_that_was_overtaken_sends_nothing_twice() {
        let mut progress = Progress::new(settings(), 6);
        progress.start(at(0));
        progress.on_ack(at(0), &ack(&[0]));
        assert_eq!(progress.on_ack(at(0), &ack(&[0])), Next::Wait, "the first fragment had been sent twice");
        assert_eq!(progress.on_ack(at(0), &ack(&[0, 1, 2, 3])), Next::Send(vec![4, 5]));
    }

    // Holds: RFC 8931 6.3-c, 7.1-d
    #[test]
    fn a_packet_that_the_receiver_does_not_know_is_begun_anew_once() {
        let mut progress = Progress::new(settings(), 3);
        progress.start(at(0));
        progress.on_ack(at(0), &ack(&[0]));
        assert_eq!(progress.on_ack(at(1), &ack(&[])), Next::Restart);
        assert_eq!(progress.start(at(1)), Next::Send(vec![0]));
        assert_eq!(progress.on_ack(at(2), &ack(&[])), Next::Abandon);
    }

    // Holds: RFC 8931 C-a
    #[test]
    fn congestion_halves_the_window_for_the_rest_of_the_packet() {
        let marked = |arrived: &[u8]| FragmentAck { congestion: true, ..ack(arrived) };
        let mut progress = Progress::new(RecoverySettings { window: 8, ..settings() }, 20);
        progress.start(at(0));
        assert_eq!(progress.on_ack(at(0), &marked(&[0])), Next::Send(vec![1, 2, 3, 4]));
        assert_eq!(progress.on_ack(at(0), &ack(&[0, 1, 2, 3, 4])), Next::Send(vec![5, 6, 7, 8]));
        let mut deaf = Progress::new(RecoverySettings { window: 8, ecn: false, ..settings() }, 20);
        deaf.start(at(0));
        assert_eq!(deaf.on_ack(at(0), &marked(&[0])), Next::Send((1..9).collect()));
    }
}
