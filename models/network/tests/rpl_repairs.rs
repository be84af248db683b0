//! How a node finds that its way to the root does not hold, and what it does then: ranks that run away, parents that are children, parents that
//! take no frames for a while.

mod rpl_lab;

use network::rpl::link::Etx;
use network::rpl::router::{Heard, Outgoing, Router, To};
use network::rpl::settings::Role;
use rpl_lab::{global, local, quick};
use sim_core::random::{Purpose, RunSeed, Streams};
use sim_core::{SimDuration, SimTime};
use wire::rpl::{
    self, Dao, Dio, Dis, INFINITE_RANK, Message, ModeOfOperation, PacketInformation, RplOption, RplOptions,
};

fn at(millis: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_millis(millis)
}

fn dio(rank: u16) -> Dio {
    let mode = ModeOfOperation::Storing;
    Dio { instance: 0, version: 240, rank, grounded: true, mode, preference: 0, dtsn: 240, dodag: global(0) }
}

fn hears(node: &mut Router, now: u64, from: usize, message: &Message, options: &[RplOption<'static>]) {
    let bytes = rpl::to_bytes(message, options, local(from), global(0));
    let (message, options): (Message, RplOptions<'_>) =
        rpl::parse(&bytes).expect("what was written can be read");
    let heard = Heard { from: local(from), unicast: true, guess: Etx::ONE, message: &message, options };
    node.handle_message(at(now), &heard);
}

fn says(node: &mut Router, now: u64, from: usize, rank: u16) {
    hears(
        node,
        now,
        from,
        &Message::Dio(dio(rank)),
        &[RplOption::DodagConfiguration(quick().configuration())],
    );
}

/// A router that has joined over neighbour 1, whose rank is the root's, and has told its own rank of 512.
fn joined() -> Router {
    let streams = Streams::new(RunSeed::new(3, 0));
    let mut node = Router::new(quick(), Role::Router, global(9), streams.counter("n9", Purpose::new(20)));
    node.start(SimTime::ZERO);
    says(&mut node, 10, 1, 256);
    sent(&mut node, 1000);
    assert_eq!((node.parent(), node.rank()), (Some(local(1)), Some(512)));
    node
}

/// What the node sends up to a time, with its timers.
fn sent(node: &mut Router, until: u64) -> Vec<Outgoing> {
    let mut all = Vec::new();
    while let Some(due) = node.poll_timeout().filter(|&due| due <= at(until)) {
        node.handle_timeout(due);
        all.extend(std::iter::from_fn(|| node.poll_transmit()));
    }
    all.extend(std::iter::from_fn(|| node.poll_transmit()));
    all
}

fn questions(sent: &[Outgoing]) -> Vec<To> {
    sent.iter().filter(|outgoing| outgoing.message == Message::Dis(Dis)).map(|outgoing| outgoing.to).collect()
}

fn up(sender_rank: u16) -> PacketInformation {
    PacketInformation { down: false, rank_error: false, forwarding_error: false, instance: 0, sender_rank }
}

// Holds: RFC 6550 8.2.2.4-6
#[test]
fn a_node_that_sinks_by_eight_hops_poisons_its_routes_before_it_sinks_on() {
    let mut node = joined();
    // 512 + 8 · 256 = 2560: over the parent's 2304.
    says(&mut node, 1010, 1, 2304);
    assert_eq!(node.rank(), Some(2560));
    says(&mut node, 1020, 1, 2305);
    assert_eq!((node.rank(), node.counts().local_repairs), (None, 1));
    let told = sent(&mut node, 1020);
    let poison = told.iter().any(|one| matches!(one.message, Message::Dio(dio) if dio.rank == INFINITE_RANK));
    assert!(poison, "{told:?}");
    // Imin later its children know: what it hears now is not built on itself.
    says(&mut node, 1020 + 512, 1, 2305);
    assert_eq!(node.rank(), Some(2561));
}

// Holds: RFC 6550 11.2.2.2-c
#[test]
fn a_parent_that_sends_up_to_its_child_is_no_parent_and_is_asked_what_it_is() {
    let mut node = joined();
    let mut packet = up(0);
    assert!(node.judge(at(2000), local(2), &mut packet), "a child may send up");
    assert_eq!(node.parent(), Some(local(1)));
    node.judge(at(2000), local(1), &mut packet);
    assert_eq!(node.parent(), None);
    assert!(questions(&sent(&mut node, 2000)).contains(&To::Neighbour(local(1))));
    // Its answer, a rank that is not the node's doing, makes it one again.
    says(&mut node, 2600, 1, 256);
    assert_eq!(node.parent(), Some(local(1)));
}

// Holds: RFC 6550 9.8-6
#[test]
fn a_parent_that_announces_itself_to_its_child_is_no_parent() {
    let mut node = joined();
    let transit = |path_lifetime| {
        RplOption::Transit(rpl::TransitInformation {
            external: false,
            path_control: 0,
            path_sequence: 3,
            path_lifetime,
            parent: None,
        })
    };
    let target = RplOption::Target(rpl::Target { prefix: global(1), prefix_len: 128 });
    let dao = |sequence| Message::Dao(Dao { instance: 0, ack_request: false, sequence, dodag: None });
    hears(&mut node, 2000, 1, &dao(1), &[target, transit(0)]);
    assert_eq!(node.parent(), Some(local(1)), "it takes back what it said as a child");
    hears(&mut node, 2001, 1, &dao(2), &[target, transit(30)]);
    assert_eq!(node.parent(), None);
}

// Holds: RFC 6550 11.2.2.2-d
#[test]
fn who_sends_against_the_ranks_is_told_the_rank_at_once() {
    let mut node = joined();
    sent(&mut node, 60_000);
    // Two hops from the root, from one that believes to be one hop away.
    let mut packet = up(1);
    assert!(node.judge(at(60_000), local(2), &mut packet) && packet.rank_error);
    let told: Vec<_> = sent(&mut node, 60_000).into_iter().map(|one| (one.to, one.message)).collect();
    let is_own = |&(to, message): &(To, Message)| {
        to == To::Neighbour(local(2)) && matches!(message, Message::Dio(dio) if dio.rank == 512)
    };
    assert!(told.iter().any(is_own), "{told:?}");
}

// Holds: RFC 6550 8.2.1-7
#[test]
fn the_only_parent_is_asked_for_eight_seconds_before_it_is_given_up() {
    let mut node = joined();
    for _ in 0..3 {
        node.on_sent(at(2000), local(1), 4, false);
    }
    assert_eq!(node.parent(), Some(local(1)));
    // Everybody at once, the parent after one second, two and four.
    assert_eq!(questions(&sent(&mut node, 2000)), [To::All]);
    let parent = To::Neighbour(local(1));
    for (until, asked) in [(2999, 0), (3000, 1), (3999, 0), (4000, 1), (5999, 0), (6000, 1), (9999, 0)] {
        assert_eq!(questions(&sent(&mut node, until)), vec![parent; asked], "{until}");
    }
    assert_eq!(node.parent(), Some(local(1)));
    sent(&mut node, 10_000);
    assert_eq!((node.parent(), node.counts().local_repairs), (None, 1));
    // It is heard again: whether it hears, a question shows.
    says(&mut node, 20_000, 1, 256);
    assert!(questions(&sent(&mut node, 20_000)).contains(&parent));
    assert_eq!(node.parent(), None);
    node.on_sent(at(20_001), local(1), 1, true);
    assert_eq!((node.parent(), node.rank()), (Some(local(1)), Some(512)));
}

#[test]
fn a_parent_that_confirms_a_frame_again_starts_with_a_clean_link() {
    let mut node = joined();
    for _ in 0..3 {
        node.on_sent(at(2000), local(1), 4, false);
    }
    node.on_sent(at(3000), local(1), 2, true);
    sent(&mut node, 60_000);
    assert_eq!((node.parent(), node.rank(), node.counts().local_repairs), (Some(local(1)), Some(512), 0));
    // As a first sample of two transmissions: 128 · 3/4 + 256 / 4 = 160. Before that it was above 512.
    let etx = node.neighbours().get(local(1)).expect("it is known").link.etx();
    assert_eq!(etx, Etx::from_units(160));
}

// Holds: RFC 6550 9.6-3
#[test]
fn a_child_that_was_lost_is_made_to_announce_its_routes_again() {
    let mut node = joined();
    let transit = RplOption::Transit(rpl::TransitInformation {
        external: false,
        path_control: 0,
        path_sequence: 3,
        path_lifetime: 30,
        parent: None,
    });
    let target = RplOption::Target(rpl::Target { prefix: global(7), prefix_len: 128 });
    let dao = Message::Dao(Dao { instance: 0, ack_request: false, sequence: 1, dodag: None });
    says(&mut node, 1900, 2, 768);
    hears(&mut node, 2000, 2, &dao, &[target, transit]);
    assert_eq!(node.routes().targets().collect::<Vec<_>>(), [global(7)]);
    sent(&mut node, 5000);
    for _ in 0..3 {
        node.on_sent(at(5000), local(2), 4, false);
    }
    assert!(node.routes().is_empty());
    sent(&mut node, 6000);
    let triggers = |sent: Vec<Outgoing>| {
        let mut all = Vec::new();
        for one in sent {
            if let (To::Neighbour(to), Message::Dio(dio)) = (one.to, one.message) {
                all.push((to, dio.dtsn));
            }
        }
        all
    };
    // It sends something up: told at once, and a minute later again, with a frame that it confirms; then no more.
    node.judge(at(6000), local(2), &mut up(3));
    assert_eq!(triggers(sent(&mut node, 6000)), [(local(2), 241)]);
    node.judge(at(65_999), local(2), &mut up(3));
    assert_eq!(triggers(sent(&mut node, 65_999)), []);
    node.on_sent(at(66_000), local(2), 1, true);
    assert_eq!(triggers(sent(&mut node, 66_000)), [(local(2), 242)]);
    node.judge(at(200_000), local(2), &mut up(3));
    assert_eq!(triggers(sent(&mut node, 200_000)), []);
}

// Holds: RFC 6719 3.2.2-f
#[test]
fn a_poor_link_is_used_while_there_is_no_other_and_left_as_soon_as_there_is() {
    let mut node = joined();
    // Twice twelve: 128 · 3/4 + 384 = 480, 480 · 3/4 + 384 = 744. More than four transmissions, 512.
    for _ in 0..2 {
        node.on_sent(at(2000), local(1), 4, false);
    }
    assert_eq!((node.parent(), node.rank()), (Some(local(1)), Some(256 + 512)));
    says(&mut node, 2010, 2, 700);
    assert_eq!((node.parent(), node.rank()), (Some(local(2)), Some(700 + 256)));
}

/// What a DAO tells of one target.
fn tells(
    node: &mut Router,
    now: u64,
    from: usize,
    dao: u8,
    (target, path_sequence, path_lifetime): (usize, u8, u8),
) {
    let transit = rpl::TransitInformation {
        external: false,
        path_control: 0,
        path_sequence,
        path_lifetime,
        parent: None,
    };
    let target = RplOption::Target(rpl::Target { prefix: global(target), prefix_len: 128 });
    let dao = Message::Dao(Dao { instance: 0, ack_request: false, sequence: dao, dodag: None });
    hears(node, now, from, &dao, &[target, RplOption::Transit(transit)]);
}

/// The targets of DAOs, with their counters and lifetimes.
fn told(sent: &[Outgoing]) -> Vec<(usize, u8, u8)> {
    let daos = sent.iter().filter(|outgoing| matches!(outgoing.message, Message::Dao(_)));
    let pairs = daos.flat_map(|outgoing| outgoing.options.chunks(2).map(<[_]>::to_vec).collect::<Vec<_>>());
    let pair = |options: Vec<RplOption<'static>>| match options[..] {
        [RplOption::Target(target), RplOption::Transit(transit)] => {
            Some((rpl_lab::node_of(target.prefix), transit.path_sequence, transit.path_lifetime))
        }
        _ => None,
    };
    pairs.filter_map(pair).collect()
}

#[test]
fn no_node_keeps_a_route_to_itself() {
    let mut node = joined();
    tells(&mut node, 2000, 2, 1, (9, 60, 30));
    tells(&mut node, 2001, 2, 2, (7, 3, 30));
    assert_eq!(node.routes().targets().collect::<Vec<_>>(), [global(7)]);
    let announced = told(&sent(&mut node, 5000));
    assert!(announced.contains(&(7, 3, 30)) && !announced.contains(&(9, 60, 30)), "{announced:?}");
}

#[test]
fn a_route_is_announced_with_what_is_left_of_its_life() {
    let mut node = joined();
    tells(&mut node, 2000, 2, 1, (7, 3, 30));
    assert!(told(&sent(&mut node, 9000)).contains(&(7, 3, 30)), "passed on at once it is whole");
    // Ten minutes later a new parent is told everything.
    let later = 602_000;
    sent(&mut node, later);
    hears(
        &mut node,
        later,
        3,
        &Message::Dio(Dio { rank: 256, ..dio(256) }),
        &[RplOption::DodagConfiguration(quick().configuration())],
    );
    for _ in 0..3 {
        node.on_sent(at(later), local(1), 4, false);
    }
    assert_eq!(node.parent(), Some(local(3)));
    assert!(told(&sent(&mut node, later + 3000)).contains(&(7, 3, 20)), "twenty minutes are left");
}

#[test]
fn an_old_route_does_not_take_the_place_of_one_that_was_just_lost() {
    let mut node = joined();
    tells(&mut node, 2000, 2, 1, (7, 24, 30));
    for _ in 0..3 {
        says(&mut node, 2500, 2, 768);
        node.on_sent(at(2500), local(2), 4, false);
    }
    assert!(node.routes().is_empty());
    tells(&mut node, 2600, 3, 1, (7, 8, 30));
    assert!(node.routes().is_empty(), "the third has not heard that the target has moved");
    tells(&mut node, 2700, 3, 2, (7, 25, 30));
    assert_eq!(node.routes().child(at(2700), global(7)), Some(local(3)));
}
