//! Packets from an attacker, and packets that are nonsense.

mod sctp_lab;

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sctp_lab::craft::{bytes, give, packet};
use sctp_lab::keys::{association_key, signed};
use sctp_lab::{Lab, Link, PORT, address, at, common, kinds};
use sim_core::SimDuration;
use transport::endpoint::Endpoint;
use transport::sctp::{Authentication, CloseReason, MessageOptions, Reconfiguration, SctpConfig, SctpEvent};
use wire::payload::Payload;
use wire::sctp::{Chunk, ChunkType, CommonHeader, Initiation, Parameters};

/// All extensions at once; what may be signed is, but ABORT and ERROR.
fn everything() -> SctpConfig {
    let chunks = Authentication::POSSIBLE.iter().copied();
    let chunks = chunks.filter(|it| ![ChunkType::ABORT, ChunkType::ERROR].contains(it)).collect();
    SctpConfig {
        interleaving: true,
        address_changes: true,
        reconfiguration: Some(Reconfiguration { streams_max: 64, ..Reconfiguration::default() }),
        authentication: Some(Authentication { chunks, ..Authentication::default() }),
        ..SctpConfig::default()
    }
}

#[test]
fn a_flood_of_inits_takes_no_memory() {
    // RFC 9260 §5.1 B: no state before a cookie comes back.
    let mut lab = Lab::new(1, [Link::clean(1), Link::clean(1)]);
    lab.ends[1].listen(&[address(1, 0)], PORT, Arc::new(SctpConfig::default())).expect("the port is free");
    for number in 1..20_000_u32 {
        let body = Initiation {
            initiate_tag: number,
            a_rwnd: 65_536,
            outbound_streams: 65_535,
            inbound_streams: 65_535,
            initial_tsn: number,
            parameters: Parameters::default(),
        };
        let mut chunks = Vec::new();
        Chunk::Init(body).emit(&mut chunks);
        let header = CommonHeader {
            source_port: number as u16,
            destination_port: PORT,
            verification_tag: 0,
            checksum: 0,
        };
        give(&mut lab, 1, packet(header, chunks));
        while lab.ends[1].poll_transmit(lab.now).is_some() {}
    }
    assert_eq!(lab.ends[1].associations(), 0);
    assert_eq!(lab.ends[1].counters().inits_answered, 19_999);
    assert_eq!(lab.ends[1].poll_timeout(), None);
}

#[test]
fn packets_without_the_right_tag_change_nothing() {
    // RFC 9260 §8.5: an attacker who knows addresses and ports, but not the tag.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut lab = Lab::new(3, [Link::clean(5), Link::clean(5)]);
    lab.record = true;
    let a = lab.connect(1, SctpConfig::default(), SctpConfig::default());
    lab.run_until(at(100));
    let b = lab.accepted().expect("it was accepted");
    let mut read = 0;
    for number in 0..300 {
        lab.say(0, a, number, 700, &MessageOptions::default());
        let original = lab.sent.last().expect("it was sent").clone();
        let mut header = common(&original.2);
        header.verification_tag = rng.next_u32();
        let chunks = [
            Chunk::Abort { reflected: rng.next_u32().is_multiple_of(2), causes: Default::default() },
            Chunk::ShutdownAck,
        ];
        let mut bytes = Vec::new();
        chunks[number as usize % 2].emit(&mut bytes);
        give(&mut lab, 1 - original.1, packet(header, bytes));
        let next = lab.now + SimDuration::from_millis(20);
        lab.run_until(next);
        while lab.ends[1].receive(b).is_some() {
            read += 1;
        }
        lab.drain(1);
    }
    assert_eq!(read, 300);
    assert!(lab.ends[1].counters().bad_tag > 100);
}

#[test]
fn an_attacker_on_the_path_breaks_no_more_than_the_association() {
    let mut ended = 0;
    for seed in 0..300 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut lab = Lab::new(seed, [Link::clean(5), Link::clean(5)]);
        lab.record = true;
        let a = lab.connect(2, SctpConfig::default(), SctpConfig::default());
        for number in 0..60 {
            let options = MessageOptions { stream: number as u16 % 3, ..MessageOptions::default() };
            let payload = Payload::from_bytes(vec![7; 1 + number as usize * 60]);
            let len = payload.len();
            let _refused = lab.ends[0].send(lab.now, a, &options, payload, sctp_lab::runs(number, len));
            lab.drain(0);
            let next = lab.now + SimDuration::from_millis(7);
            lab.run_until(next);
            if let Some((_, side, original)) = lab.sent.last().cloned() {
                let header = common(&original);
                let mut bytes = original.packet.to_vec().split_off(12);
                for _ in 0..1 + rng.next_u32() % 3 {
                    let place = rng.next_u32() as usize % bytes.len();
                    bytes[place] = if rng.next_u32().is_multiple_of(2) { rng.next_u32() as u8 } else { 0xFF };
                }
                if rng.next_u32().is_multiple_of(4) {
                    bytes.truncate(rng.next_u32() as usize % bytes.len() + 1);
                }
                give(&mut lab, 1 - side, packet(header, bytes));
                lab.drain(1 - side);
            }
            if let Some(b) = lab.accepted() {
                while lab.ends[1].receive(b).is_some() {}
                lab.drain(1);
            }
        }
        for side in 0..2 {
            assert!(lab.ends[side].associations() <= 2, "seed {seed}");
            ended += lab.events[side].iter().filter(|(_, it)| matches!(it, SctpEvent::Closed { .. })).count();
        }
        lab.run_until(at(4_000_000));
    }
    assert!(ended > 0, "some of it must hurt");
}

