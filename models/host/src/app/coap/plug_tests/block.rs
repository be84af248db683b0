//! TD_COAP_BLOCK.

use wire::coap::{Block, BlockSize, Code, OptionNumber};

use super::{Plug, request, with, with_body};

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn blocks(plug: &Plug, number: OptionNumber, from_client: bool) -> Vec<(u32, bool, u32)> {
    let own = plug.log.iter().filter(|seen| seen.from_client == from_client);
    let values = own.filter_map(|seen| seen.head.options.get(number).and_then(Block::parse));
    values.map(|block| (block.number, block.more, block.size.bytes())).collect()
}

/// TD_COAP_BLOCK_01.
// Holds: RFC 7959 2.4-a
#[test]
fn a_client_may_name_the_size_of_blocks_in_its_first_request() {
    let mut plug = Plug::new();
    let wish = Block { number: 0, more: false, size: BlockSize::at_most(64) }.as_uint() as u8;
    let response = plug.ask(with(request(Code::GET, "large", true), OptionNumber::BLOCK2, &[wish]));
    assert_eq!(response.body.payload.to_vec(), pattern(2000));
    let served = blocks(&plug, OptionNumber::BLOCK2, false);
    // 2000 = 31 · 64 + 16.
    assert_eq!(served.len(), 32);
    let etags: Vec<_> = plug.log.iter().filter(|seen| !seen.from_client).collect();
    let etags: Vec<_> = etags.iter().map(|seen| seen.head.options.get(OptionNumber::ETAG)).collect();
    assert!(etags[0].is_some() && etags.iter().all(|etag| *etag == etags[0]));
    assert!(served.iter().enumerate().all(|(at, block)| *block == (at as u32, at < 31, 64)));
}

/// TD_COAP_BLOCK_02.
// Holds: RFC 7959 2.2-b
#[test]
fn a_server_cuts_a_large_resource_by_itself() {
    let mut plug = Plug::new();
    let response = plug.ask(request(Code::GET, "large", true));
    assert_eq!(response.body.payload.to_vec(), pattern(2000));
    assert_eq!(blocks(&plug, OptionNumber::BLOCK2, false), [(0, true, 1024), (1, false, 1024)]);
    assert_eq!(blocks(&plug, OptionNumber::BLOCK2, true), [(1, false, 1024)]);
}

/// TD_COAP_BLOCK_03.
#[test]
fn a_large_put_goes_in_blocks_and_replaces_the_whole() {
    let mut plug = Plug::with_blocks(64);
    let body: Vec<u8> = pattern(500).into_iter().rev().collect();
    assert_eq!(plug.ask(with_body(request(Code::PUT, "large-update", true), &body)).code, Code::CHANGED);
    let sent = blocks(&plug, OptionNumber::BLOCK1, true);
    assert_eq!((sent.len(), sent[0], sent[7]), (8, (0, true, 64), (7, false, 64)));
    let codes: Vec<Code> =
        plug.log.iter().filter(|seen| !seen.from_client).map(|seen| seen.head.code).collect();
    assert!(codes[..7].iter().all(|&code| code == Code::CONTINUE));
    let now = plug.ask(request(Code::GET, "large-update", true));
    assert_eq!(now.body.payload.to_vec(), body);
}

/// TD_COAP_BLOCK_04.
#[test]
fn a_large_post_makes_one_resource_of_its_blocks() {
    let mut plug = Plug::with_blocks(64);
    let made = plug.ask(with_body(request(Code::POST, "large-update", true), &pattern(200)));
    assert_eq!(made.code, Code::CREATED);
    let response = plug.ask(request(Code::GET, "large-update/1", true));
    assert_eq!(response.body.payload.to_vec(), pattern(200));
}

/// TD_COAP_BLOCK_05: blocks of both directions, one after the other.
#[test]
fn blocks_of_other_sizes_come_to_the_same_body() {
    for bytes in [16, 32, 128, 256, 512] {
        let mut plug = Plug::with_blocks(bytes);
        let response = plug.ask(request(Code::GET, "large", true));
        assert_eq!(response.body.payload.to_vec(), pattern(2000));
        assert_eq!(blocks(&plug, OptionNumber::BLOCK2, false).len(), 2000_usize.div_ceil(bytes as usize));
    }
}

/// TD_COAP_BLOCK_06: with the smallest size that there is, and a lost block.
#[test]
fn a_lost_block_is_asked_for_again() {
    let mut plug = Plug::with_blocks(16);
    plug.lose = vec![7, 20, 21];
    let response = plug.ask(request(Code::GET, "large", true));
    assert_eq!(response.body.payload.to_vec(), pattern(2000));
    assert!(plug.client.stats().retransmissions >= 2);
}
