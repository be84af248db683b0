//! Scripted exchanges: each rule of RFC 9260 by its section.

mod sctp_lab;

use sctp_lab::{Lab, Link, address, at, common, kinds};
use sim_core::SimDuration;
use transport::sctp::{
    AssociationId, CloseReason, MessageOptions, PathState, Reliability, SctpConfig, SctpError, SctpEvent,
    State,
};

fn lab() -> Lab {
    let mut lab = Lab::new(1, [Link::clean(50), Link::clean(50)]);
    lab.record = true;
    lab
}

/// An established association of `paths` paths; time is 250 ms.
fn established(lab: &mut Lab, paths: usize, client: SctpConfig, server: SctpConfig) -> [AssociationId; 2] {
    let a = lab.connect(paths, client, server);
    lab.run_until(at(250));
    let b = lab.accepted().expect("the server has accepted");
    lab.sent.clear();
    [a, b]
}

fn quiet() -> SctpConfig {
    SctpConfig { heartbeat_interval: None, ..SctpConfig::default() }
}

/// Time in milliseconds, side and chunks of what was sent.
fn log(lab: &Lab) -> Vec<(u64, usize, Vec<&'static str>)> {
    lab.sent.iter().map(|(at, side, transmit)| (at.as_millis(), *side, kinds(transmit))).collect()
}

// Holds: RFC 9260 3.1-a, 5.1-a, 5.1-d, 3.3.2-a
#[test]
fn the_handshake_takes_four_packets_and_the_server_keeps_nothing_before_the_cookie() {
    let mut lab = lab();
    lab.connect(1, quiet(), quiet());
    lab.run_until(at(120));
    assert_eq!(lab.ends[1].associations(), 0, "after INIT ACK (RFC 9260 §5.1 B)");
    lab.run_until(at(1000));
    let expected = [(0, 0, "INIT"), (50, 1, "INIT-ACK"), (100, 0, "COOKIE-ECHO"), (150, 1, "COOKIE-ACK")];
    let seen: Vec<_> = log(&lab).into_iter().map(|(at, side, chunks)| (at, side, chunks.join("+"))).collect();
    assert_eq!(seen, expected.map(|(at, side, chunk)| (at, side, chunk.to_string())));
    assert_eq!(common(&lab.sent[0].2).verification_tag, 0, "RFC 9260 §8.5.1 A");
    assert_eq!(lab.happened(0, |event| matches!(event, SctpEvent::Connected(_))), Some(at(200)));
    assert_eq!(lab.happened(1, |event| matches!(event, SctpEvent::Accepted { .. })), Some(at(150)));
}

// Holds: RFC 9260 6.3.1-a
#[test]
fn lost_handshake_packets_are_repeated_by_t1() {
    // RFC 9260 §6.3: the timer starts at RTO.Initial and doubles: INIT at 0, 1, 3 s.
    let mut lab = lab();
    lab.links[0].down = Some((at(0), at(2500)));
    lab.connect(1, quiet(), quiet());
    lab.run_until(at(5000));
    let inits: Vec<_> =
        log(&lab).into_iter().filter(|(_, _, chunks)| chunks[..] == ["INIT"]).map(|(at, ..)| at).collect();
    assert_eq!(inits, [0, 1000, 3000]);
    assert_eq!(lab.happened(0, |event| matches!(event, SctpEvent::Connected(_))), Some(at(3200)));
}

// Holds: RFC 9260 4-c
#[test]
fn nobody_answers_and_the_association_is_given_up() {
    // Max.Init.Retransmits 8 (RFC 9260 §16), RTO.Max 60 s: 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60 + 60 = 243 s.
    let mut lab = lab();
    lab.links[0].loss = 1_000_000;
    let a = lab.connect(1, quiet(), quiet());
    lab.run_until(at(400_000));
    let closed = |event: &SctpEvent| matches!(event, SctpEvent::Closed { .. });
    assert_eq!(lab.happened(0, closed), Some(at(243_000)));
    assert_eq!(lab.ends[0].state(a), None);
}