#[test]
fn no_bytes_make_the_endpoint_panic() {
    [SctpConfig::default(), everything()].into_iter().for_each(pelt);
}

/// Throws random chunks of all types at both sides.
fn pelt(config: SctpConfig) {
    const TYPES: [u8; 23] =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 64, 128, 130, 132, 192, 193, 194];
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut lab = Lab::new(4, [Link::clean(1), Link::clean(1)]);
    lab.record = true;
    lab.connect(1, config.clone(), config);
    lab.run_until(at(10));
    let tags: Vec<CommonHeader> = lab.sent.iter().map(|(_, _, it)| common(it)).collect();
    for _ in 0..60_000_u32 {
        let len = rng.next_u32() as usize % 80;
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
        if len >= 4 {
            bytes[0] = TYPES[rng.next_u32() as usize % TYPES.len()];
            bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        }
        let mut header = tags[rng.next_u32() as usize % tags.len()];
        if rng.next_u32().is_multiple_of(4) {
            header.verification_tag = 0;
        }
        let to = usize::from(header.destination_port == PORT);
        give(&mut lab, to, packet(header, bytes));
        while lab.ends[to].poll_transmit(lab.now).is_some() || lab.ends[to].poll_event().is_some() {}
    }
    let counters = lab.ends[1].counters();
    assert!(counters.malformed > 0 && counters.out_of_the_blue > 0 && counters.bad_tag > 0, "{counters:?}");
    assert!(counters.forged_cookies > 0, "{counters:?}");
}

#[test]
fn a_peer_with_the_keys_breaks_no_more_than_the_association() {
    // ASCONF, RE-CONFIG, ASCONF-ACK, I-DATA, I-FORWARD-TSN and FORWARD TSN that are signed rightly and say anything. The
    // first two change what an association has, the others soon break a rule that ends it.
    const TYPES: [u8; 6] = [193, 130, 128, 64, 194, 192];
    let (mut ended, mut lived) = (0, 0);
    for seed in 0..200 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut lab = Lab::new(seed, [Link::clean(5), Link::clean(5)]);
        lab.record = true;
        lab.connect(2, everything(), everything());
        lab.run_until(at(100));
        let b = lab.accepted().expect("it was accepted");
        let key = association_key(&lab, &[]);
        let mut sent = lab.sent.iter().filter(|(_, side, it)| *side == 0 && kinds(it)[0] != "INIT");
        let header = common(&sent.next_back().expect("a cookie").2);
        let first = lab.sent.iter().find_map(|(_, _, it)| match Chunk::parse(&it.packet.to_vec()[12..]) {
            Ok((Chunk::Init(body), _)) => Some(body.initial_tsn),
            _ => None,
        });
        let mut number = first.expect("an INIT");
        for _ in 0..300 {
            let kind = TYPES[rng.next_u32() as usize % if seed.is_multiple_of(2) { 2 } else { 6 }];
            let mut body: Vec<u8> = number.wrapping_add(rng.next_u32() % 3).to_be_bytes().to_vec();
            number = number.wrapping_add(u32::from(rng.next_u32().is_multiple_of(3)));
            for _ in 0..rng.next_u32() % 4 {
                body.extend(field(&mut rng, kind));
            }
            if kind == 130 {
                body.drain(..4); // RE-CONFIG has parameters only.
            }
            let mut chunk = vec![kind, rng.next_u32() as u8 & 0xF];
            chunk.extend((body.len() as u16 + 4).to_be_bytes());
            chunk.extend(body);
            chunk.resize(chunk.len().next_multiple_of(4), 0);
            give(&mut lab, 1, packet(header, signed(&chunk, &key, 0, false)));
            lab.drain(1);
            while lab.ends[1].receive(b).is_some() {}
        }
        // A live association has bounded memory, whatever it was told.
        assert!(lab.ends[1].associations() <= 1, "seed {seed}");
        let (paths, streams) = (lab.ends[1].paths(b).len(), lab.ends[1].incoming_streams(b));
        assert!(paths <= 16 && streams <= 64, "seed {seed}: {paths} paths, {streams} streams");
        match lab.ends[1].state(b) {
            Some(_) => lived += 1,
            None => ended += 1,
        }
    }
    assert!(ended > 0 && lived > 0, "{ended} ended, {lived} lived");
}

