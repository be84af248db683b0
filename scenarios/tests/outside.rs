//! Runs that are joined to an outside which this file plays.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenarios::language::{NoFiles, Overrides, Plan};
use scenarios::outside::{Departure, Entry, OutletId, Outside, Turn, outlets};
use scenarios::run::{Outcome, RunAbout, RunOptions, run, run_joined};
use sim_core::SimTime;
use wire::checksum::{Sum, pseudo_header};
use wire::ip::IpProtocol;
use wire::ipv6_extension::{FRAGMENT_HEADER_LEN, FragmentHeader};
use wire::{icmp, icmpv6, ipv4, ipv6, udp};

const ECHO: &str = include_str!("../live/tcp-echo.json");

fn plan(text: &str) -> Plan {
    Plan::parse(text.as_bytes(), &Overrides::default(), &NoFiles).expect("the scenario is right")
}

/// An outside that sends what it was given, and keeps what comes back.
#[derive(Default)]
struct Script {
    entries: Vec<Entry>,
    next: usize,
    end: SimTime,
    came: Vec<Departure>,
}

impl Outside for Script {
    fn turn(&mut self, due: Option<SimTime>) -> Turn {
        match self.entries.get(self.next) {
            None => Turn::End(self.end),
            Some(entry) if due.is_none_or(|due| due >= entry.at) => {
                self.next += 1;
                Turn::Enter(entry.clone())
            }
            Some(entry) => Turn::Advance(SimTime::from_nanos(entry.at.as_nanos() - 1)),
        }
    }

    fn take(&mut self, departure: Departure) {
        self.came.push(departure);
    }
}

fn joined(plan: &Plan, script: &mut Script) -> Outcome {
    let point = plan.point(0);
    let report =
        run_joined(&RunAbout::new(plan, &point, 0), RunOptions::default(), &NoFiles, &mut |_| {}, script);
    report.outcome.expect("the run ends")
}

fn entry(millis: u64, bytes: Vec<u8>) -> Entry {
    Entry { at: SimTime::from_millis(millis), outlet: OutletId(0), bytes }
}

fn ipv4_packet(protocol: IpProtocol, to: [u8; 4], content: &[u8]) -> Vec<u8> {
    let (from, to) = (Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::from(to));
    let header = ipv4::Header::new(from, to, protocol, content.len()).expect("it fits");
    let mut bytes = vec![0; ipv4::HEADER_LEN];
    header.emit(&mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

const FD77_1: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
const FD77_2: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);

fn ipv6_packet(protocol: IpProtocol, content: &[u8]) -> Vec<u8> {
    let header = ipv6::Header::new(FD77_1, FD77_2, protocol, content.len() as u16);
    let mut bytes = vec![0; ipv6::HEADER_LEN];
    header.emit(&mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// What the echo host sends back.
fn answers(entries: Vec<Entry>) -> Vec<Vec<u8>> {
    let mut script = Script { entries, end: SimTime::from_millis(50), ..Script::default() };
    joined(&plan(ECHO), &mut script);
    script.came.into_iter().map(|departure| departure.bytes).collect()
}

fn echo_request(content: &[u8]) -> Vec<u8> {
    let mut message = vec![0; icmp::HEADER_LEN];
    icmp::Header::EchoRequest(icmp::Echo { identifier: 7, sequence_number: 1 })
        .emit(&mut message, Sum::of(content));
    message.extend_from_slice(content);
    message
}

#[test]
fn outlets_have_the_addresses_of_the_machine_outside() {
    let plan = plan(ECHO);
    let found = outlets(&plan, &plan.point(0), &NoFiles).expect("it is right");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].tun.as_str(), found[0].mtu), ("kernel/nj0", "nj0", 1500));
    let addresses = [("10.77.0.1".parse().unwrap(), 24), ("fd77::1".parse().unwrap(), 64)];
    assert_eq!(found[0].addresses, addresses);
}

