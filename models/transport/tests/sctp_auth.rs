//! Chunk authentication (RFC 4895), with codes and keys that the tests compute themselves.

mod sctp_lab;

use std::collections::BTreeMap;

use rand::SeedableRng;
use sctp_lab::craft::{self, Insight, give, packet};
use sctp_lab::keys::{association_key, code_of, signed};
use sctp_lab::{Lab, Link, PORT, address, at, common, kinds};
use transport::sctp::{
    Authentication, CloseReason, HmacAlgorithm, MessageOptions, SctpConfig, SctpEvent, State,
};
use wire::cryptography::{Operation, Work};
use wire::sctp::{Cause, Chunk, ChunkType, CommonHeader, Parameter, ParameterList, code};

fn links() -> [Link; 2] {
    [Link::clean(10), Link::clean(10)]
}

/// Takes these types only authenticated.
fn demanding(chunks: &[ChunkType]) -> SctpConfig {
    let authentication = Authentication { chunks: chunks.to_vec(), ..Authentication::default() };
    SctpConfig { authentication: Some(authentication), ..SctpConfig::default() }
}

fn with_keys(keys: &[(u16, &[u8])], key: u16) -> SctpConfig {
    let keys: BTreeMap<u16, Vec<u8>> = keys.iter().map(|(id, key)| (*id, key.to_vec())).collect();
    let chunks = vec![ChunkType::DATA];
    let authentication = Authentication { chunks, keys, key, ..Authentication::default() };
    SctpConfig { authentication: Some(authentication), ..SctpConfig::default() }
}

/// An association on which side 1 takes these types only authenticated, as does side 0.
fn established(config: SctpConfig) -> (Lab, transport::sctp::AssociationId) {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(1, config.clone(), config);
    lab.run_until(at(200));
    assert_eq!(lab.ends[0].state(a), Some(State::Established));
    (lab, a)
}

// Holds: RFC 4895 3.1-a, 3.1-b, 3.2-a, 3.2-b, 3.3-a, 3.3-b, 6.1-a, 6.1-b, 6.1-d, 6.1-e
#[test]
fn init_and_init_ack_carry_a_random_number_a_list_of_chunks_and_algorithms() {
    let (lab, _) = established(demanding(&[ChunkType::DATA, ChunkType::INIT, ChunkType::AUTH]));
    for kind in ["INIT", "INIT-ACK"] {
        let sent = lab.sent.iter().find(|(_, _, it)| kinds(it).first() == Some(&kind)).expect("a handshake");
        let bytes = sent.2.packet.to_vec();
        let Ok((Chunk::Init(body) | Chunk::InitAck(body), _)) = Chunk::parse(&bytes[12..]) else { panic!() };
        let count = |wanted: u16| body.parameters.raw().filter(|(kind, _)| kind.0 == wanted).count();
        assert_eq!([0x8002, 0x8003, 0x8004].map(count), [1, 1, 1], "each once");
        for parameter in body.parameters.iter().flatten() {
            match parameter {
                Parameter::Random(random) => assert_eq!(random.len(), 32),
                // INIT and AUTH were asked for, and cannot be listed.
                Parameter::ChunkList(list) => assert_eq!(list, [ChunkType::DATA.0]),
                Parameter::HmacAlgorithms(list) => assert_eq!(list, [0, 3, 0, 1], "SHA-256, then SHA-1"),
                Parameter::SupportedExtensions(list) => assert!(list.contains(&ChunkType::AUTH.0)),
                _ => {}
            }
        }
    }
}

// Holds: RFC 4895 5.1-a, 5.1-b, 6.1-c, 6.1-f, 6.1-g, 6.2-a, 6.2-b, 6.2-c, 6.2-d, 6.2-e
#[test]
fn data_are_signed_with_the_key_of_the_handshake() {
    let (mut lab, a) = established(demanding(&[ChunkType::DATA]));
    lab.sent.clear();
    let of_the_handshake = lab.ends.each_ref().map(|end| end.tally().take().count());
    assert_eq!(of_the_handshake, [0, 1], "only the server's cookie");
    lab.say(0, a, 0, 1000, &MessageOptions::default());
    let mut handshake = Lab::new(1, links());
    handshake.record = true;
    handshake.connect(1, demanding(&[ChunkType::DATA]), demanding(&[ChunkType::DATA]));
    handshake.run_until(at(200));
    let key = association_key(&handshake, &[]);
    let (_, _, data) = lab.sent.last().expect("it was sent");
    assert_eq!(kinds(data), ["AUTH", "DATA"]);
    let chunks = data.packet.to_vec().split_off(12);
    assert_eq!(&chunks[..8], [15, 0, 0, 40, 0, 0, 0, 3], "key 0, SHA-256");
    assert_eq!(chunks[8..40], code_of(&chunks, &key, false));
    lab.run_until(at(400));
    let b = lab.accepted().expect("it was accepted");
    assert!(lab.ends[1].receive(b).is_some());
    // Each end counts one code, over a chunk of 40 bytes and one of 16 and the data.
    lab.run_until(at(400));
    for end in &lab.ends {
        let work = Work { operation: Operation::HmacSha256, times: 1, bytes: 40 + 16 + 1000 };
        assert_eq!(end.tally().take().collect::<Vec<_>>(), [work]);
    }
}

