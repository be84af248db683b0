//! Interleaved messages, stream schedulers and messages that make room (RFC 8260, RFC 7496).

mod sctp_lab;

use sctp_lab::chunks::said;
use sctp_lab::craft::{Insight, data};
use sctp_lab::{Lab, Link, at};
use transport::sctp::{
    AssociationId, CloseReason, MessageOptions, Reliability, Scheduler, SctpConfig, SctpError, SctpEvent,
};
use wire::sctp::{
    Chunk, DataFlags, IDataHeader, Parameter, PlaceInMessage, Sack, emit_forward_tsn, emit_i_forward_tsn,
};

fn quiet(scheduler: Scheduler, interleaving: bool) -> SctpConfig {
    SctpConfig { heartbeat_interval: None, scheduler, interleaving, mtu: 1048, ..SctpConfig::default() }
}

/// An established association and the first TSN of side 0; time is 250 ms.
fn established(client: SctpConfig, server: SctpConfig) -> (Lab, [AssociationId; 2], Insight) {
    let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
    lab.record = true;
    let a = lab.connect(1, client, server);
    lab.run_until(at(250));
    let b = lab.accepted().expect("the server has accepted");
    let insight = Insight::of(&lab);
    lab.sent.clear();
    (lab, [a, b], insight)
}

fn on(stream: u16) -> MessageOptions {
    MessageOptions { stream, ..MessageOptions::default() }
}

fn closed(lab: &Lab, side: usize) -> Option<CloseReason> {
    lab.events[side].iter().find_map(|(_, event)| match event {
        SctpEvent::Closed { reason, .. } => Some(*reason),
        _ => None,
    })
}

// Holds: RFC 8260 2-a, 2.2.1-a, 2.2.1-b, 2.2.1-c, 2.2.1-d
#[test]
fn messages_are_interleaved_only_if_both_sides_have_said_so() {
    for (client, server) in [(false, false), (true, false), (false, true), (true, true)] {
        let fcfs = Scheduler::FirstComeFirstServed;
        let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
        lab.record = true;
        let a = lab.connect(1, quiet(fcfs, client), quiet(fcfs, server));
        lab.run_until(at(250));
        let bytes = lab.sent[0].2.packet.to_vec();
        let Ok((Chunk::Init(init), _)) = Chunk::parse(&bytes[12..]) else { panic!("INIT comes first") };
        let offers =
            init.parameters.iter().flatten().any(
                |parameter| matches!(parameter, Parameter::SupportedExtensions(list) if list.contains(&64)),
            );
        assert_eq!(offers, client, "asked for or not");
        let insight = Insight::of(&lab);
        lab.sent.clear();
        lab.say(0, a, 0, 2500, &on(1));
        lab.run_until(at(1000));
        let expected = if client && server { "I-DATA" } else { "DATA" };
        let words = said(&lab, 0, insight.tsn);
        assert_eq!(words.len(), 3);
        assert!(words.iter().all(|word| word.starts_with(&format!("{expected} "))), "{words:?}");
        let b = lab.accepted().expect("it was accepted");
        assert_eq!(lab.ends[1].receive(b).map(|message| message.payload.len()), Some(2500));
    }
}

