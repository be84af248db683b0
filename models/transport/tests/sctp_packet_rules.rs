//! Single packets, made by hand, against the rules about them.

mod sctp_lab;

use std::net::IpAddr;

use sctp_lab::craft::{Insight, bytes, data, give, give_from, initiation, packet};
use sctp_lab::{Lab, Link, PORT, address, at, common, kinds};
use transport::sctp::{AssociationId, CloseReason, MessageOptions, SctpConfig, SctpEvent, State};
use wire::sctp::{
    Cause, Causes, Chunk, ChunkType, CommonHeader, GapBlock, Parameter, ParameterList, ParameterType,
    Parameters, Sack,
};

fn quiet() -> SctpConfig {
    SctpConfig { heartbeat_interval: None, ..SctpConfig::default() }
}

/// A lab with an established association; what side 0 hears from then on is made by hand.
fn established() -> (Lab, AssociationId, Insight) {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, quiet(), quiet());
    lab.run_until(at(100));
    let insight = Insight::of(&lab);
    lab.sent.clear();
    lab.events = [Vec::new(), Vec::new()];
    lab.links[0].down = Some((at(100), at(10_000_000)));
    (lab, id, insight)
}

/// A lab in COOKIE-WAIT.
fn waiting() -> (Lab, AssociationId, Insight) {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, quiet(), quiet());
    let insight = Insight::of(&lab);
    lab.sent.clear();
    lab.links[0].down = Some((at(0), at(10_000_000)));
    (lab, id, insight)
}

/// A listener that knows nobody.
fn listening() -> Lab {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    lab.ends[1].listen(&[address(1, 0)], PORT, quiet().into()).expect("the port is free");
    lab
}

/// The chunks that side `side` has sent, a text a packet.
fn said(lab: &Lab, side: usize) -> Vec<String> {
    let own = lab.sent.iter().filter(|(_, from, _)| *from == side);
    own.map(|(_, _, transmit)| kinds(transmit).join("+")).collect()
}

/// The answers of a listener to chunks under a tag, with the answer's tag and its first chunk's flags.
fn answers(tag: u32, chunks: &[Chunk<'_>]) -> Vec<(String, u32, u8)> {
    let mut lab = listening();
    let header = CommonHeader { source_port: 9, destination_port: PORT, verification_tag: tag, checksum: 0 };
    give(&mut lab, 1, packet(header, bytes(chunks)));
    lab.drain(1);
    assert_eq!(lab.ends[1].associations(), 0, "nothing is remembered");
    let answer = |transmit: &transport::endpoint::Transmit| {
        let flags = transmit.packet.to_vec()[13];
        (kinds(transmit).join("+"), common(transmit).verification_tag, flags)
    };
    lab.sent.iter().map(|(_, _, transmit)| answer(transmit)).collect()
}

fn closed(lab: &Lab) -> Option<CloseReason> {
    lab.events[0].iter().find_map(|(_, event)| match event {
        SctpEvent::Closed { reason, .. } => Some(*reason),
        _ => None,
    })
}

// Holds: RFC 9260 8.4-b, 8.4-e, 8.4-f, 8.4-g, 8.4-h, 8.5.1-c
#[test]
fn packets_for_nobody_are_answered_by_their_kind() {
    let mut cause = Vec::new();
    Cause::StaleCookie(5).emit(&mut cause);
    let stale = Causes::parse(&cause).expect("it is a cause");
    let silent = [
        Chunk::Abort { reflected: false, causes: Causes::default() },
        Chunk::ShutdownComplete { reflected: false },
        Chunk::CookieAck,
        Chunk::Error(stale),
    ];
    for chunk in silent {
        assert_eq!(answers(99, &[chunk]), [], "{chunk:?}");
    }
    // T is set, and the tag is the packet's own.
    assert_eq!(answers(99, &[Chunk::ShutdownAck]), [("SHUTDOWN-COMPLETE".to_owned(), 99, 1)]);
    assert_eq!(answers(99, &[data(1, 0, 0, b"x")]), [("ABORT".to_owned(), 99, 1)]);
    assert_eq!(answers(99, &[Chunk::Heartbeat(Parameters::default())]), [("ABORT".to_owned(), 99, 1)]);
}

// Holds: RFC 9260 8.4-a
#[test]
fn a_packet_from_a_group_or_nowhere_is_not_answered() {
    for source in [IpAddr::from([239, 1, 1, 1]), IpAddr::from([0; 4]), IpAddr::from([255; 4])] {
        let mut lab = listening();
        let header =
            CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 3, checksum: 0 };
        give_from(&mut lab, 1, source, packet(header, bytes(&[data(1, 0, 0, b"x")])));
        lab.drain(1);
        assert!(lab.sent.is_empty(), "{source}");
    }
}

