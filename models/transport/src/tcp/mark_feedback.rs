//! What the peer tells of congestion marks by accurate ECN, as the sender of data reads it (RFC 9768 §3.2).

use wire::tcp_options::AccEcnCounters;

use super::sequence::timestamp_before;

/// The counters of an acknowledgment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feedback {
    /// The ACE field: the peer's count of marked packets, modulo 8.
    pub(crate) ace: u8,
    /// Its counts of bytes.
    pub(crate) counters: Option<AccEcnCounters>,
    /// When it was sent, by the peer's clock, if timestamps are in use.
    pub(crate) timestamp: Option<u32>,
}

/// What an acknowledgment is known to acknowledge apart from its counters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newly {
    /// Bytes, and segments, that were not known to have arrived.
    pub(crate) bytes: u64,
    pub(crate) packets: u32,
    /// Payload of a full segment.
    pub(crate) segment_size: u32,
    /// Whether a round trip has passed.
    pub(crate) round_start: bool,
}

/// What an acknowledgment says of marks that was not known before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Marks {
    /// Packets that were marked.
    pub(crate) packets: u32,
    /// Bytes of data in them.
    pub(crate) bytes: u64,
}

/// Whether the peer's option gets through (RFC 9768 §3.2.3.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OptionPath {
    /// None has come.
    #[default]
    Unseen,
    /// At least one has come.
    Seen,
    /// The first one held zeros, which no receiver begins with: what comes is ignored (§3.2.3.2.4).
    Zeroed,
}

/// The counters s.cep, s.ceb, s.e0b and s.e1b of RFC 9768 §3.2, and whether they are trusted.
#[derive(Clone, Debug)]
pub(crate) struct MarkFeedback {
    cep: u32,
    ceb: u32,
    e0b: u32,
    e1b: u32,
    /// Data may be sent as ECN-capable.
    pub(super) capable: bool,
    /// What the peer reports is answered.
    pub(super) heeded: bool,
    pub(super) options: OptionPath,
    /// An ACE field was looked at (§3.2.2.4).
    ace_seen: bool,
    /// The timestamp of the last acknowledgment that counted.
    latest: Option<u32>,
    /// Marked packets since ECEB was last read, and the bytes that they were taken to hold.
    packets_since_option: u32,
    estimated: u64,
    /// Every packet so far was reported as marked (§3.2.2.3), in so many round trips.
    continuous: bool,
    rounds: u8,
    /// Bytes reported as marked.
    pub(super) marked_bytes: u64,
}

impl MarkFeedback {
    /// RFC 9768 §3.2.1.
    pub(super) fn new() -> Self {
        Self {
            cep: CEP_INITIAL,
            ceb: 0,
            e0b: 1,
            e1b: 1,
            capable: true,
            heeded: true,
            options: OptionPath::Unseen,
            ace_seen: false,
            latest: None,
            packets_since_option: 0,
            estimated: 0,
            continuous: true,
            rounds: 0,
            marked_bytes: 0,
        }
    }

    /// Packets reported as marked, all in all.
    pub(super) fn marked_packets(&self) -> u32 {
        self.cep.wrapping_sub(CEP_INITIAL)
    }

    /// The pure acknowledgment of a SYN-ACK tells how that arrived (§3.2.2.1, Table 4). Returns whether it says that it was marked, which
    /// is to be answered.
    pub(super) fn on_handshake_ace(&mut self, ace: u8) -> bool {
        match ace {
            0b000 => (self.capable, self.heeded) = (false, false),
            // The SYN-ACK left without ECN: anything else than 0b010 is an invalid transition (§3.2.2.3).
            0b011 | 0b100 => self.capable = false,
            0b110 => {
                self.capable = false;
                self.cep = CEP_INITIAL + 1;
            }
            _ => {}
        }
        ace == 0b110
    }

    /// An option of the handshake: whether it was zeroed on its way (§3.2.3.2.4).
    pub(super) fn on_first_option(&mut self, counters: &AccEcnCounters) {
        let zeroed = counters.ect0_bytes() == Some(0) || counters.ect1_bytes() == Some(0);
        self.options = if zeroed { OptionPath::Zeroed } else { OptionPath::Seen };
    }