// Holds: RFC 8260 2.2.3-c, 2.2.3-d, 2.3.1-c, 2.3.1-f, 2.3.1-g
#[test]
fn chunks_of_the_kind_that_was_not_agreed_on_end_the_association() {
    let flags = DataFlags { beginning: true, ending: true, ..DataFlags::default() };
    let mut forward = Vec::new();
    emit_forward_tsn(&mut forward, 5, &[]);
    let mut interleaved_forward = Vec::new();
    emit_i_forward_tsn(&mut interleaved_forward, 5, &[]);
    let fcfs = Scheduler::FirstComeFirstServed;
    for interleaving in [false, true] {
        for (index, wrong) in [(0, true), (1, false), (2, true), (3, false)] {
            let (mut lab, _, insight) = established(quiet(fcfs, interleaving), quiet(fcfs, interleaving));
            let (tsn, place) = (insight.peer_tsn, PlaceInMessage::First { ppid: 0 });
            let header = IDataHeader { flags, data_len: 4, tsn, stream: 0, mid: 0, place };
            let chunk = match index {
                0 => data(tsn, 0, 0, b"data"),
                1 => Chunk::IData(header, b"data"),
                2 => Chunk::parse(&forward).expect("it is whole").0,
                _ => Chunk::parse(&interleaved_forward).expect("it is whole").0,
            };
            insight.tell(&mut lab, &[chunk]);
            let expected = (wrong == interleaving).then_some(CloseReason::Violation);
            assert_eq!(closed(&lab, 0), expected, "{chunk:?} with interleaving {interleaving}");
            let aborts = said(&lab, 0, 0).iter().any(|word| word == "ABORT");
            assert_eq!(aborts, expected.is_some());
        }
    }
}

// Holds: RFC 8260 2.1-a, 2.1-b, 2.1-d, 2.1-f, 2.2.2-a, 2.2.2-b, 2.2.2-d, 2.2.2-e, 3.2-b
#[test]
fn a_long_message_lets_short_ones_of_other_streams_pass() {
    // Packets of 1048 bytes have 1016 of chunks: 996 bytes of user data in an I-DATA chunk. 3984 bytes are four.
    let (mut lab, [a, b], insight) =
        established(quiet(Scheduler::RoundRobin, true), quiet(Scheduler::RoundRobin, true));
    let unordered = MessageOptions { unordered: true, ..on(0) };
    lab.ends[0].send(lab.now, a, &on(0), filler(3984), sctp_lab::runs(0, 3984)).expect("there is room");
    lab.ends[0].send(lab.now, a, &unordered, filler(10), sctp_lab::runs(1, 10)).expect("there is room");
    lab.ends[0].send(lab.now, a, &on(1), filler(10), sctp_lab::runs(2, 10)).expect("there is room");
    lab.ends[0].send(lab.now, a, &on(1), filler(10), sctp_lab::runs(3, 10)).expect("there is room");
    lab.drain(0);
    lab.run_until(at(2000));
    // Stream 0 has one message at a time under way: its unordered one comes behind, and has a counter of its own.
    let expected = [
        "I-DATA 0 stream 0 number 0.0",
        "I-DATA 1 stream 1 number 0.0",
        "I-DATA 2 stream 0 number 0.1",
        "I-DATA 3 stream 1 number 1.0",
        "I-DATA 4 stream 0 number 0.2",
        "I-DATA 5 stream 0 number 0.3",
        "I-DATA 6 stream 0 number 0.0 unordered",
    ];
    assert_eq!(said(&lab, 0, insight.tsn), expected);
    let mut heard = Vec::new();
    while let Some(message) = lab.ends[1].receive(b) {
        heard.push(message.runs[0].message);
    }
    assert_eq!(heard, [2, 3, 0, 1], "the short ones do not wait");
}

fn filler(len: u32) -> wire::payload::Payload {
    wire::payload::Payload::from(wire::payload::Slice::filler(0, 0, len))
}

/// Streams in the order of the chunks sent, and in which packet each was, when these messages are handed over at once.
fn order(config: SctpConfig, messages: &[(u16, u32)]) -> Vec<(usize, u16)> {
    let (mut lab, [a, _], _) = established(config.clone(), config);
    for (number, (stream, len)) in (0..).zip(messages) {
        let runs = sctp_lab::runs(number, *len);
        lab.ends[0].send(lab.now, a, &on(*stream), filler(*len), runs).expect("there is room");
    }
    lab.drain(0);
    lab.run_until(at(5000));
    let packets = lab.sent.iter().filter(|(_, side, _)| *side == 0);
    let mut order = Vec::new();
    for (at, (_, _, transmit)) in packets.enumerate() {
        for chunk in wire::sctp::Chunks::new(&transmit.packet.to_vec()[12..]).flatten() {
            match chunk {
                Chunk::Data(data, _) => order.push((at, data.stream)),
                Chunk::IData(data, _) => order.push((at, data.stream)),
                _ => {}
            }
        }
    }
    order
}

