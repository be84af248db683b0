//! What an endpoint counts.

/// What happened at an endpoint so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CoapStats {
    /// Messages sent for the first time, of any kind.
    pub sent: u64,
    /// Confirmable messages sent again because their timer ran out.
    pub retransmissions: u64,
    /// Confirmable messages given up after the last retransmission.
    pub timeouts: u64,
    /// Messages that had come before (§4.5).
    pub duplicates: u64,
    /// Datagrams that are no message (§4.2, §4.3).
    pub malformed: u64,
    /// Resets received.
    pub resets_received: u64,
    /// Resets sent.
    pub resets_sent: u64,
    /// Empty acknowledgements sent, each followed by a separate response.
    pub empty_acknowledgements: u64,
    /// Responses sent in an acknowledgement.
    pub piggybacked: u64,
    /// Responses sent as messages of their own.
    pub separate: u64,
    /// Responses and acknowledgements that matched nothing.
    pub unmatched: u64,
    /// Messages that had to wait for NSTART or PROBING_RATE.
    pub held_back: u64,
    /// Notifications sent (RFC 7641).
    pub notifications: u64,
    /// Notifications received that were older than one before (RFC 7641 §3.4).
    pub notifications_stale: u64,
    /// Blocks of bodies received (RFC 7959).
    pub blocks: u64,
    /// Requests and reports that missing blocks be sent again (RFC 9177).
    pub missing_reports: u64,
    /// Answers to pings over a stream (RFC 8323 §5.4).
    pub pongs: u64,
    /// Retransmissions by the timer that ran out: a message's first, second, third, fourth, or a later one.
    pub by_timer: [u64; 5],
    /// Bytes of all messages sent and received, copies included, by part.
    pub bytes: PartBytes,
}

/// The counts of an endpoint as it keeps them: thousands of clients only ever send and are answered.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: u32,
    /// Bytes by part, in the order of [`PartBytes`]. What does not fit is with the rare counts.
    bytes: [u32; 5],
    rare: Option<Box<CoapStats>>,
}

impl Tally {
    /// A message is sent for the first time.
    pub(super) fn on_sent(&mut self) {
        match self.sent.checked_add(1) {
            Some(sum) => self.sent = sum,
            None => self.rare().sent += 1,
        }
    }

    /// Counts a message that begins with a `head`, marker included, of which `token` and `options` are a part.
    pub(super) fn count_bytes(&mut self, head: u64, token: u64, options: u64, payload: u64) {
        let marker = u64::from(payload > 0);
        let parts = [head - token - options - marker, token, options, marker, payload];
        for (place, bytes) in parts.into_iter().enumerate() {
            match u32::try_from(bytes).ok().and_then(|bytes| self.bytes[place].checked_add(bytes)) {
                Some(sum) => self.bytes[place] = sum,
                None => *self.rare().bytes.part_mut(place) += bytes,
            }
        }
    }

    /// Where all counts are that do not stand here.
    pub(super) fn rare(&mut self) -> &mut CoapStats {
        self.rare.get_or_insert_default()
    }

    /// All counts.
    pub(super) fn stats(&self) -> CoapStats {
        let mut stats = self.rare.as_deref().copied().unwrap_or_default();
        stats.sent += u64::from(self.sent);
        for (place, bytes) in self.bytes.into_iter().enumerate() {
            *stats.bytes.part_mut(place) += u64::from(bytes);
        }
        stats
    }
}

/// Bytes of messages by part (RFC 7252 §3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PartBytes {
    /// Version, type, code and message ID; on a stream length and code.
    pub header: u64,
    /// Tokens.
    pub token: u64,
    /// Options.
    pub options: u64,
    /// Payload markers.
    pub marker: u64,
    /// Payloads.
    pub payload: u64,
}

impl PartBytes {
    fn part_mut(&mut self, place: usize) -> &mut u64 {
        match place {
            0 => &mut self.header,
            1 => &mut self.token,
            2 => &mut self.options,
            3 => &mut self.marker,
            _ => &mut self.payload,
        }
    }
}

impl std::ops::AddAssign for PartBytes {
    fn add_assign(&mut self, other: Self) {
        self.header += other.header;
        self.token += other.token;
        self.options += other.options;
        self.marker += other.marker;
        self.payload += other.payload;
    }
}

impl std::ops::AddAssign for CoapStats {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.retransmissions += other.retransmissions;
        self.timeouts += other.timeouts;
        self.duplicates += other.duplicates;
        self.malformed += other.malformed;
        self.resets_received += other.resets_received;
        self.resets_sent += other.resets_sent;
        self.empty_acknowledgements += other.empty_acknowledgements;
        self.piggybacked += other.piggybacked;
        self.separate += other.separate;
        self.unmatched += other.unmatched;
        self.held_back += other.held_back;
        self.notifications += other.notifications;
        self.notifications_stale += other.notifications_stale;
        self.blocks += other.blocks;
        self.missing_reports += other.missing_reports;
        self.pongs += other.pongs;
        for (own, others) in self.by_timer.iter_mut().zip(other.by_timer) {
            *own += others;
        }
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_32_bits_are_whole() {
        let mut tally = Tally { sent: u32::MAX, bytes: [u32::MAX - 1; 5], ..Tally::default() };
        tally.on_sent();
        tally.count_bytes(10, 2, 3, 1 << 33);
        let PartBytes { header, token, options, marker, payload } = tally.stats().bytes;
        let most = u64::from(u32::MAX) - 1;
        assert_eq!(tally.stats().sent, 1 << 32);
        assert_eq!([header, token, options, marker], [4, 2, 3, 1].map(|more| most + more));
        assert_eq!(payload, most + (1 << 33));
    }
}
