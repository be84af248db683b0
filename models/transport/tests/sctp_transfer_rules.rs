//! How data are transferred, sentence by sentence of RFC 9260 §6 to §9: packets made by hand.

mod sctp_lab;

use std::net::IpAddr;

use sctp_lab::craft::{Insight, bytes, data, give_from, packet};
use sctp_lab::states::{config, in_state};
use sctp_lab::{Lab, Link, address, at, common, kinds};
use sim_core::SimDuration;
use transport::endpoint::{Endpoint, Transmit};
use transport::sctp::{AssociationId, CloseReason, MessageOptions, PathState, SctpConfig, SctpEvent, State};
use wire::sctp::{Chunk, ChunkType, Chunks, GapBlock, Parameter, ParameterList, Sack};

fn said(lab: &Lab, side: usize) -> Vec<String> {
    let own = lab.sent.iter().filter(|(_, from, _)| *from == side);
    own.map(|(_, _, it)| kinds(it).join("+")).collect()
}

fn sack(lab: &mut Lab, insight: &Insight, behind: u32, a_rwnd: u32, blocks: &[GapBlock]) {
    let mut chunks = Vec::new();
    Sack::emit(&mut chunks, insight.tsn.wrapping_add(behind).wrapping_sub(1), a_rwnd, blocks, &[]);
    insight.tell_with(lab, insight.header.verification_tag, chunks);
}

fn wait(lab: &mut Lab, millis: u64) {
    let until = lab.now + SimDuration::from_millis(millis);
    lab.run_until(until);
}

fn errors(lab: &Lab, id: AssociationId) -> Vec<u32> {
    lab.ends[0].path_stats(id).map(|path| path.errors).collect()
}

/// Cumulative TSN, blocks and window of a SACK.
fn read(transmit: &Transmit) -> (u32, usize, u32) {
    let all = transmit.packet.to_vec();
    let mut chunks = Chunks::new(&all[12..]).flatten();
    let found = chunks.find_map(|chunk| match chunk {
        Chunk::Sack(sack) => Some((sack.cumulative_tsn_ack, sack.blocks().count(), sack.a_rwnd)),
        _ => None,
    });
    found.expect("a SACK")
}

/// An association of two paths that side 0 has begun, both confirmed.
fn two_paths(config: &SctpConfig) -> (Lab, AssociationId, Insight) {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(2, config.clone(), config.clone());
    lab.run_until(at(3000));
    let insight = Insight::of(&lab);
    lab.sent.clear();
    (lab, id, insight)
}

// Holds: RFC 9260 6.1-f, 8.1-d
#[test]
fn a_closed_window_is_no_failure_while_the_peer_says_so() {
    let (mut lab, id, insight) = in_state(State::Established);
    lab.say(0, id, 0, 100, &MessageOptions::default());
    lab.say(0, id, 1, 100, &MessageOptions::default());
    sack(&mut lab, &insight, 1, 0, &[]);
    for _ in 0..40 {
        let next = lab.ends[0].poll_timeout().expect("T3 runs");
        lab.run_until(next);
        sack(&mut lab, &insight, 1, 0, &[]);
    }
    assert_eq!(lab.ends[0].state(id), Some(State::Established));
    assert_eq!(errors(&lab, id), [0]);
    wait(&mut lab, 20 * 61_000);
    let closed =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Unreachable, .. });
    assert!(lab.happened(0, closed).is_some(), "nobody says so any more");
}

// Holds: RFC 9260 6.1-h
#[test]
fn no_chunk_is_cut_to_fit_a_small_window() {
    let (mut lab, id, insight) = in_state(State::Established);
    lab.say(0, id, 0, 1000, &MessageOptions::default());
    lab.say(0, id, 1, 100, &MessageOptions::default());
    sack(&mut lab, &insight, 1, 600, &[]);
    lab.sent.clear();
    lab.say(0, id, 2, 1000, &MessageOptions::default());
    assert_eq!(said(&lab, 0), Vec::<String>::new(), "500 bytes of window are left, and 100 outstanding");
    sack(&mut lab, &insight, 2, 1000, &[]);
    assert_eq!(said(&lab, 0), ["DATA"]);
    assert_eq!(lab.sent[0].2.packet.len(), 12 + 16 + 1000);
}