    /// Reads the counters of an acknowledgment (§3.2.2.2, §3.2.3.1, Appendix A).
    pub(super) fn decode(&mut self, feedback: &Feedback, newly: Newly) -> Marks {
        let later = match (self.latest, feedback.timestamp) {
            (Some(latest), Some(timestamp)) => timestamp_before(latest, timestamp),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if newly.bytes == 0 && !later {
            return Marks::default(); // Superseded (Appendix A.1).
        }
        self.latest = feedback.timestamp.filter(|_| later).or(self.latest);
        if !self.ace_seen {
            self.ace_seen = true;
            if feedback.ace == 0 {
                (self.capable, self.heeded) = (false, false); // §3.2.2.4
            }
        }
        let least = u32::from(feedback.ace).wrapping_sub(self.cep) % ACE_SPAN;
        let counters = feedback.counters.filter(|_| self.options != OptionPath::Zeroed);
        let marks = match counters {
            Some(counters) => self.with_option(least, &counters, newly),
            None => self.without_option(least, newly),
        };
        self.cep = self.cep.wrapping_add(marks.packets);
        self.marked_bytes += marks.bytes;
        self.check_continuous(marks.packets, newly);
        if self.heeded { marks } else { Marks::default() }
    }

    /// Appendix A.2.1: as many more marks as may have been hidden behind a cycle of the field; Appendix A.3 for the bytes.
    fn without_option(&mut self, least: u32, newly: Newly) -> Marks {
        let packets = safest(least, newly.packets);
        let size = newly.bytes.checked_div(u64::from(newly.packets)).unwrap_or(u64::from(newly.segment_size));
        let bytes = u64::from(packets) * size;
        self.packets_since_option = self.packets_since_option.saturating_add(packets);
        self.estimated += bytes;
        Marks { packets, bytes }
    }

    /// Appendix A.2.2: the bytes tell whether the field may have cycled.
    fn with_option(&mut self, least: u32, counters: &AccEcnCounters, newly: Newly) -> Marks {
        self.options = OptionPath::Seen;
        let step = |field: Option<u32>, own: &mut u32| {
            let step = field.map_or(0, |field| field.wrapping_sub(*own) % OPTION_SPAN);
            *own = own.wrapping_add(step);
            step
        };
        step(counters.ect0_bytes(), &mut self.e0b);
        step(counters.ect1_bytes(), &mut self.e1b);
        let bytes = u64::from(step(counters.ce_bytes(), &mut self.ceb));
        let mut packets = safest(least, newly.packets);
        let before = u64::from(self.packets_since_option);
        let (few, many) = (before + u64::from(least), before + u64::from(packets));
        let size = u64::from(newly.segment_size);
        if packets > least && bytes <= size * few && bytes * SAFETY_FACTOR < size * many {
            packets = least;
        }
        if bytes > 0 && many == 0 && newly.packets < ACE_SPAN {
            self.capable = false; // §3.2.3.2.5: something has changed the field on its way.
        }
        let unreported = bytes.saturating_sub(self.estimated);
        (self.packets_since_option, self.estimated) = (0, 0);
        Marks { packets, bytes: unreported }
    }

    /// A path that reports each packet of the first round trips as marked is broken rather than congested (§3.2.2.3).
    fn check_continuous(&mut self, marked: u32, newly: Newly) {
        if !self.continuous || newly.packets == 0 {
            return;
        }
        self.continuous = marked >= newly.packets;
        self.rounds += u8::from(newly.round_start);
        if self.rounds > ROUNDS {
            if self.continuous {
                (self.capable, self.heeded) = (false, false);
            }
            self.continuous = false;
        }
    }
}

/// The most marks that `packets` newly acknowledged ones may have had, if the field shows `least` more (Appendix A.2.1).
fn safest(least: u32, packets: u32) -> u32 {
    if packets <= least { least } else { packets - (packets - least) % ACE_SPAN }
}

/// The initial r.cep and s.cep (§3.2.1).
pub(super) const CEP_INITIAL: u32 = 5;

/// DIVACE of Appendix A.2.
const ACE_SPAN: u32 = 1 << 3;

/// DIVOPT of Appendix A.1.
const OPTION_SPAN: u32 = 1 << 24;

/// SAFETY_FACTOR of Appendix A.2.2.
const SAFETY_FACTOR: u64 = 2;

/// Round trips in which a path is watched for marks on everything (§3.2.2.3: "three or four").
const ROUNDS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use wire::tcp_options::AccEcnOrder;

