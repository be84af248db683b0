//! Several hops: routes, faults on the way, errors that come back, packets that are too big.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::link::Direction;
use network::queue::{CoDelConfig, CoDelControl, QueueConfig, QueueLimit};
use wire::account::FlowId;
use wire::ip::Ecn;
use wire::ipv4;

fn link() -> Direction {
    Direction::new(mbit(100), millis(1))
}

/// host a - router r - router s - host b, 1 ms each; every port has an address of both families.
struct Chain {
    builder: NetworkBuilder,
    nodes: [NodeKey; 4],
    ports: [PortKey; 6],
}

fn chain(directions: [Direction; 3]) -> Chain {
    let mut builder = NetworkBuilder::new();
    let nodes = [("a", false), ("r", true), ("s", true), ("b", false)]
        .map(|(name, forwards)| builder.add_node(name, forwards));
    let mut port =
        |node: usize, v4: &str, v6: &str| builder.add_port(nodes[node], v4, &[prefix(v4), prefix(v6)]);
    let ports = [
        port(0, "10.0.1.1/30", "fd01::1/64"),
        port(1, "10.0.1.2/30", "fd01::2/64"),
        port(1, "10.0.2.1/30", "fd02::1/64"),
        port(2, "10.0.2.2/30", "fd02::2/64"),
        port(2, "10.0.3.1/30", "fd03::1/64"),
        port(3, "10.0.3.2/30", "fd03::2/64"),
    ];
    for (index, direction) in directions.into_iter().enumerate() {
        let ends = [ports[2 * index], ports[2 * index + 1]];
        builder.connect(&format!("l{index}"), ends, direction.clone(), direction);
    }
    Chain { builder, nodes, ports }
}

fn plain_chain() -> Chain {
    chain([link(), link(), link()])
}

#[test]
fn each_hop_stores_a_frame_before_it_forwards_it() {
    let Chain { builder, nodes: [a, .., b], .. } = plain_chain();
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.run();
    // 1,000 bytes of frame and 8 of preamble at 100 Mbit/s: 80.64 us, three times, and 3 ms.
    assert_eq!(lab.times(b), [3_241_920]);
    assert_eq!(ipv4::Header::parse(lab.packets(b)[0].header()).unwrap().time_to_live, 62);
    let account = lab.net.accounts.flow(FlowId::NONE);
    assert_eq!((account.hop_frames, account.hop_bytes), (3, 3000));
}

#[test]
fn a_packet_whose_hops_run_out_is_reported_by_the_router_that_drops_it() {
    for (from, to, router, kind) in [
        ("10.0.1.1", "10.0.3.2", "10.0.2.2", (11, 0)), // ICMP time exceeded
        ("fd01::1", "fd03::2", "fd02::2", (3, 0)),     // ICMPv6 time exceeded
    ] {
        let Chain { builder, nodes: [a, _, s, b], .. } = plain_chain();
        let mut lab = Lab::new(builder);
        lab.send_at(ms(0), a, packet_with(from, to, 200, 2, Ecn::NotEct));
        lab.run();
        assert_eq!(lab.node_drops(s, DropCause::HopLimit), 1);
        assert!(lab.packets(b).is_empty());
        let errors = lab.packets(a);
        assert_eq!((errors.len(), icmp_kind(errors[0])), (1, Some(kind)));
        let header = wire::ip::Header::parse(errors[0].header()).unwrap();
        assert_eq!(header.source(), ip(router), "the port that the packet came in by");
    }
}

#[test]
fn a_packet_that_no_route_leads_on_is_reported_as_unreachable() {
    for (from, to, kind) in [("10.0.1.1", "192.0.2.1", (3, 0)), ("fd01::1", "fd99::1", (1, 0))] {
        let Chain { mut builder, nodes: [a, r, ..], ports } = plain_chain();
        builder.add_route(a, prefix("0.0.0.0/0"), ports[0], None);
        builder.add_route(a, prefix("::/0"), ports[0], None);
        let mut lab = Lab::new(builder);
        lab.send_at(ms(0), a, packet(from, to, 200));
        lab.run();
        assert_eq!(lab.node_drops(r, DropCause::NoRoute), 1);
        assert_eq!(lab.packets(a).iter().map(|error| icmp_kind(error)).collect::<Vec<_>>(), [Some(kind)]);
    }
}