#[test]
fn a_port_without_a_listener_answers_with_abort() {
    let mut lab = lab();
    let remotes = [address(1, 0)];
    let config = std::sync::Arc::new(quiet());
    let a = lab.ends[0].connect(at(0), &[address(0, 0)], 0, &remotes, 9, config).expect("a port is free");
    lab.drain(0);
    lab.run_until(at(200));
    assert_eq!(kinds(&lab.sent[1].2), ["ABORT"]);
    let closed = SctpEvent::Closed { id: a, reason: CloseReason::AbortedByPeer };
    assert_eq!(lab.events[0], [(at(100), closed)]);
}

// Holds: RFC 9260 6.2-a, 6.2-c
#[test]
fn the_first_data_chunk_is_acknowledged_at_once_and_a_single_later_one_after_the_delay() {
    // RFC 9260 §5.1: the first immediately; §6.2: a lone packet within SACK.Delay, every second one at once.
    let mut lab = lab();
    let [a, _] = established(&mut lab, 1, quiet(), quiet());
    let options = MessageOptions::default();
    lab.say(0, a, 0, 100, &options);
    lab.run_until(at(1000));
    lab.say(0, a, 1, 100, &options);
    lab.run_until(at(2000));
    lab.say(0, a, 2, 1400, &options);
    lab.say(0, a, 3, 1400, &options);
    lab.run_until(at(3000));
    let sacks: Vec<_> = log(&lab).into_iter().filter(|(_, side, _)| *side == 1).map(|(at, ..)| at).collect();
    assert_eq!(sacks, [300, 1250, 2050]);
}

// Holds: RFC 9260 6.2-l
#[test]
fn the_i_bit_asks_for_an_immediate_sack() {
    // RFC 7053 §5.2.
    let mut lab = lab();
    let [a, _] = established(&mut lab, 1, quiet(), quiet());
    for (number, immediate) in [(0, false), (1, true)] {
        lab.say(0, a, number, 100, &MessageOptions { immediate, ..MessageOptions::default() });
        lab.run_until(at(1000 + 1000 * u64::from(number)));
    }
    let sacks: Vec<_> = log(&lab).into_iter().filter(|(_, side, _)| *side == 1).map(|(at, ..)| at).collect();
    assert_eq!(sacks, [300, 1050]);
}

// Holds: RFC 9260 6.9-a, 6.10-a, 6.1-b, 3.3.1-c
#[test]
fn small_messages_share_a_packet_and_large_ones_are_cut() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    // The window of 4404 bytes takes the first three; the rest waits and is bundled: RFC 9260 §6.10.
    let options = MessageOptions::default();
    lab.say(0, a, 0, 4000, &options);
    for number in 1..=5 {
        lab.say(0, a, number, 1001, &options);
    }
    lab.run_until(at(5000));
    let packets: Vec<_> = lab.sent.iter().filter(|(_, side, _)| *side == 0).collect();
    // 1500 - 20 - 12 = 1468 bytes of chunks: 1452 of data. 4000 = 1452 + 1452 + 1096.
    let sizes: Vec<_> = packets.iter().take(3).map(|(_, _, transmit)| transmit.packet.len()).collect();
    assert_eq!(sizes, [1480, 1480, 12 + 16 + 1096]);
    assert!(packets.iter().all(|(_, _, transmit)| transmit.packet.len() <= 1480));
    let lengths: Vec<_> =
        std::iter::from_fn(|| lab.ends[1].receive(b)).map(|message| message.payload.len()).collect();
    assert_eq!(lengths, [4000, 1001, 1001, 1001, 1001, 1001]);
}

// Holds: RFC 9260 6.1-e
#[test]
fn tiny_messages_are_bundled_behind_each_other() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    let options = MessageOptions::default();
    lab.say(0, a, 0, 4400, &options);
    for number in 1..=60 {
        lab.say(0, a, number, 20, &options);
    }
    lab.run_until(at(5000));
    let most = lab.sent.iter().map(|(_, _, transmit)| kinds(transmit).len()).max();
    // A chunk of 20 bytes takes 36: 1468 / 36 = 40.7.
    assert_eq!(most, Some(40));
    let count = std::iter::from_fn(|| lab.ends[1].receive(b)).count();
    assert_eq!(count, 61);
}

