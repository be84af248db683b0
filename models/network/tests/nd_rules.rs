//! The rules of neighbour discovery over 6LoWPAN for hosts and duplicates, by nodes without radios (RFC 6775, RFC 8505).

mod nd_lab;

use nd_lab::*;
use network::nd::host::State;
use network::nd::node::{News, To};
use network::nd::settings::{NdSettings, Role, Version};
use sim_core::SimDuration;
use wire::account::Reason;
use wire::ndp::Body;
use wire::ndp_lowpan::Status;

// Holds: RFC 6775 5.3-a, 5.3-b, 6.3-a, 5.5-a, 5.5.1-a, 6.5.3-a
#[test]
fn a_host_of_rfc_6775_solicits_is_answered_alone_and_registers_its_address() {
    let mut lab = Lab::new(1, of(Version::Rfc6775), &STAR, &[(0, 1)]);
    lab.run(30);
    let solicitation = lab.sent_by(1, RS)[0];
    assert_eq!(solicitation.outgoing.to, To::All);
    assert_eq!(solicitation.outgoing.source, local(1));
    assert!(solicitation.options()[0].starts_with("SourceLinkLayer"));
    let answers: Vec<_> =
        lab.sent_by(0, RA).into_iter().filter(|sent| sent.outgoing.to == To::Neighbour(link(1))).collect();
    assert_eq!(answers.len(), 1);
    let asked = lab.sent_by(1, NS)[0];
    assert_eq!((asked.outgoing.source, asked.outgoing.destination), (global(1), local(0)));
    assert!(asked.options()[0].starts_with("SourceLinkLayer"));
    let registration = asked.registration().unwrap();
    assert_eq!(
        (registration.lifetime, registration.transaction, registration.status),
        (10, None, Status::SUCCESS)
    );
    let told = lab.sent_by(0, NA)[0];
    assert_eq!(
        (told.outgoing.destination, told.registration().unwrap().status),
        (global(1), Status::SUCCESS)
    );
    assert!(lab.has_joined(1));
    assert_eq!(lab.nodes[0].has_registered(global(1)), Some(link(1)));
}

// Holds: RFC 8505 5.5-a, 5.6-a, 5.6-b, 5.6-c, 5.1-a, 5.2-a, 6.1-a
#[test]
fn a_host_of_rfc_8505_registers_its_link_local_address_first_and_all_others_from_it() {
    let mut lab = Lab::new(1, of(Version::Rfc8505), &CHAIN, &[(0, 1), (1, 2)]);
    lab.run(60);
    assert!(lab.has_joined(1) && lab.has_joined(2));
    let asked = lab.sent_by(2, NS);
    let target = |sent: &Sent| match sent.body() {
        Body::NeighborSolicitation { target } => target,
        other => panic!("{other:?}"),
    };
    assert_eq!((target(asked[0]), target(asked[1])), (local(2), global(2)));
    assert!(asked.iter().all(|sent| sent.outgoing.source == local(2)));
    let transaction = asked[1].registration().unwrap().transaction.expect("T is set");
    // 240 is where counters begin; the first registration is the one after.
    assert_eq!((transaction.id, transaction.routed), (241, true));
    let own = lab.sent_by(1, NS)[1].registration().unwrap().transaction.unwrap();
    assert!(!own.routed, "a router makes itself reachable");
    // Nobody is asked about addresses of one link.
    let about: Vec<_> = lab.sent_by(1, DAR).iter().map(|sent| sent.duplicate_address().address).collect();
    assert_eq!(about, [global(2)]);
    for message in lab.sent.iter().filter(|sent| matches!(sent.kind(), RS | RA)) {
        assert!(message.options().iter().any(|option| option.starts_with("Capabilities")), "{message:?}");
    }
}

// Holds: RFC 6775 5.3-c, 5.3-d
#[test]
fn solicitations_without_an_answer_back_off_to_a_minute() {
    for version in BOTH {
        let mut lab = Lab::new(5, of(version), &STAR, &[]);
        lab.run(600);
        let times: Vec<u64> = lab.sent_by(1, RS).iter().map(|sent| seconds(sent)).collect();
        let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Three of them 10 s apart, then 20, 40 and 60 s; each up to a second later.
        let least = [10, 10, 20, 40, 60, 60, 60];
        assert!(
            pauses.iter().zip(least).all(|(&pause, least)| (least - 1..=least + 2).contains(&pause)),
            "{pauses:?}"
        );
        lab.links.extend([(0, 1), (1, 0)]);
        lab.run(100);
        assert!(lab.has_joined(1), "the next one finds the router");
        let solicited = lab.sent_by(1, RS).len();
        lab.run(300);
        assert_eq!(lab.sent_by(1, RS).len(), solicited, "an advertisement ends them");
    }
}

