//! The rules of neighbour discovery over 6LoWPAN for routers and for what all keep, by nodes without radios (RFC 6775, RFC 8505).

mod nd_lab;

use nd_lab::*;
use network::nd::node::{News, Outgoing, To};
use network::nd::settings::{NdSettings, Role, Version};
use sim_core::SimTime;
use wire::account::Reason;
use wire::duplicate_address;
use wire::ndp::{Body, Message};
use wire::ndp_lowpan::{AddressRegistration, BorderRouter, ContextOption, Rovr, Status};
use wire::ndp_options::NdpOption;

// Holds: RFC 6775 6.5.3-c, 6.5.3-d, 8.2.4-b; RFC 8505 5.7-c
#[test]
fn registrations_end_when_they_run_out_or_are_given_back() {
    for version in BOTH {
        let mut lab = Lab::new(15, of(version), &[Role::Border], &[]);
        lab.run(1);
        let tid = |id| (version == Version::Rfc8505).then_some(id);
        let (source, target) = match version {
            Version::Rfc6775 => (global(9), local(0)),
            Version::Rfc8505 => (local(9), global(9)),
        };
        if version == Version::Rfc8505 {
            answer(&mut lab, 9, local(9), local(9), registration(60, 9, tid(240))).expect("an answer");
        }
        let told = answer(&mut lab, 9, source, target, registration(1, 9, tid(241))).expect("an answer");
        assert_eq!(told.registration().unwrap(), registration(1, 9, tid(241)));
        assert!(lab.nodes[0].has_registered(global(9)).is_some());
        lab.run(61);
        assert!(lab.nodes[0].has_registered(global(9)).is_none());
        assert!(lab.news.contains(&(0, News::Gone { address: global(9) })));
        answer(&mut lab, 9, source, target, registration(10, 9, tid(242)));
        assert!(lab.nodes[0].registry().get(global(9)).is_some());
        let told = answer(&mut lab, 9, source, target, registration(0, 9, tid(243))).expect("an answer");
        assert_eq!(told.registration().unwrap().status, Status::SUCCESS);
        assert!(lab.nodes[0].has_registered(global(9)).is_none());
        // With RFC 8505 the border router keeps it for 5 s, so that it may turn up elsewhere.
        assert_eq!(lab.nodes[0].registry().get(global(9)).is_some(), version == Version::Rfc8505);
        lab.run(6);
        let other = answer(
            &mut lab,
            8,
            if tid(0).is_some() { local(8) } else { global(9) },
            if tid(0).is_some() { local(8) } else { local(0) },
            registration(10, 8, tid(240)),
        );
        assert_eq!(other.unwrap().registration().unwrap().status, Status::SUCCESS);
        if version == Version::Rfc8505 {
            let other = answer(&mut lab, 8, local(8), global(9), registration(10, 8, tid(241)));
            assert_eq!(
                other.unwrap().registration().unwrap().status,
                Status::SUCCESS,
                "nobody has it any more"
            );
        }
    }
}

