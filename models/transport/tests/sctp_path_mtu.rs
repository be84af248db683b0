//! The path MTU by probing (RFC 8899).

mod sctp_lab;

use sctp_lab::{Lab, Link, PORT, address, at, kinds};
use sim_core::SimTime;
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent};
use transport::sctp::{AssociationId, MessageOptions, ProbeState, SctpConfig};
use wire::sctp::CommonHeader;

fn probing() -> SctpConfig {
    SctpConfig { path_mtu_probing: true, heartbeat_interval: None, ..SctpConfig::default() }
}

/// Side 0 of an association probes on links that take packets of `mtu` bytes.
fn established(mtu: usize, tells: bool) -> (Lab, [AssociationId; 2]) {
    let link = Link { mtu, tells, ..Link::clean(10) };
    let mut lab = Lab::new(1, [link, link]);
    lab.record = true;
    let still = SctpConfig { path_mtu_probing: false, ..probing() };
    let a = lab.connect(1, probing(), still);
    lab.run_until(at(1000));
    let b = lab.accepted().expect("it was accepted");
    (lab, [a, b])
}

/// When side 0 has sent probes, and of which sizes, internet header included.
fn probes(lab: &Lab) -> Vec<(SimTime, usize)> {
    let own = lab.sent.iter().filter(|(_, side, it)| *side == 0 && kinds(it) == ["HEARTBEAT", "PAD"]);
    own.map(|(at, _, it)| {
        assert!(it.dont_fragment, "a probe that may be fragmented proves nothing");
        (*at, it.packet.len() + 20)
    })
    .collect()
}

fn sizes(lab: &Lab) -> Vec<usize> {
    probes(lab).into_iter().map(|(_, size)| size).collect()
}

fn found(lab: &Lab, id: AssociationId) -> (ProbeState, u32) {
    let (state, size) = lab.ends[0].path_mtu(id).expect("it lives");
    (state.expect("it probes"), size)
}

// Holds: RFC 8899 3-a, 3-b, 5.1.2-b, 5.2-a, 5.3-a, 6.2.1.2-a, 6.2.1.2-b
#[test]
fn a_path_that_takes_the_first_links_packets_is_found_with_two_probes() {
    let (mut lab, [a, _]) = established(1500, false);
    assert_eq!((sizes(&lab), found(&lab, a)), (vec![1200, 1500], (ProbeState::SearchComplete, 1500)));
    lab.say(0, a, 0, 5000, &MessageOptions::default());
    let largest = lab.sent.iter().map(|(_, _, it)| it.packet.len() + 20).max();
    assert_eq!(largest, Some(1500));
    lab.run_until(at(2000));
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    lab.run_until(at(3000));
    assert_eq!((lab.ends[0].associations(), lab.ends[0].poll_timeout()), (0, None), "no timer is left");
}

// Holds: RFC 8899 3-c, 3-d, 5.1.1-a, 5.1.1-d, 5.1.2-a, 5.3-b
#[test]
fn a_size_that_vanishes_three_times_is_too_big_and_no_congestion() {
    let (mut lab, [a, _]) = established(1300, false);
    let before = lab.ends[0].path_stats(a).next().expect("a path");
    lab.run_until(at(400_000));
    let after = lab.ends[0].path_stats(a).next().expect("a path");
    assert_eq!((before.cwnd, before.errors), (after.cwnd, after.errors), "probes are not data");
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1300));
    // 1500, then halves of what is left between what works and what does not, in steps of four bytes: (1200 + 1500) / 2,
    // (1200 + 1350) / 2 = 1275, (1272 + 1350) / 2 = 1311, (1272 + 1308) / 2, (1288 + 1308) / 2, (1296 + 1308) / 2, 1304.
    let three = |size| [size; 3];
    let tried = [&[1200][..], &three(1500), &three(1350 / 4 * 4), &[1272], &three(1308), &[1288, 1296, 1300]];
    assert_eq!(sizes(&lab), [tried.concat(), three(1304).to_vec()].concat());
    let times: Vec<SimTime> = probes(&lab).into_iter().map(|(at, _)| at).collect();
    assert!(times[2] - times[1] > sim_core::SimDuration::from_secs(15), "PROBE_TIMER");
}

// Holds: RFC 8899 4.3-a, 4.3-b, 5.2-c
#[test]
fn packets_that_begin_to_vanish_bring_the_search_back_to_its_base() {
    let (mut lab, [a, b]) = established(1500, false);
    lab.links[0].mtu = 1300;
    for number in 0..20 {
        lab.say(0, a, number, 1400, &MessageOptions::default());
    }
    lab.run_until(at(30_000));
    let heard = std::iter::from_fn(|| lab.ends[1].receive(b)).count();
    assert_eq!((heard, lab.ends[0].stats(a).expect("it lives").black_holes), (20, 1));
    assert_eq!(found(&lab, a), (ProbeState::Searching, 1200), "the largest size is tried meanwhile");
    lab.run_until(at(400_000));
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1300));
}

#[test]
fn a_base_that_was_confirmed_may_vanish_too() {
    let (mut lab, [a, b]) = established(1200, false);
    assert_eq!(found(&lab, a), (ProbeState::Searching, 1200));
    lab.links[0].mtu = 800;
    for number in 0..20 {
        lab.say(0, a, number, 1100, &MessageOptions::default());
    }
    lab.run_until(at(120_000));
    assert_eq!(found(&lab, a), (ProbeState::Error, 576));
    assert_eq!(std::iter::from_fn(|| lab.ends[1].receive(b)).count(), 20);
}

