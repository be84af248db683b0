//! What a coupled controller has to know of the other subflows of its connection (RFC 6356, OLIA, BALIA).

use sim_core::{DataRate, SimDuration};

/// One subflow at this moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subflow {
    /// Congestion window in bytes.
    pub window: u64,
    /// Smoothed round-trip time; one of zero counts as a nanosecond.
    pub rtt: SimDuration,
    /// Bytes acknowledged between the last two losses or since the last one, whichever is more (OLIA's l_p).
    pub between_losses: u64,
}

impl Subflow {
    /// x = w / rtt, at least 1 bit/s.
    pub fn rate(&self) -> DataRate {
        let bits = u128::from(self.window) * 8_000_000_000 / u128::from(self.rtt.as_nanos().max(1));
        DataRate::from_bits_per_second(u64::try_from(bits).unwrap_or(u64::MAX).max(1))
    }
}

/// Where a subflow stands among its siblings (Khalili et al., "MPTCP Is Not Pareto-Optimal", IEEE/ACM ToN 2013;
/// draft-khalili-mptcp-congestion-control §3): B are those with the best l²/rtt, M those with the largest window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is in B and not in M, as `of` are: its window grows faster.
    Collected {
        /// |B \ M|.
        of: u32,
    },
    /// It is in M, as `of` are, while B \ M is not empty: its window grows slower.
    Largest {
        /// |M|.
        of: u32,
    },
    /// Neither.
    Other,
}

/// Sums over all subflows of a connection, and the place of one among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Siblings {
    /// Number of subflows, this one included.
    pub count: u32,
    /// Σ w in bytes.
    pub window_total: u64,
    /// Σ w/rtt.
    pub rate_total: DataRate,
    /// The largest w/rtt (BALIA).
    pub rate_max: DataRate,
    /// The subflow with the largest w/rtt² (RFC 6356 §3).
    pub best: Subflow,
    /// Where this subflow stands (OLIA).
    pub standing: Standing,
}

impl Siblings {
    /// What the subflow at index `own` has to know of all `subflows`; `None` if there is no such subflow.
    pub fn of(subflows: &[Subflow], own: usize) -> Option<Self> {
        subflows.get(own)?;
        let best = *subflows.iter().max_by(|a, b| per_rtt_squared(a).total_cmp(&per_rtt_squared(b)))?;
        let rates = || subflows.iter().map(|subflow| subflow.rate().as_bits_per_second());
        let total = rates().fold(0_u64, u64::saturating_add).max(1);
        Some(Self {
            count: u32::try_from(subflows.len()).unwrap_or(u32::MAX),
            window_total: subflows.iter().map(|subflow| subflow.window).fold(0, u64::saturating_add),
            rate_total: DataRate::from_bits_per_second(total),
            rate_max: DataRate::from_bits_per_second(rates().max()?),
            best,
            standing: standing(subflows, own),
        })
    }
}

/// w/rtt², in bytes per square nanosecond.
fn per_rtt_squared(subflow: &Subflow) -> f64 {
    let rtt = subflow.rtt.as_nanos().max(1) as f64;
    subflow.window as f64 / (rtt * rtt)
}

fn standing(subflows: &[Subflow], own: usize) -> Standing {
    let quality = |subflow: &Subflow| {
        u128::from(subflow.between_losses).pow(2) / u128::from(subflow.rtt.as_nanos().max(1))
    };
    let best = subflows.iter().map(quality).max().unwrap_or(0);
    let widest = subflows.iter().map(|subflow| subflow.window).max().unwrap_or(0);
    let collected = |subflow: &Subflow| quality(subflow) == best && subflow.window < widest;
    let count = |belongs: &dyn Fn(&Subflow) -> bool| {
        u32::try_from(subflows.iter().filter(|subflow| belongs(subflow)).count()).unwrap_or(u32::MAX)
    };
    let of = count(&collected);
    match subflows.get(own) {
        Some(subflow) if of > 0 && collected(subflow) => Standing::Collected { of },
        Some(subflow) if of > 0 && subflow.window == widest => {
            Standing::Largest { of: count(&|other| other.window == widest) }
        }
        Some(_) | None => Standing::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subflow(window: u64, millis: u64, between_losses: u64) -> Subflow {
        Subflow { window, rtt: SimDuration::from_millis(millis), between_losses }
    }

    #[test]
    fn sums_are_those_of_all_subflows() {
        // 10 000 B / 10 ms = 8 Mbit/s and 60 000 B / 40 ms = 12 Mbit/s; w/rtt²: 100 against 37.5.
        let subflows = [subflow(10_000, 10, 0), subflow(60_000, 40, 0)];
        let sums = Siblings::of(&subflows, 0).expect("there is a first");
        assert_eq!((sums.count, sums.window_total, sums.best), (2, 70_000, subflows[0]));
        assert_eq!(sums.rate_total, DataRate::from_bits_per_second(20_000_000));
        assert_eq!(sums.rate_max, DataRate::from_bits_per_second(12_000_000));
        assert_eq!(Siblings::of(&subflows, 2), None);
    }

    #[test]
    fn olia_moves_traffic_from_the_largest_window_to_the_best_path() {
        // l²/rtt: 9·10^8/10 against 4·10^8/10: the first is best, the second has the larger window.
        let subflows = [subflow(10_000, 10, 30_000), subflow(60_000, 10, 20_000)];
        let standing = |own| Siblings::of(&subflows, own).map(|sums| sums.standing);
        assert_eq!(standing(0), Some(Standing::Collected { of: 1 }));
        assert_eq!(standing(1), Some(Standing::Largest { of: 1 }));
        // The best path has the largest window already: nothing moves.
        let settled = [subflow(60_000, 10, 30_000), subflow(10_000, 10, 20_000)];
        assert_eq!(Siblings::of(&settled, 1).map(|sums| sums.standing), Some(Standing::Other));
    }
}
