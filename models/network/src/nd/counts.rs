//! What a node has done and seen.

/// What a node has done and seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Router solicitations sent.
    pub router_solicitations: u64,
    /// Router advertisements sent, to one and to all.
    pub router_advertisements: u64,
    /// Neighbour solicitations sent, each with an address to be registered.
    pub neighbor_solicitations: u64,
    /// Neighbour advertisements sent.
    pub neighbor_advertisements: u64,
    /// Duplicate Address Requests sent.
    pub requests: u64,
    /// Duplicate Address Confirmations sent.
    pub confirmations: u64,
    /// Messages among these that repeated one without an answer.
    pub repetitions: u64,
    /// Registrations that came about, renewals not counted.
    pub registered: u64,
    /// Registrations that were renewed.
    pub renewed: u64,
    /// Registrations of the node's own that were refused.
    pub refused: u64,
    /// As a router: registrations refused since somebody else has the address.
    pub duplicates: u64,
    /// As a router: registrations refused for want of room, here or at the border router.
    pub full: u64,
    /// As a router: registrations that ran out, without having been renewed.
    pub expired: u64,
    /// As a router: registrations that another router took over.
    pub moved: u64,
    /// As a router: registrations that were granted since the border router did not answer.
    pub unconfirmed: u64,
    /// Routers that were given up since they did not answer.
    pub routers_lost: u64,
    /// Messages that break a rule and were dropped.
    pub malformed: u64,
}