// Holds: RFC 4895 6.1-e2, 3.3-d, 6.3-b
#[test]
fn the_first_algorithm_of_the_peers_list_that_is_known_is_used() {
    let sha1 = Authentication {
        chunks: vec![ChunkType::DATA],
        algorithms: vec![HmacAlgorithm::Sha1],
        ..Authentication::default()
    };
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let server = SctpConfig { authentication: Some(sha1), ..SctpConfig::default() };
    let a = lab.connect(1, demanding(&[ChunkType::DATA]), server);
    lab.run_until(at(200));
    let key = association_key(&lab, &[]);
    let b = lab.accepted().expect("it was accepted");
    lab.say(0, a, 0, 100, &MessageOptions::default());
    let to_server = lab.sent.last().expect("it was sent").2.packet.to_vec().split_off(12);
    assert_eq!(to_server[..8], [15, 0, 0, 28, 0, 0, 0, 1], "SHA-1 of 20 bytes is all that the server takes");
    assert_eq!(to_server[8..28], code_of(&to_server, &key, true));
    lab.say(1, b, 0, 100, &MessageOptions::default());
    let to_client = lab.sent.last().expect("it was sent").2.packet.to_vec().split_off(12);
    assert_eq!(to_client[..8], [15, 0, 0, 40, 0, 0, 0, 3], "the client likes SHA-256 best");
    lab.run_until(at(600));
    assert!(lab.ends[1].receive(b).is_some() && lab.ends[0].receive(a).is_some());
}

// Holds: RFC 4895 6.3-a, 6.3-f, 6.3-g, 5.1-c
#[test]
fn what_is_not_signed_or_wrongly_signed_is_discarded_in_silence() {
    let (mut lab, a) = established(demanding(&[ChunkType::DATA]));
    let insight = Insight::of(&lab);
    let key = association_key(&lab, &[]);
    let data = craft::bytes(&[craft::data(insight.peer_tsn, 0, 0, b"one")]);
    lab.sent.clear();
    let tell = |lab: &mut Lab, chunks: Vec<u8>| {
        insight.tell_with(lab, insight.header.verification_tag, chunks);
        lab.ends[0].receive(a).is_some()
    };
    assert!(!tell(&mut lab, data.clone()), "not signed");
    // A chunk in front of the AUTH chunk is not signed by it.
    let auth = signed(&craft::bytes(&[Chunk::Pad(b"0123")]), &key, 0, false);
    assert!(!tell(&mut lab, [data.clone(), auth].concat()));
    let right = signed(&data, &key, 0, false);
    for bit in 0..right.len() * 8 {
        // Type and length of the AUTH chunk make another chunk of it; its flags are ignored, but signed.
        if (0..8).contains(&bit) || (16..32).contains(&bit) {
            continue;
        }
        let mut wrong = right.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!tell(&mut lab, wrong), "bit {bit}");
    }
    let twice = [signed(&craft::bytes(&[Chunk::CookieAck]), &key, 0, false), right.clone()].concat();
    assert!(!tell(&mut lab, twice), "two AUTH chunks");
    let answers: Vec<_> = lab.sent.drain(..).flat_map(|(_, _, it)| kinds(&it)).collect();
    assert!(answers.iter().all(|kind| *kind == "ERROR"), "only for algorithms that are unknown: {answers:?}");
    assert!(lab.ends[0].stats(a).expect("it lives").unauthentic > 100);
    assert!(tell(&mut lab, right), "the right one is taken");
}

