//! CoAP over byte streams, held against RFC 8323: what each end says, and what it makes of what it hears.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, Failure, Request, Response};
use session::datagram::DatagramSession;
use sim_core::SimTime;
use wire::coap::{Code, Frame, OptionNumber, Options, Token, frame_len};
use wire::payload::Payload;

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 5683);

/// A client and a server at the ends of a pipe that cuts the stream anywhere.
struct Pipe {
    now: SimTime,
    client: CoapEndpoint,
    server: CoapEndpoint,
    rng: ChaCha8Rng,
    /// Codes that were sent, by the client (true) or the server.
    sent: Vec<(bool, Code)>,
    sizes: Vec<usize>,
    responses: Vec<Response>,
    failures: Vec<Failure>,
    closed: Vec<bool>,
    requests: Vec<(Code, Body)>,
    answer: usize,
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn request(code: Code, path: &str, body: usize) -> Request {
    let mut options = Options::new();
    options.push_path(OptionNumber::URI_PATH, path);
    let body = Body::from_bytes(pattern(body), Label::NONE);
    Request { code, options, body, confirmable: true, label: Label::NONE }
}

impl Pipe {
    fn new(max_message_size: u32) -> Self {
        let config = Arc::new(CoapConfig { max_message_size, ..CoapConfig::default() });
        let rng = |seed| ChaCha8Rng::seed_from_u64(seed);
        let mut pipe = Self {
            now: SimTime::ZERO,
            client: CoapEndpoint::over_streams(Arc::clone(&config), rng(1)),
            server: CoapEndpoint::over_streams(config, rng(2)),
            rng: rng(3),
            sent: Vec::new(),
            sizes: Vec::new(),
            responses: Vec::new(),
            failures: Vec::new(),
            closed: Vec::new(),
            requests: Vec::new(),
            answer: 6,
        };
        pipe.client.connected(pipe.now, SERVER);
        pipe.server.connected(pipe.now, CLIENT);
        pipe.settle();
        pipe
    }

    fn codes(&self) -> Vec<String> {
        self.sent.iter().map(|(client, code)| format!("{} {code}", if *client { ">" } else { "<" })).collect()
    }

    fn pass(&mut self, from_client: bool, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut = 1 + self.rng.next_u32() as usize % rest.len();
            let (front, back) = rest.split_at(cut);
            let body = Body::new(Payload::from_bytes(front.to_vec()), Default::default());
            if from_client {
                self.server.handle_stream(self.now, CLIENT, body);
            } else {
                self.client.handle_stream(self.now, SERVER, body);
            }
            rest = back;
        }
    }

    fn settle(&mut self) {
        loop {
            if let Some(event) = self.server.poll_event() {
                match event {
                    CoapEvent::Request { id, from, code, options, body, label, .. } => {
                        let mut answer = Options::new();
                        if options.path() == "observe" {
                            answer.push(OptionNumber::OBSERVE, b"");
                        }
                        self.requests.push((code, body));
                        let body = Body::from_bytes(pattern(self.answer), label);
                        let response = Response { code: Code::CONTENT, options: answer, body, label };
                        self.server.respond(self.now, from, id, response);
                    }
                    CoapEvent::Close { .. } => self.closed.push(false),
                    _ => {}
                }
            } else if let Some(event) = self.client.poll_event() {
                match event {
                    CoapEvent::Response { response, .. } => self.responses.push(response),
                    CoapEvent::Failed { why, .. } => self.failures.push(why),
                    CoapEvent::Close { .. } => self.closed.push(true),
                    _ => {}
                }
            } else if let Some(datagram) = self.client.poll_transmit() {
                self.carry(true, &datagram.content.payload.to_vec());
            } else if let Some(datagram) = self.server.poll_transmit() {
                self.carry(false, &datagram.content.payload.to_vec());
            } else {
                return;
            }
        }
    }

    fn carry(&mut self, from_client: bool, bytes: &[u8]) {
        let len = frame_len(bytes).expect("an endpoint sends what can be read").expect("whole messages");
        assert_eq!(len, bytes.len() as u64, "the length says how long the message is");
        let (frame, _) = Frame::parse(bytes, len).expect("an endpoint sends what can be read");
        self.sent.push((from_client, frame.code));
        self.sizes.push(bytes.len());
        self.pass(from_client, bytes);
    }
}