// Holds: RFC 9260 3-a, 3.1-b, 8.5.1-a, 3.3.2-c, 3.3.2-d, 3.3.2-e, 8.4-c, 5.1-b
#[test]
fn an_init_stands_alone_under_tag_zero_and_asks_for_something() {
    let fine = initiation(70, Parameters::default());
    assert_eq!(answers(0, &[Chunk::Init(fine)])[0].0, "INIT-ACK");
    assert_eq!(answers(0, &[Chunk::Init(fine)])[0].1, 70, "under the tag that it names");
    assert_eq!(answers(5, &[Chunk::Init(fine)]), [], "another tag");
    assert_eq!(answers(0, &[Chunk::Init(fine), Chunk::CookieAck]), [], "company");
    assert_eq!(answers(0, &[Chunk::Init(initiation(0, Parameters::default()))]), [], "no tag to answer with");
    let mut poor = [fine; 3];
    poor[0].a_rwnd = 1499;
    poor[1].outbound_streams = 0;
    poor[2].inbound_streams = 0;
    for init in poor {
        assert_eq!(answers(0, &[Chunk::Init(init)]), [("ABORT".to_owned(), 70, 0)], "{init:?}");
    }
}

// Holds: RFC 9260 3.3.2-f, 3.2.2-a, 3.2.1-b
#[test]
fn parameters_that_nobody_knows_are_skipped_or_reported_by_their_type() {
    let with = |parameter: &Parameter<'_>| {
        let mut list = ParameterList::new();
        list.push(parameter);
        let mut lab = listening();
        let header =
            CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 0, checksum: 0 };
        let init = bytes(&[Chunk::Init(initiation(70, list.parameters()))]);
        give(&mut lab, 1, packet(header, init));
        lab.drain(1);
        let (_, _, answer) = lab.sent.pop().expect("an answer");
        let all = answer.packet.to_vec();
        let Ok((Chunk::InitAck(body), _)) = Chunk::parse(&all[12..]) else { return kinds(&answer).join("+") };
        let reported = body.parameters.iter().flatten();
        let reported = reported.filter(|it| matches!(it, Parameter::Unrecognized(_))).count();
        format!("INIT-ACK, {reported} reported")
    };
    let unknown = |kind: u16| Parameter::Unknown { kind: ParameterType(kind), value: &[1, 2, 3, 4] };
    assert_eq!(with(&unknown(0x3FF0)), "INIT-ACK, 0 reported");
    assert_eq!(with(&unknown(0x7FF0)), "INIT-ACK, 1 reported");
    assert_eq!(with(&unknown(0xBFF0)), "INIT-ACK, 0 reported");
    assert_eq!(with(&unknown(0xFFF0)), "INIT-ACK, 1 reported");
    assert_eq!(with(&Parameter::HostName(b"host\0")), "ABORT");
}

// Holds: RFC 9260 3.3.3-a, 3.3.3-b, 3.3.3-d, 3.3.3-e, 3.3.11-a
#[test]
fn an_init_ack_that_makes_no_association_ends_the_attempt() {
    let mut cookie = ParameterList::new();
    cookie.push(&Parameter::StateCookie(b"cookie"));
    let fine = initiation(70, cookie.parameters());
    let mut poor = [fine; 4];
    poor[0].initiate_tag = 0;
    poor[1].outbound_streams = 0;
    poor[2].inbound_streams = 0;
    poor[3].parameters = Parameters::default(); // The cookie is missing.
    for body in poor {
        let (mut lab, id, insight) = waiting();
        insight.tell(&mut lab, &[Chunk::InitAck(body)]);
        assert_eq!((lab.ends[0].state(id), closed(&lab)), (None, Some(CloseReason::Violation)), "{body:?}");
        assert_eq!(said(&lab, 0), ["ABORT"], "{body:?}");
    }
    let (mut lab, id, insight) = waiting();
    insight.tell(&mut lab, &[Chunk::InitAck(fine)]);
    assert_eq!(
        (lab.ends[0].state(id), said(&lab, 0)),
        (Some(State::CookieEchoed), vec!["COOKIE-ECHO".to_owned()])
    );
    // The cookie comes back as it was (§3.3.11).
    let echo = lab.sent[0].2.packet.to_vec();
    assert_eq!(echo[16..22], *b"cookie");
    // One more is not for this state (§5.2.3).
    lab.sent.clear();
    insight.tell(&mut lab, &[Chunk::InitAck(fine)]);
    assert_eq!(said(&lab, 0), Vec::<String>::new());
}

