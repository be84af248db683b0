//! Accurate ECN (RFC 9768) in the handshake: what both ends agree upon, and what they learn of the path.

mod lab;

use lab::accurate::{ACK, SYN, accurate, ace, classic, client, counters, data, last, list, server, with};
use lab::peer::{MSS, Scripted};
use lab::script::{header, write};
use sim_core::SimTime;
use transport::endpoint::Endpoint;
use transport::tcp::{CloseReason, EcnFeedback, State, SynCookies, TcpConfig, TcpEvent};
use wire::ip::Ecn;
use wire::tcp::TcpFlags;

// Holds: RFC 9768 3.1.1-a, 3.1.1-c, 3.1.1-f, 3.1.3-b, 3.2.2-a.
#[test]
fn both_ends_agree_and_each_tells_how_the_other_s_segment_arrived() {
    let mut lab = lab::script::lab();
    let (a, _) = lab.connect(accurate(), accurate());
    lab.run_until(SimTime::from_millis(150));
    let flags: Vec<_> = lab.sent.iter().map(|sent| header(&sent.2).flags).collect();
    assert_eq!(flags, [with(SYN, 0b111), with(SYN | ACK, 0b010), with(ACK, 0b010)]);
    write(&mut lab, 0, a, 100);
    let sent = &lab.sent.last().unwrap().2;
    assert_eq!(ace(header(sent).flags), 5, "the counter begins at 5");
    assert_eq!(Ecn::from_traffic_class(sent.traffic_class), Ecn::Ect0);
    assert_eq!(lab.ends[0].stats(a).unwrap().ecn.feedback, EcnFeedback::Accurate);
}

// Holds: RFC 9768 3.1.1-b, 3.1.1-e, 3.1.2-f.
#[test]
fn a_server_tells_how_the_syn_arrived() {
    for (mark, bits) in [(Ecn::NotEct, 2), (Ecn::Ect1, 3), (Ecn::Ect0, 4), (Ecn::Ce, 6)] {
        let mut it = Scripted::listening(accurate());
        it.mark = mark;
        it.syn(with(SYN, 0b111), 0, true);
        assert_eq!(ace(last(&it).header.flags), bits, "{mark:?}");
    }
    for (asked, answered) in [(0b000, 0b000), (0b011, 0b001), (0b111, 0b010), (0b100, 0b010)] {
        let mut it = Scripted::listening(accurate());
        it.syn(with(SYN, asked), 0, true);
        assert_eq!(ace(last(&it).header.flags), answered, "{asked:03b}");
    }
}

// Holds: RFC 9768 3.1.2-a, 3.1.2-d, 3.1.5-k.
#[test]
fn a_client_falls_back_to_what_the_server_can() {
    for (bits, feedback, mark) in [
        (0b001, EcnFeedback::Classic, Ecn::Ect0),
        (0b000, EcnFeedback::Off, Ecn::NotEct),
        (0b111, EcnFeedback::Off, Ecn::NotEct),
        (0b101, EcnFeedback::Accurate, Ecn::Ect0),
        (0b010, EcnFeedback::Accurate, Ecn::Ect0),
    ] {
        let mut it = client(bits, Ecn::NotEct, accurate());
        it.write(100);
        assert_eq!(it.stats().ecn.feedback, feedback, "{bits:03b}");
        assert_eq!(last(&it).mark, mark, "{bits:03b}");
    }
    // And without an offer no server may agree to anything.
    let mut plain = client(0b010, Ecn::NotEct, TcpConfig { ecn: EcnFeedback::Off, ..accurate() });
    plain.write(100);
    assert_eq!((last(&plain).mark, ace(last(&plain).header.flags)), (Ecn::NotEct, 0));
}

