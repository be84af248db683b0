//! What header codecs and sums cost, in nanoseconds a call: the best of several rounds.
//!
//! `cargo bench -p wire`. The figures belong to the machine that they are taken on.
#![allow(clippy::disallowed_types, reason = "a benchmark measures real time")]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

use wire::checksum::{Sum, pseudo_header};
use wire::crc32c::crc32c;
use wire::ip::IpProtocol;
use wire::ip_view::HeaderMut;
use wire::tcp::TcpFlags;
use wire::tcp_options::{SackBlock, SackBlocks, TcpOption, TcpOptions, Timestamps};
use wire::{ipv4, tcp, udp};

const ROUNDS: usize = 15;
const CALLS: u32 = 200_000;

fn main() {
    let (source, destination) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let plain = segment(TcpOptions::with_timestamps(Timestamps { value: 1, echo_reply: 2 }));
    let with_sack = segment(sack_options());
    let payload_sum = Sum::of(&[7; 1448]);

    for (name, header) in [("timestamps", &plain), ("timestamps, 3 SACK blocks", &with_sack)] {
        let mut out = [0_u8; 80];
        let len = 20 + header.len();
        measure(&format!("emit IPv4 + TCP, {name}"), || {
            let length = header.len() + 1448;
            let ip = ipv4::Header::new(source, destination, IpProtocol::TCP, length).expect("it fits");
            black_box(&ip).emit(&mut out[..20]);
            let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::TCP, length as u32);
            black_box(header).emit(&mut out[20..len], pseudo + black_box(payload_sum));
            out[36]
        });
        measure(&format!("parse IPv4 + TCP, {name}"), || {
            let bytes = &black_box(&out)[..len];
            let (ip, tcp) = (ipv4::Header::parse(bytes), tcp::Header::parse(&bytes[20..]));
            let (Ok(ip), Ok(tcp)) = (black_box(&ip), black_box(&tcp)) else { unreachable!("emit wrote it") };
            (ip.time_to_live, tcp.options.timestamps())
        });
        measure(&format!("walk the options, {name}"), || {
            black_box(header)
                .options
                .iter()
                .map(|option| usize::from(matches!(option, TcpOption::Sack(_))))
                .sum::<usize>()
        });
        measure(&format!("verify the TCP checksum, {name}"), || {
            let length = header.len() as u32 + 1448;
            let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::TCP, length);
            tcp::verify(&black_box(&out)[20..len], pseudo + black_box(payload_sum))
        });
    }

    let datagram = udp::Header::new(5683, 5683, 64).expect("it fits");
    let mut out = [0_u8; 28];
    measure("emit IPv4 + UDP", || {
        let ip = ipv4::Header::new(source, destination, IpProtocol::UDP, 72).expect("it fits");
        black_box(&ip).emit(&mut out[..20]);
        let pseudo = pseudo_header(source.into(), destination.into(), IpProtocol::UDP, 72);
        black_box(&datagram).emit(&mut out[20..], pseudo + black_box(payload_sum));
        out[26]
    });
    // Many packets in turn, as at a router: one packet alone would wait for its own last change.
    let mut fresh = [0_u8; 20];
    let mut header = ipv4::Header::new(source, destination, IpProtocol::UDP, 72).expect("it fits");
    header.time_to_live = u8::MAX;
    header.emit(&mut fresh);
    let mut packets = [fresh; 64];
    let mut turn = 0;
    measure("decrement the hop limit at a router", || {
        turn = (turn + 1) % packets.len();
        let mut header = HeaderMut::new(black_box(&mut packets[turn])).expect("emit wrote it");
        let left = header.decrement_hop_limit();
        if left.is_none() {
            packets[turn] = fresh;
        }
        left
    });
    let bytes = [7_u8; 1448];
    measure("sum 1448 bytes", || Sum::of(black_box(&bytes)).folded());
    measure("CRC32c of 1448 bytes", || crc32c(black_box(&bytes)));
}

fn segment(options: TcpOptions) -> tcp::Header {
    tcp::Header {
        source_port: 1883,
        destination_port: 49_152,
        sequence_number: 1,
        acknowledgment_number: 2,
        flags: TcpFlags::ACK,
        window: 512,
        urgent_pointer: 0,
        options,
    }
}

fn sack_options() -> TcpOptions {
    let block = |start| SackBlock { start, end: start + 1448 };
    let blocks = SackBlocks::new(&[block(10_000), block(20_000), block(30_000)]).expect("three blocks");
    let mut options = TcpOptions::with_timestamps(Timestamps { value: 1, echo_reply: 2 });
    for option in [TcpOption::NoOperation, TcpOption::NoOperation, TcpOption::Sack(blocks)] {
        options.try_push(option).expect("12 + 2 + 26 bytes are 40");
    }
    options
}

/// Prints the best round's time a call.
fn measure<T>(name: &str, mut call: impl FnMut() -> T) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    println!("{name:<52} {best:8.1} ns");
}
