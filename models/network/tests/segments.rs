//! Shared segments: the medium, address resolution by ARP and neighbour discovery, faults of stations.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::link::{Direction, LossConfig};
use network::neighbour::NeighbourConfig;
use network::queue::QueueLimit;
use network::segment::SegmentSpec;
use sim_core::{SimDuration, SimTime};
use wire::account::{FlowId, Reason};
use wire::ethernet::{EtherType, Header};

/// `stations` on a segment of 10 Mbit/s and 10 us: 10.0.0.n and fd00::n, n from 1.
struct Lan {
    builder: NetworkBuilder,
    nodes: Vec<NodeKey>,
    ports: Vec<PortKey>,
}

fn spec() -> SegmentSpec {
    SegmentSpec::new(mbit(10), SimDuration::from_micros(10))
}

fn known() -> SegmentSpec {
    let neighbours = NeighbourConfig { known: true, ..NeighbourConfig::default() };
    SegmentSpec { neighbours, ..spec() }
}

fn lan(stations: usize, spec: SegmentSpec) -> Lan {
    let mut builder = NetworkBuilder::new();
    let nodes: Vec<_> = (1..=stations).map(|n| builder.add_node(&format!("n{n}"), false)).collect();
    let ports: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(n, &node)| {
            let addresses = [prefix(&format!("10.0.0.{}/24", n + 1)), prefix(&format!("fd00::{}/64", n + 1))];
            builder.add_port(node, "eth0", &addresses)
        })
        .collect();
    builder.segment("lan", spec, &ports);
    Lan { builder, nodes, ports }
}

/// The types of the frames sent, in order, with their lengths.
fn frames(lab: &Lab<Tap>) -> Vec<(EtherType, usize)> {
    let sent = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { bytes, .. } => Some((Header::parse(bytes).expect("a frame").ether_type, bytes.len())),
        Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    sent.collect()
}

#[test]
fn the_first_packet_waits_for_arp_and_the_second_does_not() {
    let Lan { builder, nodes, .. } = lan(3, spec());
    let mut lab = Lab::tapped(builder);
    lab.send_at(ms(0), nodes[0], packet("10.0.0.1", "10.0.0.2", 982));
    lab.send_at(ms(10), nodes[0], packet("10.0.0.1", "10.0.0.2", 982));
    lab.send_at(ms(20), nodes[1], packet("10.0.0.2", "10.0.0.1", 982));
    lab.run();
    // Request and reply: 64 bytes and 8 of preamble at 10 Mbit/s = 57.6 us, and 10 us of delay, in which the
    // gap of 9.6 us passes. The packet: 1,008 bytes = 806.4 us and 10 us. 67.6 + 67.6 + 816.4 = 951.6 us.
    assert_eq!(lab.times(nodes[1]), [951_600, 10_816_400]);
    assert_eq!(lab.times(nodes[0]), [20_816_400], "who was asked knows who asked");
    let (arp, ipv4) = ((EtherType::ARP, 42), (EtherType::IPV4, 996));
    assert_eq!(frames(&lab), [arp, arp, ipv4, ipv4, ipv4]);
    let report = lab.net.segments()[0].report();
    assert_eq!((report.frames, report.bytes), (5, 64 + 64 + 3 * 1000));
    assert_eq!(report.busy.as_nanos(), 2 * 67_200 + 3 * 816_000);
    assert!(lab.packets(nodes[2]).is_empty(), "the third station hears the request only");
}

#[test]
fn an_ipv6_neighbour_is_asked_by_its_solicited_node_group() {
    let Lan { builder, nodes, .. } = lan(3, spec());
    let mut lab = Lab::tapped(builder);
    lab.send_at(ms(0), nodes[0], packet("fd00::1", "fd00::2", 982));
    lab.send_at(ms(10), nodes[0], packet("fd00::1", "fd00::2", 982));
    lab.run();
    // Solicitation and advertisement: 40 + 32 bytes, 90 in the frame, 98 with the preamble: 78.4 us; 10 us.
    assert_eq!(lab.times(nodes[1]), [88_400 * 2 + 816_400, 10_816_400]);
    let sent: Vec<_> = frames(&lab).iter().map(|&(_, len)| len).collect();
    // Five seconds after it advertised to a neighbour it knew from the solicitation only, the second station
    // makes sure that the first is there: one solicitation, one advertisement, both unicast.
    assert_eq!(sent, [86, 86, 996, 996, 86, 86]);
    let Seen::Sent { bytes, .. } = &lab.net.observer.0[0] else { panic!("the first thing is a frame") };
    assert_eq!(bytes[..6], [0x33, 0x33, 0xff, 0, 0, 2]);
    let arrived = lab.net.observer.0.iter().filter(|seen| matches!(seen, Seen::Arrived { .. })).count();
    assert_eq!(arrived, 6, "no group frame reached the third station");
}

