//! Accurate ECN (RFC 9768) on the receiver's side of data: what it counts, and when and how it tells of it.

use wire::ip::Ecn;
use wire::tcp::TcpFlags;
use wire::tcp_options::{AccEcnCounters, AccEcnOrder, TcpOption, TcpOptions};

use super::mark_feedback::{CEP_INITIAL, MarkFeedback};

/// What a connection in AccECN mode keeps for both of its halves.
#[derive(Clone, Debug)]
pub(crate) struct AccurateEcn {
    /// The peer's feedback on what this side sends.
    pub(super) feedback: MarkFeedback,
    /// Of what has arrived.
    pub(super) arrived: Arrivals,
    /// How the latest SYN or SYN-ACK arrived, to be told in a SYN-ACK or in a pure acknowledgment of one.
    pub(super) handshake_mark: Ecn,
    /// The next pure acknowledgment has the handshake encoding (§3.2.2.1).
    pub(super) tells_handshake: bool,
    /// The SYN-ACK says that our SYN, or an acknowledgment that our SYN-ACK, was marked, which is not answered yet.
    pub(super) handshake_marked: bool,
    /// The next acknowledgment, and the first segment with data, carry an option whatever has arrived (§3.2.3.2.1).
    first_acknowledgment: bool,
    first_data: bool,
}

/// The counters r.cep, r.ceb, r.e0b and r.e1b of RFC 9768 §3.2, and what of them was told.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    cep: u32,
    /// ECT(0), CE, ECT(1).
    bytes: [u32; 3],
    /// Which of `bytes` have ever grown, and which since the last option, as bits.
    grown: u8,
    untold: u8,
    /// A SYN-ACK that came marked was counted, which happens once (§3.2.2.2).
    syn_ack_counted: bool,
    /// The last packet was marked.
    marked: bool,
    /// Marked packets since the last acknowledgment was sent.
    marked_since: u8,
    /// Only marked acknowledgments demand the next acknowledgment, which goes without SACK blocks (§3.2.2.5.1).
    of_acknowledgments: bool,
}

impl AccurateEcn {
    /// After a SYN or SYN-ACK that arrived with `mark`; `client` has sent the SYN.
    pub(super) fn new(mark: Ecn, client: bool) -> Self {
        Self {
            feedback: MarkFeedback::new(),
            arrived: Arrivals::new(),
            handshake_mark: mark,
            tells_handshake: client,
            handshake_marked: false,
            first_acknowledgment: client,
            first_data: client,
        }
    }

    /// Whether the next acknowledgment leaves SACK blocks out.
    pub(super) fn omits_sack(&self, with_data: bool) -> bool {
        !with_data && (self.tells_handshake || self.arrived.of_acknowledgments)
    }

    /// The option for a segment with `room` bytes for it, if one is due and fits (§3.2.3.3). A client's first data goes
    /// without when it is sent again, which `resent` says (§3.2.3.2.2).
    pub(super) fn option(&self, room: usize, with_data: bool, resent: bool) -> Option<AccEcnCounters> {
        let first = if with_data { self.first_data } else { self.first_acknowledgment };
        if resent || !(first || self.arrived.untold != 0) {
            return None;
        }
        let choices = if first {
            [ALL, self.arrived.grown, self.arrived.untold]
        } else {
            [self.arrived.grown, self.arrived.untold, self.arrived.untold]
        };
        let fitting = choices.into_iter().map(|fields| self.arrived.option(fields));
        fitting.flatten().find(|option| option.option_len() <= room)
    }

    /// The option of a SYN-ACK: all counters, one, or none, as there is room.
    pub(super) fn syn_ack_option(&self, room: usize) -> Option<AccEcnCounters> {
        let choices = [ALL, ECT0, 0].into_iter().map(|fields| self.arrived.option(fields));
        choices.flatten().find(|option| option.option_len() <= room)
    }

    /// The flags of a segment without SYN that is about to be sent: the ACE field, or on a client's first pure
    /// acknowledgment how the SYN-ACK arrived (§3.2.2).
    pub(super) fn flags(&mut self, with_data: bool, options: Option<&TcpOptions>) -> TcpFlags {
        let told = options.is_some_and(|list| list.iter().any(|it| matches!(it, TcpOption::AccEcn(_))));
        if told {
            self.arrived.untold = 0;
            self.first_acknowledgment &= with_data;
            self.first_data &= !with_data;
        }
        self.arrived.marked_since = 0;
        self.arrived.of_acknowledgments = false;
        if self.tells_handshake && !with_data {
            self.tells_handshake = false;
            return ace_flags(handshake_ace(self.handshake_mark));
        }
        ace_flags((self.arrived.cep % 8) as u8)
    }
}