// Holds: RFC 9260 3.2.2-b
#[test]
fn what_an_init_ack_holds_and_nobody_knows_is_reported_behind_the_cookie() {
    let (mut lab, _, insight) = waiting();
    let mut list = ParameterList::new();
    list.push(&Parameter::StateCookie(b"cookie!!"));
    for kind in [0xBFF0, 0xFFF0, 0x7FF0, 0xFFF1] {
        list.push(&Parameter::Unknown { kind: ParameterType(kind), value: &[1, 2, 3, 4] });
    }
    let body = initiation(70, list.parameters());
    insight.tell(&mut lab, &[Chunk::InitAck(body)]);
    assert_eq!(said(&lab, 0), ["COOKIE-ECHO+ERROR"]);
    let echo = lab.sent[0].2.packet.to_vec();
    let Ok((Chunk::Error(causes), _)) = Chunk::parse(&echo[24..]) else { panic!("an ERROR") };
    let Some(Ok(Cause::UnrecognizedParameters(unknown))) = causes.iter().next() else {
        panic!("unrecognized parameters (§3.3.10.8)")
    };
    // 0xBFF0 asks for no report, and 0x7FF0 ends the list (§3.2.1).
    assert_eq!(unknown.raw().map(|(kind, _)| kind.0).collect::<Vec<_>>(), [0xFFF0, 0x7FF0]);
}

// Holds: RFC 9260 5.2.2-a
#[test]
fn a_restart_must_not_bring_new_addresses() {
    let header = |insight: &Insight| CommonHeader {
        source_port: insight.header.destination_port,
        destination_port: insight.header.source_port,
        verification_tag: 0,
        checksum: 0,
    };
    for (new, answer) in [(false, "INIT-ACK"), (true, "ABORT")] {
        let (mut lab, _, insight) = established();
        let mut list = ParameterList::new();
        list.push(&Parameter::Address(address(0, 0)));
        if new {
            list.push(&Parameter::Address(IpAddr::from([192, 0, 2, 9])));
        }
        let init = bytes(&[Chunk::Init(initiation(70, list.parameters()))]);
        give(&mut lab, 1, packet(header(&insight), init));
        lab.drain(1);
        assert_eq!(said(&lab, 1), [answer]);
        let (_, _, sent) = lab.sent.last().expect("an answer");
        assert_eq!(common(sent).verification_tag, 70, "under the new tag");
        let reply = sent.packet.to_vec();
        if let Ok((Chunk::Abort { causes, .. }, _)) = Chunk::parse(&reply[12..]) {
            let Some(Ok(Cause::RestartWithNewAddresses(addresses))) = causes.iter().next() else {
                panic!("restart with new addresses (§3.3.10.11)")
            };
            let named: Vec<_> = addresses.iter().flatten().collect();
            assert_eq!(named, [Parameter::Address(IpAddr::from([192, 0, 2, 9]))]);
        }
        assert_eq!(lab.ends[1].associations(), 1, "the old association lives on");
    }
}

// Holds: RFC 9260 8.5-a, 8.5-b, 8.5.1-b, 9.1-c, 9.1-d
#[test]
fn an_abort_counts_under_the_own_tag_or_reflected_under_the_peers() {
    for (tag, reflected, ends) in [
        ("own", false, true),
        ("peer", true, true),
        ("own", true, false),
        ("peer", false, false),
        ("none", false, false),
    ] {
        let (mut lab, id, insight) = established();
        let number = match tag {
            "own" => insight.header.verification_tag,
            "peer" => insight.peer_tag,
            _ => 12_345,
        };
        insight.tell_with(&mut lab, number, bytes(&[Chunk::Abort { reflected, causes: Causes::default() }]));
        assert_eq!(lab.ends[0].state(id).is_none(), ends, "{tag} {reflected}");
        assert_eq!(said(&lab, 0), Vec::<String>::new(), "an ABORT is never answered");
        assert_eq!(closed(&lab), ends.then_some(CloseReason::AbortedByPeer));
    }
}