/// A parameter that fits a chunk type, with a value that often makes sense.
fn field(rng: &mut ChaCha8Rng, kind: u8) -> Vec<u8> {
    let kinds: &[u16] = match kind {
        193 => &[5, 0xC001, 0xC002, 0xC004, 99],
        128 => &[0xC003, 0xC005],
        130 => &[13, 14, 15, 16, 17, 18],
        _ => &[1],
    };
    let kind = kinds[rng.next_u32() as usize % kinds.len()];
    let address = [10, (rng.next_u32() % 3) as u8, 0, 1 + (rng.next_u32() % 40) as u8];
    let mut value = match kind {
        5 => address.to_vec(),
        0xC001 | 0xC002 | 0xC004 => [&[0, 0, 0, 1, 0, 5, 0, 8][..], &address].concat(),
        17 | 18 => vec![0, 0, 0, 0, (rng.next_u32() % 2) as u8, rng.next_u32() as u8, 0, 0],
        _ => (0..rng.next_u32() % 16).map(|_| (rng.next_u32() % 5) as u8).collect(),
    };
    if rng.next_u32().is_multiple_of(8) {
        value.truncate(value.len() / 2);
    }
    let mut bytes = [kind.to_be_bytes(), (value.len() as u16 + 4).to_be_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[test]
fn strangers_with_cookies_and_requests_take_no_memory() {
    // AUTH in front makes the endpoint look further (RFC 4895 §6.3, RFC 5061 §5.2 D2).
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut lab = Lab::new(5, [Link::clean(1), Link::clean(1)]);
    lab.ends[1].listen(&[address(1, 0)], PORT, Arc::new(everything())).expect("the port is free");
    for number in 0..10_000_u32 {
        let mut noise = vec![0; 64 + rng.next_u32() as usize % 200];
        rng.fill_bytes(&mut noise);
        let mut asconf = vec![0, 5, 0, 8];
        asconf.extend([10, 0, 0, number as u8]);
        let asconf = [&[193, 0, 0, 16][..], &number.to_be_bytes(), &asconf].concat();
        let chunks = if number.is_multiple_of(2) { bytes(&[Chunk::CookieEcho(&noise)]) } else { asconf };
        let header = CommonHeader {
            source_port: number as u16 | 1,
            destination_port: PORT,
            verification_tag: rng.next_u32(),
            checksum: 0,
        };
        give(&mut lab, 1, packet(header, signed(&chunks, b"guess", 0, false)));
    }
    // Answers wait in a queue of limited length.
    let mut answers = 0;
    while lab.ends[1].poll_transmit(lab.now).is_some() {
        answers += 1;
    }
    assert!(answers <= 1024, "{answers}");
    assert_eq!((lab.ends[1].associations(), lab.ends[1].poll_timeout()), (0, None));
    assert_eq!(lab.ends[1].counters().forged_cookies, 5000);
}

#[test]
fn a_copy_of_a_cookie_after_the_end_makes_an_association_that_ends_soon() {
    // RFC 9260 §5.2.4 is about associations that exist, and there is none any more: by §5.1.5 a cookie with the right
    // code and age makes one. Its peer knows nothing of it and says so; a cookie that is too old is refused.
    for (late, accepted) in [(10_000, true), (61_000, false)] {
        let mut lab = Lab::new(1, [Link::clean(5), Link::clean(5)]);
        lab.record = true;
        let a = lab.connect(1, SctpConfig::default(), SctpConfig::default());
        lab.run_until(at(100));
        let (_, _, echo) =
            lab.sent.iter().find(|(_, _, it)| kinds(it)[0] == "COOKIE-ECHO").expect("it was sent").clone();
        lab.ends[0].shutdown(lab.now, a);
        lab.drain(0);
        lab.run_until(at(late));
        assert_eq!(lab.ends.each_ref().map(|end| end.associations()), [0, 0]);
        lab.events[1].clear();
        lab.sent.clear();
        lab.fly(at(late), 0, echo);
        lab.run_until(at(late + 100));
        assert_eq!(lab.ends[1].associations(), u32::from(accepted));
        let answers: Vec<_> = lab.sent.iter().map(|(_, _, it)| kinds(it)[0]).collect();
        assert_eq!(answers, [if accepted { "COOKIE-ACK" } else { "ERROR" }]);
        lab.run_until(at(late + 60_000));
        let ended =
            |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::AbortedByPeer, .. });
        assert_eq!(lab.happened(1, ended).is_some(), accepted, "a HEARTBEAT is answered by ABORT");
        assert_eq!((lab.ends[1].associations(), lab.ends[1].poll_timeout()), (0, None));
    }
}