#[test]
fn errors_about_errors_are_not_sent() {
    // The report of the router r finds no way back: the source address is nobody's.
    let Chain { builder, nodes: [a, _, s, _], .. } = plain_chain();
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, packet_with("192.0.2.9", "10.0.3.2", 200, 2, Ecn::NotEct));
    lab.run();
    assert!(lab.delivered.is_empty());
    assert_eq!(lab.node_drops(s, DropCause::NoRoute), 1, "the report itself");
    assert_eq!(lab.net.packet_counts().created, 2);
}

fn narrow() -> Chain {
    let mut middle = link();
    middle.mtu = 600;
    chain([link(), middle, link()])
}

#[test]
fn a_router_cuts_an_ipv4_packet_for_a_narrow_link() {
    let Chain { builder, nodes: [a, .., b], ports } = narrow();
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 1500));
    lab.run();
    // 580 / 8 * 8 = 576 bytes in each: 1,480 = 576 + 576 + 328.
    let parts = lab.packets(b);
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [596, 596, 348]);
    let offsets: Vec<_> = parts
        .iter()
        .map(|part| ipv4::Header::parse(part.header()).unwrap().fragmentation)
        .map(|fragmentation| (fragmentation.offset(), fragmentation.more_fragments))
        .collect();
    assert_eq!(offsets, [(0, true), (576, true), (1152, false)]);
    // The whole packet over one link (1,518 bytes), the fragments (614 + 614 + 366) over two.
    let account = lab.net.accounts.flow(FlowId::NONE);
    assert_eq!((account.hop_frames, account.hop_bytes), (1 + 6, 1518 + 2 * (614 + 614 + 366)));
    let frames: u64 = ports.iter().map(|&port| lab.net.direction_report(lab.port(port)).frames).sum();
    assert_eq!(frames, 7);
}

#[test]
fn a_packet_that_must_not_be_cut_is_answered_with_the_size_that_fits() {
    // IPv4 with "don't fragment": ICMP 3/4 with the MTU in its last two bytes. IPv6: packet too big.
    let Chain { builder, nodes: [a, r, ..], ports } = narrow();
    let mut lab = Lab::new(builder);
    let mut whole = packet("10.0.1.1", "10.0.3.2", 1500);
    let mut header = ipv4::Header::parse(whole.header()).unwrap();
    header.fragmentation.dont_fragment = true;
    header.emit(whole.header_mut());
    lab.send_at(ms(0), a, whole);
    lab.send_at(ms(1), a, packet("fd01::1", "fd03::2", 1400));
    lab.run();
    let errors = lab.packets(a);
    assert_eq!(errors.iter().map(|error| icmp_kind(error)).collect::<Vec<_>>(), [Some((3, 4)), Some((2, 0))]);
    let (v4, v6) = (errors[0].to_vec(), errors[1].to_vec());
    assert_eq!(v4[20 + 6..20 + 8], 600_u16.to_be_bytes());
    assert_eq!(v6[40 + 4..40 + 8], 600_u32.to_be_bytes());
    assert_eq!((v4.len(), v6.len()), (576, 1280), "as much as an error may quote");
    assert!(wire::checksum::Sum::of(&v4[20..]).is_valid());
    assert_eq!(lab.link_drops(ports[2], DropCause::TooBig), 2);
    assert_eq!(lab.node_drops(r, DropCause::TooBig), 0);
}

