//! What an endpoint makes of single messages, as an attacker or a fool would send them: RFC 7252's rules about what is
//! acknowledged, rejected or ignored.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, Request, Response};
use session::datagram::DatagramSession;
use sim_core::{SimDuration, SimTime};
use wire::coap::{Code, Head, Kind, OptionNumber, Options, Token};
use wire::payload::Payload;

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000);
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 1, 187));
const NOW: SimTime = SimTime::ZERO;

fn endpoint() -> CoapEndpoint {
    CoapEndpoint::new(Arc::new(CoapConfig::default()), ChaCha8Rng::seed_from_u64(1))
}

fn head(kind: Kind, code: Code) -> Head {
    Head { kind, code, message_id: 0x1234, token: Token::EMPTY, options: Options::new() }
}

fn give(endpoint: &mut CoapEndpoint, to: IpAddr, bytes: &[u8]) {
    let body = Body::new(Payload::from_bytes(bytes.to_vec()), Default::default());
    endpoint.handle_datagram(NOW, PEER, to, body);
}

fn sent(endpoint: &mut CoapEndpoint) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| endpoint.poll_transmit()).map(|it| it.content.payload.to_vec()).collect()
}

/// Answers the request that waits.
fn respond(endpoint: &mut CoapEndpoint, now: SimTime, code: Code) {
    let Some(CoapEvent::Request { id, from, .. }) = endpoint.poll_event() else { panic!("a request waits") };
    let response = Response { code, options: Options::new(), body: Body::default(), label: Label::NONE };
    endpoint.respond(now, from, id, response);
}

// Holds: RFC 7252 3-a
#[test]
fn another_version_is_ignored_in_silence() {
    let mut endpoint = endpoint();
    for version in [0x00, 0x80, 0xC0] {
        give(&mut endpoint, OWN, &[version, 1, 0x12, 0x34]);
    }
    assert!(sent(&mut endpoint).is_empty() && endpoint.poll_event().is_none());
    assert_eq!(endpoint.stats().malformed, 3);
}

#[test]
fn a_confirmable_message_that_cannot_be_read_is_reset() {
    let mut endpoint = endpoint();
    // A token of nine bytes; an option that is cut; an empty message with a payload.
    for rest in [&[0x49, 1][..], &[0x40, 1], &[0x40, 0]] {
        let mut bytes = rest.to_vec();
        bytes.extend([0x12, 0x34, 0xB9, 1]);
        give(&mut endpoint, OWN, &bytes);
        assert_eq!(sent(&mut endpoint), [vec![0x70, 0, 0x12, 0x34]]);
    }
}

// Holds: RFC 7252 4.2-d
#[test]
fn acknowledgements_and_resets_are_never_answered() {
    let mut endpoint = endpoint();
    let codes = [Code::EMPTY, Code::GET, Code::CONTENT, Code(0x20), Code(0xC0)];
    for kind in [Kind::Acknowledgement, Kind::Reset] {
        for code in codes {
            give(&mut endpoint, OWN, &head(kind, code).emit(false));
        }
    }
    assert!(sent(&mut endpoint).is_empty() && endpoint.poll_event().is_none());
}

// Holds: RFC 7252 4.3-c
#[test]
fn an_empty_non_confirmable_message_is_ignored() {
    let mut endpoint = endpoint();
    give(&mut endpoint, OWN, &head(Kind::NonConfirmable, Code::EMPTY).emit(false));
    assert!(sent(&mut endpoint).is_empty() && endpoint.poll_event().is_none());
}

#[test]
fn reserved_classes_are_rejected() {
    let mut endpoint = endpoint();
    for code in [Code(0x21), Code(0xC1), Code(0xE1)] {
        give(&mut endpoint, OWN, &head(Kind::Confirmable, code).emit(false));
        assert_eq!(sent(&mut endpoint), [vec![0x70, 0, 0x12, 0x34]], "{code}");
    }
}

