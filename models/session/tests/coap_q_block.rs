//! Bodies in blocks that do not wait for each other, message by message, held against RFC 9177.

mod lab;

use lab::{CLIENT, Lab, SERVER, get, put};
use session::body::Body;
use session::coap::{CoapConfig, Failure};
use session::datagram::DatagramSession;
use sim_core::{SimDuration, SimTime};
use wire::coap::{Block, BlockSize, Code, Head, Kind, MISSING_BLOCKS, OptionNumber, Options, Token};
use wire::payload::Payload;

fn config() -> CoapConfig {
    CoapConfig {
        ack_random_factor_milli: 1000,
        block_size: BlockSize::at_most(64),
        probing_rate: 0,
        q_block: true,
        ..CoapConfig::default()
    }
}

/// A laboratory whose client knows that the server understands.
fn acquainted(config: CoapConfig) -> Lab {
    let mut lab = Lab::new(1, config);
    lab.client.request(lab.now, SERVER, get("temperature", false));
    lab.run_for(SimDuration::from_secs(1));
    (lab.served, lab.now) = (0, lab.now);
    lab.log.clear();
    lab.bodies.clear();
    lab.answers.clear();
    lab.received.clear();
    lab
}

/// The messages: kind, code, and the Q-Block options as number, M bit.
fn lines(lab: &Lab) -> Vec<String> {
    let line = |head: &Head| {
        let blocks = |number: OptionNumber, name: &str| {
            let values = head.options.all(number).filter_map(Block::parse);
            values.map(|it| format!(" {name}:{}/{}", it.number, u8::from(it.more))).collect::<String>()
        };
        let (one, two) = (blocks(OptionNumber::Q_BLOCK1, "QB1"), blocks(OptionNumber::Q_BLOCK2, "QB2"));
        format!("{} {}{one}{two}", head.kind.name(), head.code)
    };
    lab.log.iter().map(|entry| line(&entry.head)).collect()
}

fn number(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| *line == what).count()
}

// Holds: RFC 9177 4.1-b, 4.1-d
#[test]
fn support_is_asked_for_by_a_confirmable_request_once() {
    let mut lab = Lab::new(1, config());
    lab.client.request(lab.now, SERVER, put("firmware", 200, false));
    lab.client.request(lab.now, SERVER, put("firmware", 200, false));
    lab.run_for(SimDuration::from_secs(5));
    let lines = lines(&lab);
    assert_eq!(lines[0], "CON GET QB2:0/0");
    assert_eq!(number(&lines, "CON GET QB2:0/0"), 1);
    assert_eq!(lab.received, [0, 200, 200]);
    assert_eq!((lab.answers.len(), lab.failures.len()), (2, 0), "the question is no request of the user's");
}

// Holds: RFC 9177 4.1-c, 4.3-h
#[test]
fn to_a_server_that_does_not_know_them_bodies_go_block_by_block() {
    let mut lab = Lab::new(1, CoapConfig { q_block_understood: false, ..config() });
    lab.client.request(lab.now, SERVER, put("firmware", 200, false));
    lab.run_for(SimDuration::from_secs(5));
    let expected = [
        "CON GET QB2:0/0",
        "ACK 4.02 Bad Option",
        "NON PUT",
        "NON 2.31 Continue",
        "NON PUT",
        "NON 2.31 Continue",
        "NON PUT",
        "NON 2.31 Continue",
        "NON PUT",
        "NON 2.04 Changed",
    ];
    assert_eq!(lines(&lab), expected);
    assert_eq!(lab.received, [200]);
    lab.client.request(lab.now, SERVER, get("temperature", false));
    lab.run_for(SimDuration::from_secs(5));
    assert_eq!(lines(&lab)[10..], ["NON GET", "NON 2.05 Content"], "it is remembered");
}

#[test]
fn a_silent_server_makes_the_question_and_what_waits_for_it_fail() {
    let mut lab = Lab::new(1, config());
    lab.lose_all = true;
    lab.client.request(lab.now, SERVER, put("firmware", 200, false));
    lab.run_for(SimDuration::from_secs(100));
    assert_eq!(lab.failures, [(SimTime::from_secs(62), Failure::Timeout)]);
    lab.lose_all = false;
    lab.client.request(lab.now, SERVER, put("firmware", 200, false));
    lab.run_for(SimDuration::from_secs(5));
    assert_eq!(lab.received, [0, 200], "it is asked again");
}

