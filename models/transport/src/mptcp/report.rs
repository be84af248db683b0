//! What an endpoint tells of a connection when asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wire::account::FlowId;

use super::connection::{Connection, Mode};
use super::endpoint::MptcpEndpoint;
use super::event::{MptcpId, MptcpStats, MptcpTotals, SubflowStats};

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
        Some(MptcpStats {
            fallback: connection.fallback(),
            checksum: connection.checksum,
            subflows: subflows.collect(),
            unacknowledged: connection.output.len(),
            waiting: connection.input.waiting(),
            counters: connection.counters,
        })
    }

    /// Bytes that wait behind a gap on the connection whose first subflow has these sockets, its own one first.
    pub fn waiting_between(&self, local: SocketAddr, remote: SocketAddr) -> Option<u64> {
        let of_first = |connection: &&Connection| {
            connection.paths.first().is_some_and(|path| (path.local, path.remote) == (local, remote))
        };
        let mut all = self.table.indices().into_iter().filter_map(|index| self.table.get_any(index));
        all.find(of_first).map(|connection| connection.input.waiting())
    }

    /// What connections have done so far, past ones included, by the flow that they send and the one that they receive.
    pub fn totals(&self) -> BTreeMap<FlowId, MptcpTotals> {
        let mut totals = self.table.past.clone();
        for connection in self.table.indices().into_iter().filter_map(|index| self.table.get_any(index)) {
            for (flow, own) in connection.totals() {
                totals.entry(flow).or_default().add(&own);
            }
        }
        totals
    }
}

impl Connection {
    fn fallback(&self) -> Option<super::Fallback> {
        match self.mode {
            Mode::Fallback(reason, _) => Some(reason),
            Mode::Opening | Mode::Multipath => None,
        }
    }

    /// What it has done for the flow that it sends, and for the one that it receives.
    pub(crate) fn totals(&self) -> [(FlowId, MptcpTotals); 2] {
        let new = || self.paths.iter().map(|path| path.bytes_new);
        let sent = MptcpTotals {
            subflows: self.paths.iter().filter(|path| path.ready).count() as u64,
            bytes_new: new().sum(),
            bytes_busiest: new().max().unwrap_or(0),
            bytes_again: self.paths.iter().map(|path| path.bytes_again).sum(),
            waiting_max: 0,
            fallbacks: u64::from(self.fallback().is_some()),
        };
        let received = MptcpTotals { waiting_max: self.counters.waiting_max, ..MptcpTotals::default() };
        [(self.flow, sent), (self.flow_received, received)]
    }
}
