//! What cryptography the protocols have done.

use transport::tally::Tally;

use super::Stack;

impl Stack {
    /// Whether there is a protocol that does any.
    #[inline]
    pub(crate) fn computes(&self) -> bool {
        self.mptcp.is_some() || self.sctp.is_some()
    }

    /// Whether one has done any.
    #[inline]
    pub(crate) fn has_computed(&self) -> bool {
        self.mptcp.as_ref().is_some_and(|mptcp| !mptcp.endpoint.tally().is_empty())
            || self.sctp.as_ref().is_some_and(|sctp| !sctp.endpoint.tally().is_empty())
    }

    /// The counts of those protocols that do any.
    pub(crate) fn tallies(&self) -> [Option<&Tally>; 2] {
        [
            self.mptcp.as_ref().map(|mptcp| mptcp.endpoint.tally()),
            self.sctp.as_ref().map(|sctp| sctp.endpoint.tally()),
        ]
    }
}
