//! SYN cookies: connections that a listener keeps nothing of until they are established (RFC 4987 §3.6).
//!
//! The sequence number of the SYN-ACK holds the time and the peer's segment size under two keyed hashes; the low
//! bits of its timestamp hold window scale, SACK and ECN, as Linux has them. Without timestamps the
//! connection goes without those three.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sim_core::{SimDuration, SimTime, digest};
use wire::account::{Reason, Runs};
use wire::ip::Ecn;
use wire::payload::Payload;
use wire::tcp::TcpFlags;
use wire::tcp_options::{SynOptions, TcpOption, TcpOptions, Timestamps};

use super::accecn::{AccurateEcn, ace, ace_flags, handshake_ace};
use super::config::{MAX_SHIFT, TcpConfig, default_segment_size};
use super::connection::TcpConnection;
use super::dispatch::WAITING;
use super::ecn::EcnFeedback;
use super::endpoint::TcpEndpoint;
use super::event::ListenerId;
use super::hook::SegmentHook;
use super::listener::SynCookies;
use super::offer::Offer;
use super::segment::{Marks, Outgoing, Segment};
use super::sequence::InitialSequence;

/// A hash of both sockets that nobody outside can compute.
fn keyed(secret: [u64; 2], local: SocketAddr, remote: SocketAddr, extra: u32) -> u32 {
    let mut hash = secret[1] ^ u64::from(extra);
    for socket in [local, remote] {
        let address = match socket.ip() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        hash = digest::fold(hash ^ address as u64, secret[0]);
        hash = digest::fold(hash ^ (address >> 64) as u64, secret[0] ^ u64::from(socket.port()));
    }
    (hash ^ hash >> 32) as u32
}

/// The sequence number that stands for a SYN with number `peer`, whose segment size is that of `index`.
fn make(secret: [u64; 2], now: SimTime, sockets: (SocketAddr, SocketAddr), peer: u32, index: u32) -> u32 {
    let (local, remote) = sockets;
    let period = period(now);
    let hidden = keyed(secret, local, remote, 1 + period).wrapping_add(index) & LOW;
    keyed(secret, local, remote, 0).wrapping_add(peer).wrapping_add(period << 24).wrapping_add(hidden)
}

/// The index of the segment size, if `cookie` was made at most one period ago.
fn check(
    secret: [u64; 2],
    now: SimTime,
    sockets: (SocketAddr, SocketAddr),
    peer: u32,
    cookie: u32,
) -> Option<usize> {
    let (local, remote) = sockets;
    let open = cookie.wrapping_sub(keyed(secret, local, remote, 0)).wrapping_sub(peer);
    let age = period(now).wrapping_sub(open >> 24) & 0xff;
    let made = period(now).checked_sub(age).filter(|_| age < PERIODS)?;
    let index = (open & LOW).wrapping_sub(keyed(secret, local, remote, 1 + made)) & LOW;
    (index < 4).then_some(index as usize)
}

fn period(now: SimTime) -> u32 {
    (now.as_millis() / 60_000) as u32
}

/// The segment sizes that a cookie can tell apart, those of Linux.
fn sizes(ipv6: bool) -> [u16; 4] {
    if ipv6 { [1220, 1420, 1440, 8940] } else { [536, 1300, 1440, 1460] }
}

/// Puts `bits` into the lowest six of a timestamp, without making it later.
fn hide(timestamp: u32, bits: u32) -> u32 {
    let hidden = timestamp & !63 | bits;
    if hidden.wrapping_sub(timestamp) as i32 > 0 { hidden.wrapping_sub(64) } else { hidden }
}