// Holds: RFC 9260 3.2-c, 3.2-d
#[test]
fn chunks_that_nobody_knows_stop_the_packet_or_not_by_their_type() {
    for (kind, goes_on, reports) in
        [(0x3E, false, false), (0x7E, false, true), (0xBE, true, false), (0xFE, true, true)]
    {
        let (mut lab, id, insight) = established();
        let unknown = Chunk::Unknown { kind: ChunkType(kind), flags: 0, value: &[1, 2, 3, 4] };
        insight.tell(&mut lab, &[unknown, data(insight.peer_tsn, 0, 0, b"text")]);
        assert_eq!(lab.ends[0].receive(id).is_some(), goes_on, "{kind:#x}");
        assert_eq!(said(&lab, 0).contains(&"ERROR".to_owned()), reports, "{kind:#x}");
    }
}

// Holds: RFC 9260 6.2-f
#[test]
fn a_data_chunk_without_data_ends_the_association() {
    let (mut lab, id, insight) = established();
    insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, b"")]);
    assert_eq!((lab.ends[0].state(id), said(&lab, 0)), (None, vec!["ABORT".to_owned()]));
    let abort = lab.sent[0].2.packet.to_vec();
    assert_eq!(abort[16..18], [0, 9], "cause 9, no user data");
}

fn sack(lab: &mut Lab, insight: &Insight, cumulative: u32) {
    let mut chunks = Vec::new();
    Sack::emit(&mut chunks, cumulative, 50_000, &[], &[]);
    insight.tell_with(lab, insight.header.verification_tag, chunks);
}

// Holds: RFC 9260 6.2.1-a, 12.4-a
#[test]
fn an_old_sack_says_nothing_and_one_from_the_future_ends_the_association() {
    let (mut lab, id, insight) = established();
    for number in 0..2 {
        lab.say(0, id, number, 100, &MessageOptions::default());
    }
    sack(&mut lab, &insight, insight.tsn.wrapping_add(1));
    sack(&mut lab, &insight, insight.tsn);
    assert_eq!(lab.ends[0].writable(id), quiet().send_buffer, "all of it stays acknowledged");
    sack(&mut lab, &insight, insight.tsn.wrapping_add(2));
    assert_eq!((lab.ends[0].state(id), closed(&lab)), (None, Some(CloseReason::Violation)));
}

// Holds: RFC 9260 6.2.1-b
#[test]
fn what_a_later_sack_reports_no_more_is_outstanding_again() {
    let (mut lab, id, insight) = established();
    for number in 0..3 {
        lab.say(0, id, number, 1000, &MessageOptions::default());
    }
    let in_flight = |lab: &Lab| lab.ends[0].path_stats(id).next().expect("a path").in_flight;
    assert_eq!(in_flight(&lab), 3000);
    for (blocks, left) in [(&[GapBlock { start: 3, end: 3 }][..], 2000), (&[], 3000)] {
        let mut chunks = Vec::new();
        Sack::emit(&mut chunks, insight.tsn.wrapping_sub(1), 50_000, blocks, &[]);
        insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
        assert_eq!(in_flight(&lab), left);
    }
    // Its timer runs, and what was taken back goes again like the rest.
    lab.sent.clear();
    lab.run_until(at(1200));
    assert_eq!(said(&lab, 0), ["DATA"; 2], "1000 bytes leave a window of 1468 bytes open");
    sack(&mut lab, &insight, insight.tsn.wrapping_add(1));
    let (_, _, last) = lab.sent.last().expect("more was sent");
    assert_eq!(last.packet.to_vec()[16..20], insight.tsn.wrapping_add(2).to_be_bytes());
}

// Holds: RFC 9260 6.2-d, 6.2-e
#[test]
fn a_chunk_that_comes_again_is_reported_at_once() {
    let (mut lab, id, insight) = established();
    for _ in 0..2 {
        insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, b"text")]);
    }
    assert_eq!(said(&lab, 0), ["SACK", "SACK"]);
    let second = lab.sent[1].2.packet.to_vec();
    // Cumulative TSN, window, no gaps, one duplicate, its TSN (§3.3.4).
    assert_eq!(second[16..20], insight.peer_tsn.to_be_bytes());
    assert_eq!(second[24..28], [0, 0, 0, 1]);
    assert_eq!(second[28..32], insight.peer_tsn.to_be_bytes());
    assert!(lab.ends[0].receive(id).is_some());
    assert!(lab.ends[0].receive(id).is_none(), "it is delivered once");
}

