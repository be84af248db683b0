//! The rules of neighbour discovery over 6LoWPAN, by nodes without radios (RFC 6775, RFC 8505).

mod nd_lab;

use nd_lab::{DAC, DAR, Lab, NA, NS, RA, RS, Sent, global, link, local, of};
use network::nd::host::State;
use network::nd::node::{News, Outgoing, To};
use network::nd::settings::{NdSettings, Role, Version};
use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::checksum::pseudo_header;
use wire::duplicate_address;
use wire::ip::IpProtocol;
use wire::ndp::{Body, Message, RouterAdvertisement};
use wire::ndp_lowpan::{AddressRegistration, BorderRouter, ContextOption, Rovr, Status, Transaction};
use wire::ndp_options::{NdpOption, NdpOptionList, PrefixInformation};

const BOTH: [Version; 2] = [Version::Rfc6775, Version::Rfc8505];
const STAR: [Role; 2] = [Role::Border, Role::Host];
const CHAIN: [Role; 3] = [Role::Border, Role::Router, Role::Host];

fn seconds(sent: &Sent) -> u64 {
    (sent.at - SimTime::ZERO).as_nanos() / 1_000_000_000
}

/// A message that nobody in the laboratory would write.
fn crafted(
    source: std::net::Ipv6Addr,
    destination: std::net::Ipv6Addr,
    body: Body,
    options: &[NdpOption<'_>],
) -> Outgoing {
    let mut list = NdpOptionList::new();
    options.iter().for_each(|&option| list.try_push(option).expect("few options"));
    let message = Message { body, options: list.options() };
    let mut bytes = vec![0; message.len()];
    let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::ICMPV6, bytes.len() as u32);
    message.emit(&mut bytes, pseudo);
    Outgoing { to: To::All, source, destination, message: bytes, reason: Reason::Control, repeats: false }
}

fn rovr(number: u8) -> Rovr {
    Rovr::new(&[2, 0, 0, 0, 0, 0, 0, number]).expect("eight bytes")
}

fn registration(lifetime: u16, owner: u8, tid: Option<u8>) -> AddressRegistration {
    let transaction = tid.map(|id| Transaction { id, routed: true, opaque: 0 });
    AddressRegistration { status: Status::SUCCESS, lifetime, rovr: rovr(owner), transaction }
}

/// What node 0 answers to a registration from the radio `from`.
fn answer(
    lab: &mut Lab,
    from: usize,
    source: std::net::Ipv6Addr,
    target: std::net::Ipv6Addr,
    asked: AddressRegistration,
) -> Option<Sent> {
    let source_link = [0, from as u8 + 1];
    let options = [NdpOption::SourceLinkLayer(&source_link), NdpOption::AddressRegistration(asked)];
    let message = crafted(source, local(0), Body::NeighborSolicitation { target }, &options);
    let before = lab.sent.len();
    lab.hand(from, 0, &message, 255);
    lab.sent[before..].iter().find(|sent| sent.kind() == NA).cloned()
}

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

fn advertisement(options: &[NdpOption<'_>], lifetime: u16, from: usize) -> Outgoing {
    let router = RouterAdvertisement {
        hop_limit: 64,
        managed: false,
        other: false,
        router_lifetime: lifetime,
        reachable_time: 0,
        retransmission_timer: 0,
    };
    crafted(local(from), "ff02::1".parse().expect("an address"), Body::RouterAdvertisement(router), options)
}

fn prefix(on_link: bool) -> NdpOption<'static> {
    NdpOption::Prefix(PrefixInformation {
        prefix_len: 64,
        on_link,
        autonomous: true,
        valid_lifetime: 7200,
        preferred_lifetime: 3600,
        prefix: "fd00::".parse().expect("an address"),
    })
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