#[test]
fn a_ping_from_outside_is_answered_after_two_times_the_delay() {
    let ping = ipv4_packet(IpProtocol::ICMP, [10, 77, 0, 2], &echo_request(b"abcdefgh"));
    let mut padded = ping.clone();
    padded.extend_from_slice(&[0xee; 10]);
    let mut script = Script {
        entries: vec![entry(5, ping), entry(6, padded)],
        end: SimTime::from_millis(20),
        ..Script::default()
    };
    joined(&plan(ECHO), &mut script);
    // 36 bytes at 100 Gbit/s take 2.88 ns, rounded up to 3, and 1 ms each way: 5 ms + 2 ms + 6 ns.
    let times: Vec<u64> = script.came.iter().map(|departure| departure.at.as_nanos()).collect();
    assert_eq!(times, [7_000_006, 8_000_006], "padding behind a packet is no part of it");
    let reply = &script.came[0].bytes;
    assert_eq!(ipv4::Header::parse(reply).unwrap().source, Ipv4Addr::new(10, 77, 0, 2));
    let (head, body) = reply[20..].split_at(icmp::HEADER_LEN);
    assert!(matches!(icmp::Header::parse(head), Ok(icmp::Header::EchoReply(_))));
    assert!(icmp::verify(head, Sum::of(body)));
    assert_eq!(body, b"abcdefgh");
}

#[test]
fn a_protocol_that_nobody_speaks_is_refused_by_icmp() {
    let packet = ipv4_packet(IpProtocol(253), [10, 77, 0, 2], &[1; 40]);
    let mut script =
        Script { entries: vec![entry(1, packet)], end: SimTime::from_millis(20), ..Script::default() };
    joined(&plan(ECHO), &mut script);
    let reply = &script.came[0].bytes;
    let unreachable = icmp::Header::DestinationUnreachable(icmp::UnreachableCode::PROTOCOL);
    assert_eq!(icmp::Header::parse(&reply[20..28]).unwrap(), unreachable);
}

#[test]
fn a_datagram_to_a_closed_port_is_refused_by_icmp_which_quotes_it_as_it_came() {
    let datagram = |from: IpAddr, to: IpAddr| {
        let mut header = [0; udp::HEADER_LEN];
        let pseudo = pseudo_header(from, to, IpProtocol::UDP, 9);
        udp::Header::new(5000, 45_678, 1).expect("it fits").emit(&mut header, pseudo + Sum::of(b"?"));
        [&header[..], b"?"].concat()
    };
    let [from, to] = [[10, 77, 0, 1], [10, 77, 0, 2]].map(IpAddr::from);
    let four = ipv4_packet(IpProtocol::UDP, [10, 77, 0, 2], &datagram(from, to));
    let six = ipv6_packet(IpProtocol::UDP, &datagram(FD77_1.into(), FD77_2.into()));
    let came = answers(vec![entry(1, four.clone()), entry(2, six.clone())]);
    let port = icmp::Header::DestinationUnreachable(icmp::UnreachableCode::PORT);
    assert_eq!(icmp::Header::parse(&came[0][20..28]).unwrap(), port);
    assert_eq!(
        (came[0][28..36].to_vec(), &came[0][48..]),
        (four[..8].to_vec(), &four[20..]),
        "less the hops' changes"
    );
    let port = icmpv6::Header::DestinationUnreachable { code: 4 };
    assert_eq!(icmpv6::Header::parse(&came[1][40..48]).unwrap(), port);
    assert_eq!(came[1][48..], six);
}

#[test]
fn a_ping_of_ipv6_that_comes_in_fragments_is_answered() {
    let content = vec![b'x'; 100];
    let mut message = vec![0; icmpv6::HEADER_LEN];
    let pseudo = pseudo_header(FD77_1.into(), FD77_2.into(), IpProtocol::ICMPV6, 108);
    icmpv6::Header::EchoRequest(icmp::Echo { identifier: 7, sequence_number: 1 })
        .emit(&mut message, pseudo + Sum::of(&content));
    message.extend_from_slice(&content);
    let fragment = |start: usize, end: usize| {
        let more = end < message.len();
        let mut bytes = vec![0; FRAGMENT_HEADER_LEN];
        FragmentHeader::new(IpProtocol::ICMPV6, 99, start, more).expect("eights").emit(&mut bytes);
        bytes.extend_from_slice(&message[start..end]);
        ipv6_packet(IpProtocol::IPV6_FRAGMENT, &bytes)
    };
    let came = answers(vec![entry(1, fragment(48, 108)), entry(2, fragment(0, 48))]);
    let (head, body) = came[0][40..].split_at(icmpv6::HEADER_LEN);
    assert!(matches!(icmpv6::Header::parse(head), Ok(icmpv6::Header::EchoReply(_))));
    assert_eq!(body, content);
}

