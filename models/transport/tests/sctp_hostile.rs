//! Packets from an attacker, and packets that are nonsense.

mod sctp_lab;

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sctp_lab::craft::{give, packet};
use sctp_lab::{Lab, Link, PORT, address, at};
use sim_core::SimDuration;
use transport::endpoint::Endpoint;
use transport::sctp::{MessageOptions, SctpConfig, SctpEvent};
use wire::payload::Payload;
use wire::sctp::{Chunk, CommonHeader, Initiation, Parameters};

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
        let mut header = sctp_lab::common(&original.2);
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
                let header = sctp_lab::common(&original);
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
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut lab = Lab::new(4, [Link::clean(1), Link::clean(1)]);
    lab.record = true;
    lab.connect(1, SctpConfig::default(), SctpConfig::default());
    lab.run_until(at(10));
    let tags: Vec<CommonHeader> = lab.sent.iter().map(|(_, _, it)| sctp_lab::common(it)).collect();
    for _ in 0..60_000_u32 {
        let len = rng.next_u32() as usize % 80;
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
        if len >= 4 {
            bytes[0] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 192, 130, 64][rng.next_u32() as usize % 16];
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
