//! How an association begins, sentence by sentence of RFC 9260 §3 to §5: packets made by hand.

mod sctp_lab;

use std::net::IpAddr;
use std::sync::Arc;

use sctp_lab::craft::{Insight, bytes, data, give, give_from, initiation, packet};
use sctp_lab::states::{config, in_state};
use sctp_lab::{Lab, Link, PORT, address, at, common, kinds};
use transport::endpoint::{Endpoint, Transmit};
use transport::sctp::{MessageOptions, SctpConfig, SctpError, State};
use wire::payload::Payload;
use wire::sctp::{
    Cause, Chunk, ChunkType, Chunks, CommonHeader, Initiation, Parameter, ParameterList, ParameterType,
    Parameters,
};

fn lab() -> Lab {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    lab
}

fn said(lab: &Lab, side: usize) -> Vec<(String, IpAddr)> {
    let own = lab.sent.iter().filter(|(_, from, _)| *from == side);
    own.map(|(_, _, it)| (kinds(it).join("+"), it.destination)).collect()
}

fn body(transmit: &Transmit, read: impl FnOnce(Initiation<'_>)) {
    let all = transmit.packet.to_vec();
    match Chunk::parse(&all[12..]) {
        Ok((Chunk::Init(body) | Chunk::InitAck(body), _)) => read(body),
        other => panic!("it begins no association: {other:?}"),
    }
}

/// The header of an INIT to side 0 from its peer.
fn untagged(insight: &Insight) -> CommonHeader {
    CommonHeader { verification_tag: 0, ..insight.header }
}

/// The cookie of the INIT ACK that side `side` has sent last, and the tag that it names.
fn cookie(lab: &Lab, side: usize) -> (Vec<u8>, u32) {
    let sent = lab.sent.iter().rev().find(|(_, from, it)| *from == side && kinds(it) == ["INIT-ACK"]);
    let mut found = None;
    body(&sent.expect("an INIT ACK").2, |body| {
        let cookie = body.parameters.iter().flatten().find_map(|it| match it {
            Parameter::StateCookie(cookie) => Some(cookie.to_vec()),
            _ => None,
        });
        found = cookie.map(|cookie| (cookie, body.initiate_tag));
    });
    found.expect("a cookie")
}

// Holds: RFC 9260 3.3.2-h, 3.3.2-i, 3.3.2-j, 3.3.3-g
#[test]
fn an_init_has_each_parameter_once_and_asks_for_what_is_allowed() {
    let poor = SctpConfig { receive_buffer: 100, outbound_streams: 0, inbound_streams: 0, ..config() };
    let mut lab = lab();
    lab.connect(2, poor.clone(), SctpConfig { outbound_streams: 9, ..poor });
    lab.run_until(at(30));
    for (_, _, sent) in &lab.sent[..2] {
        let all = sent.packet.to_vec();
        assert_eq!(all[13], 0, "flags");
        body(sent, |body| {
            assert!(
                body.a_rwnd >= 1500 && body.outbound_streams == 1 && body.inbound_streams == 1,
                "{body:?}"
            );
            let mut seen: Vec<_> = body.parameters.raw().map(|(kind, _)| kind.0).collect();
            seen.retain(|kind| *kind != ParameterType::IPV4.0);
            let count = seen.len();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), count, "once each");
            assert!(!seen.contains(&ParameterType::HOST_NAME.0));
        });
    }
}

// Holds: RFC 9260 3.3.2-g, 3.3.2.1.5-a, 5.1.2-d
#[test]
fn flags_and_address_types_of_an_init_change_nothing() {
    for types in [&[0_u8, 5, 0, 11][..], &[0, 6], &[]] {
        let mut lab = lab();
        lab.ends[1].listen(&[address(1, 0)], PORT, config().into()).expect("the port is free");
        let mut list = ParameterList::new();
        list.push(&Parameter::SupportedAddressTypes(types));
        let mut chunk = bytes(&[Chunk::Init(initiation(70, list.parameters()))]);
        chunk[1] = 0xFF;
        let header =
            CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 0, checksum: 0 };
        give(&mut lab, 1, packet(header, chunk));
        lab.drain(1);
        assert_eq!(said(&lab, 1), [("INIT-ACK".to_owned(), address(0, 0))], "{types:?}");
    }
}

