//! What cryptography the protocols have done.

use transport::tally::Tally;

use super::Stack;

impl Stack {
    /// The counts of those protocols that do any.
    #[inline]
    pub(crate) fn tallies(&self) -> [Option<&Tally>; 2] {
        [
            self.mptcp.as_ref().map(|mptcp| mptcp.endpoint.tally()),
            self.sctp.as_ref().map(|sctp| sctp.endpoint.tally()),
        ]
    }
}
