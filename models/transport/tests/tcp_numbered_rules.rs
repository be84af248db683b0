//! The numbered requirements of RFC 9293 that no longer story proves, one short exchange each.

mod lab;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lab::script::{at, change, cut, established, header, lab, state, times, write};
use lab::{Lab, PORT, Path, address, run_of};
use transport::endpoint::{Endpoint, Transmit};
use transport::tcp::{CloseReason, ConnectionId, KeepAlive, State, TcpConfig, TcpError, TcpEvent};
use wire::payload::Slice;
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOption, TcpOptions, UnknownOption};

fn config() -> Arc<TcpConfig> {
    Arc::new(TcpConfig::default())
}

/// What side 0 would send with `bytes` of new data.
fn segments(lab: &mut Lab, a: ConnectionId, bytes: u32) -> Vec<Transmit> {
    assert_eq!(lab.ends[0].write(lab.now, a, &Slice::filler(1, 0, bytes), run_of(0, true)), bytes);
    std::iter::from_fn(|| lab.ends[0].poll_transmit(lab.now)).collect()
}

/// The same segment without its payload.
fn bare(transmit: &Transmit, alter: impl FnOnce(&mut wire::tcp::Header)) -> Transmit {
    let mut bare = transmit.clone();
    bare.packet.take_payload();
    bare.packet.account.runs.clear();
    change(&mut bare, alter);
    bare
}

// Holds: RFC 9293 MUST-1, REC-1.
#[test]
fn the_window_is_an_unsigned_number() {
    let mut lab = lab();
    let config = TcpConfig { window_scaling: false, receive_buffer: 65_535, ..TcpConfig::default() };
    let client = TcpConfig { initial_window: Some(100), nagle: false, ..config.clone() };
    let [a, _] = established(&mut lab, client, config);
    assert_eq!(
        lab.ends[0].stats(a).unwrap().peer_window,
        65_535,
        "more than 32,767, which is the largest signed"
    );
    let sent: u32 = segments(&mut lab, a, 60_000).iter().map(|it| it.packet.payload_len()).sum();
    assert_eq!(sent, 60_000);
}

// Holds: RFC 9293 MUST-2, MUST-3.
#[test]
fn a_segment_with_a_wrong_checksum_is_dropped() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let right = segments(&mut lab, a, 10).remove(0);
    let mut wrong = right.clone();
    wrong.packet.header_mut()[4] ^= 1;
    lab.deliver(1, wrong);
    assert_eq!((lab.ends[1].counters().bad_checksum, lab.ends[1].readable(b)), (1, 0));
    lab.deliver(1, right);
    assert_eq!((lab.ends[1].counters().bad_checksum, lab.ends[1].readable(b)), (1, 10));
}

// Holds: RFC 9293 MUST-5, MUST-6, MUST-7, MUST-68.
#[test]
fn options_that_nobody_knows_or_can_read_do_no_harm() {
    let mut lab = lab();
    let plain = TcpConfig { timestamps: false, nagle: false, ..TcpConfig::default() };
    let [a, b] = established(&mut lab, plain.clone(), plain);
    let mut unknown = TcpOptions::EMPTY;
    unknown.try_push(TcpOption::Unknown(UnknownOption::new(253, &[0, 0]).unwrap())).unwrap();
    let mut first = segments(&mut lab, a, 10).remove(0);
    change(&mut first, |head| head.options = unknown);
    let mut second = segments(&mut lab, a, 10).remove(0);
    change(&mut second, |head| head.options = unknown);
    second.packet.header_mut()[21] = 1; // Shorter than kind and length.
    change(&mut second, |_| {});
    assert_eq!(header(&second).options.malformed_at(), Some(0));
    lab.deliver(1, first);
    assert_eq!(lab.ends[1].readable(b), 10);
    lab.deliver(1, second);
    assert_eq!(lab.ends[1].readable(b), 20);
}