// Holds: RFC 9260 3.3.2-k, 5.3.1-a
#[test]
fn each_association_has_tags_and_tsns_of_its_own() {
    let mut lab = lab();
    lab.ends[1].listen(&[address(1, 0)], PORT, config().into()).expect("the port is free");
    let mut numbers = Vec::new();
    for _ in 0..20 {
        lab.sent.clear();
        let id = lab.ends[0].connect(lab.now, &[], 77, &[address(1, 0)], PORT, Arc::new(config()));
        lab.drain(0);
        lab.run_until(at(lab.now.as_millis() + 100));
        for (_, _, sent) in &lab.sent[..2] {
            body(sent, |body| numbers.extend([body.initiate_tag, body.initial_tsn]));
        }
        lab.ends[0].abort(id.expect("the port is free again"), b"");
        lab.drain(0);
        lab.run_until(at(lab.now.as_millis() + 100));
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 80, "none comes twice");
}

// Holds: RFC 9260 3.3.2-l, 5.1-f
#[test]
fn an_init_that_is_refused_changes_no_association() {
    let fine = initiation(70, Parameters::default());
    let mut poor = [fine; 3];
    poor[0].a_rwnd = 1499;
    poor[1].outbound_streams = 0;
    poor[2].inbound_streams = 0;
    for init in poor {
        let (mut lab, id, insight) = in_state(State::Established);
        give(&mut lab, 0, packet(untagged(&insight), bytes(&[Chunk::Init(init)])));
        lab.drain(0);
        assert_eq!(said(&lab, 0), [("ABORT".to_owned(), address(1, 0))]);
        let abort = &lab.sent[0].2;
        assert_eq!(
            (common(abort).verification_tag, abort.packet.to_vec()[16..18].to_vec()),
            (70, vec![0, 7])
        );
        assert_eq!(lab.ends[0].state(id), Some(State::Established));
    }
}

// Holds: RFC 9260 3.3.2-m, 5.1.2-b, 3.3.3-h
#[test]
fn the_addresses_of_the_peer_are_those_that_it_names_and_the_source() {
    let named: Vec<IpAddr> = (1..=3).map(|last| IpAddr::from([10, 1, 7, last])).collect();
    let many: Vec<IpAddr> =
        (0..1000_u16).map(|it| IpAddr::from([10, 1, (it >> 8) as u8, it as u8])).collect();
    for (list, count) in [(&[][..], 1), (&named, 4), (&many, 17)] {
        let (mut lab, id, insight) = in_state(State::CookieWait);
        let mut parameters = ParameterList::new();
        for address in list {
            parameters.push(&Parameter::Address(*address));
        }
        parameters.push(&Parameter::StateCookie(b"cookie"));
        insight.tell(&mut lab, &[Chunk::InitAck(initiation(70, parameters.parameters()))]);
        assert_eq!(lab.ends[0].state(id), Some(State::CookieEchoed));
        let paths = lab.ends[0].paths(id);
        assert_eq!(paths.len(), count, "of many no more than 16 are kept");
        assert_eq!(paths[0].0, address(1, 0));
    }
}

