//! What a link direction does to the frames it carries, without packets, nodes or events.
//!
//! Each impairment answers one question about frame `k` of a direction, `k` counted from 1 as frames are sent:
//! is it lost, how much later does it come, does it come twice, which of its bits are flipped, when has the last
//! of it left. Chance is a function of `k` and of the impairment's own stream ([`CounterStream`]), or of the time;
//! never of what became of other frames. So a lower loss loses a subset of what a higher one loses, and a
//! variant that sends more meets the same bursts.
//!
//! | type | what it models |
//! |---|---|
//! | [`Loss`] | independent loss, bursts after Gilbert and Elliott, chosen frames, outages from a trace |
//! | [`Jitter`], [`InOrder`] | a random extra delay, with or without overtaking |
//! | [`Reorder`] | frames that take a detour, so that those behind them come first |
//! | [`Duplicate`] | frames that arrive twice |
//! | [`Corruption`] | bit errors, by the bit or by the frame |
//! | [`TracedRate`] | a rate that follows a trace in Mahimahi's format |
//!
//! Left out: loss that depends on a frame's length (bit errors do), correlation between the delays of
//! consecutive frames.
//!
//! [`CounterStream`]: sim_core::CounterStream

mod corrupt;
mod damage;
mod duplicate;
mod gilbert_elliott;
mod jitter;
mod loss;
mod rate_trace;
mod reorder;

pub use corrupt::{Corruption, CorruptionRate};
pub(crate) use damage::Damage;
pub use duplicate::Duplicate;
pub use gilbert_elliott::{GilbertElliott, GilbertElliottConfig};
pub use jitter::{InOrder, Jitter, JitterDistribution, JitterError};
pub use loss::{FrameNumbers, Loss, LossError, Outages};
pub use rate_trace::{RateTrace, RateTraceError, TracedRate};
pub use reorder::Reorder;

/// A uniform draw as a float above 0, at most 1, in steps of 2^-53.
fn unit_interval(draw: u64) -> f64 {
    ((draw >> 11) + 1) as f64 / 9_007_199_254_740_992.0
}
