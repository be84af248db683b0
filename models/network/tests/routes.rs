//! Which way packets take.

mod lab;

use lab::*;
use network::builder::{NetworkBuilder, NodeKey, PortKey};
use network::drop_cause::DropCause;
use network::link::Direction;
use network::observer::Unobserved;

fn link(cost: u32) -> Direction {
    let mut direction = Direction::new(mbit(100), millis(1));
    direction.cost = cost;
    direction
}

/// A network in the making: links get their ports and addresses by themselves.
#[derive(Default)]
struct Draft {
    builder: NetworkBuilder,
    links: u8,
}

impl Draft {
    fn node(&mut self, name: &str, forwards: bool) -> NodeKey {
        self.builder.add_node(name, forwards)
    }

    /// Link number n has the addresses 10.0.n.1 and 10.0.n.2.
    fn link(&mut self, a: NodeKey, b: NodeKey, cost: u32) -> [PortKey; 2] {
        self.links += 1;
        let n = self.links;
        let ends = [(a, 1), (b, 2)].map(|(node, host)| {
            let address = prefix(&format!("10.0.{n}.{host}/24"));
            self.builder.add_port(node, &format!("l{n}"), &[address])
        });
        self.builder.connect(&format!("l{n}"), ends, link(cost), link(cost));
        ends
    }
}

/// a - r; then r - s - b with costs 1 and 1, and r - t - b with the given ones; b has two addresses.
fn diamond(upper: [u32; 2], lower: [u32; 2]) -> (Draft, [NodeKey; 5], Vec<[PortKey; 2]>) {
    let mut draft = Draft::default();
    let nodes = [("a", false), ("r", true), ("s", true), ("t", true), ("b", true)]
        .map(|(name, forwards)| draft.node(name, forwards));
    let [a, r, s, t, b] = nodes;
    let links = vec![
        draft.link(a, r, 1),
        draft.link(r, s, upper[0]),
        draft.link(s, b, upper[1]),
        draft.link(r, t, lower[0]),
        draft.link(t, b, lower[1]),
    ];
    (draft, nodes, links)
}

fn frames(lab: &Lab<Unobserved>, port: PortKey) -> u64 {
    lab.net.direction_report(lab.port(port)).frames
}

#[test]
fn the_cheaper_of_two_ways_is_taken() {
    for (upper, lower, by_lower) in [([1, 1], [1, 2], 0), ([2, 2], [1, 2], 1), ([5, 1], [3, 2], 1)] {
        let (draft, [a, .., b], links) = diamond(upper, lower);
        let mut lab = Lab::new(draft.builder);
        lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 100));
        lab.run();
        assert_eq!(lab.times(b).len(), 1);
        assert_eq!(frames(&lab, links[4][0]), by_lower, "{upper:?} or {lower:?}");
        assert_eq!(frames(&lab, links[2][0]), 1 - by_lower);
    }
}

#[test]
fn of_two_equal_ways_the_lower_port_is_taken_every_time() {
    let (draft, [a, .., b], links) = diamond([2, 3], [3, 2]);
    let mut lab = Lab::new(draft.builder);
    for time in 0..5 {
        lab.send_at(ms(time), a, packet("10.0.1.1", "10.0.5.2", 100));
    }
    lab.run();
    assert_eq!(lab.times(b).len(), 5);
    assert_eq!((frames(&lab, links[1][0]), frames(&lab, links[3][0])), (5, 0));
}

#[test]
fn a_hub_of_many_links_takes_the_ways_that_a_router_of_three_takes() {
    for (upper, lower, by_lower) in
        [([1, 1], [1, 2], 0), ([2, 2], [1, 2], 1), ([2, 3], [3, 2], 0), ([1, 4], [2, 1], 1)]
    {
        let (mut draft, [a, r, .., b], links) = diamond(upper, lower);
        for leaf in 0..40 {
            let leaf = draft.node(&format!("leaf{leaf}"), false);
            draft.link(r, leaf, 1);
        }
        let mut lab = Lab::new(draft.builder);
        lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 100));
        lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.45.2", 100));
        lab.run();
        assert_eq!(lab.times(b).len(), 1);
        assert_eq!(frames(&lab, links[3][0]), by_lower, "{upper:?} or {lower:?}");
        assert_eq!(frames(&lab, links[1][0]), 1 - by_lower);
        assert_eq!(frames(&lab, links[0][0]), 2);
    }
}

#[test]
fn costs_may_differ_by_direction() {
    let mut draft = Draft::default();
    let [a, r, b] = [("a", false), ("r", true), ("b", false)].map(|(name, fw)| draft.node(name, fw));
    // Between a and b: directly, dear there and cheap back; and by r.
    let ends = [(a, "10.9.0.1/24"), (b, "10.9.0.2/24")]
        .map(|(node, address)| draft.builder.add_port(node, "direct", &[prefix(address)]));
    draft.builder.connect("direct", ends, link(10), link(1));
    draft.link(a, r, 1);
    // The address 10.9.0.2 belongs to b's direct port: as b does not forward, only that link leads to it.
    draft.link(r, b, 1);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), a, packet("10.9.0.1", "10.9.0.2", 100));
    lab.send_at(ms(0), a, packet("10.9.0.1", "10.0.2.2", 100));
    lab.send_at(ms(0), b, packet("10.9.0.2", "10.9.0.1", 100));
    lab.run();
    assert_eq!((lab.times(a).len(), lab.times(b).len()), (1, 2));
    assert_eq!((frames(&lab, ends[0]), frames(&lab, ends[1])), (1, 1));
}

