//! What the host says about addresses and subflows, apart from the data.

use std::net::IpAddr;

use sim_core::SimTime;

use super::endpoint::MptcpEndpoint;
use super::event::MptcpId;

impl MptcpEndpoint {
    /// Says which addresses the host has, for subflows from each of them.
    pub fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.locals = addresses;
        self.locals_changes = self.locals_changes.wrapping_add(1);
    }

    /// Says that an address of the host is for use only when nothing else is left, or for use again: its subflows tell the
    /// peer by MP_PRIO, those to come by the B flag of MP_JOIN.
    pub fn set_address_backup(&mut self, now: SimTime, address: IpAddr, backup: bool) {
        if backup {
            self.backups.insert(address);
        } else {
            self.backups.remove(&address);
        }
        for index in self.table.indices() {
            self.with(now, index, |connection, outside| {
                for path in 0..connection.paths.len() {
                    if connection.paths[path].local.ip() == address {
                        connection.set_backup(outside, path, backup);
                    }
                }
            });
        }
        self.settle(now);
    }

    /// Says that a subflow is for use only when nothing else is left, or for use again (MP_PRIO).
    pub fn set_backup(&mut self, now: SimTime, id: MptcpId, subflow: u8, backup: bool) {
        self.with_id(now, id, |connection, outside| {
            connection.set_backup(outside, usize::from(subflow), backup);
        });
    }

    /// Ends one subflow with a reset, as a user who knows better.
    pub fn reset_subflow(&mut self, now: SimTime, id: MptcpId, subflow: u8) {
        self.with_id(now, id, |connection, outside| {
            let reason = wire::mptcp::ResetReason::ADMINISTRATIVELY_PROHIBITED;
            connection.reset_path(outside, usize::from(subflow), reason);
        });
    }
}
