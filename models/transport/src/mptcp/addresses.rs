//! Addresses of both sides, and which subflows there are to be (RFC 8684 §3.2, §3.4).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::mptcp::{AddAddress, AddressIds, MptcpOption, ResetReason};

use super::config::PathManager;
use super::connection::{Connection, Mode, Outside};
use super::crypto::{address_hmac, announced_len, token};
use super::path::{Doubt, Joining, Path};
use super::subflow::{Stage, Subflow};
use crate::tcp::TcpConfig;

/// An address of the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Remote {
    pub(crate) id: u8,
    pub(crate) socket: SocketAddr,
    /// It was announced, not the peer of a subflow from the start.
    pub(crate) announced: bool,
}

/// An address of ours that the peer has not confirmed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Announcement {
    pub(crate) id: u8,
    pub(crate) address: IpAddr,
    pub(crate) resend_at: SimTime,
    pub(crate) tries: u8,
}

impl Connection {
    /// Settings of the TCP of a subflow: what the connection does for all of them, a subflow does not do by itself.
    pub(crate) fn subflow_config(config: &Arc<TcpConfig>) -> Arc<TcpConfig> {
        Arc::new(TcpConfig {
            nagle: false,
            send_buffer: u32::MAX,
            fast_open: false,
            ..TcpConfig::clone(config)
        })
    }

    /// Opens the subflows that are wanted, and announces addresses, once a DATA_ACK has shown that options get through
    /// (RFC 8684 §3.1).
    #[inline]
    pub(crate) fn manage(&mut self, outside: &mut Outside<'_>) {
        if self.surveyed != Some(outside.locals_changes) && self.config.path_manager != PathManager::Single {
            self.survey(outside);
        }
    }

    fn survey(&mut self, outside: &mut Outside<'_>) {
        let open = self.mode == Mode::Multipath
            && !self.reported
            && !self.fin_acknowledged
            && self.withheld.is_none();
        let confirmed = self.paths.iter().any(|path| path.confirmed || path.mapped);
        if !open || !confirmed {
            return;
        }
        self.surveyed = Some(outside.locals_changes);
        if self.initiator != (self.config.path_manager == PathManager::AcceptingSide) {
            self.join_wanted(outside);
        } else if self.config.announce {
            self.announce_all(outside);
        }
    }

    fn join_wanted(&mut self, outside: &mut Outside<'_>) {
        let Some(first) = self.paths.first().map(|path| path.local.ip()) else { return };
        let full = self.config.path_manager != PathManager::Endpoints;
        for local in outside.locals {
            for number in 0..self.remotes.len() {
                let remote = self.remotes[number];
                if local.is_ipv4() != remote.socket.is_ipv4()
                    || self.joins_forbidden && !remote.announced
                    || !full && remote.announced && *local != first
                {
                    continue;
                }
                if self.tried.contains(&(*local, remote.socket)) {
                    continue;
                }
                let alive = self.paths.iter().filter(|path| path.alive).count();
                if alive >= usize::from(self.config.subflows_max) || self.paths.len() >= PATHS_MAX {
                    return;
                }
                self.tried.insert((*local, remote.socket));
                self.join(outside, *local, remote);
            }
        }
    }

