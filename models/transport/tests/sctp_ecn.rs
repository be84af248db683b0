//! Explicit congestion notification, as RFC 4960 Appendix A has it.

mod sctp_lab;

use sctp_lab::{Lab, Link, at, kinds};
use sim_core::SimDuration;
use transport::sctp::{AssociationId, MessageOptions, SctpConfig};

fn config(ecn: bool) -> SctpConfig {
    SctpConfig { ecn, heartbeat_interval: None, max_burst: 20, ..SctpConfig::default() }
}

/// An established association on a way of 50 ms, whose sides ask for ECN or not.
fn established(sides: [bool; 2]) -> (Lab, AssociationId) {
    let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
    lab.record = true;
    let id = lab.connect(1, config(sides[0]), config(sides[1]));
    lab.run_until(at(300));
    lab.sent.clear();
    (lab, id)
}

/// Sends full packets for so many rounds of 100 ms.
fn send_rounds(lab: &mut Lab, id: AssociationId, rounds: u32) {
    for number in 0..rounds {
        lab.say(0, id, number, 20_000, &MessageOptions::default());
        let next = lab.now + SimDuration::from_millis(100);
        lab.run_until(next);
    }
}

fn count(lab: &Lab, side: usize, kind: &str) -> usize {
    lab.sent.iter().filter(|(_, from, it)| *from == side && kinds(it).contains(&kind)).count()
}

#[test]
fn a_mark_is_told_until_it_is_answered_and_halves_the_window_once() {
    let (mut lab, id) = established([true, true]);
    send_rounds(&mut lab, id, 2);
    let before = lab.ends[0].path_stats(id).next().expect("it lives").cwnd;
    // All packets of one round trip are marked, while the window grows on to its double at most: one reduction.
    lab.links[0].mark = 1_000_000;
    send_rounds(&mut lab, id, 1);
    lab.links[0].mark = 0;
    let until = lab.now + SimDuration::from_millis(600);
    lab.run_until(until);
    let after = lab.ends[0].path_stats(id).next().expect("it lives");
    assert!(after.ssthresh.is_some_and(|it| (before / 2..=before).contains(&it)), "{before} {after:?}");
    assert!(count(&lab, 1, "ECNE") >= 1 && count(&lab, 0, "CWR") >= 1);
    assert_eq!(lab.ends[0].stats(id).expect("it lives").chunks_resent, 0, "nothing was lost");
    // Once answered it is told no more.
    lab.sent.clear();
    send_rounds(&mut lab, id, 3);
    assert_eq!((count(&lab, 1, "ECNE"), count(&lab, 0, "CWR")), (0, 0));
}

#[test]
fn only_new_data_may_be_marked() {
    let (mut lab, id) = established([true, true]);
    lab.links[0].loss = 100_000;
    send_rounds(&mut lab, id, 10);
    lab.links[0].loss = 0;
    let until = lab.now + SimDuration::from_secs(10);
    lab.run_until(until);
    assert!(lab.ends[0].stats(id).expect("it lives").chunks_resent > 0);
    for (_, side, transmit) in &lab.sent {
        let kinds = kinds(transmit);
        let may = transmit.traffic_class & 0b11 == 0b10;
        assert_eq!(
            may,
            kinds.contains(&"DATA") && !transmit.packet.account.retransmission,
            "{side} {kinds:?}"
        );
    }
}

#[test]
fn without_the_peer_nothing_is_marked() {
    for sides in [[true, false], [false, true], [false, false]] {
        let (mut lab, id) = established(sides);
        lab.links[0].mark = 1_000_000;
        send_rounds(&mut lab, id, 5);
        assert!(lab.sent.iter().all(|(_, _, it)| it.traffic_class & 0b11 == 0), "{sides:?}");
        assert_eq!(count(&lab, 1, "ECNE"), 0, "{sides:?}");
    }
}