// RFC 9177 §10.1.1, figure 2.
// Holds: RFC 9177 4.3-a, 4.3-b, 4.3-f, 4.6-a
#[test]
fn a_body_below_a_set_goes_without_an_answer_between() {
    let mut lab = acquainted(config());
    lab.client.request(lab.now, SERVER, put("firmware", 250, false));
    lab.run_for(SimDuration::from_secs(1));
    let expected =
        ["NON PUT QB1:0/1", "NON PUT QB1:1/1", "NON PUT QB1:2/1", "NON PUT QB1:3/0", "NON 2.04 Changed"];
    assert_eq!(lines(&lab), expected);
    let heads: Vec<&Head> = lab.log.iter().map(|entry| &entry.head).collect();
    let tags: Vec<_> = heads[..4].iter().map(|it| it.options.get(OptionNumber::REQUEST_TAG)).collect();
    assert!(tags[0].is_some() && tags.iter().all(|tag| *tag == tags[0]), "one tag for one body");
    assert!(heads[..4].iter().all(|it| it.options.get_uint(OptionNumber::SIZE1) == Some(250)));
    assert_eq!(heads[4].token, heads[3].token, "the answer has the last token");
    let tokens: std::collections::BTreeSet<Token> = heads[..4].iter().map(|it| it.token).collect();
    assert_eq!(tokens.len(), 4, "each block is a request of its own");
    let first = tags[0].map(<[u8]>::to_vec);
    lab.client.request(lab.now, SERVER, put("firmware", 250, false));
    lab.run_for(SimDuration::from_secs(1));
    let second = lab.log.last().and_then(|_| lab.log[5].head.options.get(OptionNumber::REQUEST_TAG));
    assert_ne!(first.as_deref(), second, "another body has another tag");
}

// RFC 9177 §10.1.2, figure 3.
// Holds: RFC 9177 4.3-e, 7.2-b
#[test]
fn a_whole_set_is_confirmed_and_the_next_one_follows_at_once() {
    let mut lab = acquainted(config());
    lab.client.request(lab.now, SERVER, put("firmware", 64 * 11, false));
    lab.run_for(SimDuration::from_secs(1));
    let lines = lines(&lab);
    assert_eq!(lines[10..], ["NON 2.31 Continue QB1:9/1", "NON PUT QB1:10/0", "NON 2.04 Changed"]);
    assert_eq!(lab.log[10].head.token, lab.log[9].head.token);
}

// RFC 9177 §10.1.3, figures 4 and 5: blocks 1, 9 and 10 are lost.
// Holds: RFC 9177 4.3-g, 5-a, 7.2-a, 7.2-d, 7.2-g
#[test]
fn lost_blocks_of_a_request_are_reported_by_the_next_set_and_by_silence() {
    let mut lab = acquainted(config());
    lab.lose = vec![1, 9, 10];
    let begun = lab.now;
    lab.client.request(lab.now, SERVER, put("firmware", 64 * 13, false));
    lab.run_for(SimDuration::from_secs(30));
    let lines = lines(&lab);
    let expected = [
        "NON PUT QB1:10/1",
        "NON PUT QB1:11/1",
        "NON PUT QB1:12/0",
        "NON 4.08 Request Entity Incomplete",
        "NON PUT QB1:1/1",
        "NON PUT QB1:9/1",
        "NON 2.31 Continue QB1:9/1",
        "NON 4.08 Request Entity Incomplete",
        "NON PUT QB1:10/1",
        "NON 2.04 Changed",
    ];
    assert_eq!(lines[10..], expected);
    let report = &lab.log[13];
    assert_eq!(report.head.options.get_uint(OptionNumber::CONTENT_FORMAT), Some(MISSING_BLOCKS));
    let after = |at: usize| lab.log[at].at.saturating_since(begun).as_nanos() / 1_000_000;
    // NON_TIMEOUT_RANDOM is 2 s; a way is 10 ms; NON_RECEIVE_TIMEOUT is 4 s after the last block, which came at 2.03 s.
    assert_eq!((after(10), after(13), after(14), after(17)), (2000, 2010, 2020, 6030));
    assert_eq!(lab.received, [64 * 13]);
}

