//! Observation, held against RFC 7641.

mod lab;

use lab::{CLIENT, Lab, SERVER, get};
use session::coap::{CoapConfig, Request};
use sim_core::SimDuration;
use wire::coap::{Code, OptionNumber};

fn config() -> CoapConfig {
    CoapConfig { ack_random_factor_milli: 1000, ..CoapConfig::default() }
}

fn observation(path: &str) -> Request {
    let mut request = get(path, true);
    request.options.push_uint(OptionNumber::OBSERVE, 0);
    request
}

// Holds: RFC 7641 3.1-a, 4.1-b
#[test]
fn what_cannot_be_observed_is_answered_once_and_without_the_option() {
    let mut lab = Lab::new(1, config());
    lab.client.request(lab.now, SERVER, observation("temperature"));
    lab.run_for(SimDuration::from_secs(200));
    assert_eq!(lab.trace(), ["CON GET", "ACK 2.05 Content"]);
    assert_eq!(lab.log[1].head.options.get(OptionNumber::OBSERVE), None);
    assert_eq!(lab.client.pending(), 0);
}

// Holds: RFC 7641 3.3.1-b, 4.1-a
#[test]
fn the_registration_is_repeated_after_max_age_and_5_to_15_seconds_and_replaces_the_first() {
    for seed in 0..50 {
        let mut lab = Lab::new(seed, config());
        lab.client.request(lab.now, SERVER, observation("observe"));
        lab.run_for(SimDuration::from_secs(80));
        let asked: Vec<_> = lab.log.iter().filter(|entry| entry.from == CLIENT).collect();
        assert_eq!(asked.len(), 2, "seed {seed}");
        let (first, second) = (&asked[0].head, &asked[1].head);
        // The response came after 20 ms; Max-Age is the default of 60 s.
        let after = asked[1].at.as_nanos() / 1_000_000;
        assert!((65_020..=75_020).contains(&after), "{after} ms, seed {seed}");
        assert_eq!((first.token, &first.options), (second.token, &second.options), "seed {seed}");
        assert_eq!(lab.server.observer_count("observe"), 1, "seed {seed}");
    }
}

// Holds: RFC 8132 2-c
#[test]
fn a_fetch_may_observe() {
    let mut lab = Lab::new(1, config());
    lab.client.request(lab.now, SERVER, Request { code: Code::FETCH, ..observation("observe") });
    lab.run_for(SimDuration::from_secs(1));
    lab.change("observe");
    lab.run_for(SimDuration::from_secs(1));
    assert_eq!((lab.server.observer_count("observe"), lab.seen_state), (1, Some(1)));
}

// Holds: RFC 7641 4.5.1-a, 4.5.2-a
#[test]
fn while_a_notification_is_not_confirmed_only_the_newest_state_waits() {
    let mut lab = Lab::new(1, CoapConfig { confirmable_notification_every: 1, ..config() });
    lab.client.request(lab.now, SERVER, observation("observe"));
    lab.run_for(SimDuration::from_secs(1));
    lab.lose_all = true;
    for _ in 0..5 {
        lab.change("observe");
        lab.settle();
    }
    assert_eq!(lab.trace()[2..], ["CON 2.05 Content"], "one at a time");
    lab.lose_all = false;
    lab.run_for(SimDuration::from_secs(10));
    let told = lab.log.iter().filter(|it| it.head.code == Code::CONTENT).count();
    // The first response, the first notification twice, and the newest state.
    assert_eq!((told, lab.seen_state), (4, Some(5)));
}

// Holds: RFC 7641 4.4-b
#[test]
fn a_notification_that_is_sent_again_does_not_outrank_the_state_that_came_after_it() {
    let mut lab = Lab::new(1, CoapConfig { confirmable_notification_every: 1, ..config() });
    lab.client.request(lab.now, SERVER, observation("observe"));
    lab.run_for(SimDuration::from_secs(1));
    let from = lab.log.len();
    lab.lose_all = true;
    for _ in 0..2 {
        lab.change("observe");
        lab.settle();
    }
    // Sent at once, after 2 s and, with nothing lost any more, after 6 s; then the state that has waited.
    lab.run_for(SimDuration::from_secs(3));
    lab.lose_all = false;
    lab.run_for(SimDuration::from_secs(10));
    let told = lab.log[from..].iter().filter(|it| it.from == SERVER && it.head.code == Code::CONTENT);
    let numbers: Vec<u32> = told.filter_map(|it| it.head.options.get_uint(OptionNumber::OBSERVE)).collect();
    let &[first, second, third, newer] = numbers.as_slice() else { panic!("{numbers:?}") };
    assert_eq!((second, third), (first, first));
    assert!(newer > first, "{numbers:?}");
    assert_eq!(lab.seen_state, Some(2));
}

// Holds: RFC 7641 4.5.1-b
#[test]
fn after_a_non_confirmable_notification_there_is_a_pause_and_then_the_newest_state() {
    let pause = SimDuration::from_secs(3);
    let often = CoapConfig { confirmable_notification_every: 1000, ..config() };
    let mut lab = Lab::new(1, CoapConfig { notification_pause: pause, ..often });
    lab.client.request(lab.now, SERVER, observation("observe"));
    lab.run_for(SimDuration::from_secs(1));
    let from = lab.log.len();
    for _ in 0..100 {
        lab.change("observe");
        lab.run_for(SimDuration::from_millis(100));
    }
    lab.run_for(SimDuration::from_secs(5));
    let told = lab.log[from..].iter().filter(|it| it.from == SERVER && it.head.code == Code::CONTENT);
    let times: Vec<_> = told.map(|it| it.at).collect();
    // At once, after 3, 6 and 9 s, and what was changed then after 12 s.
    assert_eq!(times.len(), 5);
    assert!(times.windows(2).all(|two| two[1].saturating_since(two[0]) >= pause), "{times:?}");
    assert_eq!(lab.seen_state, Some(100));
}

// Holds: RFC 7641 4.5-c
#[test]
fn a_rare_notification_is_confirmable_when_the_last_confirmation_is_a_day_old() {
    let mut lab = Lab::new(1, CoapConfig { confirmable_notification_every: 1000, ..config() });
    lab.client.request(lab.now, SERVER, observation("observe"));
    lab.run_for(SimDuration::from_secs(1));
    let from = lab.log.len();
    // The client's own repetitions begin the observation anew, and so does its day.
    lab.lose = (from..from + 100_000).collect();
    lab.lose_all = true;
    for _ in 0..2 {
        lab.run_for(SimDuration::from_secs(12 * 3600));
        lab.change("observe");
        lab.run_for(SimDuration::from_millis(1));
    }
    let told: Vec<String> = lab.log[from..]
        .iter()
        .filter(|entry| entry.from == SERVER && entry.head.code == Code::CONTENT)
        .map(|entry| entry.head.kind.name().to_owned())
        .collect();
    assert_eq!(told, ["NON", "CON"]);
}