fn streams(order: &[(usize, u16)]) -> Vec<u16> {
    order.iter().map(|(_, stream)| *stream).collect()
}

// Holds: RFC 8260 3-a, 3.1-a, 3.2-a, 3.4-a
#[test]
fn each_scheduler_has_its_own_order() {
    let messages = [(2, 100), (2, 100), (2, 100), (0, 100), (1, 1900), (0, 100)];
    for interleaving in [false, true] {
        let order = |scheduler| streams(&order(quiet(scheduler, interleaving), &messages));
        // A message of 1900 bytes is two chunks, between which others may stand if interleaved.
        assert_eq!(order(Scheduler::FirstComeFirstServed), [2, 2, 2, 0, 1, 1, 0], "{interleaving}");
        assert_eq!(order(Scheduler::Priority), [0, 0, 1, 1, 2, 2, 2], "{interleaving}");
        let expected = if interleaving { [2, 0, 1, 2, 0, 1, 2] } else { [2, 0, 1, 1, 2, 0, 2] };
        assert_eq!(order(Scheduler::RoundRobin), expected, "{interleaving}");
    }
}

// Holds: RFC 8260 3.3-a
#[test]
fn no_packet_has_chunks_of_two_streams_with_a_round_robin_of_packets() {
    let messages: Vec<(u16, u32)> = (0..24).map(|number| (number % 3, 120)).chain([(1, 4000)]).collect();
    for interleaving in [false, true] {
        let order = order(quiet(Scheduler::RoundRobinPacket, interleaving), &messages);
        assert!(order.len() >= 24 + 4);
        let mixed = order.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1);
        assert_eq!(mixed, None, "{interleaving}: {order:?}");
        let mut turns: Vec<u16> = Vec::new();
        let mut last = usize::MAX;
        for (packet, stream) in order {
            if packet != last {
                turns.push(stream);
            }
            last = packet;
        }
        // Eight messages of a stream fill a packet and a bit: 136 or 140 bytes each.
        assert_eq!(turns[..4], [0, 1, 2, 0], "{interleaving}: {turns:?}");
    }
}

// Holds: RFC 8260 3.4-b
#[test]
fn the_most_important_stream_does_not_wait_for_a_long_message_of_another() {
    for interleaving in [true, false] {
        // Stream 0 is the least important. The window lets some of its chunks go before the others have anything to say.
        let config = SctpConfig { stream_values: vec![9, 5, 1], ..quiet(Scheduler::Priority, interleaving) };
        let (mut lab, [a, _], _) = established(config.clone(), config);
        lab.say(0, a, 0, 7 * 990, &on(0));
        let before = said(&lab, 0, 0).len();
        assert!(before < 7, "the window is smaller than the message");
        lab.say(0, a, 1, 100, &on(2));
        lab.say(0, a, 2, 100, &on(1));
        lab.run_until(at(3000));
        let rest: Vec<String> = said(&lab, 0, 0).split_off(before);
        let streams: Vec<&str> = rest.iter().filter_map(|word| word.split(' ').nth(3)).collect();
        if interleaving {
            assert_eq!(streams[..2], ["2", "1"], "the most important first: {streams:?}");
        } else {
            let rest_of_0 = streams.len() - 2;
            assert_eq!(streams[rest_of_0..], ["2", "1"], "behind the long message: {streams:?}");
        }
    }
}

