//! TD_COAP_CORE over a reverse proxy (RFC 7252 §5.7.3): its client takes it for the server.

use session::body::Body;
use session::coap::Request;
use sim_core::SimDuration;
use wire::coap::{Code, Head, OptionNumber};

use super::{Plug, SERVER, etag, request, text, with, with_body};

/// What the server was asked.
fn forwarded(plug: &Plug) -> Vec<&Head> {
    let to_server = plug.log.iter().filter(|seen| seen.to == SERVER && seen.head.code.is_request());
    to_server.map(|seen| &seen.head).collect()
}

/// Asks while what is stored is fresh.
fn soon(plug: &mut Plug, request: Request) -> (Code, String) {
    let response = plug.ask_within(request, SimDuration::from_secs(1));
    (response.code, text(&response))
}

fn get(path: &str) -> Request {
    request(Code::GET, path, true)
}

/// TD_COAP_CORE_24.
#[test]
fn every_segment_of_a_place_comes_back_through_the_proxy() {
    let mut plug = Plug::behind_proxy();
    let made = plug.ask(with_body(request(Code::POST, "test", true), b"made"));
    assert_eq!(made.code, Code::CREATED);
    let segments: Vec<_> = made.options.all(OptionNumber::LOCATION_PATH).map(<[u8]>::to_vec).collect();
    assert_eq!(segments, [b"test".to_vec(), b"1".to_vec()]);
    assert_eq!(text(&plug.ask(get("test/1"))), "made", "it is there behind the same proxy");
}

/// TD_COAP_CORE_25.
#[test]
fn every_part_of_a_place_with_a_query_comes_back_through_the_proxy() {
    let mut plug = Plug::behind_proxy();
    let made = plug.ask(with_body(request(Code::POST, "location-query", true), b"new"));
    assert_eq!(made.code, Code::CREATED);
    let parts: Vec<_> = made.options.all(OptionNumber::LOCATION_QUERY).map(<[u8]>::to_vec).collect();
    assert_eq!(parts, [b"first=1".to_vec(), b"second=2".to_vec()]);
}

/// TD_COAP_CORE_26.
#[test]
fn representations_of_different_formats_are_stored_apart() {
    let mut plug = Plug::behind_proxy();
    let plain = || with(get("test"), OptionNumber::ACCEPT, b"");
    let json = || with(get("test"), OptionNumber::ACCEPT, &[50]);
    assert_eq!(soon(&mut plug, plain()), (Code::CONTENT, "test".into()));
    assert_eq!(soon(&mut plug, json()).0, Code::NOT_ACCEPTABLE, "what is stored is of another format");
    assert_eq!(soon(&mut plug, plain()), (Code::CONTENT, "test".into()));
    let accepted: Vec<_> =
        forwarded(&plug).iter().map(|head| head.options.get_uint(OptionNumber::ACCEPT)).collect();
    assert_eq!(accepted, [Some(0), Some(50)], "the third was answered out of the cache");
}

/// TD_COAP_CORE_27.
#[test]
fn a_condition_on_the_representation_is_the_server_s_to_judge() {
    let mut plug = Plug::behind_proxy();
    let first = etag(&plug.ask(get("validate")));
    let put =
        || with(with_body(request(Code::PUT, "validate", true), b"second"), OptionNumber::IF_MATCH, &first);
    assert_eq!(soon(&mut plug, put()).0, Code::CHANGED);
    assert_eq!(soon(&mut plug, put()).0, Code::PRECONDITION_FAILED);
    let asked = forwarded(&plug);
    assert!(asked[1..].iter().all(|head| head.options.get(OptionNumber::IF_MATCH) == Some(&first[..])));
    assert_eq!(soon(&mut plug, get("validate")), (Code::CONTENT, "second".into()), "nothing stale is left");
}

/// TD_COAP_CORE_28.
#[test]
fn a_resource_is_made_once_through_the_proxy() {
    let mut plug = Plug::behind_proxy();
    let put = || with(with_body(request(Code::PUT, "create1", true), b"x"), OptionNumber::IF_NONE_MATCH, b"");
    assert_eq!(soon(&mut plug, put()).0, Code::CREATED);
    assert_eq!(soon(&mut plug, put()).0, Code::PRECONDITION_FAILED);
    assert!(forwarded(&plug).iter().all(|head| head.options.get(OptionNumber::IF_NONE_MATCH).is_some()));
}

/// TD_COAP_CORE_29.
// Holds: RFC 7252 5.7.3-a
#[test]
fn a_response_is_used_again_until_its_time_is_over() {
    let mut plug = Plug::behind_proxy();
    let at = |plug: &mut Plug, seconds| {
        let response = plug.ask_within(get("validate"), SimDuration::from_secs(seconds));
        (text(&response), response.options.get_uint(OptionNumber::MAX_AGE))
    };
    // The server says nothing of it: 60 s (RFC 7252 §5.10.5), of which the time in the cache is taken off.
    let (first, _) = at(&mut plug, 20);
    // Stored at 30 ms and asked for again at 20.01 s, it is 19 whole seconds old.
    assert_eq!(at(&mut plug, 45), (first, Some(41)));
    assert_eq!(forwarded(&plug).len(), 1);
    // What happens behind the proxy's back shows when the stored response is too old.
    let before = forwarded(&plug).len();
    assert_eq!(at(&mut plug, 1).0, "first");
    assert_eq!(forwarded(&plug).len(), before + 1);
}

/// TD_COAP_CORE_30.
#[test]
fn an_old_response_is_validated_at_the_server_and_for_the_client() {
    let mut plug = Plug::behind_proxy();
    let first = etag(&plug.ask(get("validate")));
    let again = || with(get("validate"), OptionNumber::ETAG, &first);
    // More than a minute later the stored one is too old: the server says that it is still valid.
    plug.run(SimDuration::from_secs(5));
    let valid = plug.ask(again());
    assert_eq!((valid.code, valid.body), (Code::VALID, Body::default()));
    assert_eq!(forwarded(&plug)[1].options.get(OptionNumber::ETAG), Some(&first[..]));
    assert_eq!(soon(&mut plug, with_body(request(Code::PUT, "validate", true), b"second")).0, Code::CHANGED);
    let fresh = plug.ask(again());
    assert_eq!((fresh.code, text(&fresh).as_str()), (Code::CONTENT, "second"));
    assert_ne!(etag(&fresh), first);
}

#[test]
fn a_reverse_proxy_refuses_what_only_a_forward_proxy_is_asked() {
    let mut plug = Plug::behind_proxy();
    let ask = with(get("test"), OptionNumber::PROXY_URI, b"coap://10.0.0.2/test");
    assert_eq!(plug.ask(ask).code, Code::PROXYING_NOT_SUPPORTED);
    assert!(forwarded(&plug).is_empty());
}
