//! Notes for a sequence diagram: what a connection does that no segment shows.

use sim_core::{SimDuration, SimTime};

use super::state::{CloseReason, State};
use super::timer::Timer;

/// Something that happened inside a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoteKind {
    /// The state changed.
    State {
        /// State before.
        from: State,
        /// State after.
        to: State,
    },
    /// A timer expired.
    Timer(Timer),
    /// The retransmission timeout is now this long.
    Rto(SimDuration),
    /// Fast recovery began with this window.
    FastRecovery {
        /// Congestion window in bytes.
        cwnd: u64,
    },
    /// The connection is over.
    Closed(CloseReason),
}

/// A note and its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Note {
    /// When it happened.
    pub at: SimTime,
    /// What happened.
    pub kind: NoteKind,
}