#[test]
fn resolution_is_paid_by_no_flow_as_control() {
    let Lan { builder, nodes, .. } = lan(2, spec());
    let mut lab = Lab::new(builder);
    for &key in &nodes {
        let node = lab.node(key);
        lab.net.set_accounted(node);
    }
    lab.send_at(ms(0), nodes[0], packet("10.0.0.1", "10.0.0.2", 100));
    lab.run_until(ms(100));
    let lines: Vec<_> = lab
        .net
        .accounts
        .flow(FlowId::NONE)
        .sorted_lines()
        .iter()
        .map(|line| (line.protocol.name(), line.reason == Reason::Control, line.bytes))
        .collect();
    // Two frames of 64 bytes: 36 of Ethernet and 28 of ARP each. The packet: 18, 20 and 80.
    assert_eq!(
        lines,
        [
            ("ethernet", false, 18),
            ("ethernet", true, 72),
            ("arp", true, 56),
            ("ipv4", false, 20),
            ("data", false, 80)
        ]
    );
}

#[test]
fn the_medium_carries_one_frame_at_a_time() {
    let Lan { builder, nodes, ports } = lan(4, known());
    let mut lab = Lab::new(builder);
    // 816 us each with the gap, whoever sends: in the order of asking, at one time in that of the nodes.
    lab.send_at(ms(0), nodes[0], packet("10.0.0.1", "10.0.0.4", 982));
    lab.send_at(us(100), nodes[1], packet("10.0.0.2", "10.0.0.4", 982));
    lab.send_at(us(200), nodes[2], packet("10.0.0.3", "10.0.0.1", 982));
    lab.send_at(us(300), nodes[0], packet("10.0.0.1", "10.0.0.4", 982));
    lab.run();
    assert_eq!(lab.times(nodes[3]), [816_400, 1_632_400, 3_264_400]);
    assert_eq!(lab.times(nodes[0]), [2_448_400]);
    let report = lab.net.direction_report(lab.port(ports[0]));
    assert_eq!((report.frames, report.queue_max), (2, 1));
    assert_eq!(report.waited.as_micros(), 3 * 816 - 300);
}

#[test]
fn each_station_has_its_own_queue() {
    let Lan { builder, nodes, ports } = lan(3, SegmentSpec { queue: QueueLimit::Packets(2), ..known() });
    let mut lab = Lab::new(builder);
    for _ in 0..5 {
        lab.send_at(ms(0), nodes[0], packet("10.0.0.1", "10.0.0.3", 982));
    }
    for _ in 0..3 {
        lab.send_at(ms(0), nodes[1], packet("10.0.0.2", "10.0.0.3", 982));
    }
    lab.run();
    // The first station sends one and queues two; the second finds the medium busy and queues two.
    assert_eq!(lab.times(nodes[2]).len(), 5);
    assert_eq!(lab.link_drops(ports[0], DropCause::QueueFull), 2);
    assert_eq!(lab.link_drops(ports[1], DropCause::QueueFull), 1);
}

#[test]
fn an_address_that_nobody_has_is_asked_for_three_times_and_reported() {
    for (from, to, kind) in [("10.0.0.1", "10.0.0.9", (3, 1)), ("fd00::1", "fd00::9", (1, 3))] {
        let Lan { mut builder, nodes, ports } = lan(2, spec());
        builder.add_route(nodes[0], prefix("10.0.0.0/24"), ports[0], None);
        builder.add_route(nodes[0], prefix("fd00::/64"), ports[0], None);
        let mut lab = Lab::tapped(builder);
        // Five packets: three wait, two have to make room.
        for time in 0..5 {
            lab.send_at(ms(time), nodes[0], packet(from, to, 200));
        }
        lab.run();
        assert_eq!(frames(&lab).len(), 3, "three questions");
        assert_eq!(lab.link_drops(ports[0], DropCause::Unresolved), 5);
        let errors = lab.packets(nodes[0]);
        assert_eq!(errors.iter().map(|error| icmp_kind(error)).collect::<Vec<_>>(), [Some(kind); 3]);
        assert!(lab.times(nodes[0]).iter().all(|&time| time == 3_000_000_000));
    }
}

#[test]
fn a_lost_question_is_repeated_after_a_second() {
    let Lan { builder, nodes, .. } = lan(2, SegmentSpec { loss: LossConfig::Frames(vec![1]), ..spec() });
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), nodes[0], packet("10.0.0.1", "10.0.0.2", 982));
    lab.run();
    assert_eq!(lab.times(nodes[1]), [1_000_951_600]);
    assert_eq!(lab.net.segments()[0].report().lost, 1);
}