// Holds: RFC 8505 4.1-e, 5.2.1-a, 5.6-d, 4.1-f
#[test]
fn what_is_old_or_comes_from_a_wrong_address_is_refused_by_its_own_status() {
    let mut lab = Lab::new(17, of(Version::Rfc8505), &[Role::Border], &[]);
    lab.run(1);
    let mut status = |from: usize, source, target, asked| {
        answer(&mut lab, from, source, target, asked).map(|sent| sent.registration().unwrap().status)
    };
    let other_link = std::net::Ipv6Addr::new(0xfd00, 0, 0, 7, 0, 0xff, 0xfe00, 10);
    assert_eq!(
        status(9, global(9), global(9), registration(10, 9, Some(240))),
        Some(Status::INVALID_SOURCE_ADDRESS)
    );
    assert_eq!(
        status(9, local(9), global(9), registration(10, 9, Some(240))),
        Some(Status::REMOVED),
        "its link-local address is not registered"
    );
    assert_eq!(status(9, local(9), local(9), registration(10, 9, Some(240))), Some(Status::SUCCESS));
    assert_eq!(
        status(9, local(9), other_link, registration(10, 9, Some(240))),
        Some(Status::TOPOLOGICALLY_INCORRECT)
    );
    assert_eq!(status(9, local(9), global(9), registration(10, 9, Some(5))), Some(Status::SUCCESS));
    // 250 stands in the line, 5 in the circle: 256 + 5 - 250 = 11 is within 16, so that 250 is older.
    assert_eq!(status(9, local(9), global(9), registration(10, 9, Some(250))), Some(Status::MOVED));
    assert_eq!(status(9, local(9), global(9), registration(10, 9, Some(4))), Some(Status::MOVED));
    assert_eq!(
        status(9, local(9), global(9), registration(10, 9, Some(5))),
        Some(Status::SUCCESS),
        "the same again"
    );
    assert_eq!(
        status(8, local(9), global(8), registration(10, 8, Some(240))),
        Some(Status::DUPLICATE_SOURCE_ADDRESS)
    );
    assert_eq!(
        status(8, local(9), local(9), registration(10, 8, Some(240))),
        Some(Status::DUPLICATE_ADDRESS)
    );
    assert_eq!(status(8, local(8), local(8), registration(10, 8, Some(240))), Some(Status::SUCCESS));
    assert_eq!(
        status(8, local(8), global(0), registration(10, 8, Some(240))),
        Some(Status::DUPLICATE_ADDRESS),
        "the router's own"
    );
}

// Holds: RFC 8505 5.7-d, 5.7-e
#[test]
fn a_node_that_has_moved_is_forgotten_where_it_was() {
    let roles = [Role::Border, Role::Router, Role::Router, Role::Host];
    let mut lab = Lab::new(19, of(Version::Rfc8505), &roles, &[(0, 1), (0, 2), (2, 3)]);
    lab.run(60);
    assert_eq!((lab.router_of(3), lab.has_joined(3)), (Some(2), true));
    lab.links.remove(&(2, 3));
    lab.links.remove(&(3, 2));
    lab.links.extend([(1, 3), (3, 1)]);
    lab.run(500);
    assert_eq!((lab.router_of(3), lab.has_joined(3)), (Some(1), true));
    assert_eq!(lab.nodes[2].has_registered(global(3)), None, "long before ten minutes are over");
    assert_eq!(lab.nodes[2].counts().moved, 1);
    let told = lab.sent_by(0, DAC).into_iter().find(|sent| sent.duplicate_address().status == Status::MOVED);
    assert_eq!(told.unwrap().outgoing.destination, global(2));
}

// Holds: RFC 6775 8.2.6-a
#[test]
fn a_border_router_that_does_not_answer_is_asked_three_times_then_the_node_is_let_in() {
    let mut lab = Lab::new(21, of(Version::Rfc6775), &CHAIN, &[(0, 1), (1, 2)]);
    lab.power(2, false);
    lab.run(60);
    lab.power(0, false);
    lab.power(2, true);
    lab.run(30);
    let asked: Vec<_> = lab
        .sent_by(1, DAR)
        .into_iter()
        .filter(|sent| sent.duplicate_address().address == global(2))
        .collect();
    assert_eq!(asked.len(), 3);
    assert!(lab.has_joined(2));
    assert_eq!(lab.nodes[1].counts().unconfirmed, 1);
}