/// What the arrival of a packet demands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Demand {
    Nothing,
    /// An acknowledgment at once (§3.2.2.5.1).
    Acknowledgment,
}

impl Arrivals {
    /// RFC 9768 §3.2.1.
    fn new() -> Self {
        Self {
            cep: CEP_INITIAL,
            bytes: [1, 0, 1],
            grown: 0,
            untold: 0,
            syn_ack_counted: false,
            marked: false,
            marked_since: 0,
            of_acknowledgments: false,
        }
    }

    /// Packets that arrived marked.
    pub(super) fn marked_packets(&self) -> u32 {
        self.cep.wrapping_sub(CEP_INITIAL)
    }

    /// Bytes of data in these.
    pub(super) fn marked_bytes(&self) -> u32 {
        self.bytes[1]
    }

    /// A SYN-ACK has arrived, the first or again: it counts once.
    pub(super) fn on_syn_ack(&mut self, mark: Ecn) {
        if mark == Ecn::Ce && !self.syn_ack_counted {
            self.syn_ack_counted = true;
            self.cep += 1;
        }
    }

    /// Counts the data of an acceptable packet.
    pub(super) fn count_bytes(&mut self, mark: Ecn, payload: u32) {
        let field = match mark {
            Ecn::NotEct => return,
            Ecn::Ect0 => 0,
            Ecn::Ce => 1,
            Ecn::Ect1 => 2,
        };
        if payload > 0 {
            self.bytes[field] = self.bytes[field].wrapping_add(payload);
            self.grown |= 1 << field;
            self.untold |= 1 << field;
        }
    }

    /// Counts an acceptable packet without SYN. `owed` says that data, with that of this packet, is not acknowledged.
    pub(super) fn on_packet(&mut self, mark: Ecn, payload: u32, owed: bool) -> Demand {
        self.count_bytes(mark, payload);
        let before = std::mem::replace(&mut self.marked, mark == Ecn::Ce);
        if mark != Ecn::Ce {
            return Demand::Nothing;
        }
        self.cep = self.cep.wrapping_add(1);
        self.marked_since = self.marked_since.saturating_add(1);
        let changed = payload > 0 && !before;
        if changed || self.marked_since >= if owed { MARKS_OWED } else { MARKS_IDLE } {
            self.of_acknowledgments = !owed;
            return Demand::Acknowledgment;
        }
        Demand::Nothing
    }

    /// The shortest option with these counters in one of the two orders (Table 5).
    fn option(&self, fields: u8) -> Option<AccEcnCounters> {
        let [ect0, ce, ect1] = self.bytes;
        let one = fields & ECT1 != 0 && fields & ECT0 == 0;
        let (order, list) =
            if one { (AccEcnOrder::One, [ect1, ce, ect0]) } else { (AccEcnOrder::Zero, [ect0, ce, ect1]) };
        let both = fields & ECT0 != 0 && fields & ECT1 != 0;
        let count = match (both, fields & CE != 0, fields != 0) {
            (true, _, _) => 3,
            (false, true, _) => 2,
            (false, false, true) => 1,
            (false, false, false) => 0,
        };
        AccEcnCounters::new(order, &list[..count])
    }
}

/// The code of an IP-ECN field in the handshake (RFC 9768 Tables 2 and 3).
pub(super) fn handshake_ace(mark: Ecn) -> u8 {
    match mark {
        Ecn::NotEct => 0b010,
        Ecn::Ect1 => 0b011,
        Ecn::Ect0 => 0b100,
        Ecn::Ce => 0b110,
    }
}

/// The three flags as a number (RFC 9768 Figure 3).
pub(super) fn ace(flags: TcpFlags) -> u8 {
    (flags.bits() >> 6 & 7) as u8
}

pub(super) fn ace_flags(ace: u8) -> TcpFlags {
    TcpFlags::from_bits(u16::from(ace & 7) << 6)
}

const ECT0: u8 = 1;
const CE: u8 = 2;
const ECT1: u8 = 4;
const ALL: u8 = ECT0 | CE | ECT1;