// RFC 9177 §10.1.4: the blocks that are missing never come.
// Holds: RFC 9177 7.2-f, 7.2-h
#[test]
fn a_server_reports_missing_blocks_four_times_and_forgets_the_body() {
    let mut lab = acquainted(config());
    lab.lose = vec![1];
    let begun = lab.now;
    lab.client.request(lab.now, SERVER, put("firmware", 64 * 3, false));
    lab.run_for(SimDuration::from_secs(1));
    lab.lose_all = true;
    lab.run_for(SimDuration::from_secs(800));
    let reports: Vec<u64> = lab
        .log
        .iter()
        .filter(|entry| entry.head.code == Code::REQUEST_ENTITY_INCOMPLETE)
        .map(|entry| entry.at.saturating_since(begun).as_nanos() / 1_000_000)
        .collect();
    assert_eq!(reports, [4010, 12_010, 28_010, 60_010]);
    assert_eq!(lab.failures.last().map(|(_, why)| *why), Some(Failure::NoResponse));
    assert_eq!((lab.server.peer_count(), lab.client.peer_count()), (0, 0));
}

// Holds: RFC 9177 4.3-i
#[test]
fn a_client_that_has_given_the_body_up_rejects_the_report_and_the_server_forgets_it() {
    let mut lab = acquainted(config());
    lab.lose = vec![1];
    let id = lab.client.request(lab.now, SERVER, put("firmware", 64 * 3, false));
    lab.run_for(SimDuration::from_secs(1));
    lab.client.cancel(SERVER, id);
    lab.run_for(SimDuration::from_secs(100));
    let lines = lines(&lab);
    assert_eq!(lines[3..], ["NON 4.08 Request Entity Incomplete", "RST Empty"], "and no second report");
}

fn message(kind: Kind, code: Code, id: u16, options: Options, body: &[u8]) -> Body {
    let token = Token::from_value(u64::from(id), 2);
    let head = Head { kind, code, message_id: id, token, options };
    let mut bytes = head.emit(!body.is_empty()).to_vec();
    bytes.extend_from_slice(body);
    Body::new(Payload::from_bytes(bytes), Default::default())
}

fn block1(number: u32, more: bool, len: u32) -> Options {
    let mut options = Options::new();
    options.push_path(OptionNumber::URI_PATH, "firmware");
    let size = BlockSize::at_most(64);
    options.push_uint(OptionNumber::Q_BLOCK1, Block { number, more, size }.as_uint());
    options.push_uint(OptionNumber::SIZE1, len);
    options.with(OptionNumber::REQUEST_TAG, b"t")
}

fn block2(values: &[(u32, bool)]) -> Options {
    let mut options = Options::new();
    options.push_path(OptionNumber::URI_PATH, "large");
    let size = BlockSize::at_most(64);
    for &(number, more) in values {
        options.push_uint(OptionNumber::Q_BLOCK2, Block { number, more, size }.as_uint());
    }
    options
}

fn send(lab: &mut Lab, body: Body) {
    lab.server.handle_datagram(lab.now, CLIENT, SERVER.ip(), body);
    lab.run_for(SimDuration::from_millis(1));
}

// Holds: RFC 9177 4.3-j
#[test]
fn a_block_that_comes_again_is_answered_as_the_first_time() {
    let mut lab = Lab::new(1, config());
    let pattern: Vec<u8> = (0..128).collect();
    send(&mut lab, message(Kind::NonConfirmable, Code::PUT, 1, block1(0, true, 128), &pattern[..64]));
    send(&mut lab, message(Kind::NonConfirmable, Code::PUT, 2, block1(0, true, 128), &pattern[..64]));
    assert_eq!(lab.log.len(), 0, "half a body needs no answer");
    send(&mut lab, message(Kind::NonConfirmable, Code::PUT, 3, block1(1, false, 128), &pattern[64..]));
    send(&mut lab, message(Kind::NonConfirmable, Code::PUT, 4, block1(1, false, 128), &pattern[64..]));
    assert_eq!(lines(&lab), ["NON 2.04 Changed", "NON 2.04 Changed"]);
    assert_eq!((lab.served, lab.received.as_slice()), (1, &[128][..]), "the application sees it once");
}

// Holds: RFC 9177 4.3-k
#[test]
fn confirmable_blocks_are_acknowledged_and_not_reported() {
    let mut lab = Lab::new(1, CoapConfig { max_payloads: 1, ..config() });
    let pattern: Vec<u8> = (0..128).collect();
    send(&mut lab, message(Kind::Confirmable, Code::PUT, 1, block1(0, true, 128), &pattern[..64]));
    assert_eq!(lines(&lab), ["ACK Empty"]);
    send(&mut lab, message(Kind::Confirmable, Code::PUT, 2, block1(1, false, 128), &pattern[64..]));
    assert_eq!(lines(&lab), ["ACK Empty", "ACK 2.04 Changed"]);
}

