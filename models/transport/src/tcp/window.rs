//! The receive window: what is advertised, and when (RFC 9293 §3.8.6.2.2, RFC 7323 §2).

/// The window that the peer was promised. The right edge never moves left (RFC 9293 §3.8.6, SHLD-14).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveWindow {
    capacity: u32,
    /// Shift of the windows we advertise; 0 unless both sides scale.
    pub(crate) shift: u8,
    /// First place behind the window: the highest that the peer was told.
    edge: u64,
}

impl ReceiveWindow {
    pub(crate) fn new(capacity: u32) -> Self {
        Self { capacity: capacity.min(1 << 30), shift: 0, edge: 0 }
    }

    /// First place that may not be sent to.
    #[inline]
    pub(crate) fn edge(&self) -> u64 {
        self.edge
    }

    /// The edge with all free space, if it is worth telling: half the buffer or a segment more than before
    /// (RFC 9293 §3.8.6.2.2, MUST-39).
    #[inline]
    fn new_edge(&self, next: u64, unread: u64, segment_size: u32) -> u64 {
        let free = u64::from(self.capacity).saturating_sub(unread);
        let candidate = next + free;
        let worth = u64::from((self.capacity / 2).min(segment_size)).max(1);
        if candidate >= self.edge + worth { candidate } else { self.edge.max(next) }
    }

    /// The field for a segment that acknowledges `next` while `unread` bytes wait to be read.
    #[inline]
    pub(crate) fn advertise(&mut self, next: u64, unread: u64, segment_size: u32) -> u16 {
        let edge = self.new_edge(next, unread, segment_size);
        // Rounded up, so that an edge promised in an earlier segment is never taken back by the shift
        // (RFC 7323 §2.4); it exceeds the buffer by less than 2^shift bytes.
        let field = (edge - next).div_ceil(1 << self.shift).min(u64::from(u16::MAX));
        self.edge = self.edge.max(next + (field << self.shift));
        field as u16
    }

    /// The field of a segment of a connection whose window counts in the sequence space of a protocol above: `bytes` there.
    /// What it accepts itself is bounded by its capacity.
    #[inline]
    pub(crate) fn advertise_shared(&mut self, next: u64, bytes: u64) -> u16 {
        self.edge = self.edge.max(next + bytes.max(u64::from(self.capacity)));
        bytes.div_ceil(1 << self.shift).min(u64::from(u16::MAX)) as u16
    }

    /// The field of a SYN, which is never scaled (RFC 7323 §2.2). `next` is the place behind the peer's SYN and
    /// its data, of which `unread` bytes wait to be read.
    pub(crate) fn advertise_unscaled(&mut self, next: u64, unread: u64) -> u16 {
        let free = u64::from(self.capacity).saturating_sub(unread);
        let field = free.min(u64::from(u16::MAX));
        self.edge = self.edge.max(next + field);
        field as u16
    }

    /// Whether the peer should hear of space that reading has freed: the window has at least doubled from
    /// less than half of the buffer, by an amount that avoids the silly window (RFC 9293 §3.8.6.2.2).
    pub(crate) fn wants_update(&self, next: u64, unread: u64, segment_size: u32) -> bool {
        let promised = self.edge.saturating_sub(next);
        let field_max = u64::from(u16::MAX) << self.shift;
        let offered = (self.new_edge(next, unread, segment_size) - next).min(field_max);
        promised * 2 <= u64::from(self.capacity) && offered > promised && offered >= promised * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 9293 MUST-39.
    #[test]
    fn small_amounts_of_freed_space_are_not_told() {
        let mut window = ReceiveWindow::new(10_000);
        assert_eq!(window.advertise(1000, 0, 1000), 10_000);
        // 5000 bytes arrived, 500 were read: 500 more than promised is less than a segment.
        assert_eq!(window.advertise(6000, 4500, 1000), 5000);
        // 1000 were read: a segment more.
        assert_eq!(window.advertise(6000, 4000, 1000), 6000);
    }

    // Holds: RFC 9293 SHLD-14.
    #[test]
    fn the_edge_never_moves_left_however_the_shift_rounds() {
        let mut window = ReceiveWindow::new(1 << 20);
        window.shift = 5;
        let mut edge = 0;
        for next in (1000..3000).step_by(7) {
            let field = window.advertise(next, 1 << 19, 1000);
            let told = next + (u64::from(field) << 5);
            assert!(told >= edge, "{told} after {edge}");
            edge = told;
            assert_eq!(window.edge(), edge);
        }
    }

    #[test]
    fn a_window_as_large_as_the_field_needs_no_update() {
        let mut window = ReceiveWindow::new(1 << 20);
        assert_eq!(window.advertise(1000, 0, 1000), u16::MAX);
        assert!(!window.wants_update(1000, 0, 1000));
    }

    #[test]
    fn a_closed_window_is_reopened_by_half_a_buffer_or_a_segment() {
        let mut window = ReceiveWindow::new(1000);
        assert_eq!(window.advertise(1000, 0, 1460), 1000);
        assert_eq!(window.advertise(2000, 1000, 1460), 0);
        assert!(!window.wants_update(2000, 501, 1460));
        assert!(window.wants_update(2000, 500, 1460));
        assert!(!window.wants_update(1400, 0, 1460), "600 of 1000 bytes are still open");
    }
}
