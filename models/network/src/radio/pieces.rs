//! A frame cut where what overlaps it starts or ends.

use sim_core::{SimDuration, SimTime};

use super::power::Power;

/// A time in which the interference is constant.
pub(super) struct Piece {
    pub(super) time: SimDuration,
    pub(super) interference: Power,
}

/// Cuts the time between two instants where one of `others` starts or ends.
pub(super) fn pieces(
    others: &[(SimTime, SimTime, Power)],
    from: SimTime,
    until: SimTime,
) -> impl Iterator<Item = Piece> + use<'_> {
    let edges = others.iter().flat_map(|&(start, end, _)| [start, end]);
    let mut cuts: Vec<SimTime> = edges.filter(|&edge| edge > from && edge < until).collect();
    cuts.extend([from, until]);
    cuts.sort_unstable();
    cuts.dedup();
    (1..cuts.len()).map(move |at| {
        let (from, until) = (cuts[at - 1], cuts[at]);
        let overlapping = others.iter().filter(|&&(start, end, _)| start < until && end > from);
        let interference = overlapping.fold(Power::ZERO, |sum, &(.., power)| sum + power);
        Piece { time: until - from, interference }
    })
}