#[test]
fn a_frame_that_the_medium_loses_reaches_nobody() {
    let Lan { builder, nodes, ports } = lan(2, SegmentSpec { loss: LossConfig::Frames(vec![2]), ..known() });
    let mut lab = Lab::new(builder);
    for time in 0..3 {
        lab.send_at(ms(time), nodes[0], packet("10.0.0.1", "10.0.0.2", 100));
    }
    lab.run();
    assert_eq!((lab.times(nodes[1]).len(), lab.link_drops(ports[0], DropCause::Loss)), (2, 1));
}

#[test]
fn arp_is_asked_again_after_its_time_out() {
    let neighbours =
        NeighbourConfig { arp_timeout: SimDuration::from_secs(60), ..NeighbourConfig::default() };
    let Lan { builder, nodes, .. } = lan(2, SegmentSpec { neighbours, ..spec() });
    let mut lab = Lab::tapped(builder);
    for second in [0, 59, 61] {
        lab.send_at(SimTime::from_secs(second), nodes[0], packet("10.0.0.1", "10.0.0.2", 100));
    }
    lab.run();
    let arp = frames(&lab).iter().filter(|(kind, _)| *kind == EtherType::ARP).count();
    assert_eq!((lab.times(nodes[1]).len(), arp), (3, 4));
}

#[test]
fn a_silent_ipv6_neighbour_is_probed_and_then_asked_for_again() {
    let Lan { builder, nodes, ports } = lan(2, spec());
    let mut lab = Lab::tapped(builder);
    let peer = lab.port(ports[1]);
    lab.send_at(ms(0), nodes[0], packet("fd00::1", "fd00::2", 100));
    lab.at(SimTime::from_secs(20), move |net| net.set_port_down(peer, true));
    lab.send_at(SimTime::from_secs(100), nodes[0], packet("fd00::1", "fd00::2", 100));
    lab.send_at(SimTime::from_secs(200), nodes[0], packet("fd00::1", "fd00::2", 100));
    lab.run();
    assert_eq!(lab.times(nodes[1]).len(), 1);
    let after = |from: u64| {
        let sent = lab.net.observer.0.iter().filter_map(move |seen| match seen {
            Seen::Sent { at, bytes, .. } if at.as_secs() >= from => Some((at.as_secs(), bytes.len())),
            _ => None,
        });
        sent.collect::<Vec<_>>()
    };
    // At 100 s the entry is stale: the packet is sent, and three probes follow 5 s later; at 200 s the entry is
    // gone, and three questions go to the group.
    let expected = [(100, 114), (105, 86), (106, 86), (107, 86), (200, 86), (201, 86), (202, 86)];
    assert_eq!(after(100), expected);
    assert_eq!(
        lab.packets(nodes[0]).iter().map(|error| icmp_kind(error)).collect::<Vec<_>>(),
        [Some((1, 3))]
    );
}

/// host - segment - router - link - host, and a second router on the segment that leads nowhere.
fn routed(spec: SegmentSpec) -> (NetworkBuilder, [NodeKey; 4], [PortKey; 5]) {
    let mut builder = NetworkBuilder::new();
    let nodes = [("a", false), ("r", true), ("x", true), ("b", false)].map(|(n, fw)| builder.add_node(n, fw));
    let [a, r, x, b] = nodes;
    let mut port =
        |node, name: &str, v4: &str, v6: &str| builder.add_port(node, name, &[prefix(v4), prefix(v6)]);
    let ports = [
        port(a, "eth0", "10.0.0.1/24", "fd00::1/64"),
        port(r, "eth0", "10.0.0.2/24", "fd00::2/64"),
        port(x, "eth0", "10.0.0.3/24", "fd00::3/64"),
        port(r, "up", "10.0.1.1/30", "fd01::1/64"),
        port(b, "up", "10.0.1.2/30", "fd01::2/64"),
    ];
    builder.segment("lan", spec, &ports[..3]);
    let link = Direction::new(mbit(10), millis(1));
    builder.connect("up", [ports[3], ports[4]], link.clone(), link);
    (builder, nodes, ports)
}