// Holds: RFC 9260 3.3.3-a, 3.3.3-c, 3.3.2.1.4-a
#[test]
fn an_init_ack_without_tag_is_reflected_and_one_without_window_is_refused() {
    let mut list = ParameterList::new();
    list.push(&Parameter::StateCookie(b"cookie"));
    let fine = initiation(70, list.parameters());
    let (mut lab, id, insight) = in_state(State::CookieWait);
    insight.tell(&mut lab, &[Chunk::InitAck(Initiation { initiate_tag: 0, ..fine })]);
    let abort = &lab.sent[0].2;
    assert_eq!((kinds(abort), abort.packet.to_vec()[13]), (vec!["ABORT"], 1), "with T");
    assert_eq!(common(abort).verification_tag, insight.header.verification_tag);
    assert_eq!(lab.ends[0].state(id), None);

    let (mut lab, id, insight) = in_state(State::CookieWait);
    let timer = lab.ends[0].poll_timeout();
    insight.tell(&mut lab, &[Chunk::InitAck(Initiation { a_rwnd: 1499, ..fine })]);
    let abort = &lab.sent[0].2;
    assert_eq!((kinds(abort), abort.packet.to_vec()[13]), (vec!["ABORT"], 0));
    assert_eq!(common(abort).verification_tag, 70);
    assert_eq!((lab.ends[0].state(id), lab.ends[0].poll_timeout()), (Some(State::CookieWait), timer));
    insight.tell(&mut lab, &[Chunk::InitAck(fine)]);
    assert_eq!(lab.ends[0].state(id), Some(State::CookieEchoed), "a better one is taken");

    let (mut lab, id, insight) = in_state(State::CookieWait);
    let mut list = ParameterList::new();
    list.push(&Parameter::StateCookie(b"cookie")).push(&Parameter::HostName(b"host\0"));
    insight.tell(&mut lab, &[Chunk::InitAck(initiation(70, list.parameters()))]);
    assert_eq!((said(&lab, 0)[0].0.as_str(), lab.ends[0].state(id)), ("ABORT", None));
}

// Holds: RFC 9260 3.1-c, 8.5.1-d, 8.4-i, 1.3-a
#[test]
fn ports_and_tags_of_zero_are_nobodys() {
    let answers = |source_port, destination_port, verification_tag, chunks: &[Chunk<'_>]| {
        let mut lab = lab();
        lab.ends[1].listen(&[address(1, 0)], PORT, config().into()).expect("the port is free");
        let header = CommonHeader { source_port, destination_port, verification_tag, checksum: 0 };
        give(&mut lab, 1, packet(header, bytes(chunks)));
        lab.drain(1);
        said(&lab, 1).into_iter().map(|(chunks, _)| chunks).collect::<Vec<_>>()
    };
    let init = Chunk::Init(initiation(70, Parameters::default()));
    assert_eq!(answers(9, PORT, 0, &[init]), ["INIT-ACK"]);
    assert!(answers(0, PORT, 0, &[init]).is_empty() && answers(9, 0, 0, &[init]).is_empty());
    assert_eq!(answers(9, PORT, 5, &[data(1, 0, 0, b"x")]), ["ABORT"]);
    assert!(answers(9, PORT, 0, &[data(1, 0, 0, b"x")]).is_empty(), "only an INIT has no tag");
    // A SHUTDOWN ACK anywhere in the packet is answered (rule 5), before COOKIE ACK would silence (rule 7).
    assert_eq!(answers(9, PORT, 5, &[Chunk::CookieAck, Chunk::ShutdownAck]), ["SHUTDOWN-COMPLETE"]);
    let mut lab = lab();
    lab.connect(1, config(), config());
    let again = lab.ends[1].listen(&[], PORT, config().into());
    assert_eq!(again.err(), Some(SctpError::PortInUse(PORT)));
    let port = common(&lab.sent[0].2).source_port;
    let again = lab.ends[0].connect(lab.now, &[], port, &[address(1, 0)], PORT, Arc::new(config()));
    assert_eq!(again.err(), Some(SctpError::PortInUse(port)));
}

// Holds: RFC 9260 3.3.7-a
#[test]
fn an_abort_that_cannot_be_read_ends_nothing_and_what_follows_one_is_ignored() {
    let (mut lab, id, insight) = in_state(State::Established);
    insight.tell(&mut lab, &[Chunk::Unknown { kind: ChunkType::ABORT, flags: 0, value: &[0, 12] }]);
    assert_eq!((lab.ends[0].state(id), said(&lab, 0)), (Some(State::Established), Vec::new()));
    let abort = Chunk::Abort { reflected: false, causes: wire::sctp::Causes::default() };
    insight.tell(&mut lab, &[abort, Chunk::Unknown { kind: ChunkType(0xFE), flags: 0, value: &[] }]);
    assert_eq!((lab.ends[0].state(id), said(&lab, 0)), (None, Vec::new()));
}

