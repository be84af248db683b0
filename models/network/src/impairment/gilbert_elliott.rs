//! Loss in bursts: a channel that is good or bad for a while.
//!
//! Source: E. N. Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39 (1960);
//! E. O. Elliott, "Estimates of error rates for codes on burst-noise channels", ibid. 42 (1963).
//!
//! ```text
//!        +---- good_to_bad ---->+
//!   good |                      | bad        once a slot; a frame is lost with loss_good or loss_bad
//!        +<--- bad_to_good -----+
//! ```
//!
//! The state is a function of time alone, so that every variant of a comparison meets the same bursts. It is
//! found at any slot without walking through those before it, by bisection: between two slots whose states are
//! known, the state half-way has a known distribution (that of a Markov bridge), and the draw that decides it
//! is the slot's own. The bisection starts from slots so far apart that their states are independent. A step to
//! the next slot costs two draws on average, a step over any gap at most 63.

use super::LossError;
use sim_core::{CounterStream, Probability, SimDuration, SimTime};

/// Parameters of loss after Gilbert and Elliott.
///
/// In the long run the channel is bad for `π = good_to_bad / (good_to_bad + bad_to_good)` of the time, and a
/// frame is lost with the chance `π loss_bad + (1 - π) loss_good`. A bad time lasts `1 / bad_to_good` slots on
/// average. The first slot is as likely bad as any other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GilbertElliottConfig {
    /// The time between two chances to change the state; above 0.
    pub slot: SimDuration,
    /// The chance that a good slot is followed by a bad one.
    pub good_to_bad: Probability,
    /// The chance that a bad slot is followed by a good one.
    pub bad_to_good: Probability,
    /// The chance that a frame is lost in a good slot.
    pub loss_good: Probability,
    /// The chance that a frame is lost in a bad slot.
    pub loss_bad: Probability,
}

impl GilbertElliottConfig {
    /// A channel that loses everything in bursts of `burst` on average, which take the share `loss` of the time,
    /// and nothing between them: Gilbert's.
    ///
    /// # Errors
    /// When there are no slots, or when such bursts cannot be made of them.
    pub fn bursts(slot: SimDuration, burst: SimDuration, loss: Probability) -> Result<Self, LossError> {
        if slot.is_zero() {
            return Err(LossError::Slot);
        }
        if burst < slot {
            return Err(LossError::Burst { burst, slot });
        }
        let leave = slot.as_nanos() as f64 / burst.as_nanos() as f64;
        // π = g / (g + b) solved for g; all of the time is the limit of no way back.
        let (enter, leave) = match loss {
            Probability::ALWAYS => (1.0, 0.0),
            loss => (leave * loss.as_f64() / (1.0 - loss.as_f64()), leave),
        };
        let good_to_bad = Probability::from_f64(enter).ok_or(LossError::TooMuch { burst, slot, loss })?;
        let bad_to_good = Probability::from_f64(leave).expect("a slot is not longer than a burst");
        let (loss_good, loss_bad) = (Probability::NEVER, Probability::ALWAYS);
        Ok(Self { slot, good_to_bad, bad_to_good, loss_good, loss_bad })
    }

    /// The share of frames lost in the long run.
    pub fn stationary_loss(&self) -> f64 {
        let bad = self.stationary_bad();
        bad * self.loss_bad.as_f64() + (1.0 - bad) * self.loss_good.as_f64()
    }

    /// The share of the time that is bad; a channel that never changes is good.
    fn stationary_bad(&self) -> f64 {
        let (enter, leave) = (self.good_to_bad.as_f64(), self.bad_to_good.as_f64());
        if enter == 0.0 { 0.0 } else { enter / (enter + leave) }
    }
}

/// Loss after Gilbert and Elliott.
#[derive(Clone, Debug)]
pub struct GilbertElliott {
    config: GilbertElliottConfig,
    states: CounterStream,
    draws: CounterStream,
    /// Element k: the chances to change the state within 2^k slots. Over the last element's slots the state is
    /// forgotten.
    steps: Box<[Step]>,
    path: Option<Path>,
}

/// Chances that the state at the end of some slots differs from that at their beginning.
#[derive(Clone, Copy, Debug)]
struct Step {
    to_bad: f64,
    to_good: f64,
}

/// The way to a slot by bisection: the states at both ends of the span of 2^k slots around it, for each k. Bit k
/// is set where it is bad.
#[derive(Clone, Copy, Debug)]
struct Path {
    slot: u64,
    left: u64,
    right: u64,
}