// Holds: RFC 7252 4.5-b
#[test]
fn a_non_confirmable_duplicate_is_ignored() {
    let mut endpoint = endpoint();
    let get = head(Kind::NonConfirmable, Code::GET).emit(false);
    give(&mut endpoint, OWN, &get);
    respond(&mut endpoint, NOW, Code::CONTENT);
    assert_eq!(sent(&mut endpoint).len(), 1);
    give(&mut endpoint, OWN, &get);
    assert!(sent(&mut endpoint).is_empty());
    assert!(matches!(endpoint.poll_event(), Some(CoapEvent::Duplicate { .. })));
    assert!(endpoint.poll_event().is_none());
}

// Holds: RFC 7252 5.1-a
#[test]
fn a_repeated_request_is_handed_on_once() {
    let mut endpoint = endpoint();
    let put = head(Kind::Confirmable, Code::PUT).emit(false);
    give(&mut endpoint, OWN, &put);
    respond(&mut endpoint, NOW, Code::CHANGED);
    let first = sent(&mut endpoint);
    for _ in 0..3 {
        give(&mut endpoint, OWN, &put);
        assert_eq!(sent(&mut endpoint), first, "the same acknowledgement");
    }
    let requests = std::iter::from_fn(|| endpoint.poll_event());
    assert_eq!(requests.filter(|event| matches!(event, CoapEvent::Request { .. })).count(), 0);
}

// Holds: RFC 7252 5.3.1-b
#[test]
fn tokens_of_requests_under_way_are_different() {
    let config = CoapConfig { token_len: 1, nstart: 300, ..CoapConfig::default() };
    let mut endpoint = CoapEndpoint::new(Arc::new(config), ChaCha8Rng::seed_from_u64(1));
    for _ in 0..256 {
        let (options, body, label) = (Options::new(), Body::default(), Label::NONE);
        endpoint.request(NOW, PEER, Request { code: Code::GET, options, body, confirmable: true, label });
    }
    let mut tokens: Vec<u8> = sent(&mut endpoint).iter().map(|bytes| bytes[4]).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 256);
}

// Holds: RFC 7252 5.4.1-c
#[test]
fn a_response_with_an_unknown_critical_option_is_rejected() {
    let mut endpoint = endpoint();
    let (options, body, label) = (Options::new(), Body::default(), Label::NONE);
    endpoint.request(NOW, PEER, Request { code: Code::GET, options, body, confirmable: true, label });
    let bytes = sent(&mut endpoint).remove(0);
    let (asked, _) = Head::parse(&bytes, bytes.len()).expect("it can be read");
    let options = Options::new().with(OptionNumber(9999), b"");
    let content = Head { kind: Kind::Confirmable, code: Code::CONTENT, message_id: 9, options, ..asked };
    give(&mut endpoint, OWN, &content.emit(false));
    assert_eq!(sent(&mut endpoint), [vec![0x70, 0, 0, 9]]);
}

// Holds: RFC 7252 5.7.2-a
#[test]
fn one_that_is_no_proxy_says_so() {
    let mut endpoint = endpoint();
    let options = Options::new().with(OptionNumber::PROXY_URI, b"coap://10.0.0.9/x");
    let get = Head { options, ..head(Kind::Confirmable, Code::GET) };
    give(&mut endpoint, OWN, &get.emit(false));
    assert_eq!(sent(&mut endpoint)[0][1], Code::PROXYING_NOT_SUPPORTED.0);
}

// Holds: RFC 7252 8.1-a
#[test]
fn a_confirmable_request_to_a_group_is_not_answered() {
    let mut endpoint = endpoint();
    give(&mut endpoint, GROUP, &head(Kind::Confirmable, Code::GET).emit(false));
    assert!(sent(&mut endpoint).is_empty() && endpoint.poll_event().is_none());
}