// Holds: RFC 9260 5.1-e
#[test]
fn an_init_goes_to_each_address_in_turn() {
    let mut lab = lab();
    lab.links = lab.links.map(|link| Link { down: Some((at(0), at(10_000_000))), ..link });
    let remotes = [address(1, 0), address(1, 1)];
    lab.ends[0].connect(at(0), &[], 0, &remotes, PORT, Arc::new(config())).expect("a port is free");
    lab.drain(0);
    lab.run_until(at(4000));
    let to: Vec<IpAddr> = said(&lab, 0).into_iter().map(|(_, to)| to).collect();
    assert_eq!(
        to,
        [remotes[0], remotes[1], remotes[0], remotes[1]],
        "each has its own time-out: 0, 1, 2 and 4 s"
    );
}

// Holds: RFC 9260 5.1-g
#[test]
fn nothing_has_come_before_the_peers_first_tsn() {
    let (mut lab, id, insight) = in_state(State::Established);
    lab.ends[0].shutdown(lab.now, id);
    lab.drain(0);
    let shutdown = lab.sent[0].2.packet.to_vec();
    assert_eq!(shutdown[16..20], insight.peer_tsn.wrapping_sub(1).to_be_bytes());
}

// Holds: RFC 9260 5.2.1-b, 5.2.1-c
#[test]
fn an_init_that_crosses_ones_own_is_answered_with_what_was_said_before() {
    for state in [State::CookieWait, State::CookieEchoed] {
        let (mut lab, id, insight) = in_state(state);
        let timer = lab.ends[0].poll_timeout();
        let mut list = ParameterList::new();
        list.push(&Parameter::Address(address(1, 0)));
        let init = bytes(&[Chunk::Init(initiation(70, list.parameters()))]);
        give(&mut lab, 0, packet(untagged(&insight), init.clone()));
        lab.drain(0);
        assert_eq!(said(&lab, 0), [("INIT-ACK".to_owned(), address(1, 0))]);
        body(&lab.sent[0].2, |body| {
            let own = (insight.header.verification_tag, insight.tsn);
            assert_eq!((body.initiate_tag, body.initial_tsn), own);
        });
        assert_eq!(common(&lab.sent[0].2).verification_tag, 70);
        assert_eq!((lab.ends[0].state(id), lab.ends[0].poll_timeout()), (Some(state), timer));
        // From an address that the user has not named, the answer goes to one that it has.
        if state == State::CookieWait {
            lab.sent.clear();
            give_from(&mut lab, 0, address(1, 1), packet(untagged(&insight), init));
            lab.drain(0);
            assert_eq!(said(&lab, 0), [("INIT-ACK".to_owned(), address(1, 0))]);
        }
    }
}

// Holds: RFC 9260 5.2.1-d, 5.2.2-b
#[test]
fn an_init_with_a_new_address_is_refused_and_another_gets_a_new_tag() {
    for state in [State::CookieEchoed, State::Established, State::ShutdownPending, State::ShutdownSent] {
        let (mut lab, id, insight) = in_state(state);
        let mut list = ParameterList::new();
        list.push(&Parameter::Address(IpAddr::from([192, 0, 2, 9])));
        let chunk = bytes(&[Chunk::Init(initiation(70, list.parameters()))]);
        give(&mut lab, 0, packet(untagged(&insight), chunk));
        lab.drain(0);
        let reply = lab.sent[0].2.packet.to_vec();
        let Ok((Chunk::Abort { causes, reflected: false }, _)) = Chunk::parse(&reply[12..]) else {
            panic!("{state:?}: an ABORT")
        };
        let Some(Ok(Cause::RestartWithNewAddresses(list))) = causes.iter().next() else { panic!("a cause") };
        let named: Vec<_> = list.iter().flatten().collect();
        assert_eq!(named, [Parameter::Address(IpAddr::from([192, 0, 2, 9]))]);
        assert_eq!(lab.ends[0].state(id), Some(state));
        if state == State::CookieEchoed {
            continue;
        }
        lab.sent.clear();
        let chunk = bytes(&[Chunk::Init(initiation(71, Parameters::default()))]);
        give(&mut lab, 0, packet(untagged(&insight), chunk));
        lab.drain(0);
        body(&lab.sent[0].2, |body| {
            assert_ne!(body.initiate_tag, insight.header.verification_tag);
            assert_eq!(body.inbound_streams, config().inbound_streams);
        });
        assert_eq!((common(&lab.sent[0].2).verification_tag, lab.ends[0].state(id)), (71, Some(state)));
    }
}

