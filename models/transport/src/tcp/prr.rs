//! Proportional rate reduction (RFC 9937): how much a fast recovery sends for what it hears was delivered.

/// The variables of RFC 9937 §6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Prr {
    /// RecoverFS: bytes that the recovery will see delivered.
    recover: u64,
    delivered: u64,
    sent: u64,
    /// ssthresh when the recovery began.
    target: u64,
    window: u64,
}

/// What an acknowledgment in recovery tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// DeliveredData: bytes newly acknowledged or SACKed.
    pub(crate) delivered: u64,
    /// Bytes in the network, after loss detection.
    pub(crate) in_network: u64,
    /// SafeACK: SND.UNA advances and no further loss is indicated.
    pub(crate) safe: bool,
    /// Bytes of a full segment.
    pub(crate) segment_size: u64,
}

impl Prr {
    /// A recovery that begins with `recover` bytes to be delivered and aims at `target` bytes in the network.
    pub(crate) fn new(recover: u64, target: u64) -> Self {
        Self { recover: recover.max(1), delivered: 0, sent: 0, target, window: 0 }
    }

    /// The congestion window until the next acknowledgment.
    pub(crate) fn window(&self) -> u64 {
        self.window
    }

    /// Something was sent, new or again.
    pub(crate) fn on_sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Decides upon SndCnt (RFC 9937 §6.2).
    pub(crate) fn on_ack(&mut self, ack: &Progress) {
        if ack.delivered == 0 && self.window > 0 {
            return;
        }
        self.delivered += ack.delivered;
        let mut count = if ack.in_network > self.target {
            // PRR: as much as is delivered, times ssthresh over the flight at the beginning, rounded up.
            let share = u128::from(self.delivered) * u128::from(self.target);
            let share = u64::try_from(share.div_ceil(u128::from(self.recover))).unwrap_or(u64::MAX);
            share.saturating_sub(self.sent)
        } else {
            // PRR-CRB: no more than was delivered; PRR-SSRB, one segment more, while all goes well.
            let conservative = self.delivered.saturating_sub(self.sent).max(ack.delivered);
            let bound = if ack.safe { conservative + ack.segment_size } else { conservative };
            bound.min(self.target - ack.in_network)
        };
        if self.sent == 0 && count == 0 {
            count = ack.segment_size; // The fast retransmission.
        }
        self.window = ack.in_network + count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1000;

    fn ack(delivered: u64, in_network: u64, safe: bool) -> Progress {
        Progress { delivered, in_network, safe, segment_size: SIZE }
    }

    /// RFC 9937 §6.2: with 20 segments in flight, the first lost, and an ssthresh of 10, one segment is sent for
    /// two delivered, and ten segments are in the network at the end.
    #[test]
    fn a_single_loss_sends_one_segment_for_two_delivered() {
        // The third SACKed segment starts the recovery: RecoverFS = 20 − (3 − 1) = 18. 20 − 3 SACKed − 1 lost
        // = 16 in the network.
        let mut prr = Prr::new(18 * SIZE, 10 * SIZE);
        let mut in_network = 16 * SIZE;
        let mut sent = 0;
        for delivered in 1..=17_u64 {
            prr.on_ack(&ack(SIZE, in_network, false));
            // ⌈delivered·10/18⌉ in all, in whole segments here; the first, of which 556 bytes are allowed, is the
            // fast retransmission, which waits for nothing.
            while prr.window() >= in_network + SIZE || sent == 0 {
                prr.on_sent(SIZE);
                in_network += SIZE;
                sent += 1;
            }
            assert!(sent <= (delivered * 10).div_ceil(18), "{sent} for {delivered}");
            if delivered < 17 {
                in_network -= SIZE;
            }
        }
        assert_eq!((sent, in_network), (10, 10 * SIZE));
    }

    /// RFC 9937 §6.2: below ssthresh each acknowledgment without progress sends what was delivered; a safe one
    /// sends a segment more, never beyond ssthresh.
    #[test]
    fn below_the_threshold_packets_are_conserved_or_regained_slowly() {
        let mut prr = Prr::new(20 * SIZE, 10 * SIZE);
        prr.on_ack(&ack(SIZE, 4 * SIZE, false));
        assert_eq!(prr.window(), 5 * SIZE);
        prr.on_sent(SIZE);
        prr.on_ack(&ack(2 * SIZE, 3 * SIZE, true));
        assert_eq!(prr.window(), 6 * SIZE, "two delivered and one more");
        prr.on_sent(3 * SIZE);
        prr.on_ack(&ack(2 * SIZE, 9 * SIZE, true));
        assert_eq!(prr.window(), 10 * SIZE, "not beyond the threshold");
    }

    /// RFC 9937 §6.2: the first acknowledgment sends the fast retransmission, whatever was delivered.
    #[test]
    fn the_fast_retransmission_is_forced() {
        let mut prr = Prr::new(20 * SIZE, 10 * SIZE);
        prr.on_ack(&ack(0, 16 * SIZE, false));
        assert_eq!(prr.window(), 17 * SIZE);
    }

    /// RFC 9937 §6.2: an acknowledgment that delivers nothing sends nothing.
    #[test]
    fn nothing_delivered_changes_nothing() {
        let mut prr = Prr::new(20 * SIZE, 10 * SIZE);
        prr.on_ack(&ack(SIZE, 16 * SIZE, false));
        let window = prr.window();
        prr.on_ack(&ack(0, 2 * SIZE, true));
        assert_eq!(prr.window(), window);
    }
}