#[test]
fn a_link_that_fails_sends_packets_the_other_way_and_back_again() {
    let (draft, [a, .., b], links) = diamond([1, 1], [2, 2]);
    let mut lab = Lab::new(draft.builder);
    let port = lab.port(links[1][0]);
    for time in [0, 20, 40] {
        lab.send_at(ms(time), a, packet("10.0.1.1", "10.0.3.2", 100));
    }
    lab.at(ms(10), move |net| net.set_port_down(port, true));
    lab.at(ms(30), move |net| net.set_port_down(port, false));
    lab.run();
    assert_eq!(lab.times(b).len(), 3);
    assert_eq!((frames(&lab, links[1][0]), frames(&lab, links[3][0])), (2, 1));
}

#[test]
fn a_router_that_fails_is_avoided() {
    let (draft, [a, _, s, _, b], links) = diamond([1, 1], [2, 2]);
    let mut lab = Lab::new(draft.builder);
    let node = lab.node(s);
    lab.at(ms(10), move |net| net.set_node_down(node, true));
    lab.send_at(ms(20), a, packet("10.0.1.1", "10.0.3.2", 100));
    lab.run();
    assert_eq!((lab.times(b).len(), frames(&lab, links[3][0])), (1, 1));
}

#[test]
fn a_host_with_two_links_is_entered_by_the_link_of_the_address_and_passes_nothing_on() {
    let mut draft = Draft::default();
    let [a, r, s, h] =
        [("a", false), ("r", true), ("s", true), ("h", false)].map(|(n, fw)| draft.node(n, fw));
    let _ = draft.link(a, r, 1); // 10.0.1.x
    let by_r = draft.link(r, h, 1); // h: 10.0.2.2
    let by_s = draft.link(s, h, 1); // h: 10.0.3.2
    let long = draft.link(r, s, 9);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.2.2", 100));
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 100));
    lab.run();
    assert_eq!(lab.times(h).len(), 2);
    assert_eq!((frames(&lab, by_r[0]), frames(&lab, by_s[0])), (1, 1));
    assert_eq!(frames(&lab, long[0]), 1, "h does not pass packets on from r to s");
}

#[test]
fn what_is_not_for_a_host_ends_there() {
    let mut draft = Draft::default();
    let [a, h, b] = [("a", false), ("h", false), ("b", false)].map(|(name, fw)| draft.node(name, fw));
    let out = draft.link(a, h, 1);
    let _ = draft.link(h, b, 1);
    draft.builder.add_route(a, prefix("0.0.0.0/0"), out[0], None);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.2.2", 100));
    lab.run();
    assert_eq!(lab.node_drops(h, DropCause::NotForMe), 1);
    assert!(lab.delivered.is_empty());
}

#[test]
fn a_stated_route_goes_before_the_shortest_and_the_longer_prefix_before_the_shorter() {
    let (mut draft, [a, r, .., b], links) = diamond([1, 1], [2, 2]);
    draft.builder.add_route(r, prefix("10.0.0.0/16"), links[1][0], None);
    draft.builder.add_route(r, prefix("10.0.3.2/32"), links[3][0], None);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.3.2", 100));
    lab.send_at(ms(0), a, packet("10.0.1.1", "10.0.5.2", 100));
    lab.run();
    assert_eq!(lab.times(b).len(), 2);
    assert_eq!((frames(&lab, links[3][0]), frames(&lab, links[1][0])), (1, 1));
}

#[test]
fn stated_routes_that_form_a_loop_end_with_the_hop_limit() {
    let mut draft = Draft::default();
    let [a, r, s] = [("a", false), ("r", true), ("s", true)].map(|(name, fw)| draft.node(name, fw));
    let out = draft.link(a, r, 1);
    let between = draft.link(r, s, 1);
    draft.builder.add_route(a, prefix("192.0.2.0/24"), out[0], None);
    draft.builder.add_route(r, prefix("192.0.2.0/24"), between[0], None);
    draft.builder.add_route(s, prefix("192.0.2.0/24"), between[1], None);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "192.0.2.9", 100));
    lab.run();
    // 64 at a, 63 left after r, 62 after s, …: 63 frames between r and s, the 64th router drops it.
    let crossed = frames(&lab, between[0]) + frames(&lab, between[1]);
    let report = 1; // The error crosses the link if s dropped the packet.
    assert_eq!(lab.node_drops(s, DropCause::HopLimit), 1);
    assert_eq!(crossed, 63 + report);
    assert_eq!(lab.packets(a).iter().map(|error| icmp_kind(error)).collect::<Vec<_>>(), [Some((11, 0))]);
}