// Holds: RFC 9260 5.2.4-c
#[test]
fn a_cookie_that_comes_late_is_dropped_in_silence() {
    let mut lab = lab();
    lab.links = lab.links.map(|link| Link { down: Some((at(0), at(10_000_000))), ..link });
    lab.ends[1].listen(&[address(1, 0)], PORT, config().into()).expect("the port is free");
    let header = CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 0, checksum: 0 };
    give(&mut lab, 1, packet(header, bytes(&[Chunk::Init(initiation(70, Parameters::default()))])));
    lab.drain(1);
    let (late, tag) = cookie(&lab, 1);
    // The host begins itself meanwhile, and the peer answers under the same tag.
    let id = lab.ends[1].connect(lab.now, &[address(1, 0)], PORT, &[address(0, 0)], 9, Arc::new(config()));
    let id = id.expect("nobody has it");
    lab.drain(1);
    let mut own = 0;
    body(&lab.sent.last().expect("an INIT").2, |body| own = body.initiate_tag);
    let mut list = ParameterList::new();
    list.push(&Parameter::StateCookie(b"cookie"));
    let answer = bytes(&[Chunk::InitAck(initiation(70, list.parameters()))]);
    give(&mut lab, 1, packet(CommonHeader { verification_tag: own, ..header }, answer));
    lab.drain(1);
    assert_eq!(lab.ends[1].state(id), Some(State::CookieEchoed));
    lab.sent.clear();
    give(
        &mut lab,
        1,
        packet(CommonHeader { verification_tag: tag, ..header }, bytes(&[Chunk::CookieEcho(&late)])),
    );
    lab.drain(1);
    assert_eq!((lab.ends[1].state(id), said(&lab, 1)), (Some(State::CookieEchoed), Vec::new()));
}

// Holds: RFC 9260 5.2.4-d
#[test]
fn a_cookie_of_the_association_itself_is_never_too_old() {
    let mut lab = lab();
    lab.connect(1, config(), config());
    lab.run_until(at(100));
    let echo = lab.sent.iter().find(|(_, _, it)| kinds(it)[0] == "COOKIE-ECHO").expect("a cookie").2.clone();
    lab.sent.clear();
    lab.run_until(at(100_000));
    lab.deliver(1, echo);
    lab.drain(1);
    assert_eq!(said(&lab, 1), [("COOKIE-ACK".to_owned(), address(0, 0))]);
}

// Holds: RFC 9260 5.2.4-e
#[test]
fn a_restart_while_shutting_down_is_refused_in_one_packet() {
    let (mut lab, id, insight) = in_state(State::Established);
    let chunk = bytes(&[Chunk::Init(initiation(70, Parameters::default()))]);
    give(&mut lab, 0, packet(untagged(&insight), chunk));
    lab.drain(0);
    let (cookie, tag) = cookie(&lab, 0);
    insight.tell(&mut lab, &[Chunk::Shutdown { cumulative_tsn_ack: insight.tsn.wrapping_sub(1) }]);
    assert_eq!(lab.ends[0].state(id), Some(State::ShutdownAckSent));
    lab.sent.clear();
    insight.tell_with(&mut lab, tag, bytes(&[Chunk::CookieEcho(&cookie)]));
    assert_eq!(said(&lab, 0), [("SHUTDOWN-ACK+ERROR".to_owned(), address(1, 0))]);
    assert_eq!(lab.sent[0].2.packet.to_vec()[20..22], [0, 10], "cookie received while shutting down");
    assert_eq!(lab.ends[0].state(id), Some(State::ShutdownAckSent));
}

