//! Rules of RFC 6550 one by one, on graphs of a few nodes.

mod rpl_lab;

use network::rpl::link::Etx;
use network::rpl::router::{Heard, Outgoing, Router, To};
use network::rpl::settings::{Role, RplSettings};
use network::rpl::travel::Hop;
use rpl_lab::{Graph, global, local, quick};
use sim_core::random::{Purpose, RunSeed, Streams};
use sim_core::{SimDuration, SimTime};
use wire::rpl::{
    self, Dao, Dio, Dis, INFINITE_RANK, Message, ModeOfOperation, PacketInformation, RplOption,
    SolicitedInformation,
};

fn router(role: Role, settings: RplSettings) -> Router {
    let streams = Streams::new(RunSeed::new(1, 0));
    let mut router = Router::new(settings, role, global(9), streams.counter("me", Purpose::new(20)));
    router.start(SimTime::ZERO);
    router
}

/// What a router sends until `end`.
fn sent(router: &mut Router, end: u64) -> Vec<Outgoing> {
    let end = SimTime::ZERO + SimDuration::from_millis(end);
    let mut all = Vec::new();
    while let Some(outgoing) = router.poll_transmit() {
        all.push(outgoing);
    }
    while let Some(at) = router.poll_timeout().filter(|&at| at <= end) {
        router.handle_timeout(at);
        while let Some(outgoing) = router.poll_transmit() {
            all.push(outgoing);
        }
    }
    all
}

fn hears(
    router: &mut Router,
    now: u64,
    from: usize,
    unicast: bool,
    message: &Message,
    options: &[RplOption<'_>],
) {
    let bytes = rpl::to_bytes(message, options, local(from), local(9));
    let (message, options) = rpl::parse(&bytes).expect("what was written can be read");
    let heard = Heard { from: local(from), unicast, guess: Etx::ONE, message: &message, options };
    router.handle_message(SimTime::ZERO + SimDuration::from_millis(now), &heard);
}

fn dio(rank: u16) -> Dio {
    Dio {
        instance: 0,
        version: 240,
        rank,
        grounded: true,
        mode: ModeOfOperation::Storing,
        preference: 3,
        dtsn: 240,
        dodag: global(0),
    }
}

fn hears_dio(router: &mut Router, now: u64, from: usize, dio: Dio) {
    let prefix = rpl::PrefixInformation {
        prefix_len: 64,
        on_link: false,
        autonomous: true,
        router_address: true,
        valid_lifetime: u32::MAX,
        preferred_lifetime: u32::MAX,
        prefix: global(from),
    };
    let options = [RplOption::DodagConfiguration(quick().configuration()), RplOption::Prefix(prefix)];
    hears(router, now, from, false, &Message::Dio(dio), &options);
}

fn dios(sent: &[Outgoing]) -> Vec<(To, Dio)> {
    let dio = |outgoing: &Outgoing| match outgoing.message {
        Message::Dio(dio) => Some((outgoing.to, dio)),
        Message::Dis(_) | Message::Dao(_) | Message::DaoAck(_) => None,
    };
    sent.iter().filter_map(dio).collect()
}

fn daos(sent: &[Outgoing]) -> Vec<&Outgoing> {
    sent.iter().filter(|outgoing| matches!(outgoing.message, Message::Dao(_))).collect()
}

// Holds: RFC 6550 8.2.2.2-2, 8.2.1-2, 8.1-3; RFC 6719 3.3-a
#[test]
fn a_root_has_the_rank_of_one_hop_and_no_parents() {
    let mut root = router(Role::Root, quick());
    let sent = dios(&sent(&mut root, 600));
    assert_eq!((sent[0].0, sent[0].1.rank, sent[0].1.dodag), (To::All, 256, global(9)));
    assert!(root.parent_set().is_empty() && root.parent().is_none());
    hears_dio(&mut root, 700, 1, dio(512));
    assert!(root.parent().is_none(), "what others say gives a root no parent");
}

// Holds: RFC 6550 8.1-1, 8.2.1-4, 8.2.2.4-1
#[test]
fn a_node_tells_on_what_its_parent_says_and_only_the_rank_is_its_own() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(512));
    assert_eq!(node.parent_set(), [local(1)]);
    let told = dios(&sent(&mut node, 700))[0].1;
    // One transmission is 128, less than the least step of a hop.
    assert_eq!(told.rank, 768);
    assert_eq!(Dio { rank: 512, dtsn: 240, ..told }, dio(512));
}