#[test]
fn a_host_cuts_its_own_ipv6_packets() {
    let mut first = link();
    first.mtu = 1280;
    let Chain { builder, nodes: [a, .., b], .. } = chain([first, link(), link()]);
    let mut lab = Lab::new(builder);
    lab.send_at(ms(0), a, packet("fd01::1", "fd03::2", 2000));
    lab.run();
    // 1,280 - 48 = 1,232 bytes in the first; 1,960 - 1,232 = 728 and 48 of headers in the second.
    assert_eq!(lab.packets(b).iter().map(|part| part.len()).collect::<Vec<_>>(), [1280, 776]);
}

#[test]
fn a_link_that_goes_down_voids_what_is_under_way_and_what_waits() {
    let Chain { builder, nodes: [a, _, s, b], ports } = plain_chain();
    let mut lab = Lab::new(builder);
    // The second link carries them from 1.08 to 2.16 ms; it is down from 2 to 4 ms.
    let port = lab.port(ports[2]);
    for time in [0, 1, 3, 5] {
        lab.send_at(ms(time), a, packet("10.0.1.1", "10.0.3.2", 982));
    }
    lab.at(ms(2), move |net| net.set_port_down(port, true));
    lab.at(ms(4), move |net| net.set_port_down(port, false));
    lab.run();
    // A host with one link sends by it whatever lies behind: the packet of 3 ms is at r at 4.08 ms.
    assert_eq!(lab.times(b), [6_241_920, 8_241_920], "only the packets sent at 3 and 5 ms");
    assert_eq!(lab.node_drops(s, DropCause::LinkDown), 1, "the one sent at 0 ms was under way");
    // That of 1 ms is at r at 2.08 ms and finds no route.
    assert_eq!(lab.packets(a).iter().map(|error| icmp_kind(error)).collect::<Vec<_>>(), [Some((3, 0))]);
}

#[test]
fn a_packet_that_met_an_outage_elsewhere_is_not_voided_by_it_later() {
    // The first link has had an outage; the second has state (a queue has built up), but none.
    let Chain { builder, nodes: [a, r, _, b], ports } = plain_chain();
    let mut lab = Lab::new(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(1), move |net| net.set_port_down(port, true));
    lab.at(ms(2), move |net| net.set_port_down(port, false));
    for _ in 0..3 {
        lab.send_at(ms(9), r, packet("10.0.2.1", "10.0.3.2", 982));
    }
    lab.send_at(ms(8), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.run();
    assert_eq!(lab.times(b).len(), 4);
}

#[test]
fn what_waits_at_an_outage_is_not_counted_as_sent() {
    // At 1 Mbit/s a frame of 1,000 bytes and its gap take 8.16 ms: at 10 ms one has left, one is leaving.
    let mut slow = link();
    slow.rate = mbit(1);
    let Chain { builder, nodes: [a, ..], ports } = chain([slow, link(), link()]);
    let mut lab = Lab::new(builder);
    let port = lab.port(ports[0]);
    for _ in 0..10 {
        lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 982));
    }
    lab.at(ms(10), move |net| net.set_port_down(port, true));
    lab.run();
    let report = lab.net.direction_report(port);
    assert_eq!((report.frames, report.bytes), (2, 2000));
    assert_eq!(report.busy.as_micros(), 2 * 8160);
    assert_eq!(lab.net.packet_counts().dropped, 9);
    assert_eq!(lab.net.packet_counts().delivered, 1);
}

