//! TD_COAP_CORE.

use session::body::Body;
use session::coap::CoapConfig;
use sim_core::SimDuration;
use wire::coap::{Code, Kind, OptionNumber, Token};

use super::{Plug, etag, request, text, with, with_body};

/// Whether response and request carry the same message ID and token.
fn piggybacked(plug: &Plug) -> bool {
    let [ask, answer] = plug.log.as_slice() else { return false };
    answer.head.kind == Kind::Acknowledgement
        && (ask.head.message_id, ask.head.token) == (answer.head.message_id, answer.head.token)
}

/// TD_COAP_CORE_01.
// Holds: RFC 7252 5.3.2-b
#[test]
fn a_confirmable_get_is_answered_in_its_acknowledgement() {
    let mut plug = Plug::new();
    let response = plug.ask(request(Code::GET, "test", true));
    assert_eq!((response.code, text(&response).as_str()), (Code::CONTENT, "test"));
    assert_eq!(response.options.get_uint(OptionNumber::CONTENT_FORMAT), Some(0));
    assert!(piggybacked(&plug));
}

/// TD_COAP_CORE_02.
// Holds: RFC 7252 5.8.4-a
#[test]
fn a_confirmable_delete_takes_the_resource_away() {
    let mut plug = Plug::new();
    assert_eq!(plug.ask(request(Code::DELETE, "test", true)).code, Code::DELETED);
    assert!(piggybacked(&plug));
    assert_eq!(plug.ask(request(Code::GET, "test", true)).code, Code::NOT_FOUND);
}

/// TD_COAP_CORE_03.
// Holds: RFC 7252 5.8.3-a
#[test]
fn a_confirmable_put_changes_the_resource() {
    let mut plug = Plug::new();
    assert_eq!(plug.ask(with_body(request(Code::PUT, "test", true), b"new")).code, Code::CHANGED);
    assert!(piggybacked(&plug));
    assert_eq!(text(&plug.ask(request(Code::GET, "test", true))), "new");
}

/// TD_COAP_CORE_04, TD_COAP_CORE_18.
// Holds: RFC 7252 5.8.2-a
#[test]
fn a_confirmable_post_makes_a_resource_and_says_where() {
    let mut plug = Plug::new();
    let made = plug.ask(with_body(request(Code::POST, "test", true), b"made"));
    assert_eq!(made.code, Code::CREATED);
    assert!(piggybacked(&plug));
    let segments: Vec<_> = made.options.all(OptionNumber::LOCATION_PATH).map(<[u8]>::to_vec).collect();
    assert_eq!(segments, [b"test".to_vec(), b"1".to_vec()]);
    assert_eq!(text(&plug.ask(request(Code::GET, "test/1", true))), "made");
}

/// TD_COAP_CORE_05 to TD_COAP_CORE_08.
// Holds: RFC 7252 4.3-a, 5.2.3-a
#[test]
fn non_confirmable_requests_are_answered_in_kind() {
    let cases = [
        (Code::GET, Code::CONTENT),
        (Code::DELETE, Code::DELETED),
        (Code::PUT, Code::CHANGED),
        (Code::POST, Code::CREATED),
    ];
    for (method, result) in cases {
        let mut plug = Plug::new();
        assert_eq!(plug.ask(request(method, "test", false)).code, result);
        let kinds: Vec<Kind> = plug.log.iter().map(|seen| seen.head.kind).collect();
        assert_eq!(kinds, [Kind::NonConfirmable; 2]);
        assert_eq!(plug.log[0].head.token, plug.log[1].head.token);
    }
}