// Holds: RFC 9260 7.2.4-a, 7.2.4-b, 6.2-b, 6.1-c, 3.3.1-b
#[test]
fn three_missing_reports_bring_a_chunk_again_before_its_timer() {
    // RFC 9260 §7.2.4. Packets 1 of 6 is lost; the reports come with the SACKs of 2 to 4.
    let mut lab = lab();
    let config = SctpConfig { max_burst: 20, ..quiet() };
    let [a, b] = established(&mut lab, 1, config, quiet());
    let options = MessageOptions { unordered: true, ..MessageOptions::default() };
    for round in 0..8 {
        lab.say(0, a, round, 4 * 1452, &options);
        lab.run_until(at(1000 + 300 * u64::from(round)));
    }
    lab.sent.clear();
    lab.links[0].down = Some((lab.now, at(lab.now.as_millis() + 1)));
    lab.say(0, a, 100, 1452, &options);
    lab.run_until(at(lab.now.as_millis() + 1));
    for number in 101..106 {
        lab.say(0, a, number, 1452, &options);
    }
    let start = lab.now.as_millis();
    lab.run_until(at(start + 900));
    let stats = lab.ends[0].stats(a).expect("it lives");
    assert_eq!((stats.fast_retransmits, stats.t3_expiries, stats.chunks_resent), (1, 0, 1));
    assert_eq!(std::iter::from_fn(|| lab.ends[1].receive(b)).count(), 8 + 6);
}

// Holds: RFC 9260 6.3.2-a, 6.3.3-b
#[test]
fn a_lost_last_chunk_comes_again_by_t3_and_the_timer_doubles() {
    // RFC 9260 §6.3.3: RTO after the first sample of 100 ms is max(100 + 4 * 50, 1000 ms) = 1 s, then 2, then 4.
    let mut lab = lab();
    let [a, _] = established(&mut lab, 1, quiet(), quiet());
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(1000));
    lab.sent.clear();
    lab.links[0].down = Some((at(1000), at(6000)));
    lab.say(0, a, 1, 100, &MessageOptions::default());
    lab.run_until(at(10_000));
    let times: Vec<_> = log(&lab).into_iter().filter(|(_, side, _)| *side == 0).map(|(at, ..)| at).collect();
    assert_eq!(times, [1000, 2000, 4000, 8000]);
    assert_eq!(lab.ends[0].stats(a).expect("it lives").t3_expiries, 3);
}

// Holds: RFC 9260 9.2-a, 9.2-g, 9.2-h
#[test]
fn shutdown_waits_for_data_and_takes_three_packets() {
    // RFC 9260 §9.2.
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.ends[0].shutdown(lab.now, a);
    lab.drain(0);
    assert_eq!(lab.ends[0].state(a), Some(State::ShutdownPending));
    let refused = lab.ends[0].send(
        lab.now,
        a,
        &MessageOptions::default(),
        vec![1].into_payload(),
        sctp_lab::runs(1, 1),
    );
    assert_eq!(refused, Err(SctpError::Closed));
    lab.run_until(at(350));
    assert_eq!(lab.ends[0].state(a), Some(State::ShutdownSent));
    assert_eq!(lab.ends[1].receive(b).map(|message| message.payload.len()), Some(100));
    lab.run_until(at(2000));
    let chunks: Vec<_> =
        log(&lab).into_iter().map(|(at, side, chunks)| (at, side, chunks.join("+"))).collect();
    let expected = [
        (250, 0, "DATA"),
        (300, 1, "SACK"),
        (350, 0, "SHUTDOWN"),
        (400, 1, "SHUTDOWN-ACK"),
        (450, 0, "SHUTDOWN-COMPLETE"),
    ];
    assert_eq!(chunks, expected.map(|(at, side, chunk)| (at, side, chunk.to_string())));
    for side in 0..2 {
        assert!(
            lab.events[side]
                .iter()
                .any(|(_, event)| matches!(event, SctpEvent::Closed { reason: CloseReason::Shutdown, .. }))
        );
        assert_eq!(lab.ends[side].associations(), 0);
    }
}