// Holds: RFC 4895 6.3-c, 6.3-d, 4.1-a
#[test]
fn an_algorithm_that_was_not_offered_is_answered_by_an_error() {
    let (mut lab, a) = established(demanding(&[ChunkType::DATA]));
    let insight = Insight::of(&lab);
    lab.sent.clear();
    let mut chunks = Vec::new();
    Chunk::Auth { key: 0, algorithm: 2, hmac: &[7; 16] }.emit(&mut chunks);
    chunks.extend(craft::bytes(&[craft::data(insight.peer_tsn, 0, 0, b"one")]));
    insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
    assert!(lab.ends[0].receive(a).is_none());
    let (_, _, error) = lab.sent.last().expect("it is answered");
    let bytes = error.packet.to_vec();
    // RFC 4895 §4.1: code 0x0105, length 6, identifier 2, two bytes of padding.
    assert_eq!(bytes[12..], [9, 0, 0, 10, 1, 5, 0, 6, 0, 2, 0, 0]);
    let Ok((Chunk::Error(causes), _)) = Chunk::parse(&bytes[12..]) else { panic!("an ERROR") };
    let cause = causes.iter().next().expect("a cause").expect("that makes sense");
    assert_eq!(cause, Cause::Other { code: code::UNSUPPORTED_HMAC, information: &[0, 2] });
}

// Holds: RFC 4895 6.1-h, 6.1-i, 6.2-f, 6.2-g, 6.3-e
#[test]
fn shared_keys_are_told_apart_by_their_numbers() {
    let keys: [(u16, &[u8]); 2] = [(1, b"first"), (7, b"seventh")];
    let (mut lab, a) = established(with_keys(&keys, 7));
    let b = lab.accepted().expect("it was accepted");
    for (number, (id, shared)) in
        [(7, b"seventh".as_slice()), (1, b"first".as_slice())].into_iter().enumerate()
    {
        assert!(lab.ends[0].set_active_key(a, id));
        lab.say(0, a, number as u32, 100, &MessageOptions::default());
        let chunks = lab.sent.last().expect("it was sent").2.packet.to_vec().split_off(12);
        assert_eq!(chunks[4..6], id.to_be_bytes());
        assert_eq!(chunks[8..40], code_of(&chunks, &association_key(&lab, shared), false));
        lab.run_until(at(500 + 500 * number as u64));
        assert!(lab.ends[1].receive(b).is_some());
    }
    assert!(!lab.ends[0].set_active_key(a, 2), "there is no such key");
    // The empty key and unknown ones are nobody's where keys are configured.
    let insight = Insight::of(&lab);
    let data = craft::bytes(&[craft::data(insight.peer_tsn, 0, 0, b"one")]);
    for (id, shared) in [(0, &b""[..]), (2, b"first"), (1, b"seventh")] {
        let chunks = signed(&data, &association_key(&lab, shared), id, false);
        insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
        assert!(lab.ends[0].receive(a).is_none(), "key {id}");
    }
    let chunks = signed(&data, &association_key(&lab, b"first"), 1, false);
    insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
    assert!(lab.ends[0].receive(a).is_some());
}

// Holds: RFC 4895 6.3-e2
#[test]
fn without_shared_keys_only_number_zero_exists() {
    let (mut lab, a) = established(demanding(&[ChunkType::DATA]));
    let insight = Insight::of(&lab);
    let data = craft::bytes(&[craft::data(insight.peer_tsn, 0, 0, b"one")]);
    let chunks = signed(&data, &association_key(&lab, &[]), 1, false);
    lab.sent.clear();
    insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
    assert!(lab.ends[0].receive(a).is_none() && lab.sent.is_empty());
}

/// Side 0 gets an INIT ACK with these parameters of authentication.
fn answered_with(random: &[u8], chunks: &[u8], algorithms: &[u8]) -> Lab {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let config = std::sync::Arc::new(demanding(&[ChunkType::DATA]));
    lab.ends[0]
        .connect(lab.now, &[address(0, 0)], 0, &[address(1, 0)], PORT, config)
        .expect("a port is free");
    lab.drain(0);
    let insight = Insight::of(&lab);
    let mut list = ParameterList::new();
    list.push(&Parameter::Random(random));
    list.push(&Parameter::ChunkList(chunks));
    list.push(&Parameter::HmacAlgorithms(algorithms));
    list.push(&Parameter::StateCookie(b"cookie of the test"));
    lab.sent.clear();
    let body = craft::initiation(77, list.parameters());
    insight.tell(&mut lab, &[Chunk::InitAck(body)]);
    lab
}