// Holds: RFC 6719 3.2.2-b, 3.2.2-c, 3.2.1-a
#[test]
fn the_best_way_is_taken_and_left_only_for_one_that_is_better_by_the_threshold() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(700));
    // 700 + 128 = 828 against 509 + 128 = 637: 191 better is too little, 192 is enough.
    hears_dio(&mut node, 20, 2, dio(509));
    assert_eq!(node.parent(), Some(local(1)));
    hears_dio(&mut node, 30, 2, dio(508));
    assert_eq!((node.parent(), node.rank()), (Some(local(2)), Some(508 + 256)));
}

// Holds: RFC 6719 3.2.2-d, 3.3-c; RFC 6550 8.2.1-1, 8.2.1-5
#[test]
fn the_parent_set_holds_the_next_best_ways_that_do_not_raise_the_rank() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(400));
    for (from, rank) in [(2, 420), (3, 500), (4, 511), (5, 600)] {
        hears_dio(&mut node, 20, from, dio(rank));
    }
    // Rank 656. 256 · (1 + ⌊511 / 256⌋) = 512 is below it, 256 · (1 + ⌊600 / 256⌋) = 768 is not; three at most.
    assert_eq!(node.rank(), Some(656));
    assert_eq!(node.parent_set(), [local(1), local(2), local(3)]);
}

// Holds: RFC 6550 8.2.2.5-1, 8.2.2.5-2, 8.2.2.6-1
#[test]
fn a_node_without_a_parent_poisons_and_does_not_come_back_behind_its_children() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(256));
    sent(&mut node, 1000);
    // 768 is as far away as a child: it may be one.
    hears_dio(&mut node, 1010, 2, dio(768));
    hears_dio(&mut node, 1020, 1, dio(INFINITE_RANK));
    assert_eq!((node.parent(), node.counts().local_repairs), (None, 1));
    assert_eq!(dios(&sent(&mut node, 1020))[0].1.rank, INFINITE_RANK);
    hears_dio(&mut node, 1100, 2, dio(768));
    assert_eq!(node.parent(), None, "Imin is not over: the child may not have heard");
    hears_dio(&mut node, 1020 + 512, 2, dio(768));
    assert_eq!((node.parent(), node.rank()), (Some(local(2)), Some(1024)));
}

// Holds: RFC 6550 8.2.2.4-3
#[test]
fn a_rank_rises_by_no_more_than_is_allowed() {
    let limited = RplSettings { max_rank_increase: 512, ..quick() };
    let mut node = router(Role::Router, limited);
    let say = |node: &mut Router, now: u64, rank: u16| {
        let options = [RplOption::DodagConfiguration(limited.configuration())];
        hears(node, now, 1, false, &Message::Dio(dio(rank)), &options);
    };
    say(&mut node, 10, 256);
    sent(&mut node, 1000);
    say(&mut node, 1010, 768);
    assert_eq!(node.rank(), Some(1024), "L = 512, and 512 more");
    say(&mut node, 1020, 769);
    assert_eq!(node.rank(), None);
}

// Holds: RFC 6550 8.2.2.1-5, 8.2.2.1-6, 8.2.2.4-5, 8.3-d
#[test]
fn a_new_version_is_followed_and_an_old_one_never_again() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(256));
    sent(&mut node, 3000);
    let resets = node.counts().resets;
    hears_dio(&mut node, 3010, 2, Dio { version: 241, ..dio(2000) });
    assert_eq!(
        (node.parent(), node.dodag()),
        (Some(local(2)), Some((global(0), 241))),
        "any rank in a new version"
    );
    assert_eq!(node.counts().resets, resets + 1);
    assert_eq!(dios(&sent(&mut node, 3600))[0].1.version, 241);
    hears_dio(&mut node, 3700, 1, dio(256));
    assert_eq!(node.parent(), Some(local(2)));
}

// Holds: RFC 6550 8.3-a, 8.3-b
#[test]
fn a_dis_to_all_resets_the_timer_of_those_it_asks_for() {
    let asked = |version| {
        [RplOption::Solicited(SolicitedInformation {
            version: Some(version),
            instance: Some(0),
            dodag: None,
        })]
    };
    for (options, resets) in [(vec![], 1), (asked(240).to_vec(), 1), (asked(3).to_vec(), 0)] {
        let mut root = router(Role::Root, quick());
        sent(&mut root, 4000);
        let before = root.counts().resets;
        hears(&mut root, 4000, 1, false, &Message::Dis(Dis), &options);
        assert_eq!(root.counts().resets - before, resets, "{options:?}");
    }
}