/// `n` of §3.2.2.5.1 with data to acknowledge, and without.
const MARKS_OWED: u8 = 2;
const MARKS_IDLE: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(option: AccEcnCounters) -> (AccEcnOrder, [Option<u32>; 3]) {
        (option.order(), [option.ect0_bytes(), option.ce_bytes(), option.ect1_bytes()])
    }

    // Holds: RFC 9768 3.2-a, 3.2-b, 3.2.1-a, 3.2.3.1-c.
    #[test]
    fn packets_and_bytes_are_counted_by_mark() {
        let mut arrived = Arrivals::new();
        for (mark, payload) in
            [(Ecn::Ect0, 100), (Ecn::Ce, 30), (Ecn::Ce, 0), (Ecn::Ect1, 7), (Ecn::NotEct, 9)]
        {
            arrived.on_packet(mark, payload, true);
        }
        assert_eq!((arrived.cep, arrived.bytes), (7, [101, 30, 8]));
        let all = arrived.option(ALL).unwrap();
        assert_eq!(fields(all), (AccEcnOrder::Zero, [Some(101), Some(30), Some(8)]));
    }

    // Holds: RFC 9768 3.2.3-a, 3.2.3-b, 3.2.3.3-b, 3.2.3.3-c.
    #[test]
    fn an_option_holds_what_has_grown_and_is_as_short_as_it_can_be() {
        let mut accurate = AccurateEcn::new(Ecn::NotEct, false);
        assert_eq!(accurate.option(40, false, false), None, "nothing has arrived");
        accurate.arrived.on_packet(Ecn::Ect0, 99, true);
        let option = accurate.option(40, false, false).unwrap();
        assert_eq!((option.option_len(), fields(option)), (5, (AccEcnOrder::Zero, [Some(100), None, None])));
        let mut list = TcpOptions::EMPTY;
        list.try_push(TcpOption::AccEcn(option)).unwrap();
        accurate.flags(false, Some(&list));
        assert_eq!(accurate.option(40, false, false), None, "nothing has arrived since");
        accurate.arrived.on_packet(Ecn::Ce, 10, true);
        let option = accurate.option(40, false, false).unwrap();
        assert_eq!(fields(option), (AccEcnOrder::Zero, [Some(100), Some(10), None]));
        accurate.arrived.on_packet(Ecn::Ect1, 1, true);
        assert_eq!(accurate.option(40, false, false).unwrap().option_len(), 11);
        let option = accurate.option(10, false, false).unwrap();
        assert_eq!(fields(option), (AccEcnOrder::One, [None, Some(10), Some(2)]), "what was not told yet");
        assert_eq!(accurate.option(7, false, false), None, "whole or not at all");
    }

    // Holds: RFC 9768 3.2.2.5.1-a.
    #[test]
    fn the_first_marked_data_is_acknowledged_at_once() {
        let mut arrived = Arrivals::new();
        assert_eq!(arrived.on_packet(Ecn::Ect0, 10, true), Demand::Nothing);
        assert_eq!(arrived.on_packet(Ecn::Ce, 10, true), Demand::Acknowledgment);
        arrived.marked_since = 0;
        assert_eq!(arrived.on_packet(Ecn::Ce, 10, true), Demand::Nothing);
        assert_eq!(arrived.on_packet(Ecn::Ect0, 10, true), Demand::Nothing, "not the way back");
    }

    // Holds: RFC 9768 3.2.2.5.1-b, 3.2.2.5.1-c.
    #[test]
    fn two_marks_with_data_owed_or_three_without_demand_an_acknowledgment() {
        let mut arrived = Arrivals::new();
        arrived.marked = true;
        assert_eq!(arrived.on_packet(Ecn::Ce, 10, true), Demand::Nothing);
        assert_eq!(arrived.on_packet(Ecn::Ce, 10, true), Demand::Acknowledgment);
        let mut accurate = AccurateEcn::new(Ecn::NotEct, false);
        for expected in [Demand::Nothing, Demand::Nothing, Demand::Acknowledgment] {
            assert_eq!(accurate.arrived.on_packet(Ecn::Ce, 0, false), expected);
        }
        assert!(accurate.omits_sack(false), "an acknowledgment of acknowledgments has no SACK blocks");
        assert_eq!(accurate.flags(false, None), ace_flags(0), "5 + 3 = 8");
        assert!(!accurate.omits_sack(false));
    }

    // Holds: RFC 9768 3.2.2.2-d.
    #[test]
    fn a_marked_syn_ack_counts_once() {
        let mut arrived = Arrivals::new();
        for _ in 0..3 {
            arrived.on_syn_ack(Ecn::Ce);
        }
        assert_eq!(arrived.cep, 6);
    }

    // Holds: RFC 9768 3.2.2.1-a.
    #[test]
    fn the_first_pure_acknowledgment_of_a_client_tells_how_the_syn_ack_came() {
        // Table 3.
        for (mark, code) in [(Ecn::NotEct, 2), (Ecn::Ect1, 3), (Ecn::Ect0, 4), (Ecn::Ce, 6)] {
            let mut accurate = AccurateEcn::new(mark, true);
            accurate.arrived.on_syn_ack(mark);
            assert!(accurate.omits_sack(false));
            assert_eq!(ace(accurate.flags(false, None)), code);
            assert_eq!(ace(accurate.flags(false, None)), if mark == Ecn::Ce { 6 } else { 5 });
        }
    }
}