// Holds: RFC 6775 5.5-b, 5.5.2-a, 6-a
#[test]
fn a_registration_is_renewed_well_before_its_end_and_holds_without_pause() {
    for version in BOTH {
        let mut lab = Lab::new(7, of(version), &STAR, &[(0, 1)]);
        lab.run(20);
        for _ in 0..500 {
            lab.run(10);
            assert!(lab.has_joined(1) && lab.nodes[0].has_registered(global(1)).is_some());
        }
        let times: Vec<u64> = lab
            .sent_by(1, NS)
            .iter()
            .filter(|sent| sent.outgoing.reason == Reason::KeepAlive)
            .map(|sent| seconds(sent))
            .collect();
        let addresses = if version == Version::Rfc8505 { 2 } else { 1 };
        // 5,000 s by renewals each 300 to 450 s.
        assert!((11 * addresses..=17 * addresses).contains(&times.len()), "{times:?}");
        let counts = lab.nodes[1].counts();
        assert_eq!((counts.registered, counts.renewed), (addresses as u64, times.len() as u64));
    }
}

// Holds: RFC 6775 5.5-c, 5.5.3-a
#[test]
fn a_router_that_does_not_answer_is_asked_three_times_and_given_up_for_another() {
    for version in BOTH {
        let roles = [Role::Border, Role::Router, Role::Host];
        let mut lab = Lab::new(9, of(version), &roles, &[(0, 1), (0, 2), (1, 2)]);
        lab.power(2, false);
        lab.run(60);
        lab.power(2, true);
        lab.run(60);
        // The nearer one: in the laboratory that is the one with the next number.
        assert_eq!(lab.router_of(2), Some(1));
        let before = lab.sent.len();
        lab.power(1, false);
        lab.run(600);
        assert_eq!(lab.router_of(2), Some(0), "{version:?}");
        assert!(lab.has_joined(2));
        let tries: Vec<_> = lab.sent[before..]
            .iter()
            .filter(|sent| sent.from == 2 && sent.outgoing.to == To::Neighbour(link(1)) && sent.kind() == NS)
            .collect();
        // The link-local address and the own one may be renewed at different times: three tries each, at most.
        assert!((3..=6).contains(&tries.len()), "{}", tries.len());
        let first = &tries[0];
        let again: Vec<_> = tries.iter().filter(|sent| sent.registration() == first.registration()).collect();
        assert_eq!(again.len(), 3);
        let pauses = again.windows(2).map(|pair| pair[1].at - pair[0].at);
        // 1 s, then 2 s, and up to half more.
        for (pause, least) in pauses.zip([SimDuration::from_secs(1), SimDuration::from_secs(2)]) {
            assert!((least..=least + least / 2).contains(&pause), "{pause:?}");
        }
        assert_eq!(lab.nodes[2].counts().routers_lost, 1);
    }
}

// Holds: RFC 6775 5.5.3-b
#[test]
fn frames_that_nobody_confirms_make_a_host_ask_its_router() {
    let mut lab = Lab::new(9, of(Version::Rfc8505), &STAR, &[(0, 1)]);
    lab.run(30);
    let before = lab.sent_by(1, NS).len();
    lab.act(1, |node, now| node.on_sent(now, link(0), Some(true)));
    lab.run(1);
    assert_eq!(lab.sent_by(1, NS).len(), before);
    lab.act(1, |node, now| node.on_sent(now, link(0), Some(false)));
    lab.run(1);
    assert_eq!(lab.sent_by(1, NS).len(), before + 1);
    lab.run(40);
    // Without confirmations of frames the router is asked 5 s after the first one in vain (DELAY), 30 s after the last news of it.
    let before = lab.sent_by(1, NS).len();
    lab.act(1, |node, now| node.on_sent(now, link(0), None));
    lab.run(4);
    assert_eq!(lab.sent_by(1, NS).len(), before);
    lab.run(2);
    assert_eq!(lab.sent_by(1, NS).len(), before + 1);
    lab.act(1, |node, now| node.on_sent(now, link(0), None));
    lab.run(10);
    assert_eq!(lab.sent_by(1, NS).len(), before + 1, "its answer is news of it");
}

// Holds: RFC 6775 6.5.1-a, 6.5.2-a, 5.5.3-c; RFC 8505 4.1-c
#[test]
fn an_address_that_somebody_else_has_is_refused_and_not_used() {
    for version in BOTH {
        let roles = [Role::Border, Role::Host, Role::Host];
        let mut lab = Lab::with_claims(3, of(version), &roles, &[(0, 1), (0, 2)], &[(2, 1)]);
        lab.power(2, false);
        lab.run(30);
        lab.power(2, true);
        lab.run(300);
        assert!(lab.has_joined(1) && lab.has_joined(2));
        assert_eq!(lab.state(2, global(1)), State::Refused(Status::DUPLICATE_ADDRESS));
        assert!(!lab.nodes[2].may_use(lab.now, global(1)));
        assert_eq!(lab.nodes[0].has_registered(global(1)), Some(link(1)), "the entry stays as it is");
        let refusals: Vec<_> = lab
            .sent_by(0, NA)
            .into_iter()
            .filter(|sent| sent.registration().unwrap().status == Status::DUPLICATE_ADDRESS)
            .collect();
        assert_eq!(refusals.len(), 1, "the node does not ask again");
        assert_ne!(refusals[0].outgoing.destination, global(1), "two may have that");
        assert_eq!(lab.nodes[0].counts().duplicates, 1);
    }
}

