//! Bodies block by block, held against RFC 7959 by messages made by hand.

mod lab;

use lab::{CLIENT, Lab, SERVER, get, put};
use session::body::{Body, Label};
use session::coap::{CoapConfig, CoapEndpoint, CoapEvent, Failure, Response};
use session::datagram::DatagramSession;
use sim_core::SimDuration;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wire::coap::{Block, BlockSize, Code, Head, Kind, OptionNumber, Options, Token};
use wire::payload::Payload;

fn config(bytes: u32) -> CoapConfig {
    CoapConfig {
        ack_random_factor_milli: 1000,
        block_size: BlockSize::at_most(bytes),
        ..CoapConfig::default()
    }
}

fn message(head: &Head, body: &[u8]) -> Body {
    let mut bytes = head.emit(!body.is_empty()).to_vec();
    bytes.extend_from_slice(body);
    Body::new(Payload::from_bytes(bytes), Default::default())
}

/// A confirmable PUT of one block; says the code and the options of the answer.
fn block1(lab: &mut Lab, id: u16, value: &[u8], len: usize) -> (Code, Options) {
    let mut options = Options::new();
    options.push_path(OptionNumber::URI_PATH, "firmware");
    options.push(OptionNumber::BLOCK1, value);
    let token = Token::from_value(u64::from(id), 2);
    let head = Head { kind: Kind::Confirmable, code: Code::PUT, message_id: id, token, options };
    let body: Vec<u8> = (0..len).map(|at| at as u8).collect();
    lab.server.handle_datagram(lab.now, CLIENT, SERVER.ip(), message(&head, &body));
    lab.run_for(SimDuration::from_millis(1));
    let answer = &lab.log.last().expect("an answer").head;
    (answer.code, answer.options.clone())
}

fn value(number: u32, more: bool, bytes: u32) -> Vec<u8> {
    let mut options = Options::new();
    let block = Block { number, more, size: BlockSize::at_most(bytes) };
    options.push_uint(OptionNumber::BLOCK1, block.as_uint());
    options.get(OptionNumber::BLOCK1).unwrap_or_default().to_vec()
}