    fn join(&mut self, outside: &mut Outside<'_>, local: IpAddr, remote: Remote) {
        let Some(peer_key) = self.peer_key else { return };
        let (local_id, own_nonce) = (self.local_id(local), outside.rng.next_u32());
        let hook = Subflow {
            stage: Stage::JoinSyn { address_id: local_id, token: token(peer_key), nonce: own_nonce },
            checksum: self.checksum,
            backup: outside.backups.contains(&local),
            long: self.config.long_sequence,
            ..Subflow::default()
        };
        let config = Self::subflow_config(&self.config.tcp);
        // The port of the first subflow where it is free (RFC 8684 §3.9.1): middleboxes then treat both alike. A pair of
        // sockets that this connection had before may still be there at the peer.
        let port = self.paths.first().map_or(0, |path| path.local.port());
        let used = self.paths.iter().any(|path| path.local.ip() == local && path.remote == remote.socket);
        let free = !used && outside.tcp.is_free(SocketAddr::new(local, port), remote.socket);
        let from = SocketAddr::new(local, if free { port } else { 0 });
        let Ok(id) = outside.tcp.connect_with(outside.now, from, remote.socket, config, hook) else {
            self.counters.joins_failed += 1;
            return;
        };
        let from = outside.tcp.sockets(id).map_or(from, |(from, _)| from);
        let mut path = Path::new(id, (from, remote.socket), remote.id);
        path.backup = outside.backups.contains(&local);
        path.joining = Some(Joining { own_nonce, peer_nonce: 0, resend_at: None, tries: 0 });
        self.add_path(outside, path);
    }

    /// Takes a subflow in: its windows are the connection's.
    pub(crate) fn add_path(&mut self, outside: &mut Outside<'_>, path: Path) {
        let id = path.id;
        let place = self.acknowledged_place();
        let options_len = 16 + if self.config.long_sequence { 12 } else { 4 };
        outside.tcp.share_windows(id, self.edge - place, options_len);
        outside.tcp.set_flow(id, self.flow);
        if let Some(hook) = outside.tcp.hook_mut(id) {
            hook.owner = Some((self.id.index, self.paths.len() as u8));
        }
        self.lonely_until = None;
        self.signals_pending = true;
        self.refreshed = None;
        self.paths.push(path);
        self.refresh(outside);
    }

    /// The id of an address of ours, a new one if need be.
    fn local_id(&mut self, address: IpAddr) -> u8 {
        if let Some(id) = self.local_ids.get(&address) {
            return *id;
        }
        let id =
            (1..=u8::MAX).find(|id| !self.local_ids.values().any(|known| known == id)).unwrap_or(u8::MAX);
        self.local_ids.insert(address, id);
        id
    }

    fn announce_all(&mut self, outside: &mut Outside<'_>) {
        for address in outside.locals {
            if self.local_ids.contains_key(address) || self.local_ids.len() >= ADDRESSES_MAX {
                continue;
            }
            let id = self.local_id(*address);
            let resend_at = outside.now + self.slowest_timeout(outside.tcp);
            self.announcing.push(Announcement { id, address: *address, resend_at, tries: 0 });
            self.signals_pending = true;
            self.announce(outside, id, *address);
        }
    }

    fn announce(&mut self, outside: &mut Outside<'_>, id: u8, address: IpAddr) {
        let Some(peer_key) = self.peer_key else { return };
        // Beside timestamps an IPv6 address leaves no room for a port.
        let timestamps = self.config.tcp.timestamps && address.is_ipv6();
        let port = self.config.announce_port.filter(|_| !timestamps);
        let hmac = Some(address_hmac((self.own_key, peer_key), id, address, port));
        outside.tally.hmac(announced_len(address));
        self.signal(outside, MptcpOption::AddAddress(AddAddress { address_id: id, address, port, hmac }));
    }

    /// Sends a signal on the first subflow that works.
    pub(crate) fn signal(&mut self, outside: &mut Outside<'_>, option: MptcpOption) {
        let Some(path) = self.paths.iter().find(|path| path.is_usable()) else { return };
        if let Some(hook) = outside.tcp.hook_mut(path.id)
            && hook.once.len() < SIGNALS_MAX
            && !hook.once.contains(&option)
        {
            hook.once.push_back(option);
            outside.tcp.acknowledge(path.id, Reason::Control);
        }
    }

