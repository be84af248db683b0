//! Groups and broadcasts: who hears them, which links carry them, what membership costs.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::link::Direction;
use network::observer::Observer;
use network::segment::SegmentSpec;
use sim_core::SimDuration;
use wire::account::FlowId;

fn link() -> Direction {
    Direction::new(mbit(100), millis(1))
}

fn segment() -> SegmentSpec {
    SegmentSpec::new(mbit(10), SimDuration::from_micros(10))
}

/// ```text
///  s --l0-- r --l1-- t --l3-- m1
///           |        |
///          l2       l4          lan: u, m2, m3, n
///           |        |
///           +-- u ---+   u --lan-- m2, m3, n
/// ```
/// The links r-t-u and r-u form a triangle; r-u costs less.
struct World {
    builder: NetworkBuilder,
    nodes: Vec<NodeKey>,
    links: Vec<[PortKey; 2]>,
    lan: Vec<PortKey>,
}

const S: usize = 0;
const M1: usize = 4;
const M2: usize = 5;
const M3: usize = 6;
const N: usize = 7;

fn world() -> World {
    let mut builder = NetworkBuilder::new();
    let names = ["s", "r", "t", "u", "m1", "m2", "m3", "n"];
    let nodes: Vec<_> =
        names.iter().map(|name| builder.add_node(name, matches!(*name, "r" | "t" | "u"))).collect();
    let mut links = Vec::new();
    for (n, (a, b)) in [(0, 1), (1, 2), (1, 3), (2, 4), (2, 3)].into_iter().enumerate() {
        let ends = [(a, 1), (b, 2)].map(|(node, host)| {
            let addresses = [format!("10.0.{n}.{host}/24"), format!("fd0{n}::{host}/64")];
            builder.add_port(nodes[node], &format!("l{n}"), &addresses.map(|address| prefix(&address)))
        });
        builder.connect(&format!("l{n}"), ends, link(), link());
        links.push(ends);
    }
    let lan: Vec<_> = [3, 5, 6, 7]
        .into_iter()
        .enumerate()
        .map(|(n, node)| {
            let addresses = [format!("10.1.0.{}/24", n + 1), format!("fd10::{}/64", n + 1)];
            builder.add_port(nodes[node], "lan", &addresses.map(|address| prefix(&address)))
        })
        .collect();
    builder.segment("lan", segment(), &lan);
    World { builder, nodes, links, lan }
}

fn frames<O: Observer>(lab: &Lab<O>, links: &[[PortKey; 2]]) -> Vec<u64> {
    links
        .iter()
        .map(|ends| ends.iter().map(|&end| lab.net.direction_report(lab.port(end)).frames).sum())
        .collect()
}

fn joined(world: World, members: &[usize], group: &str) -> (Lab<network::observer::Unobserved>, World) {
    let World { builder, nodes, links, lan } = world;
    let mut lab = Lab::new(builder);
    for &member in members {
        let node = lab.node(nodes[member]);
        lab.net.join(node, ip(group));
    }
    (lab, World { builder: NetworkBuilder::new(), nodes, links, lan })
}

#[test]
fn each_link_of_the_tree_carries_a_packet_once() {
    for (from, group) in [("10.0.0.1", "239.1.2.3"), ("fd00::1", "ff0e::123")] {
        let (mut lab, World { nodes, links, .. }) = joined(world(), &[M1, M2, M3], group);
        lab.send_at(ms(10), nodes[S], packet_with(from, group, 982, 9, wire::ip::Ecn::NotEct));
        lab.run();
        for (node, count) in [(S, 0), (M1, 1), (M2, 1), (M3, 1), (N, 0)] {
            assert_eq!(lab.times(nodes[node]).len(), count, "{group} at {node}");
        }
        assert_eq!(frames(&lab, &links), [1, 1, 1, 1, 0], "t and u both hear r; l4 is no part of the tree");
        // Two reports of the members on the segment, and one packet.
        assert_eq!(lab.net.segments()[0].report().frames, 3);
        // Two routers: 9 - 2.
        for member in [M1, M2] {
            let view =
                wire::ip_view::HeaderView::new(lab.packets(nodes[member])[0].header()).unwrap().hop_limit();
            assert_eq!(view, 7);
        }
        // Four links (1,000 bytes) and the segment; the reports are short.
        let account = lab.net.accounts.flow(FlowId::NONE);
        assert_eq!(account.hop_frames, 5 + 2);
        assert!(lab.net.packet_counts().dropped == 0, "{:?}", lab.net.packet_counts());
    }
}

