//! How fast the network delivers (draft-ietf-ccwg-bbr-06 §4.1): a sample with each acknowledgment, of what was
//! delivered since the newest acknowledged packet was sent, over the time in which it was sent or acknowledged,
//! whichever took longer.

use std::collections::VecDeque;

use sim_core::{DataRate, SimDuration, SimTime};

/// What an acknowledgment says about the path, in every state of loss recovery.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// When it arrived.
    pub now: SimTime,
    /// Bytes newly known to be delivered, in order or not.
    pub delivered: u64,
    /// Bytes newly found lost.
    pub lost: u64,
    /// Bytes in the network after it.
    pub in_flight: u64,
    /// Bytes that it reports as congestion marked; with the feedback of RFC 3168, which says only that something
    /// was, all that it acknowledges.
    pub marked: u64,
    /// Its round-trip time, if it gives one.
    pub rtt: Option<SimDuration>,
    /// Smoothed round-trip time, if measured.
    pub srtt: Option<SimDuration>,
    /// Whether the congestion window, not the application or the peer, held the sender back.
    pub window_limited: bool,
    /// Whether it acknowledges the first byte that was sent after the last such moment: a round trip has passed.
    pub round_start: bool,
    /// Bytes delivered and lost since the connection began.
    pub delivered_total: u64,
    /// Bytes found lost since the connection began.
    pub lost_total: u64,
    /// The rate, if the acknowledgment gives a sample.
    pub rate: Option<RateSample>,
}

impl Delivery {
    /// Nothing, at `now`.
    pub fn nothing(now: SimTime) -> Self {
        Self {
            now,
            delivered: 0,
            lost: 0,
            in_flight: 0,
            marked: 0,
            rtt: None,
            srtt: None,
            window_limited: true,
            round_start: false,
            delivered_total: 0,
            lost_total: 0,
            rate: None,
        }
    }
}

/// A packet that was found lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lost {
    /// Place of its first byte.
    pub start: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes in the network once it was sent.
    pub in_flight_then: u64,
    /// Bytes found lost since it was sent, its own included.
    pub lost_since: u64,
    /// Whether the application held the sender back then.
    pub app_limited: bool,
    /// Bytes delivered since the connection began, by now.
    pub delivered_total: u64,
}

/// A sample of the delivery rate, and what was known when its packet was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateSample {
    /// Bytes delivered during `interval`.
    pub delivered: u64,
    /// The longer of the times in which they were sent and acknowledged; never zero.
    pub interval: SimDuration,
    /// Whether the application held the sender back then.
    pub app_limited: bool,
    /// Bytes delivered since the connection began, when the packet was sent.
    pub delivered_before: u64,
    /// Bytes in the network once it was sent.
    pub in_flight_then: u64,
    /// Bytes found lost since it was sent.
    pub lost_since: u64,
}

impl RateSample {
    /// The delivery rate, at least 1 bit/s.
    pub fn rate(&self) -> DataRate {
        let bits = u128::from(self.delivered) * 8_000_000_000 / u128::from(self.interval.as_nanos().max(1));
        DataRate::from_bits_per_second(u64::try_from(bits).unwrap_or(u64::MAX).max(1))
    }
}

/// The estimator of one connection or path; `end` is the place behind a packet's last byte.
#[derive(Clone, Debug, Default)]
pub struct DeliveryRate {
    /// C.delivered and C.lost.
    delivered: u64,
    lost: u64,
    /// C.delivered_time.
    delivered_at: SimTime,
    /// C.first_send_time.
    first_sent_at: SimTime,
    /// C.app_limited: samples count as limited by the application until this much is delivered; 0 is not.
    app_limited_until: u64,
    /// What was sent and not yet acknowledged in order, in the order of sending.
    packets: VecDeque<Packet>,
}

/// The state P.* of the draft.
#[derive(Clone, Copy, Debug)]
struct Packet {
    end: u64,
    sent_at: SimTime,
    first_sent_at: SimTime,
    delivered_at: SimTime,
    delivered: u64,
    lost: u64,
    in_flight: u64,
    app_limited: bool,
}

impl DeliveryRate {
    /// A packet of `len` bytes before `end` leaves, with `in_flight` bytes in the network already (§4.1.2.2).
    pub fn on_sent(&mut self, now: SimTime, end: u64, len: u64, in_flight: u64) {
        if in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        self.packets.push_back(Packet {
            end,
            sent_at: now,
            first_sent_at: self.first_sent_at,
            delivered_at: self.delivered_at,
            delivered: self.delivered,
            lost: self.lost,
            in_flight: in_flight + len,
            app_limited: self.app_limited_until > 0,
        });
    }

    /// The application has nothing to send while `in_flight` bytes leave room in the window (§4.1.2.4).
    pub fn on_application_limited(&mut self, in_flight: u64) {
        self.app_limited_until = (self.delivered + in_flight).max(1);
    }

    /// Whether what is sent now counts as limited by the application.
    pub fn is_application_limited(&self) -> bool {
        self.app_limited_until > 0
    }

    /// The packet of `bytes` from `start` on that was sent at `sent_at` was found lost.
    pub fn on_lost(&mut self, sent_at: SimTime, start: u64, bytes: u64) -> Option<Lost> {
        self.lost += bytes;
        let packet = self.find(sent_at, start + bytes)?;
        Some(Lost {
            start,
            bytes,
            in_flight_then: packet.in_flight,
            lost_since: self.lost - packet.lost,
            app_limited: packet.app_limited,
            delivered_total: self.delivered,
        })
    }

    /// Bytes delivered and bytes lost since the beginning.
    pub fn totals(&self) -> (u64, u64) {
        (self.delivered, self.lost)
    }