    /// ADD_ADDR, or the echo of ours.
    pub(crate) fn on_address(&mut self, outside: &mut Outside<'_>, path: usize, option: &AddAddress) {
        let Some(peer_key) = self.peer_key.filter(|_| self.mode == Mode::Multipath) else { return };
        let AddAddress { address_id, address, port, hmac } = *option;
        let Some(hmac) = hmac else {
            self.announcing.retain(|it| it.id != address_id || it.address != address);
            return;
        };
        outside.tally.hmac(announced_len(address));
        if hmac != address_hmac((peer_key, self.own_key), address_id, address, port) {
            self.counters.addresses_refused += 1;
            return;
        }
        let echo = MptcpOption::AddAddress(AddAddress { hmac: None, ..*option });
        let here = self.paths[path].id;
        if let Some(hook) = outside.tcp.hook_mut(here)
            && hook.once.len() < SIGNALS_MAX
            && !hook.once.contains(&echo)
        {
            hook.once.push_back(echo);
            outside.tcp.acknowledge(here, Reason::Control);
        }
        let socket = SocketAddr::new(address, port.unwrap_or(self.paths[path].remote.port()));
        self.surveyed = None;
        // RFC 8684 §3.4.1: an id stands for one address; another port of it is another way to connect, and what failed is
        // tried again when it is announced again.
        let paths = &self.paths;
        self.tried.retain(|(local, remote)| {
            let open = |path: &&Path| path.alive && path.local.ip() == *local && path.remote == *remote;
            *remote != socket
                || self.refused.contains(&(*local, *remote))
                || paths.iter().any(|path| open(&path))
        });
        let taken = |remote: &Remote| remote.id == address_id && remote.socket.ip() != address;
        let known = self.remotes.iter().any(|remote| remote.socket == socket || taken(remote));
        let announced = self.remotes.iter().filter(|remote| remote.announced).count();
        if !known && announced < usize::from(self.config.announced_max) {
            self.remotes.push(Remote { id: address_id, socket, announced: true });
        }
    }

    /// REMOVE_ADDR: subflows to these addresses are asked whether they still work, and end if they do not answer
    /// (RFC 8684 §3.4.2). What is under way on them goes elsewhere at once.
    pub(crate) fn on_addresses_gone(&mut self, outside: &mut Outside<'_>, ids: &[u8]) {
        self.remotes.retain(|remote| !ids.contains(&remote.id) || !remote.announced);
        self.surveyed = None;
        for number in 0..self.paths.len() {
            let path = &self.paths[number];
            let doubtful = path.alive && ids.contains(&path.remote_id) && path.doubt.is_none();
            let Some(standing) = outside.tcp.standing(path.id).filter(|_| doubtful) else { continue };
            // Half a round trip is what is under way from the peer; an answer takes a whole one.
            let answer_from = outside.now + standing.srtt.unwrap_or_default() * 3 / 4;
            let until = outside.now + outside.tcp.rto(path.id).unwrap_or_default();
            self.paths[number].doubt = Some(Doubt { answer_from, until });
            self.signals_pending = true;
            outside.tcp.probe(self.paths[number].id);
            self.reinject(number);
        }
    }

    /// Subflows whose address is gone, and that have not answered.
    fn end_doubted(&mut self, outside: &mut Outside<'_>) {
        for number in 0..self.paths.len() {
            let path = &mut self.paths[number];
            if path.doubt.is_some_and(|doubt| doubt.until <= outside.now) {
                path.doubt = None;
                self.reset_path(outside, number, ResetReason::UNSPECIFIED);
            }
        }
    }

    /// An address of ours is gone: TCP has ended what used it; the peer is told on what is left (RFC 8684 §3.4.2).
    pub(crate) fn on_local_gone(&mut self, outside: &mut Outside<'_>, address: IpAddr) {
        self.surveyed = None;
        self.tried.retain(|(local, _)| *local != address);
        // Where the host comes back to, the peer may think otherwise.
        self.refused.retain(|(local, _)| *local != address);
        self.announcing.retain(|announcement| announcement.address != address);
        if let Some(id) = self.local_ids.get(&address).copied()
            && self.mode == Mode::Multipath
            && let Some(ids) = AddressIds::new(&[id])
        {
            // The first address keeps its id, which nothing else may get.
            if id != 0 {
                self.local_ids.remove(&address);
            }
            self.signal(outside, MptcpOption::RemoveAddress(ids));
        }
    }