// Holds: RFC 6775 8.2.5-b, 8.2.1-b; RFC 8505 4.2-b
#[test]
fn confirmations_without_a_question_change_nothing() {
    let mut lab = Lab::new(23, of(Version::Rfc8505), &CHAIN, &[(0, 1), (1, 2)]);
    lab.run(60);
    let sent = lab.sent.len();
    let told = |address, owner: Rovr, status, tid| {
        let message = duplicate_address::Message {
            confirms: true,
            status,
            transaction: Some(tid),
            lifetime: 10,
            rovr: owner,
            address,
        };
        let bytes = message.to_bytes(global(0), global(1));
        Outgoing {
            to: To::Afar,
            source: global(0),
            destination: global(1),
            message: bytes,
            reason: Reason::Control,
            repeats: false,
        }
    };
    let owner = lab.nodes[1].registrar().get(global(2)).unwrap().applicant.registration.rovr;
    for message in [
        told(global(7), rovr(7), Status::SUCCESS, 240),
        told(global(2), rovr(7), Status::DUPLICATE_ADDRESS, 240),
        told(global(2), owner, Status::DUPLICATE_ADDRESS, 241),
        // Older than what is known.
        told(global(2), owner, Status::MOVED, 240),
    ] {
        lab.hand(0, 1, &message, 60);
        assert!(lab.nodes[1].has_registered(global(2)).is_some());
        assert!(lab.nodes[1].registrar().get(global(7)).is_none());
    }
    let mut damaged = told(global(2), owner, Status::MOVED, 250);
    damaged.message[2] ^= 1;
    lab.hand(0, 1, &damaged, 60);
    assert!(lab.nodes[1].has_registered(global(2)).is_some());
    assert_eq!(lab.nodes[1].counts().malformed, 1);
    assert_eq!(lab.sent.len(), sent, "and nobody is answered");
}

// Holds: RFC 6775 6.5-a, 6.5-b, 6.3-b
#[test]
fn solicitations_that_break_a_rule_are_ignored() {
    let mut lab = Lab::new(25, of(Version::Rfc6775), &[Role::Border], &[]);
    lab.run(1);
    let sent = lab.sent.len();
    let good = registration(10, 9, None);
    let with = |source, hop_limit: u8, options: &[NdpOption<'_>], lab: &mut Lab| {
        let message = crafted(source, local(0), Body::NeighborSolicitation { target: local(0) }, options);
        lab.hand(9, 0, &message, hop_limit);
    };
    let link = NdpOption::SourceLinkLayer(&[0, 10]);
    let full = AddressRegistration { status: Status::NEIGHBOR_CACHE_FULL, ..good };
    let long = AddressRegistration {
        rovr: Rovr::new(&[1; 16]).unwrap(),
        transaction: registration(1, 1, Some(1)).transaction,
        ..good
    };
    with(global(9), 254, &[link, NdpOption::AddressRegistration(good)], &mut lab);
    with(global(9), 255, &[link, NdpOption::AddressRegistration(full)], &mut lab);
    with(global(9), 255, &[link, NdpOption::AddressRegistration(long)], &mut lab);
    with(global(9), 255, &[link, NdpOption::Unknown { kind: 33, data: &[0; 6] }], &mut lab);
    with("::".parse().unwrap(), 255, &[link, NdpOption::AddressRegistration(good)], &mut lab);
    assert_eq!((lab.sent.len(), lab.nodes[0].registrar().len().0), (sent, 0));
    // Without a link-layer address the solicitation counts as one without the option: an address that is here is confirmed only
    // to whoever says where it is.
    with(global(9), 255, &[NdpOption::AddressRegistration(good)], &mut lab);
    assert_eq!((lab.sent.len(), lab.nodes[0].registrar().len().0), (sent, 0));
    with(global(9), 255, &[link], &mut lab);
    assert_eq!((lab.sent.len(), lab.nodes[0].registrar().len().0), (sent + 1, 0), "a plain one is answered");
    let solicitation = crafted(local(9), "ff02::2".parse().unwrap(), Body::RouterSolicitation, &[link]);
    lab.hand(9, 0, &solicitation, 255);
    lab.run(3);
    assert_eq!(lab.nodes[0].registrar().len().0, 0, "soliciting a router registers nothing");
}