// Holds: RFC 6550 8.3-c, 8.3-e
#[test]
fn a_dis_to_one_is_answered_to_its_sender_with_the_configuration() {
    let mut root = router(Role::Root, quick());
    sent(&mut root, 4000);
    hears(&mut root, 4000, 1, true, &Message::Dis(Dis), &[]);
    let answer = root.poll_transmit().expect("it is answered at once");
    assert_eq!(answer.to, To::Neighbour(local(1)));
    assert!(answer.options.iter().any(|option| matches!(option, RplOption::DodagConfiguration(_))));
    assert_eq!(root.counts().resets, 0, "the timer is left alone");
}

// Holds: RFC 6550 8.5-2, 8.5-3
#[test]
fn a_leaf_tells_an_infinite_rank_and_only_when_it_is_asked() {
    let mut leaf = router(Role::Leaf, quick());
    hears_dio(&mut leaf, 10, 1, dio(256));
    assert!(dios(&sent(&mut leaf, 20_000)).is_empty());
    hears(&mut leaf, 20_000, 2, true, &Message::Dis(Dis), &[]);
    let answer = dios(&sent(&mut leaf, 20_000));
    assert_eq!((answer[0].0, answer[0].1.rank), (To::Neighbour(local(2)), INFINITE_RANK));
}

// Holds: RFC 6550 8.3-f
#[test]
fn a_consistent_dio_counts_and_one_from_further_down_does_not() {
    let settings = RplSettings {
        trickle: network::rpl::trickle::TrickleSettings { redundancy: 1, ..quick().trickle },
        ..quick()
    };
    for (rank, suppressed) in [(256, true), (1024, false)] {
        let mut node = router(Role::Router, settings);
        let options = [RplOption::DodagConfiguration(settings.configuration())];
        hears(&mut node, 10, 1, false, &Message::Dio(dio(256)), &options);
        hears(&mut node, 20, 2, false, &Message::Dio(dio(rank)), &options);
        hears(&mut node, 30, 2, false, &Message::Dio(dio(rank)), &options);
        assert_eq!(dios(&sent(&mut node, 523)).is_empty(), suppressed, "{rank}");
    }
}

// Holds: RFC 6550 9.3-1, 9.4-1, 9.4-2, 9.4-3, 9.8-1, 9.5-3
#[test]
fn a_storing_node_announces_itself_to_its_parent_and_takes_it_back_when_it_leaves() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(800));
    let first = sent(&mut node, 1600);
    let first = daos(&first);
    assert_eq!(first[0].to, To::Neighbour(local(1)));
    let RplOption::Transit(transit) = first[0].options[1] else {
        panic!("a transit option behind the target")
    };
    assert!(matches!(first[0].options[0], RplOption::Target(target) if target.prefix == global(9)));
    assert_eq!((transit.parent, transit.path_lifetime), (None, 30));
    hears_dio(&mut node, 1700, 2, dio(256));
    let second = sent(&mut node, 3400);
    let second = daos(&second);
    let RplOption::Transit(gone) = second[0].options[1] else { panic!("a transit option behind the target") };
    assert_eq!(
        (second[0].to, gone.path_lifetime),
        (To::Neighbour(local(1)), 0),
        "No-Path to the one it leaves"
    );
    let RplOption::Transit(new) = second[1].options[1] else { panic!("a transit option behind the target") };
    assert_eq!((second[1].to, new.path_lifetime), (To::Neighbour(local(2)), 30));
    assert!(transit.path_sequence < gone.path_sequence && gone.path_sequence < new.path_sequence);
    let sequence = |outgoing: &Outgoing| match outgoing.message {
        Message::Dao(Dao { sequence, .. }) => sequence,
        Message::Dis(_) | Message::Dio(_) | Message::DaoAck(_) => 0,
    };
    assert!(sequence(first[0]) < sequence(second[0]) && sequence(second[0]) < sequence(second[1]));
}