impl<H: SegmentHook> TcpEndpoint<H> {
    /// Answers a SYN with a cookie and keeps nothing of it.
    pub(super) fn answer_with_cookie(
        &mut self,
        now: SimTime,
        sockets: (SocketAddr, SocketAddr),
        config: &TcpConfig,
        syn: &Segment<'_>,
    ) {
        if self.stateless.len() >= WAITING {
            self.counters.resets_suppressed += 1;
            return;
        }
        let (local, remote) = sockets;
        let ipv6 = remote.is_ipv6();
        let offer = Offer::of(syn);
        let size = offer.segment_size.unwrap_or(default_segment_size(ipv6));
        let index = sizes(ipv6).iter().rposition(|known| *known <= size).unwrap_or(0);
        let number = make(self.secret, now, sockets, offer.sequence, index as u32);
        let peer = offer.timestamp.filter(|_| config.timestamps);
        // Only a timestamp can remember these.
        let shift = offer.window_shift.filter(|_| config.window_scaling && peer.is_some());
        let sack = offer.sack && config.sack && peer.is_some();
        let agreed = config.ecn.agreed(offer.flags);
        let ecn = agreed == EcnFeedback::Classic && peer.is_some();
        let bits = shift.map_or(NO_SHIFT, |shift| u32::from(shift.min(MAX_SHIFT)))
            | u32::from(sack) << 4
            | u32::from(ecn) << 5;
        let (_, offset) = self.initial_numbers(now, local, remote);
        let clock = offset.wrapping_add(now.as_millis() as u32);
        let mut options = TcpOptions::syn(SynOptions {
            maximum_segment_size: Some(config.segment_size(ipv6)),
            sack_permitted: sack,
            timestamps: peer.map(|peer| Timestamps { value: hide(clock, bits), echo_reply: peer }),
            window_scale: shift.map(|_| config.window_shift()),
        });
        let mut flags = TcpFlags::SYN | TcpFlags::ACK;
        if ecn {
            flags |= TcpFlags::ECE;
        } else if agreed == EcnFeedback::Accurate {
            // Needs no memory: the acknowledgment shows it (RFC 9768 §5.1).
            flags |= ace_flags(handshake_ace(offer.mark));
            if let Some(counters) =
                AccurateEcn::new(offer.mark, false).syn_ack_option(TcpOptions::LEN_MAX - options.len())
            {
                let _no_room = options.try_push(TcpOption::AccEcn(counters));
            }
        }
        let behind = offer.sequence.wrapping_add(1);
        let mut outgoing = Outgoing::control(number, behind, flags, Reason::Handshake);
        outgoing.flow = syn.flow;
        outgoing.window = config.receive_buffer.min(u32::from(u16::MAX)) as u16;
        outgoing.options = Some(options);
        self.counters.cookies_sent += 1;
        let marks = Marks::of(config);
        self.stateless.push_back(outgoing.emit(local, remote, (Payload::empty(), Runs::new()), marks));
    }

