//! Objective functions: what a way to the root costs, and the rank that follows from it.

use wire::rpl::INFINITE_RANK;

use super::link::Etx;

/// An objective function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Objective {
    /// OF0 (RFC 6552), its step of rank from the link's ETX as 6TiSCH does (RFC 8180 §5.1.1).
    Of0,
    /// The minimum rank with hysteresis (RFC 6719), its metric ETX.
    Mrhof,
}

impl Objective {
    /// Its number (RFC 6550 §20.5, RFC 6552 §7, RFC 6719 §7).
    #[must_use]
    pub const fn code_point(self) -> u16 {
        match self {
            Self::Of0 => 0,
            Self::Mrhof => 1,
        }
    }

    /// The function of that number, if it is built.
    #[must_use]
    pub const fn of_code_point(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Of0),
            1 => Some(Self::Mrhof),
            _ => None,
        }
    }

    /// What the way over a neighbour with the rank `rank` costs; `None` if it is not to be used.
    #[must_use]
    pub fn path_cost(self, rank: u16, link: Etx, min_hop_rank_increase: u16) -> Option<u32> {
        if rank == INFINITE_RANK {
            return None;
        }
        match self {
            Self::Of0 => {
                // rank_increase = (Rf · Sp + Sr) · MinHopRankIncrease with Rf = 1, Sr = 0 (RFC 6552 §4.1).
                Some(u32::from(rank) + step_of_rank(link) * u32::from(min_hop_rank_increase))
            }
            Self::Mrhof => {
                let cost = u32::from(rank) + u32::from(link.as_units());
                (link.as_units() <= MAX_LINK_METRIC && cost <= MAX_PATH_COST).then_some(cost)
            }
        }
    }

    /// The transmissions that a link counts that is used for want of another.
    #[must_use]
    pub fn worst_allowed(self, link: Etx) -> Etx {
        match self {
            Self::Of0 => link,
            Self::Mrhof => link.min(Etx::from_units(MAX_LINK_METRIC)),
        }
    }

    /// The rank of a node whose way over a neighbour with the rank `rank` costs `cost` (RFC 6719 §3.3; RFC 6552 §4.1).
    #[must_use]
    pub fn rank_through(self, rank: u16, cost: u32, min_hop_rank_increase: u16) -> u16 {
        let least = u32::from(rank) + u32::from(min_hop_rank_increase);
        cost.max(least).min(u32::from(INFINITE_RANK)) as u16
    }

    /// By how much a way has to be better for the preferred parent to be left for it.
    #[must_use]
    pub fn switch_threshold(self, min_hop_rank_increase: u16) -> u32 {
        match self {
            // Of parents that differ by less than a transmission the present one stays (RFC 6552 §4.2.1, rule 7).
            Self::Of0 => STEPS_OF_A_TRANSMISSION * u32::from(min_hop_rank_increase),
            Self::Mrhof => PARENT_SWITCH_THRESHOLD,
        }
    }
}

/// `step_of_rank`: 3 · ETX - 2, between 1 and 9 (RFC 8180 §5.1.1, RFC 6552 §6.1).
fn step_of_rank(link: Etx) -> u32 {
    let steps = STEPS_OF_A_TRANSMISSION * u32::from(link.as_units()) / u32::from(Etx::ONE.as_units());
    steps.saturating_sub(2).clamp(1, 9)
}

const STEPS_OF_A_TRANSMISSION: u32 = 3;
/// Parameters of RFC 6719 §5 for ETX.
const MAX_LINK_METRIC: u16 = 512;
const MAX_PATH_COST: u32 = 32_768;
const PARENT_SWITCH_THRESHOLD: u32 = 192;
/// `PARENT_SET_SIZE`.
pub(super) const PARENT_SET_SIZE: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn etx(units: u16) -> Etx {
        Etx::from_units(units)
    }

    // Holds: RFC 6719 3.1-a, 3.3-b, 3.5-a; RFC 6550 8.2.2.4-1
    #[test]
    fn the_rank_of_mrhof_is_the_path_s_etx_and_at_least_a_hop_more() {
        let of = Objective::Mrhof;
        // Root 256; a link of 1.5 transmissions: 256 + 192 = 448, but a hop is 256 at least: 512.
        let cost = of.path_cost(256, etx(192), 256).unwrap();
        assert_eq!((cost, of.rank_through(256, cost, 256)), (448, 512));
        // A link of three: 256 + 384 = 640.
        let cost = of.path_cost(256, etx(384), 256).unwrap();
        assert_eq!((cost, of.rank_through(256, cost, 256)), (640, 640));
        // Two hops of two and a half: 256 + 320 = 576, 576 + 320 = 896.
        let cost = of.path_cost(576, etx(320), 256).unwrap();
        assert_eq!(of.rank_through(576, cost, 256), 896);
    }

    // Holds: RFC 6719 3.2.2-a, 3.1-b
    #[test]
    fn mrhof_excludes_poor_links_and_long_ways() {
        assert_eq!(Objective::Mrhof.path_cost(256, etx(513), 256), None);
        assert_eq!(Objective::Mrhof.path_cost(256, etx(512), 256), Some(768));
        assert_eq!(Objective::Mrhof.path_cost(32_641, etx(128), 256), None);
        assert_eq!(Objective::Mrhof.path_cost(32_640, etx(128), 256), Some(32_768));
    }

    // Holds: RFC 6552 4.1-a, 4.1-b, 6.1-a
    #[test]
    fn the_rank_of_of0_grows_by_steps() {
        let of = Objective::Of0;
        // A perfect link: (3 · 1 - 2) · 256. Two transmissions: (3 · 2 - 2) · 256. At most nine.
        let rank = |parent, link| of.rank_through(parent, of.path_cost(parent, link, 256).unwrap(), 256);
        assert_eq!(rank(256, etx(128)), 512);
        assert_eq!(rank(256, etx(256)), 256 + 4 * 256);
        assert_eq!(rank(256, etx(5000)), 256 + 9 * 256);
        // With another MinHopRankIncrease: 128 + 1 · 128.
        assert_eq!(of.path_cost(128, etx(128), 128), Some(256));
    }

    // Holds: RFC 6550 8.2.2.5-2
    #[test]
    fn no_way_leads_over_a_node_of_infinite_rank() {
        for objective in [Objective::Of0, Objective::Mrhof] {
            assert_eq!(objective.path_cost(INFINITE_RANK, Etx::ONE, 256), None);
            assert_eq!(objective.rank_through(65_400, 66_000, 256), INFINITE_RANK);
            assert_eq!(Objective::of_code_point(objective.code_point()), Some(objective));
        }
        assert_eq!(Objective::of_code_point(2), None);
    }
}
