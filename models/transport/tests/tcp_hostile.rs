//! Segments from an attacker, and segments that are nonsense.

mod lab;

use lab::peer::Scripted;
use lab::{Lab, Path, Stream};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sim_core::{SimDuration, SimTime};
use transport::endpoint::{Endpoint, InterfaceId, Received, Transmit};
use transport::tcp::{CloseReason, ConnectionId, TcpConfig, TcpEvent};
use wire::account::Account;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::{Header, TcpFlags};

/// Gives `transmit` this header and `payload`, with the right checksum.
fn rewrite(transmit: &mut Transmit, header: &Header, payload: Payload) {
    let total = header.len() as u32 + payload.len();
    let pseudo = wire::checksum::pseudo_header(
        transmit.source,
        transmit.destination,
        wire::ip::IpProtocol::TCP,
        total,
    );
    let rest = pseudo + payload.sum();
    let mut packet = Packet::new(payload, Account::default());
    header.emit(packet.push_header(header.len()), rest);
    transmit.packet = packet;
}

/// The header of a segment with some fields changed at random.
fn mutate(rng: &mut ChaCha8Rng, transmit: &mut Transmit, far: bool) {
    let mut header = Header::parse(transmit.packet.header()).expect("a segment was sent");
    let near = |rng: &mut ChaCha8Rng| (rng.next_u32() % 8192).wrapping_sub(4096);
    let shift = if far { (1 << 22) + rng.next_u32() % (u32::MAX - (1 << 23)) } else { near(rng) };
    header.sequence_number = header.sequence_number.wrapping_add(shift);
    header.flags = TcpFlags::from_bits(rng.next_u32() as u16);
    header.window = rng.next_u32() as u16;
    header.urgent_pointer = rng.next_u32() as u16;
    match rng.next_u32() % 3 {
        0 => header.acknowledgment_number = rng.next_u32(),
        1 => header.acknowledgment_number = header.acknowledgment_number.wrapping_add(near(rng)),
        _ => {}
    }
    let payload = if rng.next_u32().is_multiple_of(2) {
        Payload::empty()
    } else {
        Payload::from_bytes(vec![0xee; rng.next_u32() as usize % 3000])
    };
    rewrite(transmit, &header, payload);
}

struct Attack {
    ids: [Option<ConnectionId>; 2],
    reasons: Vec<CloseReason>,
    injected: u32,
}