// Holds: RFC 6775 5.4-a, 5.4-b, 5.4.2-a, 5.4.3-a
#[test]
fn contexts_and_prefixes_are_taken_aged_and_put_out_of_use() {
    let mut lab = Lab::new(27, of(Version::Rfc6775), &[Role::Host], &[]);
    let link = NdpOption::SourceLinkLayer(&[0, 10]);
    let context = |lifetime, compress| {
        NdpOption::Context(ContextOption {
            id: 3,
            compress,
            lifetime,
            len: 64,
            prefix: "fd00::".parse().unwrap(),
        })
    };
    lab.hand(9, 0, &advertisement(&[prefix(false), context(10, true)], 600, 9), 255);
    assert!(lab.nodes[0].host().routers.is_empty(), "without a link-layer address");
    lab.hand(9, 0, &advertisement(&[link, prefix(true), context(10, false)], 600, 9), 255);
    lab.run(10);
    assert!(lab.sent_by(0, NS).is_empty(), "a prefix that claims to be on-link is ignored");
    let known = |lab: &Lab| {
        let node = &lab.nodes[0];
        (node.contexts_to_compress().get(3).is_some(), node.contexts_to_decompress().get(3).is_some())
    };
    assert_eq!(known(&lab), (false, true), "C = 0");
    lab.hand(9, 0, &advertisement(&[link, prefix(false), context(10, true)], 600, 9), 255);
    assert_eq!(known(&lab), (true, true));
    assert_eq!(lab.sent_by(0, NS).len(), 1);
    lab.run(601);
    assert_eq!(known(&lab), (false, true), "over, but packets of others may still have it");
    // Held for twice the router lifetime: 1,200 s.
    lab.run(1200);
    assert_eq!(known(&lab), (false, false));
    lab.hand(9, 0, &advertisement(&[link, context(10, true)], 600, 9), 255);
    lab.hand(9, 0, &advertisement(&[link, context(0, true)], 600, 9), 255);
    assert_eq!(known(&lab), (false, false), "a lifetime of zero removes it at once");
}

// Holds: RFC 6775 5.4.3-b
#[test]
fn a_host_asks_its_router_again_before_what_it_has_said_is_over() {
    let settings = NdSettings { router_lifetime: 100, lifetime: 1000, ..of(Version::Rfc8505) };
    let mut lab = Lab::new(29, settings, &STAR, &[(0, 1)]);
    lab.run(1000);
    let solicited = lab.sent_by(1, RS);
    assert!(solicited.len() > 10);
    assert!(solicited[1..].iter().all(|sent| sent.outgoing.to == To::Neighbour(link(0))), "unicast");
    assert!(lab.has_joined(1));
    lab.power(0, false);
    lab.run(200);
    assert!(lab.nodes[1].host().routers.is_empty(), "its lifetime is over");
    let last = lab.sent_by(1, RS).into_iter().next_back().unwrap();
    assert_eq!(last.outgoing.to, To::All, "then everybody is asked");
}

// Holds: RFC 6775 7-a, 8.1.1-a, 8.1.2-a, 8.1.3-a, 8.1.3-b, 8.1.4-a, 8.1.5-a, 6.2-a, 6.1-a
#[test]
fn prefixes_and_contexts_travel_from_router_to_router_with_their_border_router() {
    for version in BOTH {
        let roles = [Role::Border, Role::Router, Role::Router, Role::Router, Role::Host];
        let mut lab = Lab::new(31, of(version), &roles, &[(0, 1), (1, 2), (2, 3), (3, 4)]);
        lab.run(100);
        assert!((1..5).all(|node| lab.has_joined(node)), "{version:?}");
        assert!(lab.sent_by(3, RS)[0].at < SimTime::from_secs(2), "a router begins as a host");
        let first_of = |node| lab.sent_by(node, RA).first().map(|sent| sent.at);
        for node in 1..4 {
            assert!(
                first_of(node) >= lab.nodes[node].joined_at(),
                "it is no router before it has an address"
            );
            let all = lab.sent_by(node, RA).into_iter().filter(|sent| sent.outgoing.to == To::All);
            assert!(all.count() >= 3, "what is new is told three times");
        }
        for sent in lab.sent.iter().filter(|sent| sent.kind() == RA) {
            let options = sent.options().join(" ");
            assert!(options.contains("BorderRouter") && options.contains("fd00::ff:fe00:1"), "{options}");
            assert!(options.contains("on_link: false") && options.contains("Context("), "{options}");
        }
        // Lifetimes run down on the way.
        lab.run(3600);
        let last = lab.sent_by(3, RA).into_iter().next_back().unwrap().outgoing.message.clone();
        let message = Message::parse(&last).unwrap();
        let minutes = message.options.iter().find_map(|option| match option {
            NdpOption::BorderRouter(border) => Some(border.lifetime),
            _ => None,
        });
        assert!(minutes.is_some_and(|minutes| (9_930..10_000).contains(&minutes)), "{minutes:?}");
    }
}