    const SIZE: u32 = 1460;

    fn newly(packets: u32) -> Newly {
        let bytes = u64::from(packets * SIZE);
        Newly { bytes, packets, segment_size: SIZE, round_start: false }
    }

    fn ace(count: u32) -> Feedback {
        Feedback { ace: (count % 8) as u8, counters: None, timestamp: None }
    }

    fn with_bytes(count: u32, ect0: u32, ce: u32) -> Feedback {
        let counters = AccEcnCounters::new(AccEcnOrder::Zero, &[ect0, ce]);
        Feedback { counters, ..ace(count) }
    }

    // Holds: RFC 9768 3.2.1-b, 3.2.2-b, 3.2.2.2-b.
    #[test]
    fn the_field_counts_from_five_and_wraps() {
        let mut feedback = MarkFeedback::new();
        let mut count = 5;
        for marked in [0, 1, 2, 0, 2, 1, 2, 2] {
            count += marked;
            assert_eq!(feedback.decode(&ace(count), newly(2)).packets, marked);
        }
        assert_eq!(feedback.marked_packets(), 10);
    }

    // Holds: RFC 9768 3.2.2.2-a.
    #[test]
    fn an_acknowledgment_that_was_superseded_is_not_read() {
        let mut feedback = MarkFeedback::new();
        assert_eq!(feedback.decode(&ace(7), newly(2)).packets, 2);
        // Sent before: it acknowledges nothing new.
        assert_eq!(feedback.decode(&ace(6), newly(0)), Marks::default());
        let at = |timestamp| Feedback { timestamp: Some(timestamp), ..ace(8) };
        assert_eq!(feedback.decode(&at(20), newly(0)).packets, 1, "a later clock breaks the tie");
        assert_eq!(feedback.decode(&Feedback { timestamp: Some(19), ..ace(7) }, newly(0)), Marks::default());
        assert_eq!(feedback.marked_packets(), 3);
    }

    // Holds: RFC 9768 3.2.2.5.2-a, 3.2.3.2.3-a.
    #[test]
    fn without_bytes_the_field_is_taken_to_have_cycled_where_it_may_have() {
        // The examples of Appendix A.2.1: 9 − ((9 − 2) mod 8) = 2 and 10 − ((10 − 2) mod 8) = 10.
        assert_eq!(safest(2, 9), 2);
        assert_eq!(safest(2, 10), 10);
        assert_eq!(safest(7, 10), 7);
        assert_eq!(safest(0, 7), 0);
        assert_eq!(safest(0, 24), 24);
        let mut feedback = MarkFeedback::new();
        let marks = feedback.decode(&ace(7), newly(10));
        assert_eq!(marks, Marks { packets: 10, bytes: u64::from(10 * SIZE) });
    }

    // Holds: RFC 9768 3.2.2.5.2-b.
    #[test]
    fn more_marks_than_packets_are_believed() {
        let mut feedback = MarkFeedback::new();
        assert_eq!(feedback.decode(&ace(6), newly(1)).packets, 1);
        assert_eq!(feedback.decode(&ace(9), newly(1)).packets, 3);
    }

    // Holds: RFC 9768 3.2.3.1-b.
    #[test]
    fn bytes_tell_whether_the_field_has_cycled() {
        // The examples of Appendix A.2.2, with 8, 10 and 15 packets newly acknowledged.
        for (least, packets, bytes, expected) in [(0, 8, 1460, 8), (2, 10, 1460, 2), (7, 15, 10_200, 7)] {
            let mut feedback = MarkFeedback::new();
            let marks = feedback.decode(&with_bytes(5 + least, 1, bytes), newly(packets));
            assert_eq!(marks, Marks { packets: expected, bytes: u64::from(bytes) }, "{least}");
        }
    }