// Holds: RFC 9768 3.1.4.1-a, 3.1.4.1-b, 3.1.4.1-c, 3.1.5-c.
#[test]
fn a_syn_asks_twice_and_then_no_more() {
    let mut it = Scripted::connecting(accurate());
    it.run_until(10_000);
    let asked: Vec<_> = it.said.iter().map(|said| (ace(said.header.flags), said.seq)).collect();
    assert_eq!(asked[..4], [(0b111, 0), (0b111, 0), (0, 0), (0, 0)]);
    // A server that answers the first of them is believed.
    it.syn(with(SYN | ACK, 0b010), 1, true);
    it.write(100);
    assert_eq!(last(&it).mark, Ecn::Ect0);
}

// Holds: RFC 9768 3.1.5-d, 3.2.3.2.2-a, 3.2.3.2.2-b, 3.1.5-l.
#[test]
fn a_syn_ack_goes_without_counters_and_then_without_ecn() {
    let mut it = Scripted::listening(accurate());
    it.syn(with(SYN, 0b111), 0, true);
    it.run_until(10_000);
    let seen: Vec<_> = it
        .said
        .iter()
        .map(|said| (ace(said.header.flags), counters(&said.header.options).is_some()))
        .collect();
    assert_eq!(seen[..4], [(0b010, true), (0b010, false), (0, false), (0, false)]);
    // It still counts, but sends nothing as ECN-capable any more.
    it.tell(with(ACK, 0b010), 1, 1, 0);
    it.said.clear();
    data(&mut it, Ecn::Ce, 1, MSS);
    assert_eq!(ace(last(&it).header.flags), 6);
    it.write(100);
    assert_eq!(last(&it).mark, Ecn::NotEct);
}

// Holds: RFC 9768 3.1.5-a, 3.1.5-g, 3.1.5-h, 3.1.5-l.
#[test]
fn a_syn_that_comes_again_without_ecn_is_told_of_as_accurately_and_ends_ect() {
    let mut it = Scripted::listening(accurate());
    it.syn(with(SYN, 0b111), 0, true);
    it.mark = Ecn::Ce;
    it.syn(SYN, 0, true);
    it.mark = Ecn::NotEct;
    assert_eq!(ace(last(&it).header.flags), 0b110, "how the latest SYN arrived");
    assert_eq!(counters(&last(&it).header.options), None);
    it.tell(with(ACK, 0b010), 1, 1, 0);
    it.write(100);
    assert_eq!((it.stats().ecn.feedback, last(&it).mark), (EcnFeedback::Accurate, Ecn::NotEct));
}

// Holds: RFC 9768 3.1.5-e, 3.1.5-i.
#[test]
fn a_peer_that_asks_for_both_kinds_of_feedback_is_reset() {
    for (first, second) in [(0b111, 0b011), (0b011, 0b111)] {
        let mut it = Scripted::listening(accurate());
        it.syn(with(SYN, first), 0, true);
        it.said.clear();
        it.syn(with(SYN, second), 0, true);
        assert!(last(&it).header.flags.contains(TcpFlags::RST), "{first:03b}");
        it.end.handle_timeout(it.now);
        assert_eq!(it.end.connections(), 0);
    }
    // A server without ECN stays without, whatever is asked for later.
    let mut it = Scripted::listening(accurate());
    it.syn(SYN, 0, true);
    it.syn(with(SYN, 0b111), 0, true);
    assert_eq!(last(&it).header.flags, SYN | ACK);
}

// Holds: RFC 9768 3.1.5-b.
#[test]
fn once_established_flags_of_the_handshake_change_nothing() {
    let mut it = client(0b010, Ecn::NotEct, accurate());
    it.syn(with(SYN | ACK, 0b001), 1, true);
    it.syn(with(SYN | ACK, 0b000), 1, true);
    it.write(100);
    assert_eq!((it.stats().ecn.feedback, last(&it).mark), (EcnFeedback::Accurate, Ecn::Ect0));
}