// Holds: RFC 7252 8.2-a
#[test]
fn a_group_s_request_is_answered_within_the_leisure() {
    let mut times = Vec::new();
    for seed in 0..100 {
        let config = Arc::new(CoapConfig::default());
        let mut endpoint = CoapEndpoint::new(config, ChaCha8Rng::seed_from_u64(seed));
        give(&mut endpoint, GROUP, &head(Kind::NonConfirmable, Code::GET).emit(false));
        respond(&mut endpoint, NOW, Code::CONTENT);
        assert!(sent(&mut endpoint).is_empty(), "nothing goes out at once");
        let at = endpoint.poll_timeout().expect("a response waits");
        endpoint.handle_timeout(at);
        assert_eq!(sent(&mut endpoint).len(), 1);
        times.push(at);
    }
    let end = NOW + SimDuration::from_secs(5);
    assert!(times.iter().all(|&at| at <= end));
    // Of 100 even draws one lies within the first and one within the last tenth but for 5 in 10^5.
    assert!(times.iter().any(|&at| at < NOW + SimDuration::from_millis(500)));
    assert!(times.iter().any(|&at| at > NOW + SimDuration::from_millis(4500)));
}

// Holds: RFC 7252 8.2-b
#[test]
fn errors_and_resets_do_not_answer_a_group_s_request() {
    let mut endpoint = endpoint();
    give(&mut endpoint, GROUP, &head(Kind::NonConfirmable, Code::GET).emit(false));
    respond(&mut endpoint, NOW, Code::NOT_FOUND);
    give(&mut endpoint, GROUP, &[0x40, 1, 2, 3, 0xF0]);
    let odd = Head {
        options: Options::new().with(OptionNumber(9999), b""),
        message_id: 7,
        ..head(Kind::NonConfirmable, Code::GET)
    };
    give(&mut endpoint, GROUP, &odd.emit(false));
    endpoint.handle_timeout(NOW + SimDuration::from_secs(6));
    assert!(sent(&mut endpoint).is_empty());
}

// Holds: RFC 9175 2.3-a, 2.3-b
#[test]
fn a_change_has_to_show_that_it_is_fresh_where_the_server_asks_for_that() {
    let config = CoapConfig { echo: true, ..CoapConfig::default() };
    let mut server = CoapEndpoint::new(Arc::new(config), ChaCha8Rng::seed_from_u64(1));
    let mut client = endpoint();
    let (options, label) = (Options::new(), Label::NONE);
    let body = Body::from_bytes(vec![7; 2000], label);
    client.request(NOW, PEER, Request { code: Code::PUT, options, body, confirmable: true, label });
    let mut codes = Vec::new();
    loop {
        let asked = sent(&mut client);
        if asked.is_empty() {
            break;
        }
        asked.iter().for_each(|bytes| give(&mut server, OWN, bytes));
        while let Some(event) = server.poll_event() {
            let CoapEvent::Request { id, from, body, .. } = event else { continue };
            assert_eq!(body.len(), 2000);
            let (options, body) = (Options::new(), Body::default());
            server.respond(NOW, from, id, Response { code: Code::CHANGED, options, body, label });
        }
        for bytes in sent(&mut server) {
            codes.push(Code(bytes[1]));
            give(&mut client, OWN, &bytes);
        }
    }
    assert_eq!(codes, [Code::UNAUTHORIZED, Code::CONTINUE, Code::CHANGED]);
    // What somebody else echoes is worth nothing.
    let options = Options::new().with(OptionNumber::ECHO, &[1; 8]);
    let put = Head { options, message_id: 99, ..head(Kind::Confirmable, Code::PUT) };
    give(&mut server, OWN, &put.emit(false));
    assert_eq!(sent(&mut server)[0][1], Code::UNAUTHORIZED.0);
}