// Holds: RFC 9260 8.3-c
#[test]
fn a_heartbeat_comes_back_as_it_was() {
    let (mut lab, _, insight) = established();
    let mut list = ParameterList::new();
    list.push(&Parameter::HeartbeatInfo(b"anything at all"));
    insight.tell(&mut lab, &[Chunk::Heartbeat(list.parameters())]);
    assert_eq!(said(&lab, 0), ["HEARTBEAT-ACK"]);
    let answer = lab.sent[0].2.packet.to_vec();
    assert_eq!(answer[20..35], *b"anything at all");
}

// Holds: RFC 9260 9.2-c, 9.2-d, 4-d
#[test]
fn while_shutting_down_data_are_answered_by_sack_and_shutdown() {
    let (mut lab, id, insight) = established();
    lab.ends[0].shutdown(lab.now, id);
    lab.drain(0);
    lab.sent.clear();
    insight.tell(&mut lab, &[data(insight.peer_tsn, 0, 0, b"late")]);
    let said = said(&lab, 0);
    assert!(said.contains(&"SHUTDOWN".to_owned()) && said.contains(&"SACK".to_owned()), "{said:?}");
}

// Holds: RFC 9260 9.2-b, 9.2-e
#[test]
fn a_shutdown_without_answer_is_repeated_and_given_up() {
    // Association.Max.Retrans 10: 1 + 2 + 4 + 8 + 16 + 32 + 60 … s; the guard of five times RTO.Max comes first.
    let (mut lab, id, _) = established();
    lab.ends[0].shutdown(lab.now, id);
    lab.drain(0);
    lab.run_until(at(100 + 1000 + 2000 + 4000));
    assert_eq!(said(&lab, 0), ["SHUTDOWN"; 4]);
    lab.run_until(at(100 + 299_000));
    assert_eq!(lab.ends[0].state(id), Some(State::ShutdownSent));
    lab.run_until(at(100 + 301_000));
    assert_eq!((lab.ends[0].state(id), closed(&lab)), (None, Some(CloseReason::Unreachable)));
    assert_eq!(said(&lab, 0).last().map(String::as_str), Some("ABORT"));
}

// Holds: RFC 9260 6.8-a
#[test]
fn a_wrong_checksum_is_dropped() {
    let (mut lab, id, insight) = established();
    let mut packet = packet(insight.header, bytes(&[data(insight.peer_tsn, 0, 0, b"text")]));
    packet.header_mut()[9] ^= 1;
    give(&mut lab, 0, packet);
    lab.drain(0);
    assert!(lab.ends[0].receive(id).is_none() && lab.sent.is_empty());
    assert_eq!(lab.ends[0].counters().bad_checksum, 1);
}

// Holds: RFC 9260 6.1-d
#[test]
fn max_burst_keeps_a_burst_short() {
    let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
    lab.record = true;
    let id = lab.connect(1, SctpConfig { max_burst: 2, ..quiet() }, quiet());
    lab.run_until(at(300));
    lab.sent.clear();
    lab.say(0, id, 0, 4 * 1452, &MessageOptions::default());
    // Without the rule the window of 4404 B lets four begin. With it: 2 * 1452 B are less than 2 * PMDCS, 2936 B.
    assert_eq!(said(&lab, 0), ["DATA"; 3]);
}

// Holds: RFC 9260 8.1-a
#[test]
fn a_peer_that_is_silent_too_long_ends_the_association() {
    // Association.Max.Retrans 2 and RTO 1 s: the third time-out, after 1 + 2 + 4 s, is one too many.
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    let id = lab.connect(1, SctpConfig { association_max_retrans: 2, ..quiet() }, quiet());
    lab.run_until(at(1000));
    lab.links[0].down = Some((at(1000), at(1_000_000)));
    lab.say(0, id, 0, 100, &MessageOptions::default());
    lab.run_until(at(100_000));
    let over =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Unreachable, .. });
    assert_eq!(lab.happened(0, over), Some(at(8000)));
}

// Holds: RFC 9260 8.3-a
#[test]
fn an_idle_path_is_probed_each_interval_and_time_out() {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    lab.connect(1, SctpConfig::default(), quiet());
    lab.run_until(at(400_000));
    let probes = lab.sent.iter().filter(|(_, side, it)| *side == 0 && kinds(it) == ["HEARTBEAT"]);
    let times: Vec<u64> = probes.map(|(at, ..)| at.as_millis()).collect();
    assert!(times.len() >= 12, "{times:?}");
    // HB.interval 30 s, RTO 1 s, give or take half of it, from the answer on, which takes 20 ms.
    let steps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| (30_500..=31_520).contains(step)), "{steps:?}");
    assert!(steps.windows(2).any(|pair| pair[0] != pair[1]), "they jitter: {steps:?}");
}