// Holds: RFC 9293 MUST-8, MUST-9, SHLD-1.
#[test]
fn initial_sequence_numbers_follow_a_clock_of_4_us_and_a_secret() {
    let number = |lab: &mut Lab, port| {
        let (from, to) = (SocketAddr::new(address(0), port), SocketAddr::new(address(1), PORT));
        let id = lab.ends[0].connect(lab.now, from, to, config()).unwrap();
        let syn = lab.ends[0].poll_transmit(lab.now).unwrap();
        lab.ends[0].abort(lab.now, id);
        lab.drain(0);
        header(&syn).sequence_number
    };
    let mut lab = lab();
    let (first, other) = (number(&mut lab, 5000), number(&mut lab, 5001));
    lab.now = at(4);
    assert_eq!(number(&mut lab, 5000).wrapping_sub(first), 1000, "4 ms are 1000 ticks");
    assert!(other.wrapping_sub(first) > 1 << 16, "another pair of sockets, another start");
    let mut another = Lab::new(2, [Path::clean(1), Path::clean(1)]);
    assert_ne!(number(&mut another, 5000), first, "another host, another secret");
}

// Holds: RFC 9293 MUST-11.
#[test]
fn a_reset_in_syn_received_means_what_opened_the_connection() {
    let reset_of = |syn: &Transmit| {
        bare(syn, |head| {
            head.flags = TcpFlags::RST;
            head.sequence_number = head.sequence_number.wrapping_add(1);
        })
    };
    // From LISTEN: back to it in silence.
    let mut passive = lab();
    let (_, _) = passive.connect(TcpConfig::default(), TcpConfig::default());
    let syn = passive.sent[0].2.clone();
    passive.run_until(at(60));
    assert_eq!(passive.ends[1].connections(), 1);
    passive.deliver(1, reset_of(&syn));
    passive.drain(1);
    passive.ends[1].handle_timeout(passive.now);
    assert_eq!((passive.ends[1].connections(), &passive.events[1]), (0, &vec![]));
    // From SYN-SENT: refused.
    let mut active = lab();
    let sockets = [0, 1].map(|side| SocketAddr::new(address(side), PORT));
    let ids = [0, 1].map(|side| {
        let id = active.ends[side].connect(active.now, sockets[side], sockets[1 - side], config()).unwrap();
        active.drain(side);
        id
    });
    let syn = active.sent[1].2.clone();
    active.run_until(at(50));
    assert_eq!(state(&active, 0, ids[0]), State::SynReceived);
    active.deliver(0, reset_of(&syn));
    active.drain(0);
    assert_eq!(active.events[0], [TcpEvent::Closed { id: ids[0], reason: CloseReason::Refused }]);
}

// Holds: RFC 9293 MUST-15.
#[test]
fn without_the_option_536_or_1220_bytes_are_assumed() {
    let families = [["10.0.0.1", "10.0.0.2"], ["fd00::1", "fd00::2"]];
    for (hosts, size) in families.into_iter().zip([536, 1220]) {
        let [from, to] = hosts.map(|host| host.parse::<IpAddr>().unwrap());
        let mut lab = lab();
        lab.ends[1].listen(SocketAddr::new(to, PORT), config(), 1).unwrap();
        let (from, to) = (SocketAddr::new(from, 0), SocketAddr::new(to, PORT));
        let id = lab.ends[0].connect(lab.now, from, to, config()).unwrap();
        let syn = lab.ends[0].poll_transmit(lab.now).unwrap();
        lab.deliver(1, syn);
        let mut answer = lab.ends[1].poll_transmit(lab.now).unwrap();
        change(&mut answer, |head| head.options = TcpOptions::EMPTY);
        lab.deliver(0, answer);
        assert_eq!(lab.ends[0].stats(id).unwrap().segment_payload, size);
    }
}

