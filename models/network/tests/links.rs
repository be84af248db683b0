//! One link at a time: when frames arrive, which are dropped, lost, copied, marked and damaged.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::impairment::{CorruptionRate, JitterDistribution};
use network::link::{Direction, LossConfig};
use network::port::Framing;
use network::queue::{CoDelConfig, CoDelControl, QueueConfig, QueueLimit, RedConfig, RedThresholds};
use sim_core::{ByteCount, Probability, SimDuration};
use wire::ip::Ecn;
use wire::ip_view::HeaderView;

/// Two nodes joined by `forward`; the way back is the same.
fn pair(forward: Direction) -> (NetworkBuilder, [NodeKey; 2], [PortKey; 2]) {
    let mut builder = NetworkBuilder::new();
    let a = builder.add_node("a", false);
    let b = builder.add_node("b", false);
    let ports = [
        builder.add_port(a, "0", &[prefix("10.0.0.1/30"), prefix("fd00::1/64")]),
        builder.add_port(b, "0", &[prefix("10.0.0.2/30"), prefix("fd00::2/64")]),
    ];
    builder.connect("a-b", ports, forward.clone(), forward);
    (builder, [a, b], ports)
}

fn to_b(len: usize) -> wire::packet::Packet {
    packet("10.0.0.1", "10.0.0.2", len)
}

fn probability(chance: f64) -> Probability {
    Probability::from_f64(chance).expect("a chance is between 0 and 1")
}

#[test]
fn a_frame_arrives_after_its_bits_and_the_delay() {
    // Framing::None: 1,000 bytes = 8,000 bits at 10 Mbit/s = 800 us; 5 ms of delay.
    // Ppp: 1,002 bytes = 801.6 us. Ethernet: 1,018 and 8 of preamble = 8,208 bits = 820.8 us; the gap of 12
    // bytes comes after it.
    for (framing, nanos) in
        [(Framing::None, 5_800_000), (Framing::Ppp, 5_801_600), (Framing::Ethernet, 5_820_800)]
    {
        let mut direction = Direction::new(mbit(10), millis(5));
        direction.framing = framing;
        let (builder, [a, b], _) = pair(direction);
        let mut lab = Lab::new(builder);
        lab.send_at(ms(0), a, to_b(1000));
        lab.run();
        assert_eq!(lab.times(b), [nanos], "{framing:?}");
    }
}

#[test]
fn a_short_ethernet_frame_is_padded_to_sixty_four_bytes() {
    // 28 bytes of packet: padded to 64, 8 of preamble: 72 * 8 = 576 bits at 1 Mbit/s = 576 us; the gap of 12
    // bytes keeps the link busy until 672 us.
    let (builder, [a, b], ports) = pair(Direction::new(mbit(1), millis(0)));
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, to_b(28));
    lab.run();
    assert_eq!(lab.times(b), [576_000]);
    let report = lab.net.direction_report(lab.port(ports[0]));
    assert_eq!((report.frames, report.bytes), (1, 64));
    assert_eq!(report.busy.as_micros(), 672);
}

#[test]
fn frames_follow_each_other_without_a_gap_of_their_own() {
    // 982 + 18 + 20 = 1,020 bytes = 8,160 bits at 10 Mbit/s = 816 us each, of which the last 9.6 us are the gap.
    let (builder, [a, b], _) = pair(Direction::new(mbit(10), millis(1)));
    let mut lab = Lab::new(builder);
    for _ in 0..3 {
        lab.send_at(ms(0), a, to_b(982));
    }
    lab.run();
    assert_eq!(lab.times(b), [1_806_400, 2_622_400, 3_438_400]);
}