// Holds: RFC 7959 2.2-a, 2.3-a, 2.5-a, 2.5-b
#[test]
fn blocks_that_make_no_sense_are_refused() {
    let mut lab = Lab::new(1, config(64));
    assert_eq!(block1(&mut lab, 1, &[0x0F], 64).0, Code::BAD_REQUEST, "SZX 7");
    assert_eq!(block1(&mut lab, 2, &value(0, true, 64), 63).0, Code::BAD_REQUEST, "too short");
    assert_eq!(block1(&mut lab, 3, &value(1, false, 64), 64).0, Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(block1(&mut lab, 4, &value(0, true, 64), 64).0, Code::CONTINUE);
    assert_eq!(block1(&mut lab, 5, &value(2, false, 64), 64).0, Code::REQUEST_ENTITY_INCOMPLETE, "block 1");
    assert_eq!(lab.served, 0);
}

/// The client's latest message, answered by `code`, `options` and a body.
fn answer(lab: &mut Lab, code: Code, options: Options, body: &[u8]) {
    let asked = lab.log.iter().rev().find(|entry| entry.from == CLIENT).expect("a request").head.clone();
    let head = Head { kind: Kind::Acknowledgement, code, options, ..asked };
    lab.client.handle_datagram(lab.now, SERVER, CLIENT.ip(), message(&head, body));
    lab.settle();
}

fn sent_block(lab: &Lab, number: OptionNumber) -> Option<Block> {
    let asked = lab.log.iter().rev().find(|entry| entry.from == CLIENT)?;
    asked.head.options.get(number).and_then(Block::parse)
}

fn block2(number: u32, more: bool, bytes: u32, etag: &[u8]) -> Options {
    let mut options = Options::new().with(OptionNumber::ETAG, etag);
    let block = Block { number, more, size: BlockSize::at_most(bytes) };
    options.push_uint(OptionNumber::BLOCK2, block.as_uint());
    // An elective hint, with which nothing has to be done.
    options.push_uint(OptionNumber::SIZE2, 7);
    options
}

// Holds: RFC 7959 2.3-b, 2.5-c, 2.9.3-a
#[test]
fn a_client_takes_the_size_that_the_server_wants() {
    let size = BlockSize::at_most;
    // A download: asked for in blocks of 64, answered in blocks of 32.
    let mut lab = Lab::new(1, config(64));
    lab.lose_all = true;
    lab.client.request(lab.now, SERVER, get("large", true));
    lab.settle();
    answer(&mut lab, Code::CONTENT, block2(0, true, 32, b"a"), &[0; 32]);
    let next = Block { number: 1, more: false, size: size(32) };
    assert_eq!(sent_block(&lab, OptionNumber::BLOCK2), Some(next));
    // An upload: the first 64 are confirmed in the size of 32, so the next is block 2 of these.
    let mut lab = Lab::new(1, config(64));
    lab.lose_all = true;
    lab.client.request(lab.now, SERVER, put("firmware", 200, true));
    lab.settle();
    let mut options = Options::new();
    options.push(OptionNumber::BLOCK1, &value(0, true, 32));
    answer(&mut lab, Code::CONTINUE, options.clone(), &[]);
    let next = Block { number: 2, more: true, size: size(32) };
    assert_eq!(sent_block(&lab, OptionNumber::BLOCK1), Some(next));
    // Refused for its size, the body begins anew in the size that is named.
    let mut lab = Lab::new(1, config(64));
    lab.lose_all = true;
    lab.client.request(lab.now, SERVER, put("firmware", 200, true));
    lab.settle();
    answer(&mut lab, Code::REQUEST_ENTITY_TOO_LARGE, options, &[]);
    let next = Block { number: 0, more: true, size: size(32) };
    assert_eq!(sent_block(&lab, OptionNumber::BLOCK1), Some(next));
}

// Holds: RFC 7959 2.4-b, 4-a
#[test]
fn blocks_of_two_representations_are_not_put_together() {
    for (etag, ends_well) in [(b"a", true), (b"b", false)] {
        let mut lab = Lab::new(1, config(64));
        lab.unchecked = true;
        lab.lose_all = true;
        lab.client.request(lab.now, SERVER, get("large", true));
        lab.settle();
        answer(&mut lab, Code::CONTENT, block2(0, true, 64, b"a"), &[0; 64]);
        answer(&mut lab, Code::CONTENT, block2(1, false, 64, etag), &[0; 10]);
        let failures: Vec<Failure> = lab.failures.iter().map(|(_, why)| *why).collect();
        let expected = if ends_well { vec![] } else { vec![Failure::BadResponse] };
        assert_eq!(failures, expected);
        assert_eq!(lab.bodies.len(), usize::from(ends_well));
    }
}

// Holds: RFC 7959 2.7-a
#[test]
fn a_body_in_blocks_may_be_answered_by_one_in_blocks() {
    let rng = |seed| ChaCha8Rng::seed_from_u64(seed);
    let config = Arc::new(config(64));
    let mut client = CoapEndpoint::new(Arc::clone(&config), rng(1));
    let mut server = CoapEndpoint::new(config, rng(2));
    let now = sim_core::SimTime::ZERO;
    client.request(now, SERVER, put("firmware", 150, true));
    let (mut codes, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        while let Some(datagram) = client.poll_transmit() {
            server.handle_datagram(now, CLIENT, SERVER.ip(), datagram.content);
        }
        while let Some(event) = server.poll_event() {
            if let CoapEvent::Request { id, from, label, body, .. } = event {
                assert_eq!(body.len(), 150);
                let body = Body::from_bytes(vec![9; 140], Label::NONE);
                let (code, options) = (Code::CHANGED, Options::new());
                server.respond(now, from, id, Response { code, options, body, label });
            }
        }
        while let Some(datagram) = server.poll_transmit() {
            let bytes = datagram.content.payload.to_vec();
            codes.push(Head::parse(&bytes, bytes.len()).expect("what can be read").0.code);
            client.handle_datagram(now, SERVER, CLIENT.ip(), datagram.content);
        }
        while let Some(event) = client.poll_event() {
            if let CoapEvent::Response { response, .. } = event {
                answers.push(response.body.payload.to_vec());
            }
        }
    }
    use Code as C;
    assert_eq!(codes, [C::CONTINUE, C::CONTINUE, C::CHANGED, C::CHANGED, C::CHANGED]);
    assert_eq!(answers, [vec![9; 140]]);
}
