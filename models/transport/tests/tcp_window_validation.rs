//! Windows that the application does not use (RFC 7661), segment by segment. Segments of 1000 bytes, a round trip of 100 ms.

mod lab;

use lab::peer::{MSS, Scripted, counting_duplicates};
use sim_core::SimDuration;
use transport::tcp::{EcnFeedback, TcpConfig};
use wire::tcp::TcpFlags;

const MS: fn(u64) -> SimDuration = SimDuration::from_millis;

fn validating() -> TcpConfig {
    TcpConfig { window_validation: true, ..counting_duplicates() }
}

/// A sender, and how many bytes are acknowledged.
struct Talk {
    it: Scripted,
    acked: u32,
}

impl Talk {
    /// Its window has grown by use for so many round trips.
    fn grown(config: TcpConfig, rounds: u32) -> Self {
        let mut talk = Self { it: Scripted::established(config), acked: 0 };
        for _ in 0..rounds {
            talk.round(talk.it.cwnd() as u32 * MSS + 1);
        }
        talk
    }

    /// Writes so many bytes, and has them acknowledged two segments at a time after a round trip.
    fn round(&mut self, bytes: u32) {
        self.it.write(bytes);
        self.it.wait(MS(100));
        let end = self.acked + bytes;
        while self.acked < end {
            self.acked = (self.acked + 2 * MSS).min(end);
            self.it.ack(1 + self.acked);
        }
        self.it.take_data();
    }

    fn cwnd(&self) -> u64 {
        self.it.stats().cwnd
    }

    /// Writes `segments`, of which the first is reported missing by SACK after 100 ms.
    fn lose_first_of(&mut self, segments: u32) {
        self.it.write(segments * MSS);
        self.it.wait(MS(100));
        let base = 1 + self.acked;
        for end in 2..segments.min(6) {
            self.it.sack(base, &[(base + MSS, base + end * MSS)]);
        }
        self.acked += segments * MSS;
    }
}

// Holds: RFC 7661 4.3-a, 4.4-a, 4.4-b, 4.4-e.
#[test]
fn a_window_that_is_half_used_grows_and_one_that_is_less_used_is_kept() {
    let mut talk = Talk::grown(validating(), 3);
    let window = talk.cwnd();
    for _ in 0..30 {
        talk.round(10 * MSS);
    }
    assert_eq!(talk.cwnd(), window, "{window}: neither grown nor shrunk");
}

// Holds: RFC 7661 4.4-d, 4.4-h.
#[test]
fn use_of_the_whole_window_lets_it_grow_again() {
    let mut talk = Talk::grown(validating(), 2);
    let window = talk.cwnd();
    for _ in 0..30 {
        talk.round(10 * MSS);
    }
    for _ in 0..3 {
        let all = talk.cwnd() as u32 + 1;
        talk.it.write(all);
        talk.it.wait(MS(400)); // Paced at first.
        let end = talk.acked + all;
        while talk.acked < end {
            talk.acked = (talk.acked + 2 * MSS).min(end);
            talk.it.ack(1 + talk.acked);
        }
    }
    assert!(talk.cwnd() > window, "{} after {window}", talk.cwnd());
}

// Holds: RFC 7661 4.2-c.
#[test]
fn a_sender_that_has_just_begun_is_validated() {
    // Nothing is measured, so that a first burst is not paced.
    let mut talk = Talk { it: Scripted::established(validating()), acked: 0 };
    talk.it.write(10 * MSS);
    assert_eq!(talk.it.take_data().len(), 10);
}

// Holds: RFC 7661 4.4.2-a.
#[test]
fn an_unvalidated_window_is_not_sent_as_a_burst() {
    let mut talk = Talk::grown(validating(), 3);
    for _ in 0..15 {
        talk.round(MSS);
    }
    talk.it.write(40 * MSS);
    let burst = talk.it.take_data().len();
    assert!(burst < 10, "{burst} of 40 at once");
    talk.it.wait(MS(100));
    assert!(talk.it.take_data().len() > 25, "the rest within about a round trip");
}

// Holds: RFC 7661 4.4-f, 4.4.1-a, 4.4.1-b, 4.4.1-d, 4.4.1-e.
#[test]
fn a_loss_in_an_unvalidated_window_counts_what_was_used() {
    let mut talk = Talk::grown(validating(), 3);
    talk.it.wait(SimDuration::from_secs(10));
    talk.lose_first_of(8);
    assert_eq!(talk.it.stats().ssthresh, Some(4 * u64::from(MSS)), "half of the eight, not of the window");
    talk.it.ack(1 + talk.acked);
    let stats = talk.it.stats();
    assert_eq!((stats.cwnd, stats.ssthresh), (3500, Some(3500)), "(8 − 1)/2 segments");
    // Validated again, since nothing is measured: what is written leaves at once.
    talk.it.take_data();
    talk.it.write(3 * MSS);
    assert_eq!(talk.it.take_data().len(), 3);
}