// Holds: RFC 6775 8.1.3-c, 6.3-c
#[test]
fn routers_take_nothing_old_and_nothing_without_an_origin() {
    let mut lab = Lab::new(33, of(Version::Rfc6775), &[Role::Router], &[]);
    let link = NdpOption::SourceLinkLayer(&[0, 10]);
    let border =
        |version, lifetime| NdpOption::BorderRouter(BorderRouter { version, lifetime, address: global(7) });
    lab.hand(9, 0, &advertisement(&[link, prefix(false)], 600, 9), 255);
    assert!(lab.nodes[0].host().routers.is_empty() && lab.nodes[0].information().registrar().is_none());
    lab.hand(9, 0, &advertisement(&[link, border(5, 10), prefix(false)], 600, 9), 255);
    assert!(lab.nodes[0].information().covers(lab.now, global(3)));
    lab.hand(9, 0, &advertisement(&[link, border(4, 10)], 600, 9), 255);
    assert!(lab.nodes[0].information().covers(lab.now, global(3)), "an older version says nothing");
    lab.hand(9, 0, &advertisement(&[link, border(6, 10)], 600, 9), 255);
    assert!(!lab.nodes[0].information().covers(lab.now, global(3)), "a newer one replaces all");
    lab.run(601);
    assert!(lab.nodes[0].information().registrar().is_none(), "the border router's lifetime is over");
}

// Holds: RFC 8505 6.3-a
#[test]
fn a_request_without_a_counter_does_not_change_what_has_one() {
    let mut lab = Lab::new(37, of(Version::Rfc8505), &[Role::Border], &[]);
    lab.run(1);
    let mut status = |transaction, owner| {
        let message = duplicate_address::Message {
            confirms: false,
            status: Status::SUCCESS,
            transaction,
            lifetime: 10,
            rovr: rovr(owner),
            address: global(9),
        };
        let bytes = message.to_bytes(global(5), global(0));
        let outgoing = Outgoing {
            to: To::Afar,
            source: global(5),
            destination: global(0),
            message: bytes,
            reason: Reason::Control,
            repeats: false,
        };
        lab.hand(5, 0, &outgoing, 60);
        let told = lab.sent_by(0, DAC).into_iter().next_back().unwrap().duplicate_address();
        assert_eq!(told.transaction.is_some(), transaction.is_some(), "answered as it was asked");
        told.status
    };
    assert_eq!(status(Some(240), 9), Status::SUCCESS);
    assert_eq!(status(None, 9), Status::MOVED);
    assert_eq!(status(None, 8), Status::DUPLICATE_ADDRESS);
    assert_eq!(status(Some(241), 9), Status::SUCCESS);
}

#[test]
fn a_longer_verifier_makes_longer_messages_and_works_as_well() {
    for (len, dar) in [(8, 32), (16, 40), (24, 48), (32, 56)] {
        let settings = NdSettings { rovr_len: len, ..of(Version::Rfc8505) };
        let mut lab = Lab::new(35, settings, &CHAIN, &[(0, 1), (1, 2)]);
        lab.run(60);
        assert!(lab.has_joined(2), "{len}");
        assert_eq!(lab.sent_by(1, DAR)[0].outgoing.message.len(), dar);
        // Header 24, source address 8, option 8 and the verifier.
        assert_eq!(lab.sent_by(2, NS)[0].outgoing.message.len(), 40 + usize::from(len));
    }
}
