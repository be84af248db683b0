//! Which subflow carries what comes next.

use sim_core::{SimDuration, SimTime};

use crate::tcp::attached::Standing;

/// A subflow that may carry data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Its number in the connection.
    pub(crate) index: usize,
    /// Backups and those that time out come last.
    pub(crate) rank: u8,
    /// Bytes that its own window has left.
    pub(crate) window: u64,
    /// Bytes that fill a segment of it, behind the options that it has now.
    pub(crate) piece: u32,
    pub(crate) standing: Standing,
}

impl Candidate {
    /// Whether its own window has room for `len` bytes more, and its congestion window, too.
    #[inline]
    pub(crate) fn has_room(&self, len: u32) -> bool {
        self.window >= u64::from(len.min(self.standing.segment_payload)) && self.is_uncongested(len)
    }

    /// Whether its congestion window has room for `len` bytes more, or is empty.
    #[inline]
    pub(crate) fn is_uncongested(&self, len: u32) -> bool {
        self.standing.room >= u64::from(len.min(self.standing.segment_payload))
            || self.standing.unacknowledged == 0
    }
}

/// The one with the shortest round trip that has room, another one than `not` if there is one.
pub(crate) fn lowest_rtt(candidates: &[Candidate], len: u32, not: Option<usize>) -> Option<usize> {
    let not = not.filter(|not| candidates.iter().any(|candidate| candidate.index != *not));
    let mut best: Option<(usize, &Candidate)> = None;
    for (at, candidate) in candidates.iter().enumerate() {
        if !candidate.has_room(len) || Some(candidate.index) == not {
            continue;
        }
        let key = |it: &Candidate| (it.standing.srtt, it.index);
        if best.is_none_or(|(_, best)| key(candidate) < key(best)) {
            best = Some((at, candidate));
        }
    }
    best.map(|(at, _)| at)
}

/// The next one in turn that has room.
pub(crate) fn round_robin(candidates: &[Candidate], waiting: u64, turn: usize) -> Option<usize> {
    let len = u32::try_from(waiting).unwrap_or(u32::MAX);
    let with_room = || candidates.iter().enumerate().filter(|(_, candidate)| candidate.has_room(len));
    with_room()
        .find(|(_, candidate)| candidate.index >= turn)
        .or_else(|| with_room().next())
        .map(|(at, _)| at)
}

/// The oldest one, if it has room.
pub(crate) fn oldest(candidates: &[Candidate], waiting: u64) -> Option<usize> {
    let len = u32::try_from(waiting).unwrap_or(u32::MAX);
    let at = (0..candidates.len()).min_by_key(|at| candidates[*at].index)?;
    candidates[at].has_room(len).then_some(at)
}

/// BLEST's correction factor λ, in thousandths: it grows while a slow subflow blocks the window all the same, and shrinks
/// while none does. The steps and bounds are those of the authors' scheduler for Linux, which looks once in a slow
/// round trip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caution {
    factor: u32,
    blocked: bool,
    looked_at: SimTime,
}

impl Default for Caution {
    fn default() -> Self {
        Self { factor: 1200, blocked: false, looked_at: SimTime::ZERO }
    }
}

impl Caution {
    /// The factor, in thousandths: 1000 to 1300.
    pub(crate) fn factor(&self) -> u32 {
        self.factor
    }

    /// The window was full because of a slow subflow.
    pub(crate) fn on_blocked(&mut self) {
        self.blocked = true;
    }

    /// Time has passed; `slowest` is the longest round trip.
    pub(crate) fn on_time(&mut self, now: SimTime, slowest: SimDuration) {
        if now.saturating_since(self.looked_at) < slowest {
            return;
        }
        self.looked_at = now;
        self.factor = match std::mem::take(&mut self.blocked) {
            true => (self.factor + 40).min(1300),
            false => (self.factor - 10).max(1000),
        };
    }
}