#[test]
fn members_on_a_link_hear_at_the_time_of_a_unicast_packet() {
    let (mut lab, World { nodes, .. }) = joined(world(), &[M1], "239.1.2.3");
    lab.send_at(ms(10), nodes[S], packet("10.0.0.1", "239.1.2.3", 982));
    lab.send_at(ms(20), nodes[S], packet("10.0.0.1", "10.0.3.2", 982));
    lab.run();
    let times = lab.times(nodes[M1]);
    assert_eq!(times[1] - times[0], 10_000_000);
}

#[test]
fn who_leaves_hears_no_more_and_without_members_only_the_first_link_is_used() {
    let (mut lab, World { nodes, links, .. }) = joined(world(), &[M1, M2], "239.1.2.3");
    let (first, second) = (lab.node(nodes[M1]), lab.node(nodes[M2]));
    lab.send_at(ms(10), nodes[S], packet("10.0.0.1", "239.1.2.3", 100));
    lab.at(ms(20), move |net| net.leave(first, ip("239.1.2.3")));
    lab.send_at(ms(30), nodes[S], packet("10.0.0.1", "239.1.2.3", 100));
    lab.at(ms(40), move |net| net.leave(second, ip("239.1.2.3")));
    lab.send_at(ms(50), nodes[S], packet("10.0.0.1", "239.1.2.3", 100));
    lab.run();
    assert_eq!((lab.times(nodes[M1]).len(), lab.times(nodes[M2]).len()), (1, 2));
    assert_eq!(frames(&lab, &links), [3, 1, 2, 1, 0]);
    // A report, a leave and two packets.
    assert_eq!(lab.net.segments()[0].report().frames, 4);
}

#[test]
fn the_tree_follows_the_topology() {
    let (mut lab, World { nodes, links, .. }) = joined(world(), &[M2], "239.1.2.3");
    let port = lab.port(links[2][0]);
    lab.at(ms(20), move |net| net.set_port_down(port, true));
    for time in [10, 30] {
        lab.send_at(ms(time), nodes[S], packet("10.0.0.1", "239.1.2.3", 100));
    }
    lab.run();
    assert_eq!(lab.times(nodes[M2]).len(), 2);
    assert_eq!(frames(&lab, &links), [2, 1, 1, 0, 1]);
}

#[test]
fn a_source_on_the_segment_reaches_members_beside_it_and_beyond() {
    let (mut lab, World { nodes, links, .. }) = joined(world(), &[M1, M2, M3], "239.1.2.3");
    lab.send_at(ms(10), nodes[M2], packet("10.1.0.2", "239.1.2.3", 982));
    lab.run();
    assert_eq!((lab.times(nodes[M1]).len(), lab.times(nodes[M3]).len()), (1, 1));
    assert!(lab.times(nodes[M2]).is_empty(), "it does not hear itself");
    assert_eq!(frames(&lab, &links), [0, 0, 0, 1, 1], "u and t, the shortest way to m1");
    assert_eq!(lab.net.segments()[0].report().frames, 3, "two reports, one packet");
}

#[test]
fn a_router_may_be_a_member_itself() {
    let (mut lab, World { nodes, .. }) = joined(world(), &[1, M1], "239.1.2.3");
    lab.send_at(ms(10), nodes[S], packet("10.0.0.1", "239.1.2.3", 982));
    lab.run();
    assert_eq!((lab.times(nodes[1]).len(), lab.times(nodes[M1]).len()), (1, 1));
}