/// TD_COAP_CORE_09, TD_COAP_CORE_11.
#[test]
fn a_slow_answer_is_separate_with_the_request_s_token() {
    let mut plug = Plug::new();
    plug.ask(request(Code::GET, "separate", true));
    assert_eq!(plug.trace(), ["CON GET", "ACK Empty", "CON 2.05 Content", "ACK Empty"]);
    let ids: Vec<u16> = plug.log.iter().map(|seen| seen.head.message_id).collect();
    assert_eq!((ids[0], ids[2]), (ids[1], ids[3]));
    assert_eq!(plug.log[0].head.token, plug.log[2].head.token);
    assert_eq!((plug.log[1].head.token, plug.log[3].head.token), (Token::EMPTY, Token::EMPTY));
}

/// TD_COAP_CORE_10, TD_COAP_CORE_12.
// Holds: RFC 7252 5.3.1-a
#[test]
fn a_token_of_any_length_comes_back() {
    for token_len in 0..=8 {
        let mut plug = Plug::with_config(CoapConfig { token_len, ..CoapConfig::default() });
        plug.ask(request(Code::GET, "test", true));
        assert_eq!(plug.log[0].head.token.len(), usize::from(token_len));
        assert!(piggybacked(&plug));
    }
}

/// TD_COAP_CORE_13.
// Holds: RFC 7252 5.10.1-a
#[test]
fn a_path_has_an_option_for_each_segment() {
    let mut plug = Plug::new();
    assert_eq!(text(&plug.ask(request(Code::GET, "seg1/seg2/seg3", true))), "segments");
    let segments = plug.log[0].head.options.all(OptionNumber::URI_PATH).count();
    assert_eq!(segments, 3);
}

/// TD_COAP_CORE_14.
#[test]
fn a_query_has_an_option_for_each_part() {
    let mut plug = Plug::new();
    let ask = with(request(Code::GET, "query", true), OptionNumber::URI_QUERY, b"first=1");
    let response = plug.ask(with(ask, OptionNumber::URI_QUERY, b"second=2"));
    assert_eq!(response.code, Code::CONTENT);
    let parts: Vec<_> = plug.log[0].head.options.all(OptionNumber::URI_QUERY).map(<[u8]>::to_vec).collect();
    assert_eq!(parts, [b"first=1".to_vec(), b"second=2".to_vec()]);
}

/// TD_COAP_CORE_15.
#[test]
fn a_lost_request_or_acknowledgement_is_made_good() {
    for lost in [0, 1] {
        let mut plug = Plug::new();
        plug.lose = vec![lost];
        assert_eq!(text(&plug.ask(request(Code::GET, "test", true))), "test");
        assert_eq!(plug.client.stats().retransmissions, 1);
        assert_eq!(plug.server.stats().duplicates, lost as u64);
    }
}

/// TD_COAP_CORE_16.
// Holds: RFC 7252 5.2.2-a
#[test]
fn any_lost_message_of_a_separate_exchange_is_made_good() {
    for lost in 0..4 {
        let mut plug = Plug::new();
        plug.lose = vec![lost];
        assert_eq!(text(&plug.ask(request(Code::GET, "separate", true))), "later");
        assert_eq!(plug.answers.len(), 1, "message {lost}: the response comes once");
    }
}

/// TD_COAP_CORE_17.
#[test]
fn a_slow_answer_to_a_non_confirmable_request_is_non_confirmable() {
    let mut plug = Plug::new();
    plug.ask(request(Code::GET, "separate", false));
    assert_eq!(plug.trace(), ["NON GET", "NON 2.05 Content"]);
}

/// TD_COAP_CORE_19.
#[test]
fn a_place_with_a_query_has_an_option_for_each_part() {
    let mut plug = Plug::new();
    let made = plug.ask(with_body(request(Code::POST, "location-query", true), b"new"));
    assert_eq!(made.code, Code::CREATED);
    let parts: Vec<_> = made.options.all(OptionNumber::LOCATION_QUERY).map(<[u8]>::to_vec).collect();
    assert_eq!(parts, [b"first=1".to_vec(), b"second=2".to_vec()]);
}