// Holds: RFC 9260 6.1-i, 6.2-k
#[test]
fn what_is_owed_goes_with_data_and_once_a_packet() {
    let (mut lab, id, insight) = in_state(State::Established);
    insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, b"one")]);
    lab.sent.clear();
    insight.tell(&mut lab, &[data(insight.peer_tsn.wrapping_add(1), 0, 1, b"two")]);
    assert!(said(&lab, 0).is_empty(), "the second waits");
    lab.say(0, id, 0, 100, &MessageOptions::default());
    assert_eq!(said(&lab, 0), ["SACK+DATA"]);
    lab.sent.clear();
    let again = data(insight.peer_tsn, 0, 0, b"one");
    insight.tell(&mut lab, &[again, again, data(insight.peer_tsn.wrapping_add(3), 0, 3, b"four")]);
    assert_eq!(said(&lab, 0), ["SACK"]);
}

// Holds: RFC 9260 6.1-j, 7.2.4-c
#[test]
fn what_goes_again_first_restarts_the_timer() {
    let (mut lab, id, insight) = in_state(State::Established);
    for number in 0..4 {
        lab.say(0, id, number, 1000, &MessageOptions::default());
    }
    lab.sent.clear();
    wait(&mut lab, 900);
    for end in 2..=4 {
        sack(&mut lab, &insight, 0, 50_000, &[GapBlock { start: 2, end }]);
    }
    assert_eq!(said(&lab, 0), ["DATA"], "by the third report");
    wait(&mut lab, 900);
    assert_eq!(said(&lab, 0), ["DATA"], "T3 would have been due 100 ms after it");
    wait(&mut lab, 200);
    assert_eq!(said(&lab, 0), ["DATA", "DATA"]);
}

// Holds: RFC 9260 7.2.4-d
#[test]
fn reports_of_what_is_not_newly_acknowledged_do_not_count() {
    let (mut lab, id, insight) = in_state(State::Established);
    for number in 0..4 {
        lab.say(0, id, number, 1000, &MessageOptions::default());
    }
    lab.sent.clear();
    for _ in 0..5 {
        sack(&mut lab, &insight, 0, 50_000, &[GapBlock { start: 2, end: 2 }]);
    }
    assert!(said(&lab, 0).is_empty(), "only the first SACK acknowledges anything new");
}

// Holds: RFC 9260 7.2.4-f
#[test]
fn a_window_grows_by_what_has_come_before_it_is_halved_for_what_has_not() {
    let (mut lab, id, insight) = in_state(State::Established);
    for number in 0..100 {
        lab.say(0, id, number, 1452, &MessageOptions::default());
    }
    let cwnd = |lab: &Lab| lab.ends[0].path_stats(id).next().expect("a path").cwnd;
    for behind in 1..=20 {
        sack(&mut lab, &insight, behind, 500_000, &[]);
    }
    let before = cwnd(&lab);
    assert_eq!(before, 4404 + 20 * 1452);
    // The second of the next five is missing three times; the first comes with the last report.
    sack(&mut lab, &insight, 20, 500_000, &[GapBlock { start: 3, end: 3 }]);
    sack(&mut lab, &insight, 20, 500_000, &[GapBlock { start: 3, end: 4 }]);
    assert_eq!(cwnd(&lab), before);
    sack(&mut lab, &insight, 21, 500_000, &[GapBlock { start: 2, end: 4 }]);
    assert_eq!(cwnd(&lab), (before + 1468) / 2, "one PMDCS more, then half of it");
}