#[test]
fn the_frame_after_the_last_place_of_the_queue_is_dropped() {
    let mut direction = Direction::new(mbit(10), millis(1));
    direction.queue = QueueConfig::DropTail(QueueLimit::Packets(3));
    let (builder, [a, b], ports) = pair(direction);
    let mut lab = Lab::new(builder);
    // One in transmission, three waiting, six dropped. At 816 us the second leaves the queue: one place.
    for _ in 0..10 {
        lab.send_at(ms(0), a, to_b(982));
    }
    for _ in 0..2 {
        lab.send_at(us(816), a, to_b(982));
    }
    lab.run();
    assert_eq!(lab.times(b).len(), 5);
    assert_eq!(lab.link_drops(ports[0], DropCause::QueueFull), 7);
    let report = lab.net.direction_report(lab.port(ports[0]));
    assert_eq!(report.queue_max, 3);
    // Waiting: 816 + 1,632 + 2,448 us, then from 816 us until 3,264 us.
    assert_eq!(report.waited.as_micros(), 816 + 1632 + 2448 + 2448);
}

#[test]
fn a_limit_in_bytes_counts_frames_with_their_framing() {
    let mut direction = Direction::new(mbit(10), millis(1));
    direction.queue = QueueConfig::DropTail(QueueLimit::Bytes(ByteCount::from_bytes(2000)));
    let (builder, [a, b], ports) = pair(direction);
    let mut lab = Lab::new(builder);
    for _ in 0..5 {
        lab.send_at(ms(0), a, to_b(982));
    }
    lab.run();
    assert_eq!((lab.times(b).len(), lab.link_drops(ports[0], DropCause::QueueFull)), (3, 2));
}

#[test]
fn the_frames_that_are_named_are_lost_counted_from_one() {
    let mut direction = Direction::new(mbit(100), millis(1));
    direction.loss = LossConfig::Frames(vec![1, 4]);
    let (builder, [a, b], ports) = pair(direction);
    let mut lab = Lab::new(builder);
    for number in 1..=5_u64 {
        lab.send_at(ms(number), a, to_b(100));
    }
    lab.run();
    let arrivals: Vec<u64> = lab.times(b).iter().map(|nanos| nanos / 1_000_000 - 1).collect();
    assert_eq!(arrivals, [2, 3, 5], "the first and the fourth are lost");
    assert_eq!(lab.link_drops(ports[0], DropCause::Loss), 2);
    assert_eq!(lab.net.direction_report(lab.port(ports[0])).frames, 5, "what is lost was sent");
}

#[test]
fn a_smaller_chance_loses_a_subset_of_what_a_larger_one_loses() {
    let arrived = |chance: f64| {
        let mut direction = Direction::new(mbit(100), millis(1));
        direction.loss = LossConfig::Independent(probability(chance));
        let (builder, [a, b], _) = pair(direction);
        let mut lab = Lab::new(builder);
        for number in 0..2000 {
            lab.send_at(ms(number), a, to_b(100));
        }
        lab.run();
        lab.times(b)
    };
    let (few, many) = (arrived(0.2), arrived(0.05));
    assert!(few.iter().all(|time| many.contains(time)));
    // 2,000 draws: 400 and 100 losses, standard deviations 17.9 and 9.7.
    assert!((2000 - few.len()).abs_diff(400) < 72, "{}", few.len());
    assert!((2000 - many.len()).abs_diff(100) < 40, "{}", many.len());
}

#[test]
fn a_duplicated_frame_arrives_twice_and_is_paid_once() {
    let mut direction = Direction::new(mbit(100), millis(1));
    direction.duplicate = Some(Probability::ALWAYS);
    let (builder, [a, b], ports) = pair(direction);
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, to_b(982));
    lab.run();
    // 1,000 bytes of frame and 8 of preamble at 100 Mbit/s: 80.64 us.
    assert_eq!(lab.times(b), [1_080_640, 1_080_640]);
    let report = lab.net.direction_report(lab.port(ports[0]));
    assert_eq!((report.frames, report.duplicated), (1, 1));
    let packets = lab.packets(b);
    assert_eq!(packets[0].to_vec(), packets[1].to_vec());
}