impl GilbertElliott {
    pub(super) fn new(
        config: GilbertElliottConfig,
        states: CounterStream,
        draws: CounterStream,
    ) -> Result<Self, LossError> {
        if config.slot.is_zero() {
            return Err(LossError::Slot);
        }
        let mut step = Step { to_bad: config.good_to_bad.as_f64(), to_good: config.bad_to_good.as_f64() };
        // The second eigenvalue: what is left of the state's influence after a slot.
        let mut memory = 1.0 - step.to_bad - step.to_good;
        let mut steps = vec![step];
        while memory.abs() > FORGOTTEN && steps.len() < LEVELS_MAX {
            // P²: good to bad by way of good, or by way of bad; without a difference of nearly equal numbers.
            let stays = 2.0 - step.to_bad - step.to_good;
            step = Step { to_bad: step.to_bad * stays, to_good: step.to_good * stays };
            memory *= memory;
            steps.push(step);
        }
        Ok(Self { config, states, draws, steps: steps.into(), path: None })
    }

    /// The parameters.
    pub fn config(&self) -> &GilbertElliottConfig {
        &self.config
    }

    /// Whether the channel is bad at `now`.
    pub fn is_bad(&mut self, now: SimTime) -> bool {
        let slot = now.as_nanos() / self.config.slot.as_nanos().max(1);
        match self.path {
            Some(path) if path.slot == slot => path.left & 1 == 1,
            Some(_) | None => {
                let path = self.path_to(slot);
                self.path = Some(path);
                path.left & 1 == 1
            }
        }
    }

    pub(super) fn is_lost(&mut self, frame_number: u64, now: SimTime) -> bool {
        let loss = if self.is_bad(now) { self.config.loss_bad } else { self.config.loss_good };
        loss.happens(self.draws.draw(frame_number))
    }

    /// Finds the states on the way to `slot`, starting from what the last way has in common with it.
    fn path_to(&self, slot: u64) -> Path {
        let top = self.steps.len() - 1;
        let common = self.path.and_then(|path| {
            // The spans of 2^k slots around both are the same for k above the highest bit that differs.
            let level = (u64::BITS - (path.slot ^ slot).leading_zeros()) as usize;
            (level <= top).then_some((level, path))
        });
        let (level, mut path) = common.unwrap_or_else(|| {
            let from = slot >> top << top;
            // Time ends before the last span does: whatever follows it will do.
            let until = from.wrapping_add(1 << top);
            let (left, right) = (self.far_state(from), self.far_state(until));
            (top, Path { slot, left: u64::from(left) << top, right: u64::from(right) << top })
        });
        path.slot = slot;
        for k in (0..level).rev() {
            let above = (path.left >> (k + 1) & 1 == 1, path.right >> (k + 1) & 1 == 1);
            let middle = (slot >> k | 1) << k;
            let state = self.middle_state(middle, self.steps[k], above);
            let (left, right) = if slot >> k & 1 == 1 { (state, above.1) } else { (above.0, state) };
            path.left = path.left & !(1 << k) | u64::from(left) << k;
            path.right = path.right & !(1 << k) | u64::from(right) << k;
        }
        path
    }

    /// The state of a slot that lies so far from others that they have no influence.
    fn far_state(&self, slot: u64) -> bool {
        self.unit(slot) < self.config.stationary_bad()
    }

    /// The state of `slot`, half-way between two with known states, one `step` from each.
    fn middle_state(&self, slot: u64, step: Step, (left, right): (bool, bool)) -> bool {
        let in_bad = if left { 1.0 - step.to_good } else { step.to_bad };
        let out_of_bad = if right { 1.0 - step.to_good } else { step.to_good };
        let out_of_good = if right { step.to_bad } else { 1.0 - step.to_bad };
        let (by_bad, by_good) = (in_bad * out_of_bad, (1.0 - in_bad) * out_of_good);
        let either = by_bad + by_good;
        // Both ends exclude each other only where a channel does not forget in 2^63 slots: the left one decides.
        let bad = if either > 0.0 { by_bad / either } else { in_bad };
        self.unit(slot) < bad
    }

    /// The draw of a slot, from 0 to below 1.
    fn unit(&self, slot: u64) -> f64 {
        (self.states.draw(slot) >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

/// An influence that no draw of 53 bits shows.
const FORGOTTEN: f64 = 1.0 / (1_u64 << 60) as f64;

/// Spans of up to 2^63 slots; there are at most 2^64.
const LEVELS_MAX: usize = 64;

#[cfg(test)]
#[path = "gilbert_elliott_tests.rs"]
mod tests;