#[test]
fn both_sides_shut_down_at_once() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    lab.ends[0].shutdown(lab.now, a);
    lab.ends[1].shutdown(lab.now, b);
    lab.drain(0);
    lab.drain(1);
    lab.run_until(at(3000));
    for side in 0..2 {
        assert_eq!(lab.ends[side].associations(), 0, "side {side}");
    }
}

// Holds: RFC 9260 9.1-a, 9.1-b
#[test]
fn abort_tells_the_peer() {
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    lab.ends[0].abort(a, b"enough");
    lab.drain(0);
    lab.run_until(at(1000));
    assert_eq!(kinds(&lab.sent[0].2), ["ABORT"]);
    assert_eq!(
        lab.events[1].last(),
        Some(&(at(300), SctpEvent::Closed { id: b, reason: CloseReason::AbortedByPeer }))
    );
}

// Holds: RFC 9260 6.4-a, 6.4.1-a, 8.2-a
#[test]
fn a_dead_path_is_given_up_after_the_sum_of_its_timeouts() {
    // RFC 9260 §8.2 with Path.Max.Retrans 2 and RTO 1 s: expiries after 1, 2 and 4 s, inactive after 7 s.
    let mut lab = lab();
    let config = SctpConfig { path_max_retrans: 2, ..SctpConfig::default() };
    let [a, b] = established(&mut lab, 2, config.clone(), config);
    lab.run_until(at(900));
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(1000));
    lab.links[0].down = Some((at(1000), at(1_000_000)));
    for number in 1..200 {
        lab.say(0, a, number, 100, &MessageOptions::default());
        let next = lab.now + SimDuration::from_millis(50);
        lab.run_until(next);
    }
    let inactive = |event: &SctpEvent| matches!(event, SctpEvent::PathChanged { state: PathState::Inactive, address: it, .. } if *it == address(1, 0));
    let failed = lab.happened(0, inactive).expect("the path has failed");
    let took = failed.as_millis() - 1000;
    assert!((6900..=7100).contains(&took), "7 s within a round trip, not {took} ms");
    let read = std::iter::from_fn(|| lab.ends[1].receive(b)).count();
    lab.run_until(at(lab.now.as_millis() + 3000));
    assert_eq!(read + std::iter::from_fn(|| lab.ends[1].receive(b)).count(), 200, "nothing is lost");
    assert!(lab.ends[0].stats(a).expect("it lives").failovers > 0);
}

// Holds: RFC 9260 8.3-b, 8.2-b
#[test]
fn a_potentially_failed_path_is_left_after_its_first_timeout() {
    // RFC 7829 §3 with PFMR 0.
    let mut lab = lab();
    let config = SctpConfig { potentially_failed: Some(0), ..SctpConfig::default() };
    let [a, _] = established(&mut lab, 2, config.clone(), config);
    lab.run_until(at(1000));
    lab.links[0].down = Some((at(1000), at(1_000_000)));
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(3000));
    lab.sent.clear();
    lab.say(0, a, 1, 100, &MessageOptions::default());
    lab.run_until(at(3100));
    let (_, _, transmit) =
        lab.sent.iter().find(|(_, _, it)| kinds(it).contains(&"DATA")).expect("it was sent");
    assert_eq!(transmit.destination, address(1, 1));
    let expected = PathState::PotentiallyFailed;
    assert!(lab.ends[0].paths(a).contains(&(address(1, 0), expected)));
    lab.links[0].down = None;
    lab.run_until(at(20_000));
    assert!(lab.ends[0].paths(a).contains(&(address(1, 0), PathState::Active)), "a HEARTBEAT brings it back");
}