/// Packets as a broken or hostile machine would send them: of any protocol, damaged, cut, repeated, out of order.
fn mischief(seed: u64) -> Vec<Entry> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut entries = Vec::new();
    for number in 0..300_u64 {
        let content: Vec<u8> = match rng.random_range(0..4) {
            0 => echo_request(&vec![7; rng.random_range(0..2000)]),
            // A TCP or UDP header to one of the host's ports, with everything else drawn.
            _ => {
                let mut content: Vec<u8> = (0..rng.random_range(0..120)).map(|_| rng.random()).collect();
                let port = [7_u16, 9, 19, 4000][rng.random_range(0..4)].to_be_bytes();
                if content.len() > 3 {
                    content[2..4].copy_from_slice(&port);
                }
                if content.len() > 13 && rng.random() {
                    content[12] = 0x50;
                    content[13] = [0x02, 0x10, 0x12, 0x04, 0x11, 0x18, 0x29][rng.random_range(0..7)];
                }
                content
            }
        };
        let known = [1, 2, 4, 6, 6, 6, 17, 17, 41, 43, 44, 58, 132];
        let protocol = if rng.random() { known[rng.random_range(0..known.len())] } else { rng.random() };
        let to = [[10, 77, 0, 2], [10, 77, 0, 9], [224, 0, 0, 1], [255; 4], [10, 77, 0, 1]]
            [rng.random_range(0..5)];
        let mut bytes = ipv4_packet(IpProtocol(protocol), to, &content);
        if rng.random_range(0..3) == 0 {
            // IPv6 from fd77::1 to fd77::2 or to a group.
            let mut six = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
            six[4..6].copy_from_slice(&(content.len() as u16).to_be_bytes());
            let address = |end: u8| [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, end];
            six.extend(address(1));
            six.extend(if rng.random() {
                address(2)
            } else {
                [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
            });
            six.extend(&content);
            bytes = six;
        }
        match rng.random_range(0..4) {
            0 => bytes.truncate(rng.random_range(0..=bytes.len())),
            1 => {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            _ => {}
        }
        entries.push(entry(number / 3, bytes));
    }
    entries
}

#[test]
fn whatever_comes_from_outside_nothing_panics_and_a_replay_is_the_same() {
    let plan = plan(ECHO);
    let mut answers = 0;
    for seed in 0..40 {
        let script =
            || Script { entries: mischief(seed), end: SimTime::from_millis(500), ..Script::default() };
        let (mut first, mut second) = (script(), script());
        let digests = [joined(&plan, &mut first).digest, joined(&plan, &mut second).digest];
        assert_eq!(digests[0], digests[1], "seed {seed}");
        answers += first.came.len();
    }
    assert!(answers > 1000, "the host answered {answers} times");
}

#[test]
fn without_anybody_outside_what_leaves_is_dropped() {
    let text = ECHO.replace(
        "\"links\":",
        r#""traffic": [ { "from": "host", "to": "kernel", "over": "udp",
             "workload": { "periodic": { "message": "10 B", "every": "1 s", "messages": 5 } } } ], "links":"#,
    );
    let text = text.replace("\"24 h\"", "\"60 s\"");
    let plan = plan(&text);
    let outcome =
        run(&plan, &plan.point(0), 0, RunOptions::default(), &NoFiles).outcome.expect("the run ends");
    assert!(outcome.rows["nodes.csv"].contains("kernel,0,0,5,"), "{}", outcome.rows["nodes.csv"]);
}
