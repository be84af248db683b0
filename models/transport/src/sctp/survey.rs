//! A look at an association's paths, for curves over time.

use std::net::{IpAddr, SocketAddr};

use sim_core::SimDuration;

use super::association::Association;
use super::endpoint::SctpEndpoint;
use super::event::{AssociationId, ListenerId, PathState};
use super::path_mtu::ProbeState;
use super::state::State;
use crate::congestion::CongestionControl;

/// How a path is at the moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PathStats {
    /// The peer's address.
    pub remote: IpAddr,
    /// Whether it works, as far as is known.
    pub state: PathState,
    /// The congestion window in bytes.
    pub cwnd: u64,
    /// The slow start threshold in bytes; `None` before the first loss.
    pub ssthresh: Option<u64>,
    /// Bytes of user data on their way.
    pub in_flight: u64,
    /// The smoothed round-trip time, if measured.
    pub srtt: Option<SimDuration>,
    /// The retransmission time-out as it is now, back-off included.
    pub rto: SimDuration,
    /// What went unanswered in a row (RFC 9260 §8.2).
    pub errors: u32,
}

fn is_half_open(association: &Association, listener: Option<ListenerId>) -> bool {
    listener.is_some() && matches!(association.state, State::CookieWait | State::CookieEchoed)
}

impl SctpEndpoint {
    /// Where the search for the path MTU stands, if there is one, and the size of packets that is used now, internet
    /// header included.
    pub fn path_mtu(&self, id: AssociationId) -> Option<(Option<ProbeState>, u32)> {
        let association = self.get(id)?;
        Some((association.prober.as_ref().map(|prober| prober.state), association.config.mtu))
    }

    /// The peer of an association: the address that new data go to, and the port.
    pub fn peer(&self, id: AssociationId) -> Option<SocketAddr> {
        let association = self.get(id)?;
        let path = association.paths.get(association.data_path)?;
        Some(SocketAddr::new(path.remote, association.peer_port))
    }

    /// Associations of listeners that peers have not finished setting up: now, and the most at once. A cookie that has
    /// come back establishes its association at once, and nothing is kept before it (RFC 9260 §5.1.3).
    pub fn half_open(&self) -> (u32, u32) {
        let associations =
            self.slots.iter().filter_map(|slot| Some((slot.association.as_ref()?, slot.listener)));
        let now = associations.filter(|(association, listener)| is_half_open(association, *listener)).count();
        (u32::try_from(now).unwrap_or(u32::MAX), self.counters.half_open_max)
    }

    /// Counts what is in memory once `association` is added.
    pub(super) fn note_half_open(&mut self, association: &Association, listener: Option<ListenerId>) {
        if is_half_open(association, listener) {
            let more = self.half_open().0 + 1;
            self.counters.half_open_max = self.counters.half_open_max.max(more);
        }
    }

    /// The paths of an association, the first one first; none of one that is over.
    pub fn path_stats(&self, id: AssociationId) -> impl Iterator<Item = PathStats> {
        let association = self.get(id);
        let paths = association.into_iter().flat_map(|association| association.known_paths());
        paths.map(move |path| PathStats {
            remote: path.remote,
            state: path.state,
            cwnd: path.window.window(),
            ssthresh: Some(path.window.ssthresh()).filter(|ssthresh| *ssthresh < u64::MAX),
            in_flight: path.in_flight,
            srtt: path.rtt.srtt(),
            rto: association.map_or(SimDuration::ZERO, |it| path.rto(&it.config)),
            errors: path.error_count,
        })
    }
}