// Holds: RFC 9260 5.4-a
#[test]
fn heartbeats_confirm_addresses_that_the_peer_names() {
    // RFC 9260 §5.4: an address is used once a HEARTBEAT was answered.
    let mut lab = lab();
    let a = lab.connect(2, SctpConfig::default(), SctpConfig::default());
    lab.run_until(at(1000));
    assert_eq!(lab.ends[0].paths(a).len(), 2);
    let heartbeats: Vec<_> = lab
        .sent
        .iter()
        .filter(|(_, _, it)| kinds(it) == ["HEARTBEAT"])
        .map(|(at, side, it)| (at.as_millis(), *side, it.destination))
        .collect();
    assert!(heartbeats.contains(&(200, 0, address(1, 1))), "{heartbeats:?}");
    assert!(heartbeats.contains(&(150, 1, address(0, 1))), "{heartbeats:?}");
}

// Holds: RFC 9260 5.2.4-a
#[test]
fn a_restarted_peer_is_recognised_by_its_cookie() {
    // RFC 9260 §5.2.4 action A.
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    lab.say(1, b, 0, 500, &MessageOptions::default());
    lab.run_until(at(500));
    let port = common(&lab.sent.iter().find(|(_, side, _)| *side == 0).expect("a SACK").2).source_port;
    // Side 0 crashes: a new endpoint from the same port.
    use rand::SeedableRng;
    lab.ends[0] = transport::sctp::SctpEndpoint::new(rand_chacha::ChaCha8Rng::seed_from_u64(99));
    let config = std::sync::Arc::new(quiet());
    let again = lab.ends[0]
        .connect(lab.now, &[address(0, 0)], port, &[address(1, 0)], sctp_lab::PORT, config)
        .expect("the port is free");
    lab.drain(0);
    lab.run_until(at(1000));
    assert!(lab.events[1].iter().any(|(_, event)| *event == SctpEvent::Restarted(b)), "{:?}", lab.events[1]);
    assert_eq!(lab.ends[1].counters().restarts, 1);
    lab.say(0, again, 7, 300, &MessageOptions::default());
    lab.say(1, b, 8, 200, &MessageOptions::default());
    lab.run_until(at(2000));
    assert_eq!(lab.ends[1].receive(b).map(|message| message.payload.len()), Some(300));
    assert_eq!(lab.ends[0].receive(again).map(|message| message.payload.len()), Some(200));
    let _ = a;
}

// Holds: RFC 9260 5.2.1-a, 5.2.4-b
#[test]
fn a_collision_ends_in_one_association() {
    // RFC 9260 §5.2.1: both sides send INIT at the same time, from the same ports.
    let mut lab = lab();
    let config = std::sync::Arc::new(quiet());
    let mut ids = Vec::new();
    for side in 0..2 {
        let id = lab.ends[side]
            .connect(at(0), &[address(side, 0)], 7, &[address(1 - side, 0)], 7, config.clone())
            .expect("the port is free");
        ids.push(id);
    }
    lab.drain(0);
    lab.drain(1);
    lab.run_until(at(1000));
    for (side, id) in ids.iter().enumerate() {
        assert_eq!(lab.ends[side].associations(), 1);
        assert_eq!(lab.ends[side].state(*id), Some(State::Established));
        lab.say(side, *id, 0, 100, &MessageOptions::default());
    }
    lab.run_until(at(2000));
    for (side, id) in ids.iter().enumerate() {
        assert_eq!(lab.ends[side].receive(*id).map(|message| message.payload.len()), Some(100));
    }
}

