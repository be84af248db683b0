//! TD_COAP_LINK.

use wire::coap::{Code, Links, OptionNumber};

use super::{Plug, request, text, with};

fn discover(query: &[u8]) -> Vec<String> {
    let mut plug = Plug::new();
    let mut ask = request(Code::GET, ".well-known/core", true);
    if !query.is_empty() {
        ask = with(ask, OptionNumber::URI_QUERY, query);
    }
    let response = plug.ask(ask);
    assert_eq!(response.code, Code::CONTENT);
    assert_eq!(response.options.get_uint(OptionNumber::CONTENT_FORMAT), Some(40));
    Links::new(&text(&response)).map(|link| link.target.to_owned()).collect()
}

/// TD_COAP_LINK_01.
#[test]
fn all_resources_are_listed_in_link_format() {
    let listed = discover(b"");
    let all = super::resources();
    assert_eq!(listed, all.iter().map(|resource| format!("/{}", resource.path)).collect::<Vec<_>>());
}

/// TD_COAP_LINK_02.
// Holds: RFC 7252 7.2-a
#[test]
fn a_resource_type_selects_what_is_of_it() {
    assert_eq!(discover(b"rt=Type1"), ["/test"]);
}

/// TD_COAP_LINK_03.
#[test]
fn a_star_selects_all_that_have_a_type() {
    assert_eq!(discover(b"rt=*"), ["/test", "/seg1/seg2/seg3"]);
}

/// TD_COAP_LINK_04.
#[test]
fn another_type_selects_others() {
    assert_eq!(discover(b"rt=Type2"), ["/seg1/seg2/seg3"]);
}

/// TD_COAP_LINK_06.
#[test]
fn a_size_selects_large_resources() {
    assert_eq!(discover(b"sz=*"), ["/large", "/large-update", "/obs-large"]);
}

/// TD_COAP_LINK_07.
#[test]
fn a_target_selects_itself() {
    assert_eq!(discover(b"href=/large"), ["/large"]);
}

/// TD_COAP_LINK_08.
#[test]
fn the_beginning_of_a_target_selects_what_begins_so() {
    assert_eq!(discover(b"href=/large*"), ["/large", "/large-update"]);
}

/// TD_COAP_LINK_09: what nobody has selects nothing.
#[test]
fn a_type_that_nobody_has_selects_nothing() {
    assert!(discover(b"rt=Type9").is_empty());
}
