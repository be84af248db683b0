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
// Holds: RFC 6690 4-a
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

/// TD_COAP_LINK_05.
#[test]
fn the_beginning_of_an_interface_s_name_selects_what_has_it() {
    assert_eq!(discover(b"if=If*"), ["/query"]);
}

/// TD_COAP_LINK_06.
// Holds: RFC 6690 3.3-a
#[test]
fn a_size_selects_large_resources() {
    assert_eq!(discover(b"sz=*"), ["/large", "/large-update", "/obs-large"]);
}

// Holds: RFC 6690 3.1-a; RFC 7641 6-a
#[test]
fn what_is_said_of_a_resource_stands_once_and_obs_has_no_value() {
    let mut plug = Plug::new();
    let listed = text(&plug.ask(request(Code::GET, ".well-known/core", true)));
    let mut observable = Vec::new();
    for link in Links::new(&listed) {
        let names: Vec<&str> = link.params().map(|param| param.name).collect();
        let once: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), once.len(), "{listed}");
        let obs = link.params().find(|param| param.name == "obs");
        observable.extend(obs.map(|param| (link.target, param.value)));
    }
    assert_eq!(observable, [("/obs", None), ("/obs-large", None)]);
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

/// TD_COAP_LINK_09.
// Holds: RFC 6690 1.2-a
#[test]
fn a_resource_in_link_format_lists_what_is_below_it() {
    assert_eq!(discover(b"ct=40"), ["/path"]);
    let response = Plug::new().ask(request(Code::GET, "path", true));
    assert_eq!(response.options.get_uint(OptionNumber::CONTENT_FORMAT), Some(40));
    let listed = text(&response);
    let below: Vec<&str> = Links::new(&listed).map(|link| link.target).collect();
    assert_eq!(below, ["/path/sub1", "/path/sub2"]);
}

#[test]
fn a_type_that_nobody_has_selects_nothing() {
    assert!(discover(b"rt=Type9").is_empty());
}
