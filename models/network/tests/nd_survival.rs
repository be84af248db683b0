//! Neighbour discovery over 6LoWPAN under loss, failures and hostile messages: it comes to rest, joins who can join, and stays within
//! its bounds.

mod nd_lab;

use std::net::Ipv6Addr;

use nd_lab::{Lab, global, local, of};
use network::nd::node::{News, Outgoing, To};
use network::nd::settings::{NdSettings, Role, Version};
use wire::account::Reason;

/// Seeds of the long runs: more by an environment variable.
fn seeds(few: u64) -> u64 {
    std::env::var("ND_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// A border router, routers in a random tree below it, and hosts that each hear one router or two.
fn network(seed: u64) -> (Vec<Role>, Vec<(usize, usize)>) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |end: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end) as usize
    };
    let (routers, hosts) = (1 + draw(5), 1 + draw(6));
    let mut roles = vec![Role::Border];
    let mut links = Vec::new();
    for router in 1..=routers {
        roles.push(Role::Router);
        links.push((draw(router as u64), router));
    }
    for host in routers + 1..=routers + hosts {
        roles.push(Role::Host);
        for _ in 0..2 {
            links.push((draw(routers as u64 + 1), host));
        }
    }
    (roles, links)
}

/// What the news of a node as a router say that it has registered is what it has.
fn check(lab: &Lab, seed: u64) {
    for (number, node) in lab.nodes.iter().enumerate() {
        let mut told = std::collections::BTreeSet::new();
        for (_, news) in lab.news.iter().filter(|(from, _)| *from == number) {
            match news {
                News::Registered { address, .. } => drop(told.insert(*address)),
                News::Gone { address } => drop(told.remove(address)),
                News::Joined => {}
            }
        }
        let has: std::collections::BTreeSet<Ipv6Addr> = node
            .registrar()
            .iter()
            .filter(|(_, entry)| entry.registered)
            .map(|(address, _)| address)
            .collect();
        assert_eq!(told, has, "seed {seed}, node {number}");
    }
}

// Holds: RFC 6775 5.5-b, 5.5.3-a, 8.2.6-a
#[test]
fn everybody_joins_over_lossy_links_and_joins_again_after_failures() {
    for seed in 0..seeds(12) {
        for version in [Version::Rfc6775, Version::Rfc8505] {
            let (roles, links) = network(seed);
            let settings = NdSettings {
                lifetime: 2,
                neighbours_max: 32,
                advertise_every: sim_core::SimDuration::from_secs(60),
                ..of(version)
            };
            let mut lab = Lab::new(seed, settings, &roles, &links);
            lab.loss_percent = seed % 4 * 10;
            lab.run(600);
            check(&lab, seed);
            for _ in 0..4 {
                let node = lab.draw(roles.len() as u64) as usize;
                lab.power(node, false);
                let off = lab.draw(300);
                lab.run(off);
                check(&lab, seed);
                lab.power(node, true);
                let on = lab.draw(300);
                lab.run(on);
                check(&lab, seed);
            }
            lab.loss_percent = 0;
            lab.run(900);
            check(&lab, seed);
            for node in 1..roles.len() {
                assert!(lab.has_joined(node), "seed {seed}, {version:?}: node {node} has not joined");
                let router = lab.router_of(node).expect("who has joined has a router");
                assert!(lab.links.contains(&(node, router)), "seed {seed}");
                assert!(
                    lab.nodes[router].has_registered(global(node)).is_some(),
                    "seed {seed}: {router} knows {node}"
                );
            }
        }
    }
}

