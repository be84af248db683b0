//! Blocks of RFC 9177 as nobody sends them who follows it.

mod lab;

use lab::{CLIENT, Lab, SERVER, get, put};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::Body;
use session::coap::CoapConfig;
use session::datagram::DatagramSession;
use sim_core::{SimDuration, draw};
use wire::coap::{Block, BlockSize, Code, Head, Kind, MISSING_BLOCKS, OptionNumber, Options, Token};
use wire::payload::Payload;

fn config() -> CoapConfig {
    CoapConfig { block_size: BlockSize::at_most(64), probing_rate: 0, q_block: true, ..CoapConfig::default() }
}

/// Messages that nobody who follows the RFC sends, to a server with partial bodies and to a client with bodies under way.
#[test]
fn hostile_blocks_are_harmless_and_forgotten() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut below = |n: u64| draw::below(&mut rng, n);
    for seed in 0..300 {
        let mut lab = Lab::new(seed, config());
        lab.unchecked = true;
        lab.answer_len = 64 * 20;
        lab.client.request(lab.now, SERVER, put("firmware", 64 * 15, false));
        lab.client.request(lab.now, SERVER, get("large", false));
        lab.run_for(SimDuration::from_millis(below(200)));
        for _ in 0..60 {
            let to_client = below(2) == 0;
            let wanted = if to_client { SERVER } else { CLIENT };
            let known = lab.log.iter().rev().filter(|entry| entry.from != wanted).map(|entry| &entry.head);
            let token = known.skip(below(4) as usize).map(|head| head.token).next().unwrap_or(Token::EMPTY);
            let mut options = Options::new();
            options.push_path(OptionNumber::URI_PATH, ["firmware", "large"][below(2) as usize]);
            for number in [OptionNumber::Q_BLOCK1, OptionNumber::Q_BLOCK2] {
                for _ in 0..below(3) {
                    let size = BlockSize::at_most(16 << below(7));
                    let number_of = [below(4), below(25), below(1 << 20)][below(3) as usize] as u32;
                    options
                        .push_uint(number, Block { number: number_of, more: below(2) == 0, size }.as_uint());
                }
            }
            for number in [OptionNumber::SIZE1, OptionNumber::SIZE2] {
                let len = [64 * 15, 64 * 20, below(1 << 32)][below(3) as usize];
                options.push_uint(number, len as u32);
            }
            options.push(OptionNumber::REQUEST_TAG, &[below(3) as u8]);
            if below(3) == 0 {
                options.push_uint(OptionNumber::CONTENT_FORMAT, MISSING_BLOCKS);
            }
            let codes = if to_client {
                [Code::CONTENT, Code::CONTINUE, Code::REQUEST_ENTITY_INCOMPLETE, Code::CHANGED]
            } else {
                [Code::PUT, Code::GET, Code::PUT, Code::FETCH]
            };
            let kind = if below(3) == 0 { Kind::Confirmable } else { Kind::NonConfirmable };
            let (code, message_id) = (codes[below(4) as usize], below(1 << 16) as u16);
            let head = Head { kind, code, message_id, token, options };
            let body: Vec<u8> =
                (0..[0, 16, 64, below(70)][below(4) as usize]).map(|_| below(40) as u8).collect();
            let mut bytes = head.emit(!body.is_empty()).to_vec();
            bytes.extend_from_slice(&body);
            let body = Body::new(Payload::from_bytes(bytes), Default::default());
            let (from, to) = (wanted, if to_client { CLIENT } else { SERVER });
            let endpoint = if to_client { &mut lab.client } else { &mut lab.server };
            endpoint.handle_datagram(lab.now, from, to.ip(), body);
            lab.run_for(SimDuration::from_millis(below(3000)));
        }
        lab.run_for(SimDuration::from_secs(4000));
        for endpoint in [&lab.client, &lab.server] {
            assert_eq!((endpoint.remembered(), endpoint.peer_count()), (0, 0), "nothing leaks, seed {seed}");
            assert_eq!(endpoint.poll_timeout(), None, "no timer is left, seed {seed}");
        }
    }
}