#[test]
fn jitter_keeps_the_order_unless_frames_may_overtake() {
    let arrivals = |overtakes: bool| {
        let mut direction = Direction::new(mbit(100), millis(1));
        let spread = JitterDistribution::Uniform { min: millis(0), max: millis(20) };
        direction.jitter = Some((spread, overtakes));
        direction.queue = QueueConfig::DropTail(QueueLimit::Packets(1000));
        let (builder, [a, b], _) = pair(direction);
        let mut lab = Lab::new(builder);
        for number in 0..200_u64 {
            lab.send_at(ms(number), a, to_b(100 + number as usize));
        }
        lab.run();
        lab.packets(b).iter().map(|packet| packet.len()).collect::<Vec<_>>()
    };
    let (ordered, free) = (arrivals(false), arrivals(true));
    assert_eq!((ordered.len(), free.len()), (200, 200));
    assert!(ordered.is_sorted());
    assert!(!free.is_sorted());
}

#[test]
fn a_damaged_header_is_dropped_and_a_damaged_payload_delivered_with_its_flag() {
    let mut direction = Direction::new(mbit(100), millis(1));
    direction.corrupt = Some(CorruptionRate::Frame(Probability::ALWAYS));
    let (builder, [a, b], ports) = pair(direction);
    let mut lab = Lab::new(builder);
    for number in 0..400 {
        lab.send_at(ms(number), a, to_b(200));
    }
    lab.run();
    let malformed = lab.node_drops(b, DropCause::Malformed);
    let damaged = lab.packets(b);
    assert_eq!(malformed + damaged.len() as u64, 400);
    assert_eq!(lab.net.direction_report(lab.port(ports[0])).corrupted, 400);
    let whole = to_b(200).to_vec();
    for packet in &damaged {
        assert!(packet.corrupted);
        let bytes = packet.to_vec();
        assert_eq!(bytes[..20], whole[..20], "the header is whole");
        let flips: u32 = bytes.iter().zip(&whole).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(flips, 1);
    }
    // One bit of 1,600, uniform: 160 of the header's. 40 expected of 400, standard deviation 6.
    assert!(malformed.abs_diff(40) < 24, "{malformed}");
}

#[test]
fn a_damaged_ipv6_header_is_not_noticed_by_the_network_unless_its_destination_changes() {
    let mut direction = Direction::new(mbit(100), millis(1));
    direction.corrupt = Some(CorruptionRate::Frame(Probability::ALWAYS));
    let (builder, [a, b], _) = pair(direction);
    let mut lab = Lab::new(builder);
    for number in 0..400 {
        lab.send_at(ms(number), a, packet("fd00::1", "fd00::2", 200));
    }
    lab.run();
    let elsewhere = lab.node_drops(b, DropCause::NotForMe);
    let malformed = lab.node_drops(b, DropCause::Malformed);
    assert!(elsewhere > 0, "a bit of the destination was hit");
    assert_eq!(lab.packets(b).len() as u64 + elsewhere + malformed, 400);
}

/// RED between 2 and 5 packets of the instantaneous queue, with ECN.
fn red() -> QueueConfig {
    let mut red = RedConfig::new(
        QueueLimit::Packets(50),
        RedThresholds::Packets { min: 2, max: 40 },
        SimDuration::from_micros(100),
    );
    red.ecn = true;
    red.weight = probability(0.5);
    red.probability_max = probability(0.5);
    QueueConfig::Red(red)
}

fn codel() -> QueueConfig {
    let control = CoDelControl { ecn: true, ..CoDelControl::default() };
    QueueConfig::CoDel(CoDelConfig { limit: QueueLimit::Packets(1000), control })
}

#[test]
fn managed_queues_mark_what_understands_it_and_drop_what_does_not() {
    for queue in [red(), codel()] {
        for ecn in [Ecn::Ect0, Ecn::NotEct] {
            let mut direction = Direction::new(mbit(1), millis(1));
            direction.queue = queue.clone();
            let (builder, [a, b], ports) = pair(direction);
            let mut lab = Lab::new(builder);
            // 1,020 bytes take 8.16 ms: one every 6 ms is too much.
            for number in 0..80 {
                lab.send_at(ms(number * 6), a, packet_with("10.0.0.1", "10.0.0.2", 982, 64, ecn));
            }
            lab.run();
            let marked = lab
                .packets(b)
                .iter()
                .filter(|packet| HeaderView::new(packet.header()).unwrap().ecn() == Ecn::Ce)
                .inspect(|packet| assert!(wire::ipv4::Header::parse(packet.header()).is_ok(), "a sound sum"))
                .count();
            let dropped = lab.link_drops(ports[0], DropCause::QueueManaged);
            if ecn == Ecn::Ect0 {
                assert!(marked > 0 && dropped == 0, "{queue:?}: {marked} marked, {dropped} dropped");
            } else {
                assert!(marked == 0 && dropped > 0, "{queue:?}: {marked} marked, {dropped} dropped");
            }
        }
    }
}