    /// An acknowledgment delivers `bytes`, of which the packet sent last has the time and the end of `latest`;
    /// everything before `una` is acknowledged in order (§4.1.2.3). A sample over less than `rtt_min` says
    /// nothing.
    pub fn on_delivered(
        &mut self,
        now: SimTime,
        bytes: u64,
        latest: Option<(SimTime, u64)>,
        una: u64,
        rtt_min: SimDuration,
    ) -> Option<RateSample> {
        if bytes > 0 {
            self.delivered += bytes;
            self.delivered_at = now;
        }
        if self.delivered > self.app_limited_until {
            self.app_limited_until = 0;
        }
        let packet = latest.and_then(|(sent_at, end)| self.find(sent_at, end).copied());
        while self.packets.front().is_some_and(|packet| packet.end <= una) {
            self.packets.pop_front();
        }
        let packet = packet?;
        self.first_sent_at = packet.sent_at;
        let send_elapsed = packet.sent_at.saturating_since(packet.first_sent_at);
        let ack_elapsed = now.saturating_since(packet.delivered_at);
        let interval = send_elapsed.max(ack_elapsed);
        if interval < rtt_min || interval.is_zero() {
            return None;
        }
        Some(RateSample {
            delivered: self.delivered - packet.delivered,
            interval,
            app_limited: packet.app_limited,
            delivered_before: packet.delivered,
            in_flight_then: packet.in_flight,
            lost_since: self.lost - packet.lost,
        })
    }

    /// The transmission at that moment which covers the byte before `end`; packets are cut in two when the
    /// path's packet size shrinks, so that the ends need not be the same.
    fn find(&self, sent_at: SimTime, end: u64) -> Option<&Packet> {
        let first = self.packets.partition_point(|packet| packet.sent_at < sent_at);
        let at_that_time = self.packets.iter().skip(first).take_while(|packet| packet.sent_at == sent_at);
        at_that_time.filter(|packet| packet.end >= end).min_by_key(|packet| packet.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> SimTime = SimTime::from_millis;
    const SPAN: fn(u64) -> SimDuration = SimDuration::from_millis;

    #[test]
    fn the_rate_is_what_was_delivered_over_the_longer_of_both_times() {
        let mut rate = DeliveryRate::default();
        // Four packets of 1000 B, 1 ms apart; acknowledgments 4 ms apart from 20 ms on: 2 Mbit/s.
        for index in 0..4 {
            rate.on_sent(MS(index), (index + 1) * 1000, 1000, index * 1000);
        }
        let first = rate.on_delivered(MS(20), 1000, Some((MS(0), 1000)), 1000, SPAN(20)).expect("a sample");
        // Nothing was delivered when it left: 1000 B in the 20 ms since the connection began to send.
        assert_eq!((first.delivered, first.interval, first.in_flight_then), (1000, SPAN(20), 1000));
        rate.on_sent(MS(20), 5000, 1000, 3000);
        for index in 1..4 {
            let at = MS(20 + 4 * index);
            rate.on_delivered(at, 1000, Some((MS(index), (index + 1) * 1000)), (index + 1) * 1000, SPAN(20));
        }
        // The fifth left when 1000 B were delivered, at 20 ms; it is acknowledged at 40 ms: 4000 B in 20 ms.
        let fifth = rate.on_delivered(MS(40), 1000, Some((MS(20), 5000)), 5000, SPAN(20)).expect("a sample");
        assert_eq!((fifth.delivered, fifth.interval, fifth.delivered_before), (4000, SPAN(20), 1000));
        assert_eq!(fifth.rate(), DataRate::from_bits_per_second(1_600_000));
        assert_eq!(rate.totals(), (5000, 0));
        assert!(rate.packets.is_empty(), "nothing is kept of what is acknowledged");
    }

    #[test]
    fn a_sample_shorter_than_the_round_trip_says_nothing() {
        let mut rate = DeliveryRate::default();
        rate.on_sent(MS(0), 1000, 1000, 0);
        assert_eq!(rate.on_delivered(MS(19), 1000, Some((MS(0), 1000)), 1000, SPAN(20)), None);
    }

    #[test]
    fn samples_of_what_an_idle_application_sent_are_marked_until_it_is_delivered() {
        let mut rate = DeliveryRate::default();
        rate.on_sent(MS(0), 1000, 1000, 0);
        rate.on_application_limited(1000);
        rate.on_sent(MS(1), 2000, 1000, 1000);
        let first = rate.on_delivered(MS(20), 1000, Some((MS(0), 1000)), 1000, SPAN(20)).expect("a sample");
        assert!(!first.app_limited, "it left before the application paused");
        let second = rate.on_delivered(MS(21), 1000, Some((MS(1), 2000)), 2000, SPAN(20)).expect("a sample");
        assert!(second.app_limited);
        rate.on_sent(MS(22), 3000, 1000, 0);
        let third = rate.on_delivered(MS(42), 1000, Some((MS(22), 3000)), 3000, SPAN(20)).expect("a sample");
        assert!(!third.app_limited, "all of the limited flight is delivered");
    }

    #[test]
    fn what_was_lost_since_a_packet_left_is_known_when_it_arrives() {
        let mut rate = DeliveryRate::default();
        rate.on_sent(MS(0), 1000, 1000, 0);
        rate.on_sent(MS(0), 2000, 1000, 1000);
        let lost = rate.on_lost(MS(0), 0, 1000).expect("it is known");
        assert_eq!((lost.in_flight_then, lost.lost_since, lost.app_limited), (1000, 1000, false));
        rate.on_sent(MS(20), 1000, 1000, 0); // The first again.
        let sample = rate.on_delivered(MS(40), 1000, Some((MS(20), 1000)), 2000, SPAN(20)).expect("a sample");
        assert_eq!((sample.lost_since, sample.in_flight_then), (0, 1000));
    }
}