// Holds: RFC 9293 MUST-14, MUST-16, MUST-45, MUST-65, MUST-67, SHLD-5, SHLD-6, MAY-3.
#[test]
fn the_segment_size_is_announced_once_and_kept_to() {
    let mut lab = lab();
    let small = TcpConfig { mtu: 576, ..TcpConfig::default() };
    let (a, _) = lab.connect(TcpConfig::default(), small);
    lab.run_until(at(150));
    write(&mut lab, 0, a, 2000);
    lab.run_until(at(2000));
    // 576 - 40 = 536 announced, less 12 of timestamps.
    assert_eq!(lab.ends[0].stats(a).unwrap().segment_payload, 524);
    for (_, side, transmit) in &lab.sent {
        let head = header(transmit);
        let sizes = head.options.iter().filter_map(|option| match option {
            TcpOption::MaximumSegmentSize(size) => Some(size),
            _ => None,
        });
        let expected = if head.flags.contains(TcpFlags::SYN) { vec![[1460, 536][*side]] } else { vec![] };
        assert_eq!(sizes.collect::<Vec<_>>(), expected);
        assert!(transmit.packet.payload_len() <= 524);
        assert_eq!(transmit.source, address(*side));
    }
}

// Holds: RFC 9293 MUST-41, MUST-42, MUST-43.
#[test]
fn listeners_leave_each_other_and_connections_alone() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let any = SocketAddr::new("0.0.0.0".parse().unwrap(), PORT);
    let other = SocketAddr::new(address(7), PORT);
    assert!(lab.ends[1].listen(any, config(), 1).is_ok());
    assert!(lab.ends[1].listen(other, config(), 1).is_ok());
    assert_eq!(lab.ends[1].listen(other, config(), 1), Err(TcpError::AddressInUse(other)));
    write(&mut lab, 0, a, 10);
    lab.run_until(at(300));
    assert_eq!(lab.ends[1].readable(b), 10);
}

// Holds: RFC 9293 MUST-46, MUST-57, MUST-63.
#[test]
fn only_single_hosts_are_talked_to() {
    let mut lab = lab();
    lab.ends[1].listen(SocketAddr::new("0.0.0.0".parse().unwrap(), PORT), config(), 9).unwrap();
    let from = SocketAddr::new(address(0), 0);
    for to in ["224.0.0.1", "255.255.255.255", "0.0.0.0"] {
        let to = SocketAddr::new(to.parse().unwrap(), PORT);
        assert_eq!(lab.ends[0].connect(lab.now, from, to, config()), Err(TcpError::BadRemote(to)));
    }
    lab.ends[0].connect(lab.now, from, SocketAddr::new(address(1), PORT), config()).unwrap();
    let syn = lab.ends[0].poll_transmit(lab.now).unwrap();
    for (source, destination) in [("224.0.0.1", "10.0.0.2"), ("10.0.0.1", "255.255.255.255")] {
        let mut odd = syn.clone();
        (odd.source, odd.destination) = (source.parse().unwrap(), destination.parse().unwrap());
        change(&mut odd, |_| {});
        lab.deliver(1, odd);
    }
    lab.drain(1);
    assert_eq!((lab.ends[1].counters().bad_address, times(&lab, 1)), (2, vec![]));
}

// Holds: RFC 9293 MUST-48, MUST-49, SHLD-22.
#[test]
fn the_code_point_and_the_time_to_live_are_on_every_segment() {
    let mut lab = lab();
    let marked = TcpConfig { hop_limit: Some(7), traffic_class: 0xb8, ..TcpConfig::default() };
    let (a, _) = lab.connect(marked, TcpConfig::default());
    lab.run_until(at(150));
    write(&mut lab, 0, a, 3000);
    lab.run_until(at(500));
    let mine: Vec<_> = lab.sent.iter().filter(|sent| sent.1 == 0).collect();
    assert!(mine.len() >= 4 && mine.iter().all(|it| (it.2.hop_limit, it.2.traffic_class) == (Some(7), 0xb8)));
}