// Holds: RFC 6550 9.7-1, 9.4.1-a
#[test]
fn a_non_storing_node_names_its_parent_to_the_root() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, Dio { mode: ModeOfOperation::NonStoring, ..dio(512) });
    let sent = sent(&mut node, 1600);
    let dao = daos(&sent)[0];
    assert_eq!(dao.to, To::Afar(global(0)));
    let RplOption::Transit(transit) = dao.options[1] else { panic!("a transit option behind the target") };
    assert_eq!(transit.parent, Some(global(1)), "the address of the parent's prefix option with the flag R");
}

// Holds: RFC 6550 9.2-1, 9.2-2
#[test]
fn without_routes_downwards_nobody_announces_anything() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, Dio { mode: ModeOfOperation::NoDownwardRoutes, ..dio(512) });
    assert!(daos(&sent(&mut node, 60_000)).is_empty());
    assert!(node.parent().is_some());
}

// Holds: RFC 6550 9.3-3, 9.3-4, 9.3-5
#[test]
fn a_dao_is_confirmed_or_sent_again_a_few_times() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(512));
    // Half a second to one and a half at first, then 2 to 6, 4 to 12 and 8 to 24: the fourth after 43.5 s at the latest. It is given up after
    // 16 s and more, and all is announced anew 30 s later at the earliest: in 60.5 s.
    let all = sent(&mut node, 60_000);
    assert_eq!(daos(&all).len(), 4, "nobody confirms");
    assert!(daos(&sent(&mut node, 220_000)).len() >= 4, "it is not for ever");
    let mut parent = router(Role::Root, quick());
    let (Message::Dao(dao), options) = (daos(&all)[0].message, &daos(&all)[0].options) else { panic!() };
    assert!(dao.ack_request);
    hears(&mut parent, 10, 1, true, &Message::Dao(dao), options);
    let ack = parent.poll_transmit().expect("it is confirmed at once");
    assert!(matches!(ack.message, Message::DaoAck(ack) if ack.sequence == dao.sequence && ack.status == 0));
}

// Holds: RFC 6550 9.3-6, 9.4-6
#[test]
fn old_and_malformed_daos_are_not_processed() {
    let mut root = router(Role::Root, quick());
    let target = |node| RplOption::Target(rpl::Target { prefix: global(node), prefix_len: 128 });
    let transit = RplOption::Transit(rpl::TransitInformation {
        external: false,
        path_control: 0,
        path_sequence: 240,
        path_lifetime: 30,
        parent: None,
    });
    let dao = |sequence| Message::Dao(Dao { instance: 0, ack_request: false, sequence, dodag: None });
    // No target; a target without transit; a parent that is named in the storing mode.
    hears(&mut root, 1, 1, true, &dao(241), &[transit]);
    hears(&mut root, 2, 1, true, &dao(242), &[target(3)]);
    let named = rpl::TransitInformation {
        external: false,
        path_control: 0,
        path_sequence: 240,
        path_lifetime: 30,
        parent: Some(global(1)),
    };
    hears(&mut root, 3, 1, true, &dao(243), &[target(3), RplOption::Transit(named)]);
    assert_eq!((root.routes().len(), root.counts().malformed), (0, 3));
    hears(&mut root, 4, 1, true, &dao(244), &[target(3), target(4), transit]);
    assert_eq!(root.routes().len(), 2, "a transit holds for all targets in front of it");
    hears(&mut root, 5, 1, true, &dao(243), &[target(5), transit]);
    assert_eq!(root.routes().len(), 2, "an older message than the last");
}

// Holds: RFC 6550 9.6-1, 9.6-2
#[test]
fn a_parent_s_trigger_brings_a_new_dao_and_goes_on_in_the_non_storing_mode() {
    for mode in [ModeOfOperation::Storing, ModeOfOperation::NonStoring] {
        let mut node = router(Role::Router, RplSettings { confirmed: false, ..quick() });
        hears_dio(&mut node, 10, 1, Dio { mode, ..dio(512) });
        let before = dios(&sent(&mut node, 3000)).last().expect("it speaks").1.dtsn;
        hears_dio(&mut node, 3000, 1, Dio { mode, dtsn: 241, ..dio(512) });
        let all = sent(&mut node, 9000);
        assert_eq!(daos(&all).len(), 1, "{mode:?}");
        let after = dios(&all).last().expect("it speaks again").1.dtsn;
        assert_eq!(after != before, mode == ModeOfOperation::NonStoring);
    }
}