// Holds: RFC 9177 4.1-e, 4.3-l, 4.4-f
#[test]
fn senseless_uses_are_refused() {
    let mut lab = Lab::new(1, config());
    let bare = |remove| {
        let mut options = block1(0, true, 128);
        options.remove(remove);
        options
    };
    let body = [0; 64];
    let mut mixed = block1(0, true, 128);
    mixed.push_uint(OptionNumber::BLOCK1, 0x0A);
    let cases = [
        (Code::PUT, bare(OptionNumber::REQUEST_TAG), "ACK 4.00 Bad Request"),
        (Code::PUT, bare(OptionNumber::SIZE1), "ACK 4.00 Bad Request"),
        (Code::PUT, mixed, "ACK 4.02 Bad Option"),
        (Code::GET, block2(&[(3, false), (2, false)]), "ACK 4.00 Bad Request"),
        (Code::GET, block2(&[(2, false), (2, true)]), "ACK 4.00 Bad Request"),
        (Code::PUT, block1(0, false, 128), "ACK 4.00 Bad Request"),
        (Code::PUT, block1(9, true, 128), "ACK 4.00 Bad Request"),
        (Code::PUT, block1(0, true, u32::MAX), "ACK 4.13 Request Entity Too Large"),
    ];
    for (id, (code, options, answer)) in cases.into_iter().enumerate() {
        let body = if code == Code::PUT { &body[..] } else { &[] };
        send(&mut lab, message(Kind::Confirmable, code, id as u16, options, body));
        assert_eq!(lines(&lab).last().map(|line| line.split(" QB").next().unwrap_or_default()), Some(answer));
    }
    assert_eq!(lab.served, 0);
}

// Holds: RFC 9177 4.8-a
#[test]
fn a_request_to_a_group_with_q_block2_is_ignored() {
    let mut lab = Lab::new(1, config());
    let body = message(Kind::NonConfirmable, Code::GET, 1, block2(&[(0, true)]), &[]);
    lab.server.handle_datagram(lab.now, CLIENT, "224.0.1.187".parse().unwrap(), body);
    lab.run_for(SimDuration::from_secs(20));
    assert_eq!((lab.served, lab.log.len()), (0, 0));
}

// RFC 9177 §10.2.2, figure 9.
// Holds: RFC 9177 4.1-b, 4.4-a, 4.4-c, 4.6-b
#[test]
fn a_response_comes_in_sets_that_the_client_confirms() {
    let mut lab = acquainted(config());
    lab.answer_len = 64 * 12;
    lab.client.request(lab.now, SERVER, get("large", false));
    lab.run_for(SimDuration::from_secs(1));
    let lines = lines(&lab);
    assert_eq!(lines[..2], ["NON GET QB2:0/1", "NON 2.05 Content QB2:0/1"]);
    assert_eq!(
        lines[10..],
        [
            "NON 2.05 Content QB2:9/1",
            "NON GET QB2:10/1",
            "NON 2.05 Content QB2:10/1",
            "NON 2.05 Content QB2:11/0"
        ]
    );
    let answers: Vec<&Head> =
        lab.log.iter().map(|it| &it.head).filter(|it| it.code == Code::CONTENT).collect();
    let etags: Vec<_> = answers.iter().map(|it| it.options.get(OptionNumber::ETAG)).collect();
    assert!(etags[0].is_some() && etags.iter().all(|etag| *etag == etags[0]));
    assert!(answers.iter().all(|it| it.options.get_uint(OptionNumber::SIZE2) == Some(64 * 12)));
    assert_eq!((lab.bodies.as_slice(), lab.served), (&[64 * 12][..], 1));
}

// RFC 9177 §10.2.3, figure 10: blocks 1, 9 and 10 are lost.
// Holds: RFC 9177 4.4-d, 4.4-e, 7.2-a, 7.2-e, 7.2-g
#[test]
fn lost_blocks_of_a_response_are_asked_for_in_one_request() {
    let mut lab = acquainted(config());
    lab.answer_len = 64 * 13;
    // The request is number 0.
    lab.lose = vec![2, 10, 11];
    lab.client.request(lab.now, SERVER, get("large", false));
    lab.run_for(SimDuration::from_secs(30));
    let lines = lines(&lab);
    let expected = [
        "NON 2.05 Content QB2:10/1",
        "NON 2.05 Content QB2:11/1",
        "NON 2.05 Content QB2:12/0",
        "NON GET QB2:1/0 QB2:9/0",
        "NON 2.05 Content QB2:1/1",
        "NON 2.05 Content QB2:9/1",
        "NON GET QB2:10/1",
        "NON GET QB2:10/0",
        "NON 2.05 Content QB2:10/1",
    ];
    assert_eq!(lines[11..], expected);
    assert_eq!(lab.bodies, [64 * 13]);
}