// Holds: RFC 6775 6.5.1-a, 8.2.4-a
#[test]
fn no_address_is_ever_registered_for_two_owners_while_the_border_router_lives() {
    for seed in 0..seeds(12) {
        for version in [Version::Rfc6775, Version::Rfc8505] {
            // Two hosts that claim the address of a third, all at different routers.
            let roles =
                [Role::Border, Role::Router, Role::Router, Role::Router, Role::Host, Role::Host, Role::Host];
            let links = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6)];
            let mut lab = Lab::with_claims(seed, of(version), &roles, &links, &[(5, 4), (6, 4)]);
            for _ in 0..300 {
                lab.run(10);
                let owners = (4..7).filter(|&host| lab.nodes[host].may_use(lab.now, global(4)));
                assert!(owners.count() <= 1, "seed {seed}, {version:?}, {:?}", lab.now);
                let routers = (0..4).filter(|&router| lab.nodes[router].has_registered(global(4)).is_some());
                assert!(routers.count() <= 1, "seed {seed}, {version:?}");
            }
        }
    }
}

// Holds: RFC 6775 8.2.1-a, 8.2.1-b
#[test]
fn hostile_messages_neither_stop_nodes_nor_fill_their_memory() {
    for seed in 0..seeds(6) {
        for version in [Version::Rfc6775, Version::Rfc8505] {
            let settings = NdSettings { neighbours_max: 8, registry_max: 16, ..of(version) };
            let roles = [Role::Border, Role::Router, Role::Host];
            let mut lab = Lab::new(seed, settings, &roles, &[(0, 1), (1, 2)]);
            lab.run(60);
            let seen: Vec<Outgoing> = lab.sent.iter().map(|sent| sent.outgoing.clone()).collect();
            for step in 0..3000 {
                let mut message = seen[lab.draw(seen.len() as u64) as usize].clone();
                // A few bytes are others, and the checksum is right again, or the message is cut.
                for _ in 0..lab.draw(6) {
                    let (at, value) = (lab.draw(message.message.len() as u64) as usize, lab.draw(256) as u8);
                    message.message[at] = value;
                }
                if lab.draw(8) == 0 {
                    let len = lab.draw(message.message.len() as u64 + 1) as usize;
                    message.message.truncate(len);
                }
                if lab.draw(2) == 0 {
                    let number = lab.draw(40) as usize;
                    message.source = if lab.draw(2) == 0 { local(number) } else { global(number) };
                }
                let to = lab.draw(3) as usize;
                let message = sealed(message);
                let hop_limit = if lab.draw(4) == 0 { 64 } else { 255 };
                lab.hand(9, to, &message, hop_limit);
                if step % 50 == 0 {
                    lab.run(1);
                }
                for node in &lab.nodes {
                    assert!(node.registrar().len().1 <= 8 && node.registry().len() <= 16, "seed {seed}");
                    assert!(node.host().routers.len() <= 8 && node.information().iter().count() <= 4);
                }
            }
            check(&lab, seed);
            lab.run(100_000);
        }
    }
}

/// The message with a right checksum, where there is room for one.
fn sealed(mut outgoing: Outgoing) -> Outgoing {
    if outgoing.message.len() >= 4 {
        outgoing.message[2..4].fill(0);
        let length = outgoing.message.len() as u32;
        let pseudo = wire::checksum::pseudo_header(
            outgoing.source.into(),
            outgoing.destination.into(),
            wire::ip::IpProtocol::ICMPV6,
            length,
        );
        let sum = (pseudo + wire::checksum::Sum::of(&outgoing.message)).finish();
        outgoing.message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    outgoing.reason = Reason::Control;
    outgoing.to = To::All;
    outgoing
}

// Holds: RFC 6775 5.8.1-a
#[test]
fn what_registrations_cost_falls_with_their_lifetime() {
    let solicitations = |lifetime| {
        let settings = NdSettings { lifetime, router_lifetime: u16::MAX, ..of(Version::Rfc6775) };
        let mut lab = Lab::new(3, settings, &[Role::Border, Role::Host], &[(0, 1)]);
        lab.run(36_000);
        lab.sent_by(1, nd_lab::NS).len()
    };
    // Ten hours, renewed between half and three quarters of the lifetime: on average each 0.625 of it.
    for lifetime in [1, 5, 20] {
        let expected = 36_000.0 / (0.625 * 60.0 * f64::from(lifetime));
        let found = solicitations(lifetime) as f64;
        assert!((found / expected - 1.0).abs() < 0.15, "{lifetime} min: {found}, expected {expected}");
    }
}