/// A transfer during which every other segment is followed by a mutated copy.
fn attack(seed: u64, far: bool, config: &TcpConfig) -> ([Stream; 2], Attack) {
    let context = format!("seed {seed}, far {far}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut lab = Lab::new(seed, [Path::clean(10), Path::clean(10)]);
    let mut streams = [Stream::new(&mut rng, 1, 30, 3000), Stream::new(&mut rng, 2, 10, 2000)];
    lab.record = true;
    let (_connecting, _) = lab.connect(config.clone(), config.clone());
    let mut attack = Attack { ids: [None, None], reasons: Vec::new(), injected: 0 };
    let mut steps = 0;
    while lab.step(SimTime::from_secs(2000)) {
        steps += 1;
        assert!(steps < 100_000, "{context}: no end of steps");
        for side in 0..2 {
            for event in std::mem::take(&mut lab.events[side]) {
                match event {
                    TcpEvent::Connected(id) | TcpEvent::Accepted { id, .. } => attack.ids[side] = Some(id),
                    TcpEvent::Closed { reason, .. } => attack.reasons.push(reason),
                    _ => {}
                }
            }
            let Some(id) = attack.ids[side] else { continue };
            streams[side].write(&mut lab, side, id);
            if far {
                streams[1 - side].read(&mut lab, side, id, u32::MAX, &context);
            } else {
                lab.ends[side].read(lab.now, id, u32::MAX);
            }
            lab.drain(side);
        }
        if let [Some(_), Some(_)] = attack.ids
            && attack.injected < 500
            && let Some((_, side, original)) = lab.sent.last().cloned()
        {
            let mut copy = original;
            mutate(&mut rng, &mut copy, far);
            let later = lab.now + SimDuration::from_micros(u64::from(rng.next_u32()) % 12_000);
            lab.fly(later, side, copy);
            attack.injected += 1;
        }
        lab.sent.clear();
    }
    for side in 0..2 {
        // A forged reset may leave the other side waiting for a FIN that nobody sends.
        if let Some(id) = attack.ids[side].filter(|_| !far) {
            lab.ends[side].abort(lab.now, id);
            lab.drain(side);
        }
        lab.ends[side].handle_timeout(lab.now);
        assert_eq!(lab.ends[side].connections(), 0, "{context}: side {side} keeps memory");
    }
    (streams, attack)
}

#[test]
fn an_attacker_outside_the_window_changes_nothing() {
    // RFC 5961: neither a reset, nor a SYN, nor data whose number is not in the window. The receive buffers are
    // a megabyte, the numbers at least four away.
    for timestamps in [true, false] {
        for seed in 0..100 {
            let config = TcpConfig { timestamps, ..TcpConfig::default() };
            let (streams, attack) = attack(seed, true, &config);
            assert!(attack.injected > 20, "seed {seed}: {} segments", attack.injected);
            assert!(streams.iter().all(Stream::is_complete), "seed {seed}");
            assert_eq!(attack.reasons, [CloseReason::Normal; 2], "seed {seed}");
        }
    }
}

#[test]
fn an_attacker_inside_the_window_breaks_no_more_than_the_connection() {
    let mut resets = 0;
    for seed in 0..300 {
        let (_, attack) = attack(seed, false, &TcpConfig { timestamps: false, ..TcpConfig::default() });
        resets += attack.reasons.iter().filter(|reason| **reason == CloseReason::Reset).count();
    }
    assert!(resets > 0, "some resets hit the exact number");
}

/// Sends a byte at each of these places behind a gap; the pieces kept, the segments refused, and the connection.
fn tiny(places: impl Iterator<Item = u32>, receive_buffer: u32) -> (u32, u32, Scripted) {
    let config = TcpConfig { receive_buffer, timestamps: false, ..TcpConfig::default() };
    let mut it = Scripted::established(config);
    let mut most = 0;
    for place in places {
        it.tell(TcpFlags::ACK, place, 1, 1);
        it.said.clear();
        most = most.max(it.stats().out_of_order_pieces);
    }
    let refused = it.stats().counters.out_of_order_refused;
    (most, refused, it)
}

#[test]
fn many_bytes_beyond_a_gap_do_not_fill_the_memory() {
    // Apart from each other, and in one row: 65,000 bytes of data, each in a segment of its own.
    for step in [2, 1] {
        let places = (0..30_000).map(|index| 3 + index * step);
        let (most, refused, mut it) = tiny(places, 65_535);
        // A segment counts 576 bytes besides its data, and all of them may take as much as the buffer holds.
        assert_eq!((most, refused), (65_535 / 576, 30_000 - 65_535 / 576), "every {step}. byte");
        // What was refused was not reported, and arrives when it is sent again.
        it.tell(TcpFlags::ACK, 1, 1, 2);
        let expected = if step == 1 { 2 + 65_535 / 576 } else { 3 };
        assert_eq!(it.end.readable(it.id.unwrap()), expected);
    }
    let (most, _, _) = tiny((0..1000).map(|index| 3 + 2 * index), 2000);
    assert_eq!(most, 32, "the smallest buffers keep that many");
}

#[test]
fn no_bytes_make_the_endpoint_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut lab = Lab::new(4, [Path::clean(1), Path::clean(1)]);
    let (_connecting, _) = lab.connect(TcpConfig::default(), TcpConfig::default());
    lab.run_until(SimTime::from_millis(10));
    for round in 0..50_000_u32 {
        let len = rng.next_u32() as usize % 80;
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
        if len >= 20 {
            bytes[2..4].copy_from_slice(&lab::PORT.to_be_bytes());
            bytes[12] = (5 + rng.next_u32() as u8 % 11) << 4;
            let (source, destination) = (lab::address(0), lab::address(1));
            let protocol = wire::ip::IpProtocol::TCP;
            let pseudo = wire::checksum::pseudo_header(source, destination, protocol, len as u32);
            bytes[16..18].fill(0);
            let checksum = (pseudo + wire::checksum::Sum::of(&bytes)).finish();
            bytes[16..18].copy_from_slice(&checksum.to_be_bytes());
        }
        let mut packet = Packet::new(Payload::from_bytes(bytes), Account::default());
        let received = Received {
            source: lab::address(0),
            destination: lab::address(1),
            interface: InterfaceId(0),
            hop_limit: 1,
            traffic_class: round as u8,
            packet: &mut packet,
        };
        lab.ends[1].handle_datagram(lab.now, received);
        while lab.ends[1].poll_transmit(lab.now).is_some() || lab.ends[1].poll_event().is_some() {}
    }
    let counters = lab.ends[1].counters();
    assert!(counters.malformed > 0 && counters.unmatched > 0 && counters.backlog_full > 0, "{counters:?}");
}