fn signal(code: Code, token: u8, option: Option<(u16, &[u8])>) -> Vec<u8> {
    let mut options = Options::new();
    if let Some((number, value)) = option {
        options.push(OptionNumber(number), value);
    }
    Frame { code, token: Token::from_value(u64::from(token), 1), options }.emit(0).to_vec()
}

// Holds: RFC 8323 5.3-a
#[test]
fn both_ends_say_first_what_they_take() {
    let pipe = Pipe::new(1152);
    assert_eq!(pipe.codes(), ["> 7.01 CSM", "< 7.01 CSM"]);
    // Header 2 bytes, Max-Message-Size 1 + 2, Block-Wise-Transfer 1.
    assert_eq!(pipe.sizes, [6, 6]);
}

// Holds: RFC 8323 3.1-a, 3.2-a
#[test]
fn a_request_and_its_response_are_two_messages() {
    let mut pipe = Pipe::new(1152);
    pipe.client.request(pipe.now, SERVER, request(Code::GET, "temperature", 0));
    pipe.settle();
    assert_eq!(pipe.codes()[2..], ["> 0.01 GET", "< 2.05 Content"].map(|it| it.replace("0.01 ", "")));
    // 2 + 4 of token + 1 + 11 of path; 2 + 4 + 1 of marker + 6.
    assert_eq!(pipe.sizes[2..], [18, 13]);
    assert_eq!(pipe.responses.len(), 1);
}

// Holds: RFC 8323 5.3-b
#[test]
fn a_connection_that_begins_with_something_else_is_aborted() {
    let config = Arc::new(CoapConfig::default());
    let mut server = CoapEndpoint::over_streams(config, ChaCha8Rng::seed_from_u64(1));
    server.connected(SimTime::ZERO, CLIENT);
    let get = Frame { code: Code::GET, token: Token::EMPTY, options: Options::new() }.emit(0).to_vec();
    server.handle_stream(SimTime::ZERO, CLIENT, Body::new(Payload::from_bytes(get), Default::default()));
    assert!(matches!(server.poll_event(), Some(CoapEvent::Close { peer: CLIENT })));
    let codes: Vec<u8> = std::iter::from_fn(|| server.poll_transmit())
        .map(|datagram| datagram.content.payload.to_vec()[1])
        .collect();
    assert_eq!(codes, [Code::CSM.0, Code::ABORT.0]);
}

// Holds: RFC 8323 5.3-c
#[test]
fn a_critical_setting_that_nobody_knows_aborts_the_connection() {
    let mut pipe = Pipe::new(1152);
    pipe.pass(true, &signal(Code::CSM, 0, Some((9, b""))));
    pipe.settle();
    assert_eq!(pipe.codes().last().map(String::as_str), Some("< 7.05 Abort"));
    assert_eq!(pipe.closed, [false, true]);
}

// Holds: RFC 8323 5.3-d
#[test]
fn an_elective_setting_that_nobody_knows_is_ignored() {
    let mut pipe = Pipe::new(1152);
    pipe.pass(true, &signal(Code::CSM, 0, Some((8, b"x"))));
    pipe.settle();
    assert!(pipe.closed.is_empty());
}

// Holds: RFC 8323 5.4-a
#[test]
fn a_ping_is_answered_with_its_token() {
    let mut pipe = Pipe::new(1152);
    pipe.client.ping(pipe.now, SERVER);
    pipe.settle();
    assert_eq!(pipe.codes()[2..], ["> 7.02 Ping", "< 7.03 Pong"]);
    assert_eq!(pipe.client.stats().pongs, 1);
    assert_eq!(pipe.sizes[2], pipe.sizes[3], "the token comes back");
}

// Holds: RFC 8323 5.5-a
#[test]
fn a_release_is_told_to_the_owner_of_the_connection() {
    let mut pipe = Pipe::new(1152);
    pipe.server.release_connection(CLIENT);
    pipe.settle();
    assert_eq!(pipe.closed, [true]);
}

// Holds: RFC 8323 5.3.1-a
#[test]
fn a_message_above_the_limit_aborts_the_connection() {
    let mut pipe = Pipe::new(1152);
    // Length nibble 14: 269 + 60,000 bytes follow.
    pipe.pass(true, &[0xE0, 0xEA, 0x60, 1]);
    pipe.settle();
    assert_eq!(pipe.closed, [false, true]);
}

