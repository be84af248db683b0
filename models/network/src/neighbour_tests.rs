use super::*;

const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 9]);
const OTHER: MacAddress = MacAddress([2, 0, 0, 0, 0, 8]);

fn cache() -> NeighbourCache {
    NeighbourCache::new(NeighbourConfig::default(), CounterStream::from_key(7))
}

fn v4() -> IpAddr {
    "10.0.0.9".parse().unwrap()
}

fn v6() -> IpAddr {
    "fd00::9".parse().unwrap()
}

fn s(secs: u64) -> SimTime {
    SimTime::from_secs(secs)
}

fn answer(solicited: bool, is_override: bool, mac: Option<MacAddress>) -> Advertised {
    Advertised { mac, solicited, is_override }
}

#[test]
fn three_packets_wait_and_the_oldest_makes_room() {
    let mut cache = cache();
    let wait = |ask, overflow| Resolution::Wait { ask, overflow };
    assert_eq!(cache.resolve(s(0), v4(), PacketId(1)), wait(true, None));
    assert_eq!(cache.resolve(s(0), v4(), PacketId(2)), wait(false, None));
    assert_eq!(cache.resolve(s(0), v4(), PacketId(3)), wait(false, None));
    assert_eq!(cache.resolve(s(0), v4(), PacketId(4)), wait(false, Some(PacketId(1))));
    let released = cache.on_arp(s(0), v4(), MAC, true);
    assert_eq!(released.as_slice(), [PacketId(2), PacketId(3), PacketId(4)]);
    assert_eq!(cache.resolve(s(1), v4(), PacketId(5)), Resolution::Send(MAC));
    assert_eq!(cache.next_due(), None);
}

#[test]
fn a_question_is_asked_three_times_a_second_apart_and_then_given_up() {
    for address in [v4(), v6()] {
        let mut cache = cache();
        cache.resolve(s(0), address, PacketId(1));
        for second in [1, 2] {
            assert_eq!(cache.next_due(), Some(s(second)));
            assert_eq!(cache.pop_due(s(second)), Some(Due::Ask { address, to: None }));
            assert_eq!(cache.pop_due(s(second)), None);
        }
        let waiting = Waiting::from_slice(&[PacketId(1)]);
        assert_eq!(cache.pop_due(s(3)), Some(Due::Failed { waiting }));
        assert_eq!(cache.next_due(), None);
        let again = Resolution::Wait { ask: true, overflow: None };
        assert_eq!(cache.resolve(s(3), address, PacketId(2)), again);
    }
}

#[test]
fn arp_forgets_after_its_time_out_and_is_refreshed_by_any_packet_of_the_neighbour() {
    let mut cache = cache();
    cache.on_arp(s(0), v4(), MAC, true);
    assert_eq!(cache.resolve(s(1199), v4(), PacketId(1)), Resolution::Send(MAC));
    cache.on_arp(s(1199), v4(), OTHER, false);
    assert_eq!(cache.resolve(s(2398), v4(), PacketId(1)), Resolution::Send(OTHER));
    assert_eq!(
        cache.resolve(s(2399), v4(), PacketId(1)),
        Resolution::Wait { ask: true, overflow: None },
        "1,200 s after the last news"
    );
}

#[test]
fn a_stranger_is_not_remembered_unless_it_asked_for_this_port() {
    let mut cache = cache();
    cache.on_arp(s(0), v4(), MAC, false);
    assert!(cache.entries.is_empty());
    cache.on_advertisement(s(0), v6(), answer(true, true, Some(MAC)));
    assert!(cache.entries.is_empty());
}

#[test]
fn an_ipv6_neighbour_goes_through_all_states() {
    let mut cache = cache();
    cache.resolve(s(0), v6(), PacketId(1));
    let released = cache.on_advertisement(s(0), v6(), answer(true, true, Some(MAC)));
    assert_eq!(released.as_slice(), [PacketId(1)]);
    assert_eq!(cache.resolve(s(14), v6(), PacketId(2)), Resolution::Send(MAC));
    assert_eq!(cache.next_due(), None, "reachable for at least 15 s");
    assert_eq!(cache.resolve(s(46), v6(), PacketId(3)), Resolution::Send(MAC), "stale, but used");
    assert_eq!(cache.next_due(), Some(s(51)), "5 s of delay");
    for second in [51, 52, 53] {
        assert_eq!(cache.pop_due(s(second)), Some(Due::Ask { address: v6(), to: Some(MAC) }));
        assert_eq!(cache.resolve(s(second), v6(), PacketId(4)), Resolution::Send(MAC));
    }
    assert_eq!(cache.pop_due(s(54)), Some(Due::Forgotten));
    assert!(cache.entries.is_empty());
}

#[test]
fn an_answer_to_a_probe_confirms_the_neighbour() {
    let mut cache = cache();
    cache.on_solicitation(v6(), MAC);
    cache.resolve(s(0), v6(), PacketId(1));
    assert!(cache.pop_due(s(5)).is_some());
    cache.on_advertisement(s(5), v6(), answer(true, true, Some(MAC)));
    assert_eq!(cache.next_due(), None);
    assert!(matches!(cache.entries[&v6()], State::Reachable { .. }));
}

#[test]
fn advertisements_change_entries_as_rfc_4861_appendix_c_says() {
    // (state before, news) -> address known afterwards, and whether it counts as reachable.
    let reachable = || State::Reachable { mac: MAC, until: s(1000) };
    let stale = || State::Stale { mac: MAC };
    for (before, news, mac, is_reachable) in [
        (reachable(), answer(false, false, Some(OTHER)), MAC, false),
        (stale(), answer(true, false, Some(OTHER)), MAC, false),
        (stale(), answer(true, true, Some(OTHER)), OTHER, true),
        (reachable(), answer(false, true, Some(OTHER)), OTHER, false),
        (reachable(), answer(false, true, Some(MAC)), MAC, true),
        (stale(), answer(true, false, None), MAC, true),
        (stale(), answer(false, false, Some(MAC)), MAC, false),
    ] {
        let mut cache = cache();
        cache.set(v6(), before.clone());
        cache.on_advertisement(s(0), v6(), news);
        let after = &cache.entries[&v6()];
        assert_eq!(after.mac(), Some(mac), "{before:?}, {news:?}");
        assert_eq!(matches!(after, State::Reachable { .. }), is_reachable, "{before:?}, {news:?}");
    }
}

#[test]
fn reachable_times_lie_between_half_and_one_and_a_half_of_the_base() {
    let cache = cache();
    let times: Vec<_> = (0..1000).map(|n| cache.reachable_time(s(n * 7200)).as_secs_f64()).collect();
    assert!(times.iter().all(|time| (15.0..45.0).contains(time)));
    // Uniform: mean 30, deviation 30/sqrt(12) = 8.66, of the mean of 1,000 0.27.
    let mean = times.iter().sum::<f64>() / 1000.0;
    assert!((mean - 30.0).abs() < 1.1, "{mean}");
    assert_eq!(cache.reachable_time(s(1)), cache.reachable_time(s(7199)));
}

#[test]
fn a_cleared_cache_returns_what_waited_and_asks_for_nothing() {
    let mut cache = cache();
    cache.resolve(s(0), v4(), PacketId(1));
    cache.resolve(s(0), v6(), PacketId(2));
    cache.alarm.arm(cache.next_due());
    assert_eq!(cache.clear(), [PacketId(1), PacketId(2)]);
    assert_eq!((cache.next_due(), cache.pop_due(s(9)), cache.alarm.armed_at()), (None, None, None));
}