// Holds: RFC 9175 3.4-a
#[test]
fn bodies_that_are_on_their_way_at_once_are_told_apart() {
    let config = CoapConfig { nstart: 10, ..CoapConfig::default() };
    let mut client = CoapEndpoint::new(Arc::new(config), ChaCha8Rng::seed_from_u64(1));
    for fill in [1, 2] {
        let (options, label) = (Options::new(), Label::NONE);
        let body = Body::from_bytes(vec![fill; 2500], label);
        client.request(NOW, PEER, Request { code: Code::PUT, options, body, confirmable: true, label });
    }
    let mut server = endpoint();
    let mut bodies = Vec::new();
    loop {
        let asked = sent(&mut client);
        if asked.is_empty() {
            break;
        }
        asked.iter().for_each(|bytes| give(&mut server, OWN, bytes));
        while let Some(event) = server.poll_event() {
            let CoapEvent::Request { id, from, body, label, .. } = event else { continue };
            bodies.push(body.payload.to_vec());
            let (options, body) = (Options::new(), Body::default());
            server.respond(NOW, from, id, Response { code: Code::CHANGED, options, body, label });
        }
        sent(&mut server).iter().for_each(|bytes| give(&mut client, OWN, bytes));
    }
    assert_eq!(bodies, [vec![1; 2500], vec![2; 2500]]);
}

// Holds: RFC 9290 2-a
#[test]
fn an_error_says_its_details_in_cbor_where_that_is_wanted() {
    let config = CoapConfig { problem_details: true, ..CoapConfig::default() };
    let mut endpoint = CoapEndpoint::new(Arc::new(config), ChaCha8Rng::seed_from_u64(1));
    let options = Options::new().with(OptionNumber(9999), b"");
    let get = Head { options, ..head(Kind::Confirmable, Code::GET) };
    give(&mut endpoint, OWN, &get.emit(false));
    let bytes = sent(&mut endpoint).remove(0);
    let (refused, at) = Head::parse(&bytes, bytes.len()).expect("it can be read");
    assert_eq!(refused.options.get_uint(OptionNumber::CONTENT_FORMAT), Some(257));
    let title = b"option 9999 cannot be used";
    assert_eq!(bytes[at..], [&[0xA1, 0x20, 0x78, title.len() as u8][..], title].concat());
}

#[test]
fn hostile_messages_are_harmless() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut endpoint = endpoint();
    let mut now = NOW;
    let seeds: Vec<Vec<u8>> = [Kind::Confirmable, Kind::NonConfirmable, Kind::Acknowledgement, Kind::Reset]
        .into_iter()
        .flat_map(|kind| [Code::GET, Code::PUT, Code::CONTENT, Code::EMPTY].map(|code| (kind, code)))
        .map(|(kind, code)| {
            let mut options = Options::new();
            options.push_uint(OptionNumber::OBSERVE, rng.next_u32() & 1);
            options.push_path(OptionNumber::URI_PATH, "a/b");
            options.push_uint(OptionNumber::BLOCK1, rng.next_u32() & 0xFF);
            options.push_uint(OptionNumber::BLOCK2, rng.next_u32() & 0xFF);
            let mut bytes = Head { options, ..head(kind, code) }.emit(true).to_vec();
            bytes.extend([7; 20]);
            bytes
        })
        .collect();
    for round in 0..20_000_usize {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
        }
        bytes.truncate(1 + rng.next_u32() as usize % bytes.len());
        let to = if round % 5 == 0 { GROUP } else { OWN };
        let body = Body::new(Payload::from_bytes(bytes), Default::default());
        let port = 1000 + (rng.next_u32() % 50) as u16;
        endpoint.handle_datagram(now, SocketAddr::new(PEER.ip(), port), to, body);
        while let Some(event) = endpoint.poll_event() {
            if let CoapEvent::Request { id, from, .. } = event
                && round % 3 != 0
            {
                let (options, label) = (Options::new(), Label::NONE);
                let body = Body::from_bytes(vec![1; round % 2000], label);
                endpoint.respond(now, from, id, Response { code: Code::CONTENT, options, body, label });
            }
        }
        sent(&mut endpoint);
        now += SimDuration::from_millis(50);
        if endpoint.poll_timeout().is_some_and(|due| due <= now) {
            endpoint.handle_timeout(now);
        }
    }
    assert!(endpoint.stats().malformed > 1000 && endpoint.stats().duplicates > 0);
    // What was not answered by its user stays with it; all else is forgotten.
    assert!(endpoint.peer_count() <= 50);
}