// Holds: RFC 8260 3.5-a, 3.6-a
#[test]
fn bytes_are_shared_alike_or_by_weight() {
    // Stream 0 has short messages, stream 1 long ones; both have always something to send. Counted over the first half.
    for interleaving in [false, true] {
        for (scheduler, values, share) in [
            (Scheduler::FairBandwidth, vec![], 0.5),
            (Scheduler::WeightedFair, vec![3, 1], 0.75),
            (Scheduler::WeightedFair, vec![1, 1], 0.5),
            (Scheduler::WeightedFair, vec![], 0.5),
        ] {
            let config = SctpConfig { stream_values: values.clone(), ..quiet(scheduler, interleaving) };
            let (mut lab, [a, _], _) = established(config.clone(), config);
            for number in 0..600 {
                let (stream, len) = if number < 500 { (0, 200) } else { (1, 1000) };
                let runs = sctp_lab::runs(number, len);
                lab.ends[0].send(lab.now, a, &on(stream), filler(len), runs).expect("there is room");
            }
            lab.drain(0);
            lab.run_until(at(60_000));
            let mut bytes = [0_u64; 2];
            for (_, _, transmit) in lab.sent.iter().filter(|(_, side, _)| *side == 0) {
                for chunk in wire::sctp::Chunks::new(&transmit.packet.to_vec()[12..]).flatten() {
                    let (stream, len) = match chunk {
                        Chunk::Data(data, _) => (data.stream, data.data_len),
                        Chunk::IData(data, _) => (data.stream, data.data_len),
                        _ => continue,
                    };
                    if bytes.iter().sum::<u64>() < 100_000 {
                        bytes[usize::from(stream)] += u64::from(len);
                    }
                }
            }
            let seen = bytes[0] as f64 / bytes.iter().sum::<u64>() as f64;
            assert!((seen - share).abs() < 0.02, "{scheduler:?} {values:?} {interleaving}: {seen}");
        }
    }
}

// Holds: RFC 8260 2.3.1-a, 2.3.1-b, 2.3.1-d; RFC 7496 3.1-a, 3.1-c; RFC 3758 3.5-c
#[test]
fn a_message_that_is_given_up_is_told_with_its_identifier() {
    for interleaving in [true, false] {
        let fcfs = Scheduler::FirstComeFirstServed;
        let (mut lab, [a, b], insight) = established(quiet(fcfs, interleaving), quiet(fcfs, interleaving));
        let once = |stream, unordered| MessageOptions {
            reliability: Reliability::Retransmissions(0),
            unordered,
            ..on(stream)
        };
        lab.links[0].loss = 1_000_000;
        lab.say(0, a, 0, 900, &once(1, false));
        lab.say(0, a, 1, 900, &once(2, true));
        lab.links[0].loss = 0;
        lab.say(0, a, 2, 900, &on(1));
        lab.run_until(at(5000));
        let words = said(&lab, 0, insight.tsn);
        let told: Vec<&String> = words.iter().filter(|word| word.contains("FORWARD")).collect();
        let expected = if interleaving {
            "I-FORWARD-TSN 1 [(1, false, 0), (2, true, 0)]"
        } else {
            "FORWARD-TSN 1 [(1, 0)]" // Unordered messages have no number to be told.
        };
        assert_eq!(told, [expected], "{words:?}");
        assert_eq!(lab.ends[1].receive(b).map(|message| message.runs[0].message), Some(2));
        assert_eq!(lab.ends[0].stats(a).map(|stats| (stats.abandoned, stats.chunks_resent)), Some((2, 0)));
    }
}