/// TD_COAP_CORE_20.
// Holds: RFC 7252 5.10.4-a
#[test]
fn a_format_is_delivered_or_refused() {
    let mut plug = Plug::new();
    let plain = with(request(Code::GET, "test", true), OptionNumber::ACCEPT, b"");
    assert_eq!(plug.ask(plain).code, Code::CONTENT);
    let json = with(request(Code::GET, "test", true), OptionNumber::ACCEPT, &[50]);
    assert_eq!(plug.ask(json).code, Code::NOT_ACCEPTABLE);
}

/// TD_COAP_CORE_21.
// Holds: RFC 7252 5.6.2-a
#[test]
fn a_representation_that_the_client_has_is_confirmed_as_valid() {
    let mut plug = Plug::new();
    let first = etag(&plug.ask(request(Code::GET, "validate", true)));
    let again = || with(request(Code::GET, "validate", true), OptionNumber::ETAG, &first);
    let valid = plug.ask(again());
    assert_eq!((valid.code, valid.body), (Code::VALID, Body::default()));
    plug.ask(with_body(request(Code::PUT, "validate", true), b"second"));
    let fresh = plug.ask(again());
    assert_eq!((fresh.code, text(&fresh).as_str()), (Code::CONTENT, "second"));
    assert_ne!(etag(&fresh), first);
}

/// TD_COAP_CORE_22.
// Holds: RFC 7252 5.10.8-a
#[test]
fn a_change_happens_only_to_the_representation_that_is_named() {
    let mut plug = Plug::new();
    let first = etag(&plug.ask(request(Code::GET, "validate", true)));
    let put = || with_body(request(Code::PUT, "validate", true), b"second");
    assert_eq!(plug.ask(with(put(), OptionNumber::IF_MATCH, &first)).code, Code::CHANGED);
    assert_eq!(plug.ask(with(put(), OptionNumber::IF_MATCH, &first)).code, Code::PRECONDITION_FAILED);
    assert_eq!(text(&plug.ask(request(Code::GET, "validate", true))), "second");
}

/// TD_COAP_CORE_23.
// Holds: RFC 7252 5.10.8-b
#[test]
fn a_resource_is_made_only_if_there_is_none() {
    let mut plug = Plug::new();
    let put = || with(with_body(request(Code::PUT, "create1", true), b"x"), OptionNumber::IF_NONE_MATCH, b"");
    assert_eq!(plug.ask(put()).code, Code::CREATED);
    assert_eq!(plug.ask(put()).code, Code::PRECONDITION_FAILED);
}

// Holds: RFC 8132 2-a, 3-b
#[test]
fn a_resource_can_be_fetched_and_refuses_to_be_patched() {
    let mut plug = Plug::new();
    let fetched = plug.ask(with_body(request(Code::FETCH, "test", true), b"all"));
    assert_eq!((fetched.code, text(&fetched).as_str()), (Code::CONTENT, "test"));
    for method in [Code::PATCH, Code::IPATCH] {
        let patched = plug.ask(with_body(request(method, "test", true), b"+"));
        assert_eq!(patched.code, Code::METHOD_NOT_ALLOWED);
    }
}

// Holds: RFC 7252 5.8-a
#[test]
fn a_method_that_nobody_knows_is_not_allowed() {
    let mut plug = Plug::new();
    let response = plug.ask(request(Code::new(0, 31), "test", true));
    assert_eq!(response.code, Code::METHOD_NOT_ALLOWED);
}

/// TD_COAP_CORE_31.
// Holds: RFC 7252 4.2-c
#[test]
fn a_ping_is_answered_by_a_reset() {
    let mut plug = Plug::new();
    plug.client.ping(plug.now, super::SERVER);
    plug.run(SimDuration::from_secs(1));
    assert_eq!(plug.trace(), ["CON Empty", "RST Empty"]);
    assert_eq!(plug.log[0].head.message_id, plug.log[1].head.message_id);
}