// Holds: RFC 8323 5.3.1-b
#[test]
fn a_body_goes_in_blocks_that_the_peer_takes() {
    let mut pipe = Pipe::new(1152);
    pipe.answer = 5000;
    pipe.client.request(pipe.now, SERVER, request(Code::PUT, "x", 3000));
    pipe.settle();
    // Three parts up, then five parts down: the first of them answers the last part.
    assert_eq!(pipe.sent.len() - 2, 2 * (3 + 5 - 1));
    assert!(pipe.sizes.iter().all(|&size| size <= 1152));
    assert_eq!(pipe.requests[0].1.payload.to_vec(), pattern(3000));
    assert_eq!(pipe.responses[0].body.payload.to_vec(), pattern(5000));
}

// Holds: RFC 8323 6-a
#[test]
fn several_blocks_go_in_one_message_where_both_ends_allow_it() {
    let mut pipe = Pipe::new(8 * 1024 + 128);
    pipe.answer = 100_000;
    pipe.client.request(pipe.now, SERVER, request(Code::POST, "x", 20_000));
    pipe.settle();
    // 20,000 / 8,192 = 3 parts up, 100,000 / 8,192 = 13 down.
    assert_eq!(pipe.sent.len() - 2, 2 * (3 + 13 - 1));
    assert_eq!(pipe.requests[0].1.payload.to_vec(), pattern(20_000));
    assert_eq!(pipe.responses[0].body.payload.to_vec(), pattern(100_000));
}

// Holds: RFC 8323 7.1-a, 7.4-a
#[test]
fn an_observer_hears_every_state_and_says_when_it_has_heard_enough() {
    let mut pipe = Pipe::new(1152);
    let mut observe = request(Code::GET, "observe", 0);
    observe.options.push_uint(OptionNumber::OBSERVE, 0);
    let id = pipe.client.request(pipe.now, SERVER, observe);
    pipe.settle();
    for len in 1..=30 {
        let body = Body::from_bytes(pattern(len), Label::NONE);
        let (options, label) = (Options::new(), Label::NONE);
        let response = Response { code: Code::CONTENT, options, body, label };
        pipe.server.notify(pipe.now, "observe", &response);
        pipe.settle();
    }
    let lengths: Vec<u32> = pipe.responses.iter().skip(1).map(|response| response.body.len()).collect();
    assert_eq!(lengths, (1..=30).collect::<Vec<u32>>());
    pipe.client.cancel(SERVER, id);
    pipe.settle();
    assert_eq!(pipe.server.observer_count("observe"), 0);
}

// Holds: RFC 8323 3.2-b
#[test]
fn a_token_of_nine_bytes_ends_the_connection() {
    let mut pipe = Pipe::new(1152);
    pipe.pass(true, &[0x09, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    pipe.settle();
    assert_eq!(pipe.closed, [false, true]);
}

// Holds: RFC 8323 3.4-a
#[test]
fn an_empty_message_is_ignored() {
    let mut pipe = Pipe::new(1152);
    pipe.pass(true, &[0, 0]);
    pipe.settle();
    assert!(pipe.closed.is_empty() && pipe.sent.len() == 2);
}

#[test]
fn what_was_under_way_fails_with_the_connection() {
    let mut pipe = Pipe::new(1152);
    pipe.client.request(pipe.now, SERVER, request(Code::GET, "x", 0));
    pipe.client.disconnected(SERVER);
    pipe.settle();
    assert_eq!(pipe.failures, [Failure::Disconnected]);
    assert_eq!((pipe.client.pending(), pipe.client.peer_count()), (0, 0));
}

#[test]
fn an_unknown_critical_option_is_refused_and_not_reset() {
    let mut pipe = Pipe::new(1152);
    let mut odd = request(Code::GET, "x", 0);
    odd.options.push(OptionNumber(9999), b"");
    pipe.client.request(pipe.now, SERVER, odd);
    pipe.settle();
    assert_eq!(pipe.responses[0].code, Code::BAD_OPTION);
}

#[test]
fn hostile_bytes_end_a_connection_and_nothing_else() {
    let mut aborted = 0;
    for seed in 0..2000 {
        let mut pipe = Pipe::new(1152);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bytes = vec![0; 1 + rng.next_u32() as usize % 80];
        rng.fill_bytes(&mut bytes);
        pipe.pass(true, &bytes);
        pipe.settle();
        aborted += u32::from(!pipe.closed.is_empty());
        pipe.pass(true, &bytes);
        pipe.settle();
    }
    assert!(aborted > 100, "{aborted}");
}