// Holds: RFC 8260 2.3.1-h
#[test]
fn without_the_right_forward_chunk_nothing_is_given_up() {
    // The server takes I-DATA, but no partial reliability.
    let fcfs = Scheduler::FirstComeFirstServed;
    let server = SctpConfig { partial_reliability: false, ..quiet(fcfs, true) };
    let (mut lab, [a, b], insight) = established(quiet(fcfs, true), server);
    lab.links[0].loss = 1_000_000;
    lab.say(0, a, 0, 900, &MessageOptions { reliability: Reliability::Retransmissions(0), ..on(1) });
    lab.links[0].loss = 0;
    lab.run_until(at(5000));
    assert_eq!(said(&lab, 0, insight.tsn), ["I-DATA 0 stream 1 number 0.0"; 2]);
    assert!(lab.ends[1].receive(b).is_some());
}

// Holds: RFC 7496 3.2-a, 3.2-b
#[test]
fn what_is_less_important_makes_room() {
    let config = SctpConfig { send_buffer: 4000, ..quiet(Scheduler::FirstComeFirstServed, false) };
    let (mut lab, [a, b], _) = established(config.clone(), config);
    // The link is dead for a while: the window of four packets takes the first messages, the rest wait.
    let with = |priority| MessageOptions { reliability: Reliability::Priority(priority), ..on(0) };
    let send = |lab: &mut Lab, number: u32, options: MessageOptions| {
        let payload = filler(1000);
        lab.ends[0].send(lab.now, a, &options, payload, sctp_lab::runs(number, 1000))
    };
    // Nothing is sent before the first drain: all four wait.
    for (number, priority) in [(0, 5), (1, 9), (2, 9), (3, 0)] {
        assert_eq!(send(&mut lab, number, with(priority)), Ok(()));
    }
    assert_eq!(send(&mut lab, 4, with(9)), Err(SctpError::Full), "equals do not make room");
    assert_eq!(send(&mut lab, 5, with(7)), Ok(()), "the oldest of the least important goes: 1");
    assert_eq!(send(&mut lab, 6, on(0)), Ok(()), "a reliable one is more than all: 2 goes");
    assert_eq!(send(&mut lab, 7, with(0)), Ok(()), "5 goes");
    assert_eq!(send(&mut lab, 8, with(0)), Ok(()), "0 goes");
    assert_eq!(send(&mut lab, 9, with(0)), Err(SctpError::Full));
    let timed = Reliability::Lifetime(sim_core::SimDuration::from_secs(1));
    assert_eq!(
        send(&mut lab, 10, MessageOptions { reliability: timed, ..on(0) }),
        Ok(()),
        "so does a timed one"
    );
    lab.drain(0);
    lab.run_until(at(2000));
    let mut heard = Vec::new();
    while let Some(message) = lab.ends[1].receive(b) {
        heard.push(message.runs[0].message);
    }
    assert_eq!(heard, [6, 7, 8, 10]);
    assert_eq!(lab.ends[0].stats(a).map(|stats| stats.abandoned), Some(5));
}

// Holds: RFC 8260 2.1-h
#[test]
fn the_i_bit_of_an_i_data_chunk_asks_for_a_sack_at_once() {
    let fcfs = Scheduler::FirstComeFirstServed;
    for (immediate, sack_at) in [(true, 600), (false, 800)] {
        let (mut lab, [a, _], insight) = established(quiet(fcfs, true), quiet(fcfs, true));
        // The first data of an association are acknowledged at once in any case.
        lab.say(0, a, 0, 100, &on(0));
        lab.run_until(at(500));
        lab.sent.clear();
        lab.say(0, a, 1, 100, &MessageOptions { immediate, ..on(0) });
        lab.run_until(at(1000));
        let sack = lab.sent.iter().find(|(_, side, _)| *side == 1).expect("it was acknowledged");
        assert_eq!(sack.0.as_millis(), sack_at - 50, "{immediate}");
        let bytes = sack.2.packet.to_vec();
        let Ok((Chunk::Sack(Sack { cumulative_tsn_ack, .. }), _)) = Chunk::parse(&bytes[12..]) else {
            panic!("a SACK")
        };
        assert_eq!(cumulative_tsn_ack, insight.tsn.wrapping_add(1));
    }
}