// Holds: RFC 9768 3.1.2-e.
#[test]
fn ends_that_open_at_once_agree_as_servers() {
    for (bits, answered, feedback) in [
        (0b111, 0b010, EcnFeedback::Accurate),
        (0b011, 0b001, EcnFeedback::Classic),
        (0b000, 0b000, EcnFeedback::Off),
    ] {
        let mut it = Scripted::connecting(accurate());
        it.said.clear();
        it.syn(with(SYN, bits), 0, true);
        assert_eq!(ace(last(&it).header.flags), answered);
        it.tell(with(ACK, answered), 1, 1, 0);
        assert_eq!((it.stats().state, it.stats().ecn.feedback), (State::Established, feedback));
    }
}

// Holds: RFC 9768 3.1.2-g.
#[test]
fn a_connection_after_time_wait_agrees_anew() {
    let mut it = server(0b010);
    let id = it.id.unwrap();
    it.end.shutdown(it.now, id);
    it.drain();
    it.tell(with(ACK, 5) | TcpFlags::FIN, 1, 2, 0);
    assert_eq!(it.stats().state, State::TimeWait);
    it.said.clear();
    // A SYN with a later number (RFC 9293 §3.6.1) that does not know of accurate ECN.
    it.tell(with(SYN, 0b011), 100_000, 0, 0);
    assert_eq!(ace(last(&it).header.flags), 0b001);
}

// Holds: RFC 9768 3.2.2.1-a, 3.2.2.1-b, 3.2.2.2-d, 3.2.3.2.1-c.
#[test]
fn a_client_tells_how_the_syn_ack_arrived_before_it_sends_data() {
    for (mark, bits) in [(Ecn::NotEct, 2), (Ecn::Ect1, 3), (Ecn::Ect0, 4), (Ecn::Ce, 6)] {
        let mut it = Scripted::connecting(accurate());
        it.write(100);
        it.run_until(100);
        it.said.clear();
        it.mark = mark;
        it.syn(with(SYN | ACK, 0b010), 1, true);
        let said: Vec<_> = it.said.iter().map(|said| (said.len, ace(said.header.flags))).collect();
        assert_eq!(said, [(0, bits), (100, if mark == Ecn::Ce { 6 } else { 5 })], "{mark:?}");
        assert!(it.said.iter().all(|said| counters(&said.header.options).is_some()), "both have counters");
        // The SYN-ACK comes again, as its acknowledgment does.
        it.mark = Ecn::Ce;
        it.syn(with(SYN | ACK, 0b010), 1, true);
        assert_eq!((last(&it).len, ace(last(&it).header.flags)), (0, 6));
        assert_eq!(it.stats().ecn.marked_received, 1, "once, however many are marked");
    }
}

// Holds: RFC 9768 3.2.2.1-c, 3.2.2.1-d, 3.2.2.2-e.
#[test]
fn a_server_reads_the_handshake_as_table_4_has_it() {
    for (bits, reported, capable) in [
        (0b000, 0, false),
        (0b001, 0, true),
        (0b010, 0, true),
        (0b011, 0, false),
        (0b100, 0, false),
        (0b101, 0, true),
        (0b110, 1, false),
        (0b111, 0, true),
    ] {
        let mut it = server(bits);
        let ecn = it.stats().ecn;
        assert_eq!((ecn.marked_reported, ecn.capable), (reported, capable), "{bits:03b}");
        assert_eq!(it.stats().counters.marks_answered, reported, "a marked SYN-ACK is answered");
        it.said.clear();
        data(&mut it, Ecn::Ce, 1, MSS);
        assert_eq!(ace(last(&it).header.flags), 6, "it tells of marks whatever it found");
    }
}

// Holds: RFC 9768 3.2.2.1-d.
#[test]
fn a_server_whose_client_has_no_ecn_answers_no_marks() {
    let mut it = server(0b000);
    it.write(10 * MSS);
    it.tell(with(ACK, 7), 1, 1 + 2 * MSS, 0);
    assert_eq!(it.stats().counters.marks_answered, 0);
}