#[test]
fn a_node_that_is_down_takes_and_passes_nothing() {
    let Chain { builder, nodes: [a, r, s, b], .. } = plain_chain();
    let mut lab = Lab::new(builder);
    let (router, host) = (lab.node(s), lab.node(b));
    lab.at(ms(1), move |net| net.set_node_down(router, true));
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 982)); // under way to s from 1.08 ms
    lab.send_at(ms(5), a, packet("10.0.1.1", "10.0.3.2", 982)); // no route any more
    lab.at(ms(10), move |net| net.set_node_down(router, false));
    lab.send_at(ms(11), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.at(ms(20), move |net| net.set_node_down(host, true));
    lab.send_at(ms(21), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.run();
    assert_eq!(lab.times(b).len(), 1);
    assert_eq!(lab.node_drops(r, DropCause::NoRoute) + lab.node_drops(a, DropCause::NoRoute), 2);
    assert_eq!(lab.node_drops(b, DropCause::NodeDown), 1);
    assert!(!lab.net.is_node_up(host));
}

#[test]
fn a_new_rate_holds_for_what_comes_after_it() {
    let Chain { builder, nodes: [a, .., b], ports } = plain_chain();
    let mut lab = Lab::new(builder);
    let port = lab.port(ports[0]);
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.at(ms(10), move |net| net.set_rate(port, mbit(10)));
    lab.send_at(ms(10), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.at(ms(20), move |net| net.set_delay(port, millis(7)));
    lab.send_at(ms(20), a, packet("10.0.1.1", "10.0.3.2", 982));
    lab.run();
    // 80.64 us at 100 Mbit/s; 806.4 us at 10; with the gap the link is busy for 81.6 and 816 us.
    assert_eq!(lab.times(b), [3_241_920, 13_967_680, 29_967_680]);
    assert_eq!(lab.net.direction_report(port).busy.as_nanos(), 81_600 + 2 * 816_000);
}

#[test]
fn a_managed_queue_survives_an_outage() {
    let mut slow = link();
    slow.rate = mbit(1);
    slow.queue = QueueConfig::CoDel(CoDelConfig {
        limit: QueueLimit::Packets(100),
        control: CoDelControl { target: millis(1000), interval: millis(1000), ..CoDelControl::default() },
    });
    let Chain { builder, nodes: [a, .., b], ports } = chain([slow, link(), link()]);
    let mut lab = Lab::new(builder);
    let port = lab.port(ports[0]);
    for time in [0, 0, 0, 30, 30] {
        lab.send_at(ms(time), a, packet("10.0.1.1", "10.0.3.2", 982));
    }
    lab.at(ms(10), move |net| net.set_port_down(port, true));
    lab.at(ms(12), move |net| net.set_port_down(port, false));
    lab.run();
    // The first left at 8.064 ms and arrived; the second was leaving, the third waiting. A frame and its gap
    // take 8.16 ms.
    let base = 3_161_280; // 3 ms and two frames at 100 Mbit/s
    let expected = [base + 8_064_000, base + 38_064_000, base + 46_224_000];
    assert_eq!(lab.times(b), expected);
    assert_eq!(lab.link_drops(ports[0], DropCause::LinkDown), 1);
}

#[test]
fn a_packet_that_comes_when_the_link_becomes_free_does_not_share_it() {
    // 1,000 bytes at 1 Mbit/s without framing: 8 ms on each link. What a sends is at r at 8, 16, 24, ... ms,
    // where r's own five packets end at the same times. The arrival, of the lower node a, goes first.
    let mut slow = link();
    (slow.rate, slow.delay, slow.framing) = (mbit(1), millis(0), network::port::Framing::None);
    let mut managed = slow.clone();
    managed.queue = QueueConfig::CoDel(CoDelConfig {
        limit: QueueLimit::Packets(100),
        control: CoDelControl { target: millis(1000), interval: millis(1000), ..CoDelControl::default() },
    });
    let Chain { builder, nodes: [a, r, s, _], ports } = chain([slow, managed, link()]);
    let mut lab = Lab::new(builder);
    for _ in 0..5 {
        lab.send_at(ms(0), r, packet("10.0.2.1", "10.0.2.2", 1000));
        lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.2.2", 1000));
    }
    lab.run();
    assert_eq!(lab.times(s), (1..=10).map(|n| n * 8_000_000).collect::<Vec<u64>>());
    assert_eq!(lab.net.direction_report(lab.port(ports[2])).busy, millis(80));
}