// Holds: RFC 9260 5.1.5-b, 5.2.6-a, 5.1.3-b
#[test]
fn a_stale_cookie_is_answered_by_its_staleness_and_asked_for_anew() {
    // RFC 9260 §5.1.5 step 4 and §5.2.6: the COOKIE ECHO is held up for longer than Valid.Cookie.Life.
    let mut lab = lab();
    let server = SctpConfig { cookie_life: SimDuration::from_millis(500), ..quiet() };
    lab.connect(1, quiet(), server);
    lab.run_until(at(60));
    lab.links[0].down = Some((at(60), at(105)));
    lab.links[0].delay = SimDuration::from_millis(50);
    lab.run_until(at(5000));
    let kinds: Vec<_> =
        log(&lab).into_iter().map(|(at, side, chunks)| (at, side, chunks.join("+"))).collect();
    assert!(kinds.contains(&(1150, 1, "ERROR".to_string())), "{kinds:?}");
    assert_eq!(lab.ends[1].counters().stale_cookies, 1);
    assert!(lab.happened(0, |event| matches!(event, SctpEvent::Connected(_))).is_some(), "{kinds:?}");
}

#[test]
fn a_message_is_given_up_when_its_time_is_over_and_the_stream_goes_on() {
    // RFC 3758 §3.5 and §3.6.
    let mut lab = lab();
    let [a, b] = established(&mut lab, 1, quiet(), quiet());
    lab.say(0, a, 0, 100, &MessageOptions::default());
    lab.run_until(at(1000));
    lab.links[0].down = Some((at(1000), at(1010)));
    let timed = Reliability::Lifetime(SimDuration::from_millis(400));
    lab.say(0, a, 1, 100, &MessageOptions { reliability: timed, ..MessageOptions::default() });
    lab.run_until(at(1020));
    lab.say(0, a, 2, 200, &MessageOptions::default());
    lab.run_until(at(1500));
    assert_eq!(std::iter::from_fn(|| lab.ends[1].receive(b)).count(), 1, "message 2 waits for message 1");
    lab.run_until(at(3000));
    let lengths: Vec<_> = std::iter::from_fn(|| lab.ends[1].receive(b)).map(|it| it.payload.len()).collect();
    assert_eq!(lengths, [200]);
    let stats = lab.ends[0].stats(a).expect("it lives");
    assert_eq!((stats.abandoned, stats.forward_tsns > 0), (1, true));
    assert!(lab.happened(0, |event| *event == SctpEvent::Abandoned(a)).is_some());
}

// Holds: RFC 9260 6.1-a, 6.2-n
#[test]
fn a_closed_window_is_probed_and_opens() {
    // RFC 9260 §6.1 rule A: one chunk may be outstanding while the peer's window is closed.
    let mut lab = lab();
    let small = SctpConfig { receive_buffer: 4000, ..quiet() };
    let [a, b] = established(&mut lab, 1, quiet(), small);
    for number in 0..20 {
        lab.say(0, a, number, 1000, &MessageOptions::default());
    }
    lab.run_until(at(20_000));
    assert_eq!(lab.ends[0].state(a), Some(State::Established));
    let mut read = 0;
    for second in 21..60 {
        while lab.ends[1].receive(b).is_some() {
            read += 1;
        }
        lab.drain(1);
        lab.run_until(at(second * 1000));
    }
    assert_eq!(read, 20);
}

// Holds: RFC 9260 6.5-a, 5.1.1-a
#[test]
fn streams_that_do_not_exist_are_refused_on_both_sides() {
    let mut lab = lab();
    let server = SctpConfig { inbound_streams: 2, ..quiet() };
    let [a, _] = established(&mut lab, 1, quiet(), server);
    assert_eq!(lab.ends[0].streams(a), 2, "min(own outbound, peer's inbound): RFC 9260 §5.1.1");
    let options = MessageOptions { stream: 2, ..MessageOptions::default() };
    let refused = lab.ends[0].send(lab.now, a, &options, vec![1].into_payload(), sctp_lab::runs(0, 1));
    assert_eq!(refused, Err(SctpError::NoStream(2)));
}

trait IntoPayload {
    fn into_payload(self) -> wire::payload::Payload;
}

impl IntoPayload for Vec<u8> {
    fn into_payload(self) -> wire::payload::Payload {
        wire::payload::Payload::from_bytes(self)
    }
}