// Holds: RFC 4895 6.1-b2, 6.1-b3
#[test]
fn a_random_number_of_a_wrong_length_aborts() {
    let lab = answered_with(&[1; 31], &[], &[0, 1]);
    let (_, _, abort) = lab.sent.last().expect("it is answered");
    let bytes = abort.packet.to_vec();
    let Ok((Chunk::Abort { causes, .. }, _)) = Chunk::parse(&bytes[12..]) else { panic!("an ABORT") };
    assert_eq!(causes.iter().next().expect("a cause").expect("sense").code(), code::PROTOCOL_VIOLATION);
    let closed =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Violation, .. });
    assert!(lab.happened(0, closed).is_some());
    // And in an INIT.
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let config = std::sync::Arc::new(demanding(&[ChunkType::DATA]));
    lab.ends[1].listen(&[address(1, 0)], PORT, config).expect("the port is free");
    let mut list = ParameterList::new();
    list.push(&Parameter::Random(&[1; 33])).push(&Parameter::HmacAlgorithms(&[0, 1]));
    let chunks = craft::bytes(&[Chunk::Init(craft::initiation(77, list.parameters()))]);
    let header = CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 0, checksum: 0 };
    give(&mut lab, 1, packet(header, chunks));
    lab.drain(1);
    assert_eq!(kinds(&lab.sent.last().expect("it is answered").2), ["ABORT"]);
}

// Holds: RFC 4895 3.2-c, 6.2-h
#[test]
fn handshake_chunks_in_a_list_are_ignored_and_the_cookie_stands_in_front() {
    // INIT, INIT ACK, SHUTDOWN COMPLETE, AUTH and DATA.
    let mut lab = answered_with(&[1; 32], &[1, 2, 14, 15, 0], &[0, 1]);
    assert_eq!(kinds(&lab.sent.last().expect("the cookie goes back").2), ["COOKIE-ECHO"]);
    // With COOKIE ECHO in the list, the cookie is signed.
    lab = answered_with(&[1; 32], &[10], &[0, 1]);
    assert_eq!(kinds(&lab.sent.last().expect("the cookie goes back").2), ["AUTH", "COOKIE-ECHO"]);
}

// Holds: RFC 4895 6.3-h, 6.3-i, 6.3-m
#[test]
fn a_cookie_that_has_to_be_signed_is_taken_by_its_own_content() {
    let config = demanding(&[ChunkType::COOKIE_ECHO, ChunkType::DATA]);
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(1, config.clone(), config);
    // A message goes behind the cookie.
    while lab.happened(0, |event| matches!(event, SctpEvent::Answered(_))).is_none() && lab.step(at(100)) {}
    let echo = lab.sent.iter().rev().find(|(_, side, _)| *side == 0).expect("it was sent").clone();
    assert_eq!(kinds(&echo.2), ["AUTH", "COOKIE-ECHO"]);
    // The same cookie without its signature, or with a wrong one, makes no association.
    let all = echo.2.packet.to_vec().split_off(12);
    let key = association_key(&lab, &[]);
    assert_eq!(all[8..40], code_of(&all, &key, false));
    let header = common(&echo.2);
    let mut forged = all.clone();
    forged[9] ^= 1;
    for chunks in [all[40..].to_vec(), forged] {
        give(&mut lab, 1, packet(header, chunks));
        assert_eq!(lab.ends[1].associations(), 0);
    }
    assert_eq!(lab.ends[1].counters().unauthentic_cookies, 2);
    lab.run_until(at(300));
    assert_eq!(lab.ends[0].state(a), Some(State::Established));
    assert_eq!(lab.ends[1].associations(), 1);
    // RFC 4895 §6.3: with an association, its keys count.
    give(&mut lab, 1, packet(header, all[40..].to_vec()));
    assert_eq!(lab.ends[1].counters().unauthentic_cookies, 3);
}