// Holds: RFC 6550 9.5-1, 9.5-2, 9.8-2, 9.8-3
#[test]
fn news_of_a_child_goes_on_to_the_parent_after_a_pause() {
    let roles = [Role::Root, Role::Router, Role::Router, Role::Router];
    let mut graph = Graph::new(3, quick(), &roles, &[(0, 1), (1, 2), (2, 3)]);
    graph.run(30);
    assert_eq!(graph.routers[0].routes().targets().collect::<Vec<_>>(), [global(1), global(2), global(3)]);
    assert_eq!(graph.routers[1].routes().targets().collect::<Vec<_>>(), [global(2), global(3)]);
    assert_eq!(graph.routers[0].hop(graph.now, global(3), None), Hop::Down(local(1)));
    assert_eq!(graph.routers[3].hop(graph.now, global(1), None), Hop::Up(local(2)));
}

fn information(down: bool, sender_rank: u16) -> PacketInformation {
    PacketInformation { down, rank_error: false, forwarding_error: false, instance: 0, sender_rank }
}

// Holds: RFC 6550 11.2.2.2-a, 11.2.2.2-b, 8.3-g
#[test]
fn a_step_against_the_ranks_is_forgiven_once() {
    let mut node = router(Role::Router, quick());
    hears_dio(&mut node, 10, 1, dio(512));
    sent(&mut node, 5000);
    // 512 + 256: this node's whole rank is 3.
    assert_eq!(node.dag_rank(), 3);
    let now = SimTime::from_secs(5);
    for (down, rank, fits) in
        [(false, 4, true), (false, 2, false), (true, 2, true), (true, 4, false), (true, 0, true)]
    {
        let mut packet = information(down, rank);
        assert!(node.judge(now, local(2), &mut packet));
        assert_eq!(packet.rank_error, !fits, "{down} {rank}");
    }
    assert_eq!(node.counts().rank_errors, 2);
    let mut again = PacketInformation { rank_error: true, ..information(false, 2) };
    let resets = node.counts().resets;
    assert!(!node.judge(now, local(2), &mut again), "the second time the packet is dropped");
    assert_eq!(node.counts().resets, resets + 1);
}

// Holds: RFC 6550 11.2.2.3-a, 11.2.2.3-b
#[test]
fn a_packet_that_cannot_go_down_comes_back_and_clears_the_way() {
    let roles = [Role::Root, Role::Router, Role::Router];
    let mut graph = Graph::new(3, quick(), &roles, &[(0, 1), (1, 2)]);
    graph.run(30);
    // 1 forgets what is below it, as after a loss of power; the root does not know.
    graph.power(1, false);
    graph.power(1, true);
    let parent = Dio { dodag: global(0), ..dio(256) };
    let mut forgetful = router(Role::Router, quick());
    hears_dio(&mut forgetful, 10, 0, parent);
    let down = information(true, 1);
    assert_eq!(forgetful.hop(SimTime::ZERO, global(2), Some(down)), Hop::Back(local(0)));
    let now = graph.now;
    graph.routers[0].on_forwarding_error(now, local(1), global(2));
    assert_eq!(graph.routers[0].hop(graph.now, global(2), None), Hop::None);
}

#[test]
fn a_dio_without_configuration_is_asked_for_it() {
    let mut node = router(Role::Router, quick());
    hears(&mut node, 10, 1, false, &Message::Dio(dio(512)), &[]);
    assert_eq!(node.parent(), None);
    let asks = node.poll_transmit().expect("it asks");
    assert_eq!((asks.to, asks.message), (To::Neighbour(local(1)), Message::Dis(Dis)));
}

#[test]
fn what_this_node_cannot_do_gives_it_no_parent() {
    let mut node = router(Role::Router, quick());
    let strange = rpl::DodagConfiguration { objective_code_point: 7, ..quick().configuration() };
    hears(&mut node, 10, 1, false, &Message::Dio(dio(512)), &[RplOption::DodagConfiguration(strange)]);
    hears_dio(&mut node, 20, 2, Dio { mode: ModeOfOperation::StoringWithMulticast, ..dio(512) });
    hears_dio(&mut node, 30, 3, Dio { instance: 9, ..dio(512) });
    let zero = rpl::DodagConfiguration { min_hop_rank_increase: 0, ..quick().configuration() };
    hears(&mut node, 40, 4, false, &Message::Dio(dio(512)), &[RplOption::DodagConfiguration(zero)]);
    assert_eq!(node.parent(), None);
}
