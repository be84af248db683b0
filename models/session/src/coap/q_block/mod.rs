//! Bodies in blocks that do not wait for each other (RFC 9177): Q-Block1 and Q-Block2.
//!
//! ```text
//! sender                                receiver
//!   ├─ blocks 0 … MAX_PAYLOADS - 1 ──────> some are lost
//!   │  NON_TIMEOUT_RANDOM, unless <──────── all there: Continue (2.31, or a request for the next set)
//!   ├─ the next set ─────────────────────> a block of it shows what is missing of the one before
//!   │                             <──────── missing: 4.08 with a list, or a request with an option for each
//!   ├─ the missing ones, then the rest ──> whole
//! ```
//!
//! A receiver that hears nothing for NON_RECEIVE_TIMEOUT asks for what is missing, each time after twice the time, and after
//! NON_MAX_RETRANSMIT times forgets the body.
//!
//! What a peer can do with these options is asked first, by a confirmable GET for the first 16 bytes of the resource (§4.1);
//! to one that cannot, bodies go block by block (RFC 7959). Over byte streams there is no use for them.

mod client;
mod inflow;
mod outflow;
mod server;

pub(super) use client::Transfer;
pub(super) use server::{QServed, QUpload};

use sim_core::SimTime;

use super::config::CoapConfig;

/// Whether a peer knows these options.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Support {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// The question is under way.
    Asked,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// MAX_PAYLOADS, at least one.
fn set_size(config: &CoapConfig) -> u32 {
    u32::from(config.max_payloads).max(1)
}

/// When a body is looked after next: one timer for each, so that they do not grow more.
#[derive(Clone, Copy, Debug, Default)]
struct Wake(Option<SimTime>);

impl Wake {
    /// Plans the next look at `due`; says when a timer has to be armed for it, if none is on its way.
    fn set(&mut self, now: SimTime, due: Option<SimTime>) -> Option<SimTime> {
        let due = due?;
        if self.0.is_some_and(|armed| armed > now && armed <= due) {
            return None;
        }
        self.0 = Some(due);
        self.0
    }

    fn is_due(self, now: SimTime) -> bool {
        self.0.is_some_and(|armed| armed <= now)
    }
}