#[test]
fn a_managed_queue_is_served_at_the_rate_of_the_link() {
    // 1,000 bytes of frame and 20 of gap at 1.02 Mbit/s: 8 ms each. Arrivals at 0, 8, 16, … meet them.
    let mut direction = Direction::new(sim_core::DataRate::from_bits_per_second(1_020_000), millis(0));
    direction.queue = codel();
    let (builder, [a, b], ports) = pair(direction);
    let mut lab = Lab::new(builder);
    for number in 0..10 {
        lab.send_at(ms(number * 8), a, to_b(982));
        lab.send_at(ms(number * 8), a, to_b(982));
    }
    lab.run();
    let times = lab.times(b);
    assert!(times.len() > 15);
    for (number, time) in times.iter().enumerate() {
        // 1,008 bytes at 1.02 Mbit/s: 7,905,882.35 ns, rounded up.
        assert_eq!(*time, number as u64 * 8_000_000 + 7_905_883);
    }
    let busy = lab.net.direction_report(lab.port(ports[0])).busy;
    assert_eq!(busy.as_nanos(), times.len() as u64 * 8_000_000);
}

#[test]
fn a_managed_queue_and_a_perfect_link_agree_where_nothing_is_asked_for() {
    let run = |queue: QueueConfig| {
        let mut direction = Direction::new(mbit(10), millis(3));
        direction.queue = queue;
        let (builder, [a, b], _) = pair(direction);
        let mut lab = Lab::new(builder);
        for number in 0..50_u64 {
            lab.send_at(us(number * 700), a, to_b(60 + 19 * number as usize));
        }
        lab.run();
        (lab.times(b), lab.net.digest())
    };
    let fifo = run(QueueConfig::DropTail(QueueLimit::Packets(1000)));
    assert_eq!(run(codel()), fifo, "CoDel never sees a delay of 5 ms");
}

#[test]
fn what_a_node_sends_to_itself_takes_no_time_and_no_link() {
    let (builder, [a, _], ports) = pair(Direction::new(mbit(10), millis(3)));
    let mut lab = Lab::tapped(builder);
    let node = lab.node(a);
    lab.net.set_accounted(node);
    lab.net.expect_outages();
    lab.send_at(ms(7), a, packet("10.0.0.1", "10.0.0.1", 100));
    lab.run();
    assert_eq!(lab.times(a), [7_000_000]);
    assert_eq!(lab.net.direction_report(lab.port(ports[0])).frames, 0);
}

#[test]
fn the_sender_pays_for_padding_and_framing_in_every_frame() {
    let (builder, [a, _], _) = pair(Direction::new(mbit(10), millis(3)));
    let mut lab = Lab::new(builder);
    let node = lab.node(a);
    lab.net.set_accounted(node);
    lab.send_at(ms(0), a, to_b(28));
    lab.send_at(ms(1), a, to_b(1000));
    lab.run();
    let account = lab.net.accounts.flow(wire::account::FlowId::NONE);
    assert_eq!((account.frames, account.bytes()), (2, 64 + 1018));
    assert_eq!((account.hop_frames, account.hop_bytes), (2, 64 + 1018));
    let lines: Vec<_> =
        account.sorted_lines().iter().map(|line| (line.protocol.name(), line.bytes)).collect();
    assert_eq!(lines, [("ethernet", 36 + 18), ("ipv4", 40), ("data", 8 + 980)]);
}