// Holds: RFC 9260 6.2-m, 6.7-b
#[test]
fn a_sack_tells_of_as_many_gaps_as_it_has_room_for() {
    let (mut lab, _, insight) = in_state(State::Established);
    for number in 1..=500 {
        insight
            .tell(&mut lab, &[data(insight.peer_tsn.wrapping_add(2 * number), 0, 2 * number as u16, b"x")]);
    }
    let (_, _, last) = lab.sent.last().expect("a SACK");
    let (cumulative, blocks, _) = read(last);
    // 1468 bytes of chunks less 16 of the SACK, and less 16 that ECN might take: 359 blocks.
    assert_eq!((cumulative, blocks), (insight.peer_tsn.wrapping_sub(1), 359));
    assert!(last.packet.len() + 20 <= 1500);
    assert_eq!(last.packet.to_vec()[28..32], [0, 3, 0, 3], "the lowest first");
}

// Holds: RFC 9260 6.2-p
#[test]
fn the_window_that_is_told_is_the_room_that_is_left() {
    let (mut lab, id, insight) = in_state(State::Established);
    let buffer = config().receive_buffer;
    insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, &[7; 1000])]);
    assert_eq!(read(&lab.sent[0].2).2, buffer - 1000);
    assert!(lab.ends[0].receive(id).is_some());
    insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, &[7; 1000])]);
    assert_eq!(read(&lab.sent[1].2).2, buffer, "what was read is free again");
}

// Holds: RFC 9260 6.4-b, 8.3-e
#[test]
fn answers_go_to_where_the_question_came_from() {
    let (mut lab, id, insight) = two_paths(&SctpConfig::default());
    lab.links = lab.links.map(|link| Link { down: Some((lab.now, at(10_000_000))), ..link });
    let mut list = ParameterList::new();
    list.push(&Parameter::HeartbeatInfo(b"anything"));
    for path in 0..2 {
        lab.sent.clear();
        let tsn = insight.peer_tsn.wrapping_add(path as u32);
        let chunks = bytes(&[Chunk::Heartbeat(list.parameters()), data(tsn, 0, path as u16, b"text")]);
        give_from(&mut lab, 0, address(1, path), packet(insight.header, chunks));
        lab.drain(0);
        wait(&mut lab, 300);
        let to: Vec<IpAddr> = lab.sent.iter().map(|(_, _, it)| it.destination).collect();
        assert_eq!(
            (said(&lab, 0), to),
            (vec!["HEARTBEAT-ACK".into(), "SACK".into()], vec![address(1, path); 2])
        );
    }
    // The HEARTBEAT by which the second address was confirmed has measured its round trip, 20 ms.
    let measured: Vec<_> = lab.ends[0].path_stats(id).map(|path| path.srtt).collect();
    assert_eq!(measured[1], Some(SimDuration::from_millis(20)));
}