// Holds: RFC 4895 6.3-n
#[test]
fn no_shared_key_is_in_a_cookie() {
    let secret = b"a secret of two endpoints";
    let (lab, _) = established(with_keys(&[(3, secret)], 3));
    for (_, _, transmit) in &lab.sent {
        let bytes = transmit.packet.to_vec();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

// Holds: RFC 4895 6.3-j, 6.3-k, 6.3-l
#[test]
fn a_signed_packet_for_nobody_is_out_of_the_blue_without_its_signature() {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    lab.ends[1]
        .listen(&[address(1, 0)], PORT, std::sync::Arc::new(demanding(&[])))
        .expect("the port is free");
    let header = CommonHeader { source_port: 9, destination_port: PORT, verification_tag: 5, checksum: 0 };
    let answer = |lab: &mut Lab, chunk: Chunk<'_>| {
        lab.sent.clear();
        give(lab, 1, packet(header, signed(&craft::bytes(&[chunk]), b"any", 0, true)));
        lab.drain(1);
        lab.sent.last().map(|(_, _, it)| kinds(it)).unwrap_or_default()
    };
    // RFC 9260 §8.4 rules 2, 5 and 8.
    assert!(answer(&mut lab, Chunk::Abort { reflected: false, causes: Default::default() }).is_empty());
    assert_eq!(answer(&mut lab, Chunk::ShutdownAck), ["SHUTDOWN-COMPLETE"]);
    assert_eq!(answer(&mut lab, Chunk::CookieAck), Vec::<&str>::new());
    assert_eq!(answer(&mut lab, Chunk::Heartbeat(Default::default())), ["ABORT"]);
}

#[test]
fn an_abort_that_has_to_be_signed_cannot_be_forged() {
    let (mut lab, a) = established(demanding(&[ChunkType::ABORT, ChunkType::DATA]));
    let insight = Insight::of(&lab);
    insight.tell(&mut lab, &[Chunk::Abort { reflected: false, causes: Default::default() }]);
    assert_eq!(lab.ends[0].state(a), Some(State::Established));
    lab.sent.clear();
    lab.ends[0].abort(a, b"enough");
    lab.drain(0);
    assert_eq!(kinds(&lab.sent.last().expect("it was sent").2), ["AUTH", "ABORT"]);
    lab.run_until(at(400));
    assert_eq!(lab.ends[1].associations(), 0);
}

// Holds: RFC 4895 6.3-a
#[test]
fn a_peer_that_can_no_longer_sign_is_given_up_by_its_silence() {
    // RFC 4895 §6.3: an endpoint that takes ABORT only signed may need longer to see that its peer is gone.
    let mut config = demanding(&[ChunkType::ABORT, ChunkType::DATA]);
    config.association_max_retrans = 2;
    let (mut lab, a) = established(config);
    lab.ends[1] = transport::sctp::SctpEndpoint::new(rand_chacha::ChaCha8Rng::from_seed([9; 32]));
    lab.sent.clear();
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(20_000));
    let answers = lab.sent.iter().filter(|(_, side, _)| *side == 1);
    // Data and each of their two repetitions are out of the blue, and nobody is there to sign what is said of it.
    assert_eq!(answers.map(|(_, _, it)| kinds(it)).collect::<Vec<_>>(), [["ABORT"]; 3]);
    let gone =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Unreachable, .. });
    assert_eq!(lab.happened(0, gone), Some(at(200 + 1000 + 2000 + 4000)));
}

#[test]
fn a_peer_without_the_extension_is_spoken_to_without_it() {
    let mut lab = Lab::new(1, links());
    lab.record = true;
    let a = lab.connect(1, demanding(&[ChunkType::DATA]), SctpConfig::default());
    lab.run_until(at(200));
    let b = lab.accepted().expect("it was accepted");
    for side in [0, 1] {
        lab.say(side, [a, b][side], 0, 100, &MessageOptions::default());
    }
    lab.run_until(at(600));
    assert!(lab.ends[1].receive(b).is_some() && lab.ends[0].receive(a).is_some());
    assert!(lab.sent.iter().all(|(_, _, it)| !kinds(it).contains(&"AUTH")));
}

#[test]
fn full_packets_have_room_for_the_code() {
    let (mut lab, a) = established(demanding(&[ChunkType::DATA, ChunkType::SACK]));
    for number in 0..20 {
        lab.say(0, a, number, 9000, &MessageOptions::default());
    }
    lab.run_until(at(5000));
    let longest = lab.sent.iter().map(|(_, _, it)| it.packet.len() + 20).max().expect("some were sent");
    assert_eq!(longest, 1500);
    let data = lab.sent.iter().filter(|(_, _, it)| kinds(it).contains(&"DATA"));
    assert!(data.clone().count() > 100);
    data.for_each(|(_, _, it)| assert_eq!(kinds(it)[0], "AUTH"));
}