#[test]
fn the_hop_limit_counts_and_its_end_is_not_reported() {
    let (mut lab, World { nodes, links, .. }) = joined(world(), &[1, M1], "239.1.2.3");
    lab.send_at(ms(10), nodes[S], packet_with("10.0.0.1", "239.1.2.3", 100, 1, wire::ip::Ecn::NotEct));
    lab.send_at(ms(20), nodes[S], packet_with("10.0.0.1", "239.1.2.3", 100, 2, wire::ip::Ecn::NotEct));
    lab.run();
    assert_eq!((lab.times(nodes[1]).len(), lab.times(nodes[M1]).len()), (2, 0));
    assert!(lab.times(nodes[S]).is_empty());
    assert_eq!(frames(&lab, &links), [2, 1, 0, 0, 0]);
    assert_eq!(lab.node_drops(nodes[1], DropCause::HopLimit), 1);
    assert_eq!(lab.node_drops(nodes[2], DropCause::HopLimit), 1);
}

#[test]
fn what_belongs_to_the_link_stays_on_it() {
    for (from, group, hearers) in [
        ("10.1.0.2", "224.0.0.1", vec![3, M3, N]), // all hosts
        ("10.1.0.2", "224.0.0.2", vec![3]),        // all routers
        ("10.1.0.2", "255.255.255.255", vec![3, M3, N]),
        ("10.1.0.2", "10.1.0.255", vec![3, M3, N]), // directed broadcast
        ("fd10::2", "ff02::1", vec![3, M3, N]),
        ("fd10::2", "ff02::2", vec![3]),
        ("10.1.0.2", "224.0.0.251", vec![M3]), // joined below
    ] {
        let (mut lab, World { nodes, links, .. }) = joined(world(), &[M3, M1], "224.0.0.251");
        lab.send_at(ms(10), nodes[M2], packet(from, group, 100));
        lab.run();
        let heard: Vec<_> = (0..nodes.len()).filter(|&node| !lab.times(nodes[node]).is_empty()).collect();
        assert_eq!(heard, hearers, "{group}");
        assert_eq!(frames(&lab, &links), [0; 5]);
        assert_eq!(lab.net.packet_counts().dropped, 0, "the others' interfaces filter it");
    }
}

#[test]
fn nobody_complains_about_a_packet_to_a_group() {
    let World { builder, nodes, lan, .. } = world();
    let mut lab = Lab::tapped(builder);
    let (node, port) = (lab.node(nodes[N]), lab.port(lan[3]));
    // A router that is asked to pass on what comes from nowhere, and a packet that a member cannot take.
    lab.net.join_by(port, ip("239.9.9.9"));
    lab.at(ms(10), move |net| {
        net.originate(node, packet("192.0.2.1", "239.9.9.9", 100), ip("239.9.9.9"), None)
    });
    lab.send_at(ms(20), nodes[S], packet_with("10.0.0.1", "10.1.0.255", 100, 64, wire::ip::Ecn::NotEct));
    lab.run();
    let errors = lab.delivered.iter().filter(|delivery| icmp_kind(&delivery.packet).is_some()).count();
    assert_eq!(errors, 1, "only that no route leads to a foreign network's broadcast address");
}

