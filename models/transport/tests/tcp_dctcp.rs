//! The receiver and the sender of DCTCP with classic feedback (RFC 8257 §3), segment by segment.

mod lab;

use lab::peer::{MSS, Scripted};
use sim_core::SimDuration;
use transport::congestion::Algorithm;
use transport::tcp::{EcnFeedback, State, TcpConfig};
use wire::ip::Ecn;
use wire::tcp::TcpFlags;

const ACK: TcpFlags = TcpFlags::ACK;

fn dctcp() -> TcpConfig {
    let (ecn, congestion) = (EcnFeedback::Classic, Algorithm::Dctcp);
    TcpConfig { ecn, congestion, timestamps: false, nagle: false, ..TcpConfig::default() }
}

/// An established client whose peer agrees to ECN.
fn client() -> Scripted {
    let mut it = Scripted::connecting(dctcp());
    it.run_until(100);
    it.syn(TcpFlags::SYN | ACK | TcpFlags::ECE, 1, true);
    it.said.clear();
    it
}

/// The peer's data arrives with this mark; returns the acknowledgments sent at once: number and ECE.
fn data(it: &mut Scripted, mark: Ecn, flags: TcpFlags, seq: u32) -> Vec<(u32, bool)> {
    it.said.clear();
    it.mark = mark;
    it.tell(ACK | flags, seq, 1, 100);
    it.mark = Ecn::NotEct;
    it.said.iter().map(|said| (said.ack, said.header.flags.contains(TcpFlags::ECE))).collect()
}

// Holds: RFC 8257 3.2-a, 3.2-b, 3.2-c, 3.2-d, 3.2-e.
#[test]
fn each_change_of_the_mark_is_told_at_once_and_apart_from_what_came_before() {
    let mut it = client();
    let none = TcpFlags::NONE;
    assert_eq!(data(&mut it, Ecn::Ect0, none, 1), [], "delayed");
    assert_eq!(data(&mut it, Ecn::Ce, none, 101), [(101, false), (201, true)], "both states of Figure 1");
    assert_eq!(data(&mut it, Ecn::Ce, none, 201), [], "delayed: the mark is the same");
    it.wait(SimDuration::from_millis(300));
    assert_eq!(it.said.iter().map(|said| said.ack).collect::<Vec<_>>(), [301]);
    assert!(it.said[0].header.flags.contains(TcpFlags::ECE));
    // Nothing is owed, so that one acknowledgment is enough.
    assert_eq!(data(&mut it, Ecn::Ect0, none, 301), [(401, false)]);
    assert_eq!(data(&mut it, Ecn::Ect0, none, 401), []);
    // What is asked for by two full segments is not delayed in either state.
    it.said.clear();
    it.tell(ACK, 501, 1, MSS);
    it.tell(ACK, 501 + MSS, 1, MSS);
    assert!(it.said.iter().all(|said| !said.header.flags.contains(TcpFlags::ECE)) && !it.said.is_empty());
}

// Holds: RFC 8257 3.2-e.
#[test]
fn the_earlier_acknowledgment_keeps_the_edge_of_the_window() {
    let mut it = client();
    data(&mut it, Ecn::Ect0, TcpFlags::NONE, 1);
    data(&mut it, Ecn::Ce, TcpFlags::NONE, 101);
    let edges: Vec<_> = it.said.iter().map(|said| said.ack + u32::from(said.header.window)).collect();
    assert!(edges.is_sorted(), "{edges:?}");
}

// Holds: RFC 8257 3.2-f.
#[test]
fn cwr_counts_before_the_mark_of_the_same_segment() {
    let mut it = client();
    data(&mut it, Ecn::Ce, TcpFlags::NONE, 1);
    assert_eq!(data(&mut it, Ecn::Ce, TcpFlags::CWR, 101), [(201, true)], "false by CWR, true again by CE");
    assert_eq!(data(&mut it, Ecn::Ect0, TcpFlags::CWR, 201), [(301, false)]);
}

// Holds: RFC 8257 3.6-b.
#[test]
fn marks_of_a_syn_a_syn_ack_and_a_reset_are_ignored() {
    let mut it = Scripted::connecting(dctcp());
    it.run_until(100);
    it.mark = Ecn::Ce;
    it.syn(TcpFlags::SYN | ACK | TcpFlags::ECE, 1, true);
    it.mark = Ecn::NotEct;
    assert!(!it.said.last().unwrap().header.flags.contains(TcpFlags::ECE));
    assert_eq!(data(&mut it, Ecn::Ect0, TcpFlags::NONE, 1), []);
    let mut it = Scripted::listening(dctcp());
    it.mark = Ecn::Ce;
    it.syn(TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR, 0, true);
    it.mark = Ecn::NotEct;
    it.tell(ACK, 1, 1, 0);
    assert_eq!(data(&mut it, Ecn::Ect0, TcpFlags::NONE, 1), []);
    assert_eq!(it.stats().state, State::Established);
}

// Holds: RFC 8257 3.3-b, 3.3-d, 4.1-a.
#[test]
fn bytes_acknowledged_with_ece_are_the_marked_ones() {
    let mut it = client();
    it.write(40 * MSS);
    let sent = it.cwnd() as u32;
    assert_eq!(sent, 10);
    // A window without marks: alpha is 15/16 once it is over, and so on.
    it.ack(1 + 2 * MSS);
    it.ack(1 + 4 * MSS);
    let before = it.stats().cwnd;
    it.tell(ACK | TcpFlags::ECE, 1, 1 + 6 * MSS, 0);
    let after = it.stats().cwnd;
    // The first acknowledgment has ended the first window: alpha was 15/16 when the mark came.
    let grown = before + 2 * u64::from(MSS);
    assert_eq!(after, grown - grown * 15 / 32, "{before}");
    it.tell(ACK | TcpFlags::ECE, 1, 1 + 8 * MSS, 0);
    assert!(it.stats().cwnd >= after, "once a window of data");
    assert_eq!(it.stats().counters.marks_answered, 1);
}
