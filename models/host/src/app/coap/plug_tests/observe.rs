//! TD_COAP_OBS.

use session::body::Body;
use session::coap::{CoapConfig, RequestId};
use session::datagram::DatagramSession;
use sim_core::SimDuration;
use wire::coap::{Code, Head, Kind, OptionNumber};
use wire::payload::Payload;

use super::{CLIENT, Plug, SERVER, request, text, with, with_body};

fn observe(plug: &mut Plug, path: &str, confirmable: bool) -> RequestId {
    let id = plug.begin(with(request(Code::GET, path, confirmable), OptionNumber::OBSERVE, b""));
    plug.run(SimDuration::from_millis(100));
    id
}

fn states(plug: &Plug, id: RequestId) -> Vec<String> {
    plug.answers.iter().filter(|(own, _)| *own == id).map(|(_, response)| text(response)).collect()
}

fn confirming(every: u32) -> Plug {
    Plug::with_config(CoapConfig { confirmable_notification_every: every, ..CoapConfig::default() })
}

/// TD_COAP_OBS_01.
// Holds: RFC 7641 4.4-a
#[test]
fn confirmable_notifications_bring_every_state_and_are_acknowledged() {
    let mut plug = confirming(1);
    let id = observe(&mut plug, "obs", true);
    plug.run(SimDuration::from_secs(16));
    assert_eq!(states(&plug, id), ["0", "1", "2", "3"]);
    let kinds: Vec<Kind> = plug.log.iter().skip(2).map(|seen| seen.head.kind).collect();
    assert_eq!(kinds, [Kind::Confirmable, Kind::Acknowledgement].repeat(3));
    let numbers: Vec<_> = plug
        .log
        .iter()
        .filter_map(|seen| seen.head.options.get_uint(OptionNumber::OBSERVE))
        .skip(1)
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

/// TD_COAP_OBS_02.
#[test]
fn non_confirmable_notifications_bring_every_state() {
    let mut plug = confirming(1000);
    let id = observe(&mut plug, "obs", false);
    plug.run(SimDuration::from_secs(16));
    assert_eq!(states(&plug, id), ["0", "1", "2", "3"]);
    assert!(plug.log.iter().all(|seen| seen.head.kind == Kind::NonConfirmable));
}

/// TD_COAP_OBS_03.
#[test]
fn an_observer_that_wants_no_more_rejects_the_next_notification() {
    let mut plug = Plug::new();
    let id = observe(&mut plug, "obs", true);
    plug.client.cancel(SERVER, id);
    plug.run(SimDuration::from_secs(12));
    assert_eq!(plug.log.last().map(|seen| seen.head.kind), Some(Kind::Reset));
    assert_eq!(plug.server.observer_count("obs"), 0);
}

/// TD_COAP_OBS_04.
#[test]
fn the_registration_is_repeated_when_the_state_grows_old() {
    let mut plug = Plug::new();
    observe(&mut plug, "obs", true);
    // Nothing arrives any more: Max-Age of 60 s and 5 to 15 s later the client asks again.
    plug.lose = (plug.log.len()..plug.log.len() + 40).collect();
    plug.run(SimDuration::from_secs(76));
    let again = plug.log.iter().filter(|seen| seen.from_client && seen.head.code == Code::GET).count();
    assert!(again >= 2, "{:?}", plug.trace());
}

/// TD_COAP_OBS_05.
// Holds: RFC 7641 4.5-b
#[test]
fn an_observer_that_does_not_answer_is_forgotten() {
    let mut plug = confirming(1);
    observe(&mut plug, "obs", true);
    plug.lose = (plug.log.len()..plug.log.len() + 200).collect();
    // The first notification is given up 62 to 93 s after it was sent.
    plug.run(SimDuration::from_secs(100));
    assert_eq!(plug.server.observer_count("obs"), 0);
}

/// TD_COAP_OBS_06.
#[test]
fn a_client_that_has_forgotten_its_observation_rejects_what_comes_of_it() {
    let mut plug = confirming(1);
    observe(&mut plug, "obs", true);
    let fresh = Plug::new();
    plug.client = fresh.client;
    plug.run(SimDuration::from_secs(12));
    assert!(plug.log.iter().any(|seen| seen.from_client && seen.head.kind == Kind::Reset));
    assert_eq!(plug.server.observer_count("obs"), 0);
}

/// TD_COAP_OBS_07.
// Holds: RFC 7641 4.2-b, 4.2-d
#[test]
fn a_resource_that_is_taken_away_ends_its_observations() {
    let mut plug = Plug::new();
    let id = observe(&mut plug, "obs", true);
    plug.ask(request(Code::DELETE, "obs", true));
    plug.run(SimDuration::from_secs(6));
    let last = plug.answers.iter().rfind(|(own, _)| *own == id).map(|(_, response)| response.code);
    assert_eq!(last, Some(Code::NOT_FOUND));
    assert_eq!(plug.server.observer_count("obs"), 0);
}

/// TD_COAP_OBS_08.
// Holds: RFC 7641 4.2-c
#[test]
fn a_state_in_another_format_ends_the_observation() {
    let mut plug = Plug::new();
    let id = observe(&mut plug, "obs", true);
    let put = with_body(request(Code::PUT, "obs", true), b"{}");
    plug.ask(with(put, OptionNumber::CONTENT_FORMAT, &[50]));
    plug.run(SimDuration::from_secs(6));
    let last = plug.answers.iter().rfind(|(own, _)| *own == id).map(|(_, response)| response.clone());
    let last = last.expect("a last notification");
    assert_eq!((last.code, last.options.get(OptionNumber::OBSERVE)), (Code::NOT_ACCEPTABLE, None));
    assert_eq!(plug.server.observer_count("obs"), 0);
}

/// TD_COAP_OBS_09.
#[test]
fn what_is_put_reaches_the_observer_with_the_next_state() {
    let mut plug = Plug::new();
    let id = observe(&mut plug, "obs", true);
    plug.ask(with_body(request(Code::PUT, "obs", true), b"put"));
    plug.run(SimDuration::from_secs(6));
    assert_eq!(states(&plug, id).last().map(String::as_str), Some("put"));
}

/// TD_COAP_OBS_12.
// Holds: RFC 7641 4.1-c, 4.1-d
#[test]
fn a_request_with_the_other_value_ends_the_observation() {
    let mut plug = Plug::new();
    observe(&mut plug, "obs", true);
    let token = plug.log[0].head.token;
    let mut options = request(Code::GET, "obs", true).options;
    options.push_uint(OptionNumber::OBSERVE, 1);
    let head = Head { kind: Kind::Confirmable, code: Code::GET, message_id: 7, token, options };
    let body = Body::new(Payload::from_bytes(head.emit(false).to_vec()), Default::default());
    plug.server.handle_datagram(plug.now, CLIENT, SERVER.ip(), body);
    plug.run(SimDuration::from_secs(1));
    assert_eq!(plug.server.observer_count("obs"), 0);
}

/// TD_COAP_OBS_10.
#[test]
fn an_ordinary_request_does_not_end_the_observation() {
    let mut plug = Plug::new();
    let id = observe(&mut plug, "obs", true);
    plug.ask(request(Code::GET, "obs", true));
    assert_eq!(plug.server.observer_count("obs"), 1);
    plug.run(SimDuration::from_secs(6));
    assert!(states(&plug, id).len() > 10, "{:?}", states(&plug, id));
}

/// TD_COAP_OBS_11.
#[test]
fn a_lost_confirmable_notification_or_acknowledgement_is_made_good() {
    // Of request, response, and for each notification itself and its acknowledgement, the second notification's are lost.
    for lost in [4, 5] {
        let mut plug = confirming(1);
        let id = observe(&mut plug, "obs", true);
        plug.lose = vec![lost];
        plug.run(SimDuration::from_secs(16));
        assert_eq!(states(&plug, id), ["0", "1", "2", "3"], "message {lost}");
        assert_eq!(plug.server.stats().retransmissions, 1);
        assert_eq!(plug.client.stats().duplicates, u64::from(lost == 5));
    }
}

/// TD_COAP_OBS_13, TD_COAP_OBS_14.
// Holds: RFC 7959 2.6-a
#[test]
fn large_notifications_are_fetched_block_by_block() {
    let mut plug = Plug::new();
    let id = observe(&mut plug, "obs-large", true);
    plug.run(SimDuration::from_secs(12));
    let lengths: Vec<u32> =
        plug.answers.iter().filter(|(own, _)| *own == id).map(|(_, response)| response.body.len()).collect();
    assert_eq!(lengths, [2000; 3]);
    let fetched = plug.log.iter().filter(|seen| seen.from_client && seen.head.code == Code::GET).skip(1);
    assert!(fetched.into_iter().all(|seen| seen.head.options.get(OptionNumber::OBSERVE).is_none()));
}