    /// An address or a link came back: what failed may be tried again.
    pub(crate) fn on_network_up(&mut self, outside: &mut Outside<'_>) {
        self.surveyed = None;
        let (paths, refused) = (&self.paths, &self.refused);
        self.tried.retain(|(local, remote)| {
            refused.contains(&(*local, *remote))
                || paths.iter().any(|path| path.alive && path.local.ip() == *local && path.remote == *remote)
        });
        self.manage(outside);
    }

    /// Says that a subflow is for use only when nothing else is left, or for use again (MP_PRIO).
    pub(crate) fn set_backup(&mut self, outside: &mut Outside<'_>, path: usize, backup: bool) {
        let Some(path) = self.paths.get_mut(path).filter(|path| path.is_usable() && path.backup != backup)
        else {
            return;
        };
        path.backup = backup;
        if let Some(hook) = outside.tcp.hook_mut(path.id) {
            hook.once.push_back(MptcpOption::Priority { backup });
            outside.tcp.acknowledge(path.id, Reason::Control);
        }
    }

    /// The connection has been over for a while: subflows that are not are reset.
    fn drop_subflows(&mut self, outside: &mut Outside<'_>) {
        for path in 0..self.paths.len() {
            if outside.tcp.state(self.paths[path].id) != Some(crate::tcp::State::TimeWait) {
                self.reset_path(outside, path, ResetReason::TOO_MUCH_OUTSTANDING_DATA);
            }
        }
    }

    /// Its own timers.
    pub(crate) fn on_timeout(&mut self, outside: &mut Outside<'_>) {
        let now = outside.now;
        self.end_doubted(outside);
        self.repeat_fail(outside);
        if self.data_timeout_at.is_some_and(|at| at <= now) {
            self.on_data_timeout(outside);
        }
        if self.lonely_until.is_some_and(|at| at <= now) {
            self.lonely_until = None;
            if self.reported {
                self.drop_subflows(outside);
            } else {
                self.report_closed(outside, crate::tcp::CloseReason::TimedOut);
            }
        }
        for path in 0..self.paths.len() {
            let it = &mut self.paths[path];
            let Some(joining) = it.joining.as_mut().filter(|it| it.resend_at.is_some_and(|at| at <= now))
            else {
                continue;
            };
            joining.tries += 1;
            let tries = joining.tries;
            joining.resend_at = Some(now + SimDuration::from_secs(1).saturating_mul(1 << tries.min(5)));
            if !it.alive || tries > JOIN_TRIES {
                it.joining = None;
                self.counters.joins_failed += 1;
                self.reset_path(outside, path, ResetReason::UNACCEPTABLE_PERFORMANCE);
            } else {
                self.counters.join_retransmissions += 1;
                outside.tcp.acknowledge(it.id, Reason::Handshake);
            }
        }
        let due: Vec<_> = self.announcing.iter().filter(|it| it.resend_at <= now).copied().collect();
        for announcement in due {
            let Some(it) = self.announcing.iter_mut().find(|it| it.id == announcement.id) else { continue };
            it.tries += 1;
            it.resend_at = now + SimDuration::from_secs(1).saturating_mul(1 << it.tries.min(8));
            if it.tries > ANNOUNCE_TRIES {
                self.announcing.retain(|it| it.id != announcement.id);
            } else {
                self.counters.address_retransmissions += 1;
                self.announce(outside, announcement.id, announcement.address);
            }
        }
    }
}

/// Subflows that a connection may have had in its life: their numbers are kept in eight bits.
pub(crate) const PATHS_MAX: usize = 250;

/// Addresses of one side.
const ADDRESSES_MAX: usize = 32;

/// Signals that wait on one subflow.
const SIGNALS_MAX: usize = 16;

/// Third segments of a join before it is given up.
const JOIN_TRIES: u8 = 6;

/// ADD_ADDRs before one is given up.
const ANNOUNCE_TRIES: u8 = 5;