    // Holds: RFC 9768 3.2.3.1-a.
    #[test]
    fn counters_of_bytes_wrap() {
        let mut feedback = MarkFeedback::new();
        (feedback.ceb, feedback.cep) = (33_554_433, 5); // Appendix A.1.
        let marks = feedback.decode(&with_bytes(6, 1, 1461), newly(1));
        assert_eq!((marks.bytes, feedback.ceb), (1460, 33_555_893));
    }

    // Holds: RFC 9768 3.2.3.2.5-a.
    #[test]
    fn an_option_corrects_what_the_field_alone_was_taken_to_say() {
        let mut feedback = MarkFeedback::new();
        assert_eq!(feedback.decode(&ace(6), newly(2)).bytes, 1460, "estimated");
        // 1500 bytes by now, in two packets.
        assert_eq!(feedback.decode(&with_bytes(7, 1, 1500), newly(2)), Marks { packets: 1, bytes: 40 });
        assert_eq!(feedback.decode(&ace(7), newly(2)), Marks::default());
    }

    // Holds: RFC 9768 3.2.3.2.5-b.
    #[test]
    fn marked_bytes_without_a_marked_packet_end_ect() {
        let mut feedback = MarkFeedback::new();
        feedback.decode(&with_bytes(5, 1, 1000), newly(2));
        assert!(!feedback.capable && feedback.heeded);
    }

    // Holds: RFC 9768 3.2.3.2.4-a.
    #[test]
    fn an_option_that_begins_with_zero_is_ignored() {
        let mut feedback = MarkFeedback::new();
        feedback.on_first_option(&AccEcnCounters::new(AccEcnOrder::Zero, &[0, 0, 0]).unwrap());
        assert_eq!(feedback.decode(&with_bytes(6, 0, 700), newly(2)).bytes, 1460, "the field alone");
        // Any other value may be a signal of the future.
        feedback.on_first_option(&AccEcnCounters::new(AccEcnOrder::One, &[77, 3, 9]).unwrap());
        assert_eq!(feedback.options, OptionPath::Seen);
    }

    // Holds: RFC 9768 3.2.2.4-a.
    #[test]
    fn a_first_field_of_zero_ends_ect_and_answers() {
        let mut feedback = MarkFeedback::new();
        assert_eq!(feedback.decode(&ace(0), newly(2)), Marks::default());
        assert!(!feedback.capable && !feedback.heeded);
        let mut later = MarkFeedback::new();
        later.decode(&ace(1), newly(20));
        later.decode(&ace(0), newly(20));
        assert!(later.capable, "it has wrapped");
    }

    // Holds: RFC 9768 3.2.2.3-c.
    #[test]
    fn marks_on_everything_for_three_round_trips_are_not_believed() {
        let mut feedback = MarkFeedback::new();
        let mut count = 5;
        for round in 0..4 {
            assert!(feedback.capable, "{round}");
            for packet in 0..4 {
                count += 2;
                let newly = Newly { round_start: packet == 0, ..newly(2) };
                feedback.decode(&ace(count), newly);
            }
        }
        assert!(!feedback.capable && !feedback.heeded);
        let mut honest = MarkFeedback::new();
        for round in 0..20 {
            honest.decode(&ace(5 + round * 2), Newly { round_start: true, ..newly(2) });
        }
        assert!(honest.capable, "the first packet was not marked");
    }

    // Holds: RFC 9768 3.2.2.1-c.
    #[test]
    fn the_handshake_field_is_read_as_table_4_has_it() {
        for (ace, packets, capable, heeded) in [
            (0b000, 0, false, false),
            (0b001, 0, true, true),
            (0b010, 0, true, true),
            (0b011, 0, false, true),
            (0b100, 0, false, true),
            (0b101, 0, true, true),
            (0b110, 1, false, true),
            (0b111, 0, true, true),
        ] {
            let mut feedback = MarkFeedback::new();
            assert_eq!(feedback.on_handshake_ace(ace), ace == 0b110);
            let seen = (feedback.marked_packets(), feedback.capable, feedback.heeded);
            assert_eq!(seen, (packets, capable, heeded), "{ace:03b}");
        }
    }
}