#[test]
fn packets_leave_a_segment_by_its_router_and_come_back() {
    for (near, far) in [("10.0.0.1", "10.0.1.2"), ("fd00::1", "fd01::2")] {
        let (builder, [a, r, _, b], _) = routed(spec());
        let mut lab = Lab::new(builder);
        lab.send_at(ms(0), a, packet(near, far, 982));
        lab.send_at(ms(10), b, packet(far, near, 982));
        // Its hops run out at the router.
        lab.send_at(ms(20), a, packet_with(near, far, 100, 1, wire::ip::Ecn::NotEct));
        lab.run();
        assert_eq!((lab.times(a).len(), lab.times(b).len()), (2, 1));
        assert!(icmp_kind(lab.packets(a)[1]).is_some());
        assert_eq!(lab.node_drops(r, DropCause::HopLimit), 1);
    }
}

#[test]
fn a_packet_too_big_for_a_segment_is_cut_before_it_is_framed() {
    let (builder, [a, _, _, b], _) = routed(SegmentSpec { mtu: 600, ..spec() });
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), b, packet("10.0.1.2", "10.0.0.1", 1500));
    lab.run();
    let lengths: Vec<_> = lab.packets(a).iter().map(|part| part.len()).collect();
    assert_eq!(lengths, [596, 596, 348]);
}

#[test]
fn headers_that_have_no_room_beside_the_ethernet_header_come_out_whole() {
    let Lan { builder, nodes, .. } = lan(2, known());
    let mut lab = Lab::new(builder);
    // 40 bytes of IPv6 and 60 of a transport header: 114 with the Ethernet header, of 104 that are inline.
    let mut full = packet("fd00::1", "fd00::2", 200);
    assert!(full.pull(100));
    let expected = full.to_vec();
    lab.send_at(ms(0), nodes[0], full);
    lab.run();
    let packets = lab.packets(nodes[1]);
    assert_eq!((packets[0].to_vec(), packets[0].header().len()), (expected, 100));
}

#[test]
fn a_station_whose_link_is_down_neither_sends_nor_hears() {
    let Lan { builder, nodes, ports } = lan(3, known());
    let mut lab = Lab::new(builder);
    let port = lab.port(ports[1]);
    lab.send_at(us(0), nodes[0], packet("10.0.0.1", "10.0.0.2", 982)); // arrives at 816.4 us
    lab.send_at(us(1), nodes[1], packet("10.0.0.2", "10.0.0.3", 982)); // waits
    lab.send_at(us(2), nodes[0], packet("10.0.0.1", "10.0.0.3", 982)); // behind it
    lab.at(us(500), move |net| net.set_port_down(port, true));
    lab.send_at(ms(4), nodes[1], packet("10.0.0.2", "10.0.0.3", 982));
    lab.at(ms(6), move |net| net.set_port_down(port, false));
    lab.send_at(ms(7), nodes[1], packet("10.0.0.2", "10.0.0.3", 982));
    lab.run();
    assert!(lab.times(nodes[1]).iter().all(|&time| time == 4_000_000), "only news of its own");
    assert_eq!(lab.times(nodes[2]), [2_448_400, 7_816_400]);
    assert_eq!(lab.node_drops(nodes[1], DropCause::LinkDown), 1);
    assert_eq!(lab.node_drops(nodes[2], DropCause::LinkDown), 1);
    assert_eq!(lab.node_drops(nodes[1], DropCause::NoRoute), 1);
    assert_eq!(lab.net.direction_report(port).frames, 1, "what waited was not sent");
}

#[test]
fn a_reboot_empties_the_cache() {
    let Lan { builder, nodes, .. } = lan(2, spec());
    let mut lab = Lab::tapped(builder);
    let node = lab.node(nodes[0]);
    lab.send_at(ms(0), nodes[0], packet("10.0.0.1", "10.0.0.2", 100));
    lab.at(ms(10), move |net| net.reset_neighbours(node));
    lab.send_at(ms(20), nodes[0], packet("10.0.0.1", "10.0.0.2", 100));
    lab.at(ms(30), move |net| net.reset_neighbours(node));
    lab.send_at(ms(40), nodes[0], packet("10.0.0.1", "10.0.0.2", 100));
    lab.at(us(40_050), move |net| net.reset_neighbours(node));
    lab.run();
    assert_eq!(lab.times(nodes[1]).len(), 2);
    let kinds: Vec<_> = frames(&lab).iter().map(|&(kind, _)| kind).collect();
    let (arp, ipv4) = (EtherType::ARP, EtherType::IPV4);
    assert_eq!(kinds, [arp, arp, ipv4, arp, arp, ipv4, arp, arp]);
    assert_eq!(lab.net.packet_counts().dropped, 1, "what waited for the last answer");
}