// Holds: RFC 9768 3.2.2.3-a, 3.2.2.2-c.
#[test]
fn a_client_whose_syn_was_changed_sends_no_ect_but_answers() {
    for (bits, capable, answered) in
        [(0b010, true, 0), (0b011, false, 0), (0b100, false, 0), (0b110, false, 1)]
    {
        let mut it = client(bits, Ecn::NotEct, accurate());
        it.write(10 * MSS);
        assert_eq!(it.stats().ecn.capable, capable);
        assert_eq!(last(&it).mark, if capable { Ecn::Ect0 } else { Ecn::NotEct });
        assert_eq!(it.stats().ecn.marked_reported, 0, "s.cep stays in step");
        assert_eq!(it.stats().counters.marks_answered, answered, "{bits:03b}");
    }
}

// Holds: RFC 9768 3.2.2.3-b.
#[test]
fn a_server_whose_syn_ack_was_changed_answers_marks() {
    let mut it = server(0b100);
    it.write(10 * MSS);
    assert_eq!(last(&it).mark, Ecn::NotEct);
    it.tell(with(ACK, 6), 1, 1 + 2 * MSS, 0);
    assert_eq!(it.stats().counters.marks_answered, 1);
}

// Holds: RFC 9768 3.2.3.2.1-a, 3.2.3.2.1-b.
#[test]
fn a_syn_has_no_counters_and_those_in_one_are_ignored() {
    let it = Scripted::connecting(accurate());
    assert_eq!(counters(&last(&it).header.options), None);
    let mut it = Scripted::listening(accurate());
    it.tell_with(with(SYN, 0b111), 0, 0, 0, list(&[0, 0, 0]));
    let syn_ack = last(&it).header;
    let told = counters(&syn_ack.options).unwrap();
    assert_eq!((told.ect0_bytes(), told.ce_bytes(), told.ect1_bytes()), (Some(1), Some(0), Some(1)));
    it.tell_with(with(ACK, 0b010), 1, 1, 0, list(&[1, 0, 1]));
    assert!(it.stats().ecn.counters_arrive);
}

// Holds: RFC 9768 5.1-a.
#[test]
fn a_cookie_remembers_accurate_ecn_by_the_acknowledgment() {
    for (asked, acknowledged, feedback) in [
        (0b111, 0b010, EcnFeedback::Accurate),
        (0b111, 0b110, EcnFeedback::Accurate),
        (0b000, 0b000, EcnFeedback::Off),
    ] {
        let mut config = accurate();
        config.listener.syn_cookies = SynCookies::Always;
        let mut it = Scripted::listening(config);
        it.syn(with(SYN, asked), 0, true);
        let answer = last(&it).header;
        assert_eq!(ace(answer.flags), if asked == 0 { 0 } else { 0b010 });
        assert_eq!(counters(&answer.options).is_some(), asked != 0);
        it.tell(with(ACK, acknowledged), 1, 1, 0);
        assert_eq!(it.stats().ecn.feedback, feedback, "{acknowledged:03b}");
    }
}

// Holds: RFC 9768 3.1.5-j.
#[test]
fn a_host_that_wants_no_ecn_clears_all_three_flags() {
    let off = TcpConfig { ecn: EcnFeedback::Off, ..accurate() };
    assert_eq!(ace(last(&Scripted::connecting(off.clone())).header.flags), 0);
    let mut it = Scripted::listening(off);
    it.syn(with(SYN, 0b111), 0, true);
    assert_eq!(ace(last(&it).header.flags), 0);
    let mut it = Scripted::listening(classic());
    it.syn(with(SYN, 0b111), 0, true);
    assert_eq!(ace(last(&it).header.flags), 0b001, "one that knows classic ECN only");
    assert!(
        !it.events.iter().any(|event| matches!(event, TcpEvent::Closed { reason: CloseReason::Reset, .. }))
    );
}