// Holds: RFC 6775 8.2-a, 8.2-b, 8.2.3-a, 8.2.4-a, 8.2.5-a; RFC 8505 5.4-a
#[test]
fn an_address_that_is_registered_elsewhere_is_found_by_the_border_router() {
    for version in BOTH {
        // 3 is registered with 1; 4 claims its address at 2.
        let roles = [Role::Border, Role::Router, Role::Router, Role::Host, Role::Host];
        let links = [(0, 1), (0, 2), (1, 3), (2, 4)];
        let mut lab = Lab::with_claims(3, of(version), &roles, &links, &[(4, 3)]);
        lab.power(4, false);
        lab.run(60);
        lab.power(4, true);
        lab.run(100);
        assert_eq!(lab.state(4, global(3)), State::Refused(Status::DUPLICATE_ADDRESS));
        assert_eq!(lab.nodes[2].has_registered(global(3)), None);
        let asked =
            lab.sent_by(2, DAR).into_iter().find(|sent| sent.duplicate_address().address == global(3));
        let asked = asked.expect("the router asks");
        assert_eq!(
            (asked.outgoing.source, asked.outgoing.destination, asked.outgoing.to),
            (global(2), global(0), To::Afar)
        );
        let message = asked.duplicate_address();
        assert_eq!((message.status, message.lifetime), (Status::SUCCESS, 10));
        assert_eq!(message.transaction.is_some(), version == Version::Rfc8505);
        let told = lab.sent_by(0, DAC).into_iter().find(|sent| {
            sent.outgoing.destination == global(2) && sent.duplicate_address().address == global(3)
        });
        assert_eq!(told.unwrap().duplicate_address().status, Status::DUPLICATE_ADDRESS);
        // Between question and answer nothing may be handed to whoever asks: the news come after.
        let gained = lab.news.iter().filter(|(node, news)| {
            *node == 2 && matches!(news, News::Registered { address, .. } if *address == global(3))
        });
        assert_eq!(gained.count(), 0);
        assert_eq!(lab.nodes[0].registry().get(global(3)).unwrap().registrar, global(1));
    }
}

// Holds: RFC 6775 6.5.3-b, 5.5.3-d; RFC 8505 5.7-a
#[test]
fn a_full_router_refuses_and_the_host_finds_another_one() {
    for version in BOTH {
        let room = if version == Version::Rfc8505 { 4 } else { 2 };
        let settings = NdSettings { neighbours_max: room, ..of(version) };
        // 1 and 2 are routers without room for themselves at each other; three hosts hear both.
        let roles = [Role::Border, Role::Border, Role::Host, Role::Host, Role::Host];
        let links = [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)];
        let mut lab = Lab::new(11, settings, &roles, &links);
        lab.run(300);
        let routers: Vec<_> = (2..5).map(|host| lab.router_of(host)).collect();
        assert_eq!(routers.iter().filter(|&&router| router == Some(1)).count(), 2, "{version:?} {routers:?}");
        assert_eq!(routers.iter().filter(|&&router| router == Some(0)).count(), 1, "{version:?} {routers:?}");
        assert!((2..5).all(|host| lab.has_joined(host)), "{version:?}");
        let (now, most) = lab.nodes[1].registrar().len();
        assert!(now <= usize::from(room) && most <= usize::from(room));
        assert!(lab.nodes[1].counts().full > 0);
    }
}

// Holds: RFC 8505 5.7-b, 4.1-d
#[test]
fn a_border_router_without_room_says_so_and_the_node_tries_later() {
    let settings = NdSettings { registry_max: 1, lifetime: 2, ..of(Version::Rfc8505) };
    let roles = [Role::Border, Role::Host, Role::Host];
    let mut lab = Lab::new(13, settings, &roles, &[(0, 1), (0, 2)]);
    lab.power(2, false);
    lab.run(20);
    lab.power(2, true);
    lab.run(20);
    assert!(!lab.has_joined(2));
    let told = |lab: &Lab| {
        let statuses = lab.sent_by(0, NA).into_iter().map(|sent| sent.registration().unwrap().status);
        statuses.filter(|&status| status == Status::REGISTRY_SATURATED).count()
    };
    assert_eq!(told(&lab), 1);
    lab.power(1, false);
    lab.run(240);
    assert!(lab.has_joined(2), "the other's registration has run out");
}