// Holds: RFC 8899 4.6.3-a, 4.6.3-b
#[test]
fn what_a_router_names_is_tried_next() {
    let (mut lab, [a, _]) = established(1400, true);
    assert_eq!((sizes(&lab), found(&lab, a)), (vec![1200, 1500, 1400], (ProbeState::SearchComplete, 1400)));
    // The way becomes narrower: data show it, and the search begins anew with what the router says.
    lab.links[0].mtu = 1300;
    lab.say(0, a, 0, 3000, &MessageOptions::default());
    lab.run_until(at(2000));
    assert_eq!(sizes(&lab)[3..], [1200, 1300]);
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1300));
    assert_eq!(lab.ends[0].stats(a).expect("it lives").t3_expiries, 0, "nobody has waited");
}

// Holds: RFC 8899 4.6.1-a, 4.6.3-c
#[test]
fn a_router_that_names_what_cannot_be_is_not_believed() {
    let (mut lab, [a, _]) = established(1500, false);
    let sent = lab.sent.iter().find(|(_, side, it)| *side == 0 && kinds(it) == ["HEARTBEAT", "PAD"]);
    let header = sctp_lab::common(&sent.expect("a probe").2);
    let (right, wrong) = (header.verification_tag, header.verification_tag ^ 1);
    for (tag, mtu) in [(wrong, 1300), (right, 1500), (right, 4000), (right, 575), (right, 0)] {
        let mut quoted = vec![0; 12];
        CommonHeader { verification_tag: tag, ..header }.emit(&mut quoted);
        quoted.truncate(8);
        let error = IcmpError::PacketTooBig { mtu };
        let event = NetworkEvent::Icmp { error, source: address(1, 0), destination: address(1, 0), quoted };
        lab.ends[0].handle_network(lab.now, &event);
        lab.drain(0);
        assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1500), "{tag:#x}: {mtu}");
    }
    assert_eq!(header.destination_port, PORT);
}

// Holds: RFC 8899 5.2-b, 5.2-d, 4.6.3-d
#[test]
fn a_path_below_the_base_is_used_with_the_smallest_packets() {
    for tells in [false, true] {
        let (mut lab, [a, b]) = established(800, tells);
        lab.run_until(at(50_000));
        let size = if tells { 800 } else { 576 };
        assert_eq!(found(&lab, a), (ProbeState::Error, size), "{tells}");
        lab.say(0, a, 0, 5000, &MessageOptions::default());
        lab.run_until(at(52_000));
        assert!(lab.ends[1].receive(b).is_some());
        // The base is tried again and again, until the path takes it.
        lab.links[0].mtu = 1500;
        lab.run_until(at(70_000));
        assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1500), "{tells}");
    }
}

// Holds: RFC 8899 5.1.1-b
#[test]
fn a_path_that_widens_is_noticed_after_ten_minutes() {
    let (mut lab, [a, _]) = established(1400, true);
    lab.links[0].mtu = 1500;
    lab.run_until(at(599_000));
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1400));
    lab.run_until(at(601_000));
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1500));
}

// Holds: RFC 8899 5-a
#[test]
fn data_that_take_another_path_are_probed_for_anew() {
    let mut lab = Lab::new(1, [Link { mtu: 1500, ..Link::clean(10) }, Link { mtu: 1300, ..Link::clean(10) }]);
    lab.record = true;
    let config = SctpConfig { path_max_retrans: 1, ..probing() };
    let a = lab.connect(2, config.clone(), config);
    lab.run_until(at(1000));
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1500));
    lab.links[0].down = Some((at(1000), at(10_000_000)));
    for number in 0..20 {
        lab.say(0, a, number, 1400, &MessageOptions::default());
    }
    lab.run_until(at(60_000));
    let b = lab.accepted().expect("it was accepted");
    assert_eq!(std::iter::from_fn(|| lab.ends[1].receive(b)).count(), 20);
    lab.run_until(at(600_000));
    assert_eq!(found(&lab, a), (ProbeState::SearchComplete, 1300));
}

#[test]
fn data_that_are_too_large_do_not_keep_a_cookie_from_its_place() {
    // They ride behind the COOKIE ECHO, so that it is lost with them.
    for (tells, probes, mtu) in [
        (false, false, 1000),
        (false, true, 1000),
        (true, false, 1000),
        (true, true, 1000),
        (true, false, 1400),
    ] {
        let link = Link { mtu, tells, ..Link::clean(10) };
        let mut lab = Lab::new(1, [link, link]);
        lab.record = true;
        let a = lab.connect(1, SctpConfig { path_mtu_probing: probes, ..probing() }, probing());
        lab.say(0, a, 0, 3000, &MessageOptions::default());
        lab.run_until(at(1100));
        let with_cookie = |it: &transport::endpoint::Transmit| kinds(it).first() == Some(&"COOKIE-ECHO");
        let echoes: Vec<(u64, usize)> = (lab.sent.iter().filter(|(_, _, it)| with_cookie(it)))
            .map(|(at, _, it)| (at.as_millis(), it.packet.len() + 20))
            .collect();
        let first = if probes { 1200 } else { 1500 };
        assert_eq!(echoes[0], (20, first), "{tells} {probes} {mtu}");
        // Told, it goes again at once, else after T1-cookie; in either case at most 576 bytes long.
        assert_eq!((echoes[1].0, echoes.len()), (if tells { 20 } else { 1020 }, 2), "{tells} {probes} {mtu}");
        assert!(echoes[1].1 <= 576, "{echoes:?}");
        let b = lab.accepted().expect("the association stands");
        // In a black hole only probing helps.
        lab.run_until(at(100_000));
        assert_eq!(lab.ends[1].receive(b).is_some(), tells || probes, "{tells} {probes} {mtu}");
    }
}