// Holds: RFC 9293 MUST-58, MUST-59, SHLD-31, MAY-13.
#[test]
fn a_gap_that_fills_is_acknowledged_once_for_all_behind_it() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    let mut three = segments(&mut lab, a, 3 * 1448);
    let start = header(&three[0]).sequence_number;
    let mut acknowledged = Vec::new();
    for index in [1, 1, 0] {
        let segment = three.remove(index);
        lab.deliver(1, segment);
        lab.drain(1);
        let acks = lab.sent.iter().map(|sent| header(&sent.2).acknowledgment_number.wrapping_sub(start));
        acknowledged.push(acks.collect::<Vec<_>>());
        lab.sent.clear();
    }
    assert_eq!(acknowledged, [vec![0], vec![0], vec![4344]]);
    assert_eq!(lab.ends[1].readable(b), 4344);
}

// Holds: RFC 9293 MUST-34, SHLD-15, SHLD-16, MAY-7.
#[test]
fn into_a_window_that_shrank_only_old_data_goes() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, TcpConfig::default(), TcpConfig::default());
    cut(&mut lab, 0);
    write(&mut lab, 0, a, 2 * 1448);
    assert_eq!(times(&lab, 0), [150, 150]);
    lab.ends[1].write(lab.now, b, &Slice::filler(2, 0, 1), run_of(1, true));
    let update = lab.ends[1].poll_transmit(lab.now).unwrap();
    cut(&mut lab, 1); // Else the byte comes again, with the whole window.
    lab.deliver(0, bare(&update, |head| head.window = 1));
    lab.drain(0);
    write(&mut lab, 0, a, 1448);
    lab.run_until(at(1500));
    let mine = lab.sent.iter().filter(|sent| sent.1 == 0);
    let numbers: Vec<_> = mine.map(|sent| header(&sent.2).sequence_number).collect();
    assert!(numbers[2..].iter().all(|number| numbers[..2].contains(number)), "no new data: {numbers:?}");
    assert!(numbers[2..].contains(&numbers[0]), "the oldest data again: {numbers:?}");
    assert_eq!(state(&lab, 0, a), State::Established);
}

// Holds: RFC 9293 MUST-66, MAY-8.
#[test]
fn a_closed_window_keeps_out_neither_urgent_pointers_nor_resets() {
    let mut lab = lab();
    let small = TcpConfig { receive_buffer: 1000, ..TcpConfig::default() };
    let [a, b] = established(&mut lab, TcpConfig::default(), small);
    write(&mut lab, 0, a, 1000);
    lab.run_until(at(500)); // Arrived at 200 ms, acknowledged at 400.
    assert_eq!(lab.ends[0].stats(a).unwrap().peer_window, 0);
    let data = lab.sent[0].2.clone();
    let next = |head: &mut wire::tcp::Header| head.sequence_number = head.sequence_number.wrapping_add(1000);
    let urgent = bare(&data, |head| {
        next(head);
        head.flags |= TcpFlags::URG;
        head.urgent_pointer = 5;
    });
    lab.deliver(1, urgent);
    lab.drain(1);
    assert!(lab.events[1].contains(&TcpEvent::Urgent(b)));
    let reset = bare(&data, |head| {
        next(head);
        head.flags = TcpFlags::RST;
    });
    lab.deliver(1, reset);
    lab.drain(1);
    assert!(lab.events[1].contains(&TcpEvent::Closed { id: b, reason: CloseReason::Reset }));
}

// Holds: RFC 9293 MUST-60, MUST-61, SHLD-27, SHLD-28.
#[test]
fn the_last_segment_of_a_write_is_pushed_and_the_others_are_full() {
    let mut lab = lab();
    let config = TcpConfig { nagle: false, ..TcpConfig::default() };
    let [a, _] = established(&mut lab, config, TcpConfig::default());
    let sent = segments(&mut lab, a, 4000);
    let seen: Vec<_> =
        sent.iter().map(|it| (it.packet.payload_len(), header(it).flags.contains(TcpFlags::PSH))).collect();
    assert_eq!(seen, [(1448, false), (1448, false), (1104, true)]);
}

// Holds: RFC 9293 MUST-25, MUST-28.
#[test]
fn keep_alive_is_off_and_its_default_is_two_hours() {
    assert_eq!(TcpConfig::default().keep_alive, None);
    assert_eq!(KeepAlive::default().idle.as_nanos(), 7200 * 1_000_000_000);
}