// RFC 9177 §10.2.4: the M bit asks for the rest of the set, and no block comes twice.
// Holds: RFC 9177 4.4-b
#[test]
fn blocks_that_are_asked_for_twice_come_once() {
    let mut lab = acquainted(config());
    lab.answer_len = 64 * 12;
    lab.client.request(lab.now, SERVER, get("large", false));
    lab.run_for(SimDuration::from_secs(10));
    lab.log.clear();
    send(&mut lab, message(Kind::NonConfirmable, Code::GET, 900, block2(&[(5, true), (8, false)]), &[]));
    assert_eq!(
        lines(&lab)[..5],
        [5, 6, 7, 8, 9].map(|number| format!("NON 2.05 Content QB2:{number}/1")),
        "the rest of the set, each once"
    );
}

// Holds: RFC 9177 7.2-h
#[test]
fn a_client_asks_four_times_for_missing_blocks_and_gives_up() {
    let mut lab = acquainted(config());
    lab.answer_len = 64 * 3;
    lab.lose = vec![2];
    let begun = lab.now;
    lab.client.request(lab.now, SERVER, get("large", false));
    lab.run_for(SimDuration::from_secs(1));
    lab.lose_all = true;
    lab.run_for(SimDuration::from_secs(400));
    let asked: Vec<u64> = lab
        .log
        .iter()
        .filter(|entry| entry.from == CLIENT && entry.head.options.all(OptionNumber::Q_BLOCK2).count() == 1)
        .map(|entry| entry.at.saturating_since(begun).as_nanos() / 1_000_000)
        .collect();
    // Heard last at 20 ms; 4, 8, 16 and 32 s later, and 64 s until it gives up.
    assert_eq!(asked, [0, 4020, 12_020, 28_020, 60_020]);
    let failed = lab.failures[0].0.saturating_since(begun).as_nanos() / 1_000_000;
    assert_eq!((failed, lab.failures[0].1), (124_020, Failure::NoResponse));
}

// Holds: RFC 9177 4.5-a, 4.5-b
#[test]
fn all_blocks_of_a_notification_have_one_number_and_those_sent_again_none() {
    let mut lab = acquainted(CoapConfig { confirmable_notification_every: 1000, ..config() });
    lab.state_len = 64 * 3;
    let mut request = get("observe", false);
    request.options.push_uint(OptionNumber::OBSERVE, 0);
    lab.client.request(lab.now, SERVER, request);
    lab.run_for(SimDuration::from_secs(1));
    let from = lab.log.len();
    lab.lose = vec![from + 1];
    lab.change("observe");
    lab.run_for(SimDuration::from_secs(10));
    let told: Vec<(u32, Option<u32>)> = lab.log[from..]
        .iter()
        .filter(|entry| entry.from == SERVER)
        .filter_map(|entry| {
            let options = &entry.head.options;
            let block = options.get(OptionNumber::Q_BLOCK2).and_then(Block::parse)?;
            Some((block.number, options.get_uint(OptionNumber::OBSERVE)))
        })
        .collect();
    let number = told[0].1;
    assert!(number.is_some());
    assert_eq!(told, [(0, number), (1, number), (2, number), (1, None)]);
    assert_eq!(lab.seen_state, Some(1));
    let asked = lab.log[from..].iter().find(|entry| entry.from == CLIENT).expect("a request for block 1");
    assert_eq!(asked.head.options.get(OptionNumber::OBSERVE), None);
}

// Holds: RFC 9177 7.2-j
#[test]
fn a_body_counts_once_for_the_probing_rate() {
    let mut lab = acquainted(CoapConfig { probing_rate: 1, ..config() });
    lab.lose_all = true;
    let begun = lab.now;
    lab.client.request(lab.now, SERVER, put("firmware", 64 * 5, false));
    lab.client.request(lab.now, SERVER, put("firmware", 64 * 5, false));
    lab.run_for(SimDuration::from_secs(300));
    let after: Vec<u64> = lab.log.iter().map(|entry| entry.at.saturating_since(begun).as_secs()).collect();
    assert_eq!(after[..5], [0; 5], "all blocks of the first at once");
    // EXCHANGE_LIFETIME, and so NON_PROBING_WAIT, without a random factor: 30 + 2 · 100 + 2 = 232 s.
    assert!(after[5] == 232 && after[5..].iter().all(|&at| at == after[5]), "{after:?}");
}