#[test]
fn a_membership_is_announced_by_one_report_and_taken_back_by_one_message() {
    // IGMP: 24 + 8 bytes; MLD: 40 + 8 + 24 = 72. Frames: 64 (padded) and 90.
    for (group, report, other) in
        [("239.1.2.3", 32, [1, 0, 94, 1, 2, 3]), ("ff0e::123", 72, [51, 51, 0, 0, 1, 35])]
    {
        let World { builder, nodes, .. } = world();
        let mut lab = Lab::tapped(builder);
        let node = lab.node(nodes[M2]);
        lab.net.set_accounted(node);
        lab.at(ms(1), move |net| net.join(node, ip(group)));
        lab.at(ms(2), move |net| net.join(node, ip(group)));
        lab.at(ms(3), move |net| net.leave(node, ip(group)));
        lab.at(ms(4), move |net| net.leave(node, ip(group)));
        lab.run();
        let sent: Vec<_> = lab
            .net
            .observer
            .0
            .iter()
            .filter_map(|seen| match seen {
                Seen::Sent { bytes, .. } => Some(bytes.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [14 + report, 14 + report], "{group}");
        assert_eq!(sent[0][..6], other);
        let account = lab.net.accounts.flow(FlowId::NONE);
        let control: u64 = account
            .sorted_lines()
            .iter()
            .filter(|line| line.reason == wire::account::Reason::Control)
            .map(|line| line.bytes)
            .sum();
        let frame = if report == 32 { 64 } else { 90 };
        assert_eq!((account.bytes(), control), (2 * frame, 2 * frame));
        let protocols: Vec<_> = account.sorted_lines().iter().map(|line| line.protocol.name()).collect();
        let (network, membership) = if report == 32 { ("ipv4", "igmp") } else { ("ipv6", "mld") };
        assert_eq!(protocols, ["ethernet", network, membership]);
    }
}

#[test]
fn a_big_packet_to_a_group_is_cut_for_a_narrow_segment() {
    let mut builder = NetworkBuilder::new();
    let nodes = ["a", "b", "c"].map(|name| builder.add_node(name, false));
    let ports: Vec<_> = (0..3_usize)
        .map(|n| builder.add_port(nodes[n], "lan", &[prefix(&format!("10.1.0.{}/24", n + 1))]))
        .collect();
    builder.segment("lan", SegmentSpec { mtu: 600, ..segment() }, &ports);
    let mut lab = Lab::new(builder);
    for key in [nodes[1], nodes[2]] {
        let node = lab.node(key);
        lab.net.join(node, ip("239.1.2.3"));
    }
    lab.send_at(ms(10), nodes[0], packet("10.1.0.1", "239.1.2.3", 1000));
    lab.run();
    // 576 + 404 bytes behind the headers, to each of two members.
    for node in [nodes[1], nodes[2]] {
        assert_eq!(lab.packets(node).iter().map(|part| part.len()).collect::<Vec<_>>(), [596, 424]);
    }
}

#[test]
fn a_group_on_a_link_with_two_ends_reaches_the_other_end() {
    let World { builder, nodes, links, .. } = world();
    let mut lab = Lab::new(builder);
    let (node, port) = (lab.node(nodes[S]), lab.port(links[0][0]));
    lab.at(ms(1), move |net| {
        net.originate(node, packet("10.0.0.1", "224.0.0.1", 100), ip("224.0.0.1"), Some(port))
    });
    lab.at(ms(2), move |net| {
        net.originate(node, packet("10.0.0.1", "224.0.0.99", 100), ip("224.0.0.99"), Some(port))
    });
    lab.run();
    assert_eq!(lab.times(nodes[1]).len(), 1);
    assert_eq!(lab.node_drops(nodes[1], DropCause::NotForMe), 1, "no member of the second group");
}

#[test]
fn a_reboot_forgets_memberships_without_a_word() {
    let (mut lab, World { nodes, .. }) = joined(world(), &[M2, M3], "239.1.2.3");
    let node = lab.node(nodes[M2]);
    lab.at(ms(5), move |net| net.forget_memberships(node));
    lab.send_at(ms(10), nodes[S], packet("10.0.0.1", "239.1.2.3", 100));
    lab.run();
    assert_eq!((lab.times(nodes[M2]).len(), lab.times(nodes[M3]).len()), (0, 1));
    assert_eq!(lab.net.segments()[0].report().frames, 3);
}