#[test]
fn a_host_with_a_segment_and_a_link_sends_by_the_port_that_is_named() {
    let (mut builder, [a, _, _, b], ports) = routed(spec());
    let direct = [
        builder.add_port(a, "lte", &[prefix("10.9.0.1/30")]),
        builder.add_port(b, "lte", &[prefix("10.9.0.2/30")]),
    ];
    let link = Direction::new(mbit(10), millis(1));
    builder.connect("lte", direct, link.clone(), link);
    builder.add_route(a, prefix("10.0.1.0/30"), direct[0], None);
    let mut lab = Lab::new(builder);
    let (node, eth) = (lab.node(a), lab.port(ports[0]));
    // The route leads by lte; the source address asks for the segment.
    lab.at(ms(0), move |net| {
        net.originate(node, packet("10.0.0.1", "10.0.1.2", 100), ip("10.0.1.2"), Some(eth))
    });
    lab.send_at(ms(10), a, packet("10.9.0.1", "10.0.1.2", 100));
    lab.run();
    assert_eq!(lab.times(b).len(), 2);
    assert_eq!(lab.net.direction_report(lab.port(direct[0])).frames, 1);
    assert_eq!(lab.net.direction_report(lab.port(ports[3])).frames, 1);
}

#[test]
fn a_damaged_packet_on_a_segment_is_dropped_by_its_header_sum() {
    let (builder, [a, r, _, b], ports) = {
        let mut link = Direction::new(mbit(10), millis(1));
        link.corrupt = Some(network::impairment::CorruptionRate::Frame(sim_core::Probability::ALWAYS));
        let (mut builder, nodes, ports) = routed(known());
        let lossy = [
            builder.add_port(nodes[3], "bad", &[prefix("10.8.0.1/30")]),
            builder.add_port(nodes[1], "bad", &[prefix("10.8.0.2/30")]),
        ];
        builder.connect("bad", lossy, link.clone(), link);
        (builder, nodes, [ports[0], lossy[0]])
    };
    let mut lab = Lab::new(builder);
    let (node, bad) = (lab.node(b), lab.port(ports[1]));
    for time in 0..200 {
        lab.at(ms(time), move |net| {
            net.originate(node, packet("10.8.0.1", "10.0.0.1", 60), ip("10.0.0.1"), Some(bad))
        });
    }
    lab.run();
    let malformed = lab.node_drops(r, DropCause::Malformed);
    let arrived = lab.packets(a);
    assert_eq!(arrived.len() as u64 + malformed, 200);
    assert!(malformed > 0 && arrived.iter().all(|packet| packet.corrupted));
}

#[test]
fn the_digest_sees_a_segment_and_not_the_order_of_adding() {
    let run = |turned: bool, loss: LossConfig| {
        let mut builder = NetworkBuilder::new();
        let mut order: Vec<usize> = (1..=5).collect();
        if turned {
            order.reverse();
        }
        let mut keys = [None; 6];
        for &n in &order {
            let node = builder.add_node(&format!("n{n}"), false);
            let port = builder.add_port(node, "eth0", &[prefix(&format!("10.0.0.{n}/24"))]);
            keys[n] = Some((node, port));
        }
        let ports: Vec<_> = order.iter().map(|&n| keys[n].expect("it was added").1).collect();
        builder.segment("lan", SegmentSpec { loss, ..spec() }, &ports);
        let mut lab = Lab::new(builder);
        for n in 0..60_u64 {
            let (from, to) = (1 + n % 5, 1 + (n * 3 + 2) % 5);
            let sender = keys[from as usize].expect("it was added").0;
            lab.send_at(us(n * 300), sender, packet(&format!("10.0.0.{from}"), &format!("10.0.0.{to}"), 400));
        }
        lab.run();
        (lab.net.digest(), lab.delivered.len())
    };
    let straight = run(false, LossConfig::None);
    assert_eq!(run(true, LossConfig::None), straight);
    assert_ne!(run(false, LossConfig::Frames(vec![30])).0, straight.0);
}

#[test]
fn stations_cannot_exceed_the_rate_of_the_medium() {
    let Lan { builder, nodes, .. } = lan(5, known());
    let mut lab = Lab::new(builder);
    for n in 0..500_u64 {
        let from = (n % 4) as usize;
        lab.send_at(us(n * 100), nodes[from], packet(&format!("10.0.0.{}", from + 1), "10.0.0.5", 400));
    }
    lab.run();
    let busy = lab.net.segments()[0].report().busy;
    let last = *lab.times(nodes[4]).last().expect("something arrived");
    // The last frame arrives 10 us after its last bit has left, which is 9.6 us before the medium is free.
    let last = last + 9_600;
    assert!(busy.as_nanos() + 10_000 <= last && busy.as_nanos() + 20_000 > last, "{busy:?} until {last}");
}
