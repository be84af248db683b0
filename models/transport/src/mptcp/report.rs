//! What an endpoint tells of a connection when asked.

use super::connection::Mode;
use super::endpoint::MptcpEndpoint;
use super::event::{MptcpId, MptcpStats, SubflowStats};

impl MptcpEndpoint {
    /// The connection at this moment.
    pub fn stats(&self, id: MptcpId) -> Option<MptcpStats> {
        let connection = self.table.get(id)?;
        let subflows = connection.paths.iter().map(|path| {
            let standing = self.tcp.standing(path.id).filter(|_| path.alive);
            SubflowStats {
                local: path.local,
                remote: path.remote,
                ready: path.ready,
                over: !path.alive,
                backup: path.backup || path.peer_backup,
                bytes_new: path.bytes_new,
                bytes_again: path.bytes_again,
                bytes_received: path.bytes_received,
                cwnd: standing.map_or(0, |standing| standing.cwnd),
                srtt: standing.and_then(|standing| standing.srtt),
            }
        });
        let fallback = match connection.mode {
            Mode::Fallback(reason, _) => Some(reason),
            Mode::Opening | Mode::Multipath => None,
        };
        Some(MptcpStats {
            fallback,
            checksum: connection.checksum,
            subflows: subflows.collect(),
            unacknowledged: connection.output.len(),
            waiting: connection.input.waiting(),
            counters: connection.counters,
        })
    }
}