/// As [`lowest_rtt`], but a slow subflow waits where the fast one, which is full now, could need the rest of the
/// peer's window of `window` bytes before the slow one's data arrives (Ferlin et al. 2016, equations 1 and 2, with their
/// correction factor λ in thousandths).
pub(crate) fn blest(candidates: &[Candidate], waiting: u64, window: u64, factor: u32) -> Option<usize> {
    let len = u32::try_from(waiting).unwrap_or(u32::MAX);
    let choice = lowest_rtt(candidates, len, None)?;
    let chosen = &candidates[choice].standing;
    let fastest = candidates.iter().map(|candidate| &candidate.standing).min_by_key(|it| it.srtt)?;
    let (Some(slow_rtt), Some(fast_rtt)) = (chosen.srtt, fastest.srtt) else { return Some(choice) };
    if slow_rtt <= fast_rtt {
        return Some(choice);
    }
    // What the fast one sends while the slow one's data is on its way, its window growing by a segment a round trip:
    // X = MSS · (cwnd + (rounds − 1) / 2) · rounds.
    let rounds = u128::from(slow_rtt.as_nanos()) * 1000 / u128::from(fast_rtt.as_nanos().max(1));
    let size = u128::from(fastest.segment_payload);
    let growing = u128::from(fastest.cwnd) * 1000 + size * rounds.saturating_sub(1000) / 2;
    let needed = growing * rounds / 1_000_000 * u128::from(factor) / 1000;
    let left = u128::from(window).saturating_sub(u128::from(chosen.segment_payload));
    (needed <= left).then_some(choice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::State;
    use sim_core::SimDuration;

    fn candidate(index: usize, rtt_ms: u64, room: u64) -> Candidate {
        let standing = Standing {
            state: State::Established,
            room,
            segment_payload: 1000,
            segment_room: 1020,
            unacknowledged: 10_000,
            acknowledged: 0,
            written: 0,
            timeouts: 0,
            cwnd: 10_000,
            srtt: Some(SimDuration::from_millis(rtt_ms)),
        };
        Candidate { index, rank: 0, window: 1 << 20, piece: 1000, standing }
    }

    #[test]
    fn the_shortest_round_trip_with_room_comes_first() {
        let both = [candidate(0, 50, 5000), candidate(1, 10, 5000)];
        assert_eq!(lowest_rtt(&both, 1000, None), Some(1));
        assert_eq!(lowest_rtt(&both, 1000, Some(1)), Some(0), "what it lost goes elsewhere");
        let full = [candidate(0, 50, 5000), candidate(1, 10, 999)];
        assert_eq!(lowest_rtt(&full, 1000, None), Some(0));
        assert_eq!(lowest_rtt(&[candidate(0, 50, 999)], 1000, None), None);
    }

    #[test]
    fn turns_go_round() {
        let three = [candidate(0, 1, 5000), candidate(2, 1, 0), candidate(3, 1, 5000)];
        assert_eq!(round_robin(&three, 1000, 0), Some(0));
        assert_eq!(round_robin(&three, 1000, 1), Some(2), "number 2 is full");
        assert_eq!(round_robin(&three, 1000, 4), Some(0));
    }

    #[test]
    fn the_oldest_is_waited_for() {
        assert_eq!(oldest(&[candidate(0, 1, 0), candidate(1, 1, 5000)], 1000), None);
        assert_eq!(oldest(&[candidate(1, 1, 5000)], 1000), Some(0), "the first is gone");
    }

    #[test]
    fn blest_keeps_the_window_for_the_fast_one() {
        // Ten rounds of the fast one: 1000 · (10 + 9/2) · 10 = 145 000 bytes.
        let both = [candidate(0, 100, 5000), candidate(1, 10, 0)];
        assert_eq!(blest(&both, 1000, 146_000, 1000), Some(0));
        assert_eq!(blest(&both, 1000, 145_999, 1000), None);
        // A fifth more: 174 000 bytes.
        assert_eq!(blest(&both, 1000, 175_000, 1200), Some(0));
        assert_eq!(blest(&both, 1000, 174_999, 1200), None);
    }

    #[test]
    fn blocking_makes_blest_more_cautious_and_peace_less() {
        let mut caution = Caution::default();
        let round = SimDuration::from_millis(100);
        let mut now = SimTime::ZERO;
        let mut factors = Vec::new();
        for blocked in [true, true, true, false, false] {
            now += round;
            if blocked {
                caution.on_blocked();
            }
            caution.on_time(now, round);
            // Within a round trip nothing changes.
            caution.on_time(now + SimDuration::from_millis(99), round);
            factors.push(caution.factor());
        }
        assert_eq!(factors, [1240, 1280, 1300, 1290, 1280]);
        for _ in 0..100 {
            now += round;
            caution.on_time(now, round);
        }
        assert_eq!(caution.factor(), 1000);
    }
}