#[test]
fn addresses_outside_lie_behind_their_port() {
    let mut draft = Draft::default();
    let [a, r, g] = [("a", false), ("r", true), ("g", true)].map(|(name, fw)| draft.node(name, fw));
    let _ = draft.link(a, r, 1);
    let _ = draft.link(r, g, 1);
    let tun = draft.builder.add_port(g, "tun", &[prefix("10.77.0.1/24")]);
    let inside = draft.builder.add_node("kernel", false);
    let other = draft.builder.add_port(inside, "tun", &[prefix("10.77.0.2/24")]);
    draft.builder.connect("tun", [tun, other], link(1), link(1));
    draft.builder.add_outside(prefix("203.0.113.0/24"), tun);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), a, packet("10.0.1.1", "203.0.113.9", 100));
    lab.run();
    assert_eq!(frames(&lab, tun), 1, "by the port that leads outside");
    assert_eq!(lab.node_drops(inside, DropCause::NotForMe), 1);
}

#[test]
fn the_digest_does_not_depend_on_the_order_of_adding() {
    // A ring of six routers, each with a host.
    let run = |nodes: &[usize], links: &[usize]| {
        let mut builder = NetworkBuilder::new();
        let mut keys = [None; 12];
        for &node in nodes {
            keys[node] = Some(builder.add_node(&format!("n{node}"), node < 6));
        }
        let keys = keys.map(|key| key.expect("every node was added"));
        let mut ends = Vec::new();
        for number in 0..12_usize {
            let (a, b) = if number < 6 { (number, (number + 1) % 6) } else { (number - 6, number) };
            ends.push([(a, 1), (b, 2)].map(|(node, host)| {
                let address = prefix(&format!("10.0.{number}.{host}/24"));
                builder.add_port(keys[node], &format!("l{number}"), &[address])
            }));
        }
        for &number in links {
            let mut direction = link(1);
            direction.loss =
                network::link::LossConfig::Independent(sim_core::Probability::from_f64(0.1).unwrap());
            direction.jitter = Some((
                network::impairment::JitterDistribution::Uniform { min: millis(0), max: millis(3) },
                true,
            ));
            builder.connect(&format!("l{number}"), ends[number], direction.clone(), direction);
        }
        let mut lab = Lab::new(builder);
        for number in 0..200_usize {
            let (from, to) = (6 + number % 6, 6 + (number * 5 + 1) % 6);
            let addresses = [from, to].map(|host| format!("10.0.{host}.2"));
            lab.send_at(us(number as u64 * 40), keys[from], packet(&addresses[0], &addresses[1], 300));
        }
        lab.run();
        (lab.net.digest(), lab.net.packet_counts(), lab.delivered.len())
    };
    let straight: Vec<usize> = (0..12).collect();
    let mut turned = straight.clone();
    turned.reverse();
    let mixed = [3, 7, 1, 11, 0, 9, 5, 2, 10, 4, 8, 6];
    let first = run(&straight, &straight);
    assert_eq!(run(&turned, &mixed), first);
    assert_eq!(run(&mixed, &turned), first);
    assert!(first.2 > 100, "{first:?}");
}

#[test]
fn hubs_know_the_way_to_each_of_many_hosts_and_send_nothing_through_one() {
    let mut draft = Draft::default();
    let [r, s, t] = ["r", "s", "t"].map(|name| draft.node(name, true));
    let host = |draft: &mut Draft, name: String, hub| {
        let node = draft.node(&name, false);
        draft.link(node, hub, 1);
        node
    };
    let left: Vec<_> = (0..20).map(|number| host(&mut draft, format!("a{number}"), r)).collect();
    let right: Vec<_> = (0..20).map(|number| host(&mut draft, format!("b{number}"), t)).collect();
    // A host at both hubs, by which the way would be the shortest: 2 against 4 by s and 5 straight on.
    let both = draft.node("d", false);
    let [to_r, to_t] = [draft.link(both, r, 1), draft.link(both, t, 1)];
    let [upper, _] = [draft.link(r, s, 2), draft.link(s, t, 2)];
    let straight = draft.link(r, t, 5);
    let mut lab = Lab::new(draft.builder);
    lab.send_at(ms(0), left[0], packet("10.0.1.1", "10.0.21.1", 100));
    lab.send_at(ms(0), both, packet("10.0.42.1", "10.0.40.1", 100));
    lab.send_at(ms(0), both, packet("10.0.41.1", "10.0.20.1", 100));
    // To the host at both hubs by the address of its link to r, which it is entered by.
    lab.send_at(ms(0), right[5], packet("10.0.26.1", "10.0.41.1", 100));
    lab.run();
    for node in [right[0], right[19], left[19], both] {
        assert_eq!(lab.times(node).len(), 1);
    }
    assert_eq!([upper[0], upper[1]].map(|port| frames(&lab, port)), [1, 1], "there and back by s");
    assert_eq!(frames(&lab, straight[0]) + frames(&lab, straight[1]), 0);
    assert_eq!([to_r[0], to_r[1], to_t[0], to_t[1]].map(|port| frames(&lab, port)), [1, 1, 1, 0]);
}