// Holds: RFC 9260 6.10-b, 3-c
#[test]
fn chunks_stand_in_their_packets_whole_and_in_order() {
    let mut lab = Lab::new(3, [Link { loss: 100_000, ..Link::clean(10) }, Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, config(), config());
    lab.run_until(at(10_000));
    for number in 0..200 {
        lab.say(0, id, number, 100 + 37 * number, &MessageOptions::default());
        wait(&mut lab, 20);
    }
    wait(&mut lab, 60_000);
    lab.ends[0].shutdown(lab.now, id);
    lab.drain(0);
    wait(&mut lab, 60_000);
    for (_, _, sent) in &lab.sent {
        let all = sent.packet.to_vec();
        let mut last = None;
        for chunk in Chunks::new(&all[12..]) {
            match chunk.expect("whole chunks") {
                Chunk::Data(header, _) => {
                    assert!(last.is_none_or(|last: u32| (header.tsn.wrapping_sub(last) as i32) > 0));
                    last = Some(header.tsn);
                }
                _ => assert_eq!(last, None, "control chunks come first"),
            }
        }
        let alone = ["INIT", "INIT-ACK", "SHUTDOWN-COMPLETE"];
        let kinds = kinds(sent);
        assert!(kinds.len() == 1 || !kinds.iter().any(|kind| alone.contains(kind)), "{kinds:?}");
        assert!(sent.packet.len() + 20 <= 1500);
    }
}

// Holds: RFC 9260 6.10-c
#[test]
fn chunks_count_in_order_and_one_that_is_cut_off_does_not() {
    let (mut lab, id, insight) = in_state(State::Established);
    let mut chunks = bytes(&[data(insight.peer_tsn, 0, 0, b"one")]);
    chunks.extend(&bytes(&[data(insight.peer_tsn.wrapping_add(1), 0, 1, b"cut off here")])[..24]);
    insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
    assert_eq!(read(&lab.sent[0].2).0, insight.peer_tsn, "the first counts");
    assert!(lab.ends[0].receive(id).is_some() && lab.ends[0].receive(id).is_none());
}

// Holds: RFC 9260 3.3.8-a, 4-f
#[test]
fn a_shutdown_takes_no_gap_block_back() {
    let (mut lab, id, insight) = in_state(State::Established);
    for number in 0..3 {
        lab.say(0, id, number, 1000, &MessageOptions::default());
    }
    sack(&mut lab, &insight, 0, 50_000, &[GapBlock { start: 3, end: 3 }]);
    let in_flight = |lab: &Lab| lab.ends[0].path_stats(id).next().expect("a path").in_flight;
    assert_eq!(in_flight(&lab), 2000);
    insight.tell(&mut lab, &[Chunk::Shutdown { cumulative_tsn_ack: insight.tsn }]);
    assert_eq!((in_flight(&lab), lab.ends[0].state(id)), (1000, Some(State::ShutdownReceived)));
    // What is outstanding still goes until all is acknowledged (§4 rule 6); then the state is left.
    lab.sent.clear();
    wait(&mut lab, 3000);
    assert!(said(&lab, 0).iter().any(|chunks| chunks == "DATA"));
    sack(&mut lab, &insight, 3, 50_000, &[]);
    assert_eq!(lab.ends[0].state(id), Some(State::ShutdownAckSent));
}

// Holds: RFC 9260 12.4-b
#[test]
fn one_packet_causes_one_packet() {
    let (mut lab, _, insight) = in_state(State::Established);
    let mut list = ParameterList::new();
    list.push(&Parameter::HeartbeatInfo(&[1; 600]));
    let beat = Chunk::Heartbeat(list.parameters());
    let unknown = Chunk::Unknown { kind: ChunkType(0xFE), flags: 0, value: &[1, 2, 3, 4] };
    insight.tell(&mut lab, &[beat, unknown, beat, beat, unknown]);
    // Three times 608 bytes have no room in 1468.
    assert_eq!(said(&lab, 0), ["HEARTBEAT-ACK+ERROR+HEARTBEAT-ACK+ERROR"]);
    assert!(lab.sent[0].2.packet.len() + 20 <= 1500);
}

// Holds: RFC 9260 8.1-b, 8.1-c, 8.3-d
#[test]
fn a_path_that_is_not_used_does_not_end_the_association() {
    let config = SctpConfig { association_max_retrans: 3, path_max_retrans: 2, ..SctpConfig::default() };
    let (mut lab, id, _) = two_paths(&config);
    lab.links[1].down = Some((lab.now, at(10_000_000)));
    wait(&mut lab, 2_000_000);
    assert_eq!(lab.ends[0].state(id), Some(State::Established));
    assert_eq!(lab.ends[0].paths(id)[1], (address(1, 1), PathState::Inactive));
    assert_eq!(errors(&lab, id), [0, 3], "it is probed, and counts no further");
    let start = lab.now.as_millis();
    let later = lab.sent.iter().filter(|(at, side, it)| {
        *side == 0 && at.as_millis() + 300_000 > start && it.destination == address(1, 1)
    });
    assert!(later.count() >= 2);
    lab.links[0].down = lab.links[1].down;
    wait(&mut lab, 2_000_000);
    assert_eq!(lab.ends[0].state(id), None, "nobody answers on either");
}

// Holds: RFC 9260 8.3-f
#[test]
fn nobody_is_probed_once_the_end_has_begun() {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, SctpConfig::default(), SctpConfig::default());
    lab.run_until(at(100));
    lab.links[0].down = Some((lab.now, at(10_000_000)));
    lab.ends[0].shutdown(lab.now, id);
    lab.drain(0);
    lab.sent.clear();
    wait(&mut lab, 200_000);
    assert!(lab.sent.iter().filter(|(_, side, _)| *side == 0).all(|(_, _, it)| kinds(it) != ["HEARTBEAT"]));
}