// Holds: RFC 7661 4.4.1-a.
#[test]
fn what_was_used_before_counts_where_less_is_outstanding() {
    let mut talk = Talk::grown(validating(), 3);
    for _ in 0..20 {
        talk.round(10 * MSS);
    }
    talk.lose_first_of(5);
    let ssthresh = talk.it.stats().ssthresh.unwrap();
    // pipeACK is what a round trip has acknowledged, ten segments, more than the five that are outstanding.
    assert_eq!(ssthresh, 5 * u64::from(MSS), "{ssthresh}");
}

// Holds: RFC 7661 4.4.1-c.
#[test]
fn the_window_after_a_recovery_is_one_segment_at_least() {
    let mut talk = Talk::grown(validating(), 3);
    talk.it.wait(SimDuration::from_secs(10));
    talk.it.write(4 * MSS);
    talk.it.wait(MS(100));
    let base = 1 + talk.acked;
    // The first three of four are lost, and sent again: (4 − 3)/2 is less than a segment.
    talk.it.sack(base, &[(base + 3 * MSS, base + 4 * MSS)]);
    talk.it.wait(MS(5000));
    talk.it.ack(base + 4 * MSS);
    assert!(talk.cwnd() >= u64::from(MSS), "{}", talk.cwnd());
}

// Holds: RFC 7661 4.2-d.
#[test]
fn what_a_recovery_acknowledges_is_no_sample() {
    let mut talk = Talk::grown(validating(), 3);
    talk.it.wait(SimDuration::from_secs(10));
    talk.lose_first_of(8);
    talk.it.wait(MS(100));
    talk.it.ack(1 + talk.acked);
    // A single segment later: were pipeACK defined by now, it would be below half of the window, and the write paced.
    talk.round(MSS);
    assert_eq!(talk.it.stats().ssthresh, Some(3500));
}

// Holds: RFC 7661 4.4-g.
#[test]
fn a_timeout_ends_the_phase_as_usual() {
    let mut talk = Talk::grown(validating(), 3);
    talk.it.wait(SimDuration::from_secs(10));
    talk.it.write(8 * MSS);
    talk.it.wait(SimDuration::from_secs(4));
    assert_eq!(talk.cwnd(), u64::from(MSS), "the loss window");
    talk.it.ack(1 + talk.acked + 8 * MSS);
    assert!(talk.cwnd() >= u64::from(MSS));
}

// Holds: RFC 7661 4.4-f.
#[test]
fn a_mark_ends_the_phase_with_half_of_what_was_used() {
    let mut it = Scripted::connecting(TcpConfig { ecn: EcnFeedback::Classic, ..validating() });
    it.run_until(100);
    it.syn(TcpFlags::SYN | TcpFlags::ACK | TcpFlags::ECE, 1, true);
    let mut talk = Talk { it, acked: 0 };
    for _ in 0..3 {
        talk.round(talk.it.cwnd() as u32 * MSS + 1);
    }
    talk.it.wait(SimDuration::from_secs(10));
    talk.it.write(8 * MSS);
    talk.it.wait(MS(100));
    let end = 1 + talk.acked + 2 * MSS;
    talk.it.tell(TcpFlags::ACK | TcpFlags::ECE, 1, end, 0);
    // Eight were written, six are outstanding.
    assert_eq!(talk.cwnd(), 3 * u64::from(MSS));
}

// Holds: RFC 7661 4.4-c, 4.4.3-a, 4.4.3-b.
#[test]
fn five_minutes_later_the_window_is_halved_and_the_threshold_remembers_it() {
    let mut talk = Talk::grown(validating(), 1);
    talk.lose_first_of(10); // So that there is a threshold.
    talk.it.ack(1 + talk.acked);
    let threshold = talk.it.stats().ssthresh.unwrap();
    for _ in 0..20 {
        talk.round(talk.cwnd() as u32 + 1);
    }
    let window = talk.cwnd();
    assert!(window > 20 * u64::from(MSS), "{window}");
    talk.it.wait(SimDuration::from_secs(10));
    talk.round(1);
    talk.it.wait(SimDuration::from_secs(299));
    talk.round(1);
    assert_eq!(talk.cwnd(), window, "not yet");
    talk.it.wait(SimDuration::from_secs(2));
    talk.it.write(1);
    let stats = talk.it.stats();
    assert_eq!((stats.cwnd, stats.ssthresh), (window / 2, Some(window / 4 * 3)), "{threshold}");
    talk.acked += 1;
    talk.it.ack(1 + talk.acked);
    for _ in 0..20 {
        talk.it.wait(SimDuration::from_secs(301));
        talk.round(1);
    }
    assert_eq!(talk.cwnd(), 10 * u64::from(MSS), "the initial one");
}