// Holds: RFC 9260 5.4-b, 5.4-c, 3.3.5-a
#[test]
fn an_address_that_is_only_named_gets_nothing_but_questions() {
    let (mut lab, id, insight) = in_state(State::CookieWait);
    lab.links[1].down = lab.links[0].down;
    let mut list = ParameterList::new();
    for last in 1..=3 {
        list.push(&Parameter::Address(IpAddr::from([10, 1, 7, last])));
    }
    list.push(&Parameter::StateCookie(b"cookie"));
    lab.say(0, id, 0, 100, &MessageOptions::default());
    insight.tell(&mut lab, &[Chunk::InitAck(initiation(70, list.parameters()))]);
    assert_eq!(said(&lab, 0), [("COOKIE-ECHO+DATA".to_owned(), address(1, 0))]);
    lab.run_until(at(1100));
    let second = said(&lab, 0).last().cloned();
    assert_eq!(second, Some(("COOKIE-ECHO+HEARTBEAT".to_owned(), IpAddr::from([10, 1, 7, 1]))));
    lab.sent.clear();
    // Once it stands, one of the others is asked at once, the next an RTO later.
    insight.tell(&mut lab, &[Chunk::CookieAck]);
    let start = lab.now.as_millis();
    lab.run_until(at(start + 400));
    let asked: Vec<_> = said(&lab, 0).into_iter().filter(|(chunks, _)| chunks == "HEARTBEAT").collect();
    assert_eq!(asked, [("HEARTBEAT".to_owned(), IpAddr::from([10, 1, 7, 2]))]);
    lab.run_until(at(start + 1600));
    let questions: Vec<(Vec<u8>, IpAddr)> = lab
        .sent
        .iter()
        .filter(|(_, _, it)| kinds(it) == ["HEARTBEAT"])
        .map(|(_, _, it)| (it.packet.to_vec()[16..].to_vec(), it.destination))
        .collect();
    let mut to: Vec<IpAddr> = questions.iter().map(|(_, to)| *to).collect();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), 3, "{to:?}");
    // Each has a time, a number of 64 bits that never comes twice, and the path.
    let mut numbers: Vec<&[u8]> = questions.iter().map(|(info, _)| &info[12..20]).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), questions.len());
    // Data that come from there are acknowledged to where the answer is known to arrive.
    lab.sent.clear();
    let chunks = bytes(&[data(insight.peer_tsn.max(1), 0, 0, b"text")]);
    give_from(&mut lab, 0, IpAddr::from([10, 1, 7, 2]), packet(insight.header, chunks));
    lab.drain(0);
    assert!(!said(&lab, 0).is_empty() && said(&lab, 0).iter().all(|(_, to)| *to == address(1, 0)));
}

// Holds: RFC 9260 3.3.1-d, 3.3.1-e, 3.3.1-f, 3.3.1-h, 6.5-b
#[test]
fn fragments_and_messages_are_numbered_as_the_receiver_needs_them() {
    let (mut lab, id, _) = in_state(State::Established);
    let unordered = MessageOptions { unordered: true, ppid: 7, ..MessageOptions::default() };
    let ordered = MessageOptions { ppid: 8, ..MessageOptions::default() };
    lab.say(0, id, 0, 2900, &unordered);
    lab.say(0, id, 1, 50, &ordered);
    lab.say(0, id, 2, 51, &ordered);
    let mut seen = Vec::new();
    for (_, _, sent) in &lab.sent {
        let all = sent.packet.to_vec();
        for chunk in Chunks::new(&all[12..]).flatten() {
            let Chunk::Data(header, payload) = chunk else { continue };
            let flags = header.flags;
            seen.push((
                flags.beginning,
                flags.ending,
                flags.unordered,
                header.ssn,
                header.ppid,
                payload.len(),
            ));
        }
    }
    let expected = [
        (true, false, true, 0, 7, 1452),
        (false, true, true, 0, 7, 1448),
        (true, true, false, 0, 8, 50),
        (true, true, false, 1, 8, 51),
    ];
    assert_eq!(seen, expected);
    let none = lab.ends[0].send(lab.now, id, &ordered, Payload::empty(), wire::account::Runs::new());
    assert_eq!(none, Err(SctpError::Empty));
}