    /// Makes a connection of the acknowledgment of a cookie. Gives the segment back if it is none.
    pub(super) fn take_cookie<'a>(
        &mut self,
        now: SimTime,
        id: ListenerId,
        sockets: (SocketAddr, SocketAddr),
        segment: Segment<'a>,
    ) -> Option<Segment<'a>> {
        let Some(listener) = self.listeners.get_mut(id.0) else { return Some(segment) };
        let expected = match listener.config.listener.syn_cookies {
            SynCookies::Off => false,
            SynCookies::WhenFull => now < listener.cookies_until,
            SynCookies::Always => true,
        };
        let header = segment.header;
        if !expected || header.flags.contains(TcpFlags::SYN) {
            return Some(segment);
        }
        let (cookie, peer) =
            (header.acknowledgment_number.wrapping_sub(1), header.sequence_number.wrapping_sub(1));
        let Some(index) = check(self.secret, now, sockets, peer, cookie) else {
            self.counters.cookies_failed += 1;
            return Some(segment);
        };
        if listener.is_full() {
            self.counters.accept_queue_full += 1;
            return None;
        }
        let config = Arc::clone(&listener.config);
        let (local, remote) = sockets;
        let bits = segment.timestamps.filter(|_| config.timestamps).map(|stamps| stamps.echo_reply & 63);
        let has = |bit: u32| bits.is_some_and(|bits| bits & bit != 0);
        // RFC 9768 §5.1: a client without accurate ECN sends 0b000 or 0b001.
        let accurate = config.ecn == EcnFeedback::Accurate && ace(header.flags) >= 2 && !has(1 << 5);
        let asks = match (accurate, has(1 << 5)) {
            (true, _) => ace_flags(0b111),
            (false, true) => ace_flags(0b011),
            (false, false) => TcpFlags::NONE,
        };
        let offer = Offer {
            sequence: peer,
            flags: TcpFlags::SYN | asks,
            mark: Ecn::NotEct,
            window: header.window,
            segment_size: Some(sizes(remote.is_ipv6())[index]),
            window_shift: bits
                .map(|bits| bits & NO_SHIFT)
                .filter(|shift| *shift != NO_SHIFT)
                .map(|it| it as u8),
            sack: has(1 << 4),
            timestamp: segment.timestamps.map(|stamps| stamps.value),
            user_timeout: None,
            fast_open: None,
            accurate_counters: None,
        };
        let (_, offset) = self.initial_numbers(now, local, remote);
        let mut connection =
            TcpConnection::from_cookie(now, sockets, config, (InitialSequence(cookie), offset), &offer);
        connection.set_flow(segment.flow);
        self.counters.cookies_accepted += 1;
        let connection = self.add_half_open(connection, id, H::default());
        let slot = &mut self.slots[connection.index as usize];
        if let Some(connection) = &mut slot.connection {
            connection.handle_segment(now, segment, &mut slot.hook);
        }
        self.touch(connection.index);
        None
    }
}

/// The place of the index and its hash.
const LOW: u32 = 0x00ff_ffff;

/// The window was not scaled.
const NO_SHIFT: u32 = 15;

/// Periods of a minute during which a cookie is good.
const PERIODS: u32 = 2;

/// How long after the last cookie one may come back.
pub(super) const LIFETIME: SimDuration = SimDuration::from_secs(60 * PERIODS as u64);

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

    fn sockets() -> (SocketAddr, SocketAddr) {
        ("10.0.0.2:80".parse().unwrap(), "10.0.0.1:5000".parse().unwrap())
    }

    #[test]
    fn a_cookie_is_good_in_its_minute_and_the_next() {
        for index in 0..4 {
            for (made, read, good) in
                [(0, 59, true), (59, 61, true), (59, 119, true), (59, 120, false), (600, 60, false)]
            {
                let cookie = make(SECRET, SimTime::from_secs(made), sockets(), 77, index);
                let seen = check(SECRET, SimTime::from_secs(read), sockets(), 77, cookie);
                assert_eq!(seen, good.then_some(index as usize), "{made} s to {read} s");
            }
        }
    }

    #[test]
    fn a_cookie_of_other_sockets_numbers_or_secrets_is_none() {
        let now = SimTime::from_secs(100);
        let cookie = make(SECRET, now, sockets(), 77, 3);
        let other = ("10.0.0.2:80".parse().unwrap(), "10.0.0.1:5001".parse().unwrap());
        assert_eq!(check(SECRET, now, other, 77, cookie), None);
        assert_eq!(check(SECRET, now, sockets(), 76, cookie), None);
        assert_eq!(check([1, 2], now, sockets(), 77, cookie), None);
        // Of 100,000 guesses 2 periods of 256 and 4 sizes of 2^24 leave 1 in 2^29.
        let guessed = (0..100_000_u32).filter(|guess| {
            let guess = guess.wrapping_mul(0x9e37_79b9);
            guess != cookie && check(SECRET, now, sockets(), 77, guess).is_some()
        });
        assert_eq!(guessed.count(), 0);
    }

    #[test]
    fn hiding_bits_never_makes_a_timestamp_later() {
        for timestamp in [0, 1, 63, 64, 1000, u32::MAX - 3, u32::MAX] {
            for bits in 0..64 {
                let hidden = hide(timestamp, bits);
                assert_eq!(hidden & 63, bits);
                assert!(timestamp.wrapping_sub(hidden) < 128, "{timestamp} {bits}");
            }
        }
    }
}