// Holds: RFC 9260 9.2-l, 9.2-m
#[test]
fn a_peer_that_still_speaks_has_time_to_send_what_is_left() {
    let (mut lab, _, insight) = in_state(State::ShutdownSent);
    wait(&mut lab, 900);
    insight.tell(&mut lab, &[Chunk::Heartbeat(ParameterList::new().parameters())]);
    lab.sent.clear();
    wait(&mut lab, 900);
    assert_eq!(said(&lab, 0), ["SHUTDOWN"], "a peer that has not heard it hears it again");
    lab.sent.clear();
    wait(&mut lab, 1000);
    insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, b"left")]);
    lab.sent.clear();
    wait(&mut lab, 1900);
    assert!(said(&lab, 0).is_empty(), "data have begun T2 anew");
    wait(&mut lab, 200);
    assert_eq!(said(&lab, 0), ["SHUTDOWN"]);
    // Association.Max.Retrans 2: the third in a row is one too many, unless something comes.
    let few = SctpConfig { association_max_retrans: 2, ..config() };
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, few, config());
    lab.run_until(at(100));
    lab.links[0].down = Some((lab.now, at(10_000_000)));
    lab.ends[0].shutdown(lab.now, id);
    lab.drain(0);
    lab.sent.clear();
    wait(&mut lab, 100_000);
    assert_eq!(said(&lab, 0), ["SHUTDOWN"; 2]);
    let closed =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Unreachable, .. });
    assert!(lab.happened(0, closed).is_some());
    assert_eq!(lab.ends[0].state(id), None);
}

// Holds: RFC 9260 9.1-f, 8.5.1-e
#[test]
fn an_abort_of_the_user_says_so_under_the_peers_tag() {
    let (mut lab, id, insight) = in_state(State::Established);
    lab.ends[0].abort(id, b"enough");
    lab.drain(0);
    let abort = &lab.sent[0].2;
    let all = abort.packet.to_vec();
    assert_eq!((common(abort).verification_tag, all[13]), (insight.peer_tag, 0));
    assert_eq!(all[16..26], *b"\x00\x0c\x00\x0aenough");
}

// Holds: RFC 9260 8.5.1-f
#[test]
fn a_shutdown_complete_of_an_association_reflects_nothing() {
    let (mut lab, _, insight) = in_state(State::ShutdownSent);
    insight.tell(&mut lab, &[Chunk::ShutdownAck]);
    let complete = &lab.sent[0].2;
    let flags = complete.packet.to_vec()[13];
    assert_eq!((common(complete).verification_tag, flags), (insight.peer_tag, 0));
}

// Holds: RFC 9260 16-a
#[test]
fn the_parameters_are_those_that_are_recommended() {
    let it = SctpConfig::default();
    let millis = |millis| SimDuration::from_millis(millis);
    assert_eq!([it.rto.initial, it.rto.min, it.rto.max], [1000, 1000, 60_000].map(millis));
    assert_eq!([it.cookie_life, it.sack_delay], [60_000, 200].map(millis));
    assert_eq!(it.heartbeat_interval, Some(millis(30_000)));
    assert_eq!((it.max_burst, it.max_init_retransmits), (4, 8));
    assert_eq!((it.association_max_retrans, it.path_max_retrans), (10, 5));
}
