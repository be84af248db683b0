//! All connections of an endpoint, found by number, by token or by the sockets of a subflow; and the judge of SYNs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use wire::account::FlowId;
use wire::mptcp::{Capable, Join, MptcpOption, Reset, ResetReason, Stage as CapableStage};
use wire::tcp_options::{TcpOption, TcpOptions};

use super::addresses::PATHS_MAX;
use super::config::MptcpConfig;
use super::connection::{Connection, Mode};
use super::crypto::{JOIN_LEN, KEY_LEN, join_hmac, leftmost_64, token};
use super::event::{MptcpEndpointCounters, MptcpId, MptcpTotals};
use super::subflow::{Birth, Stage, Subflow};
use crate::tally::Tally;
use crate::tcp::ListenerId;
use crate::tcp::hook::{SynJudge, SynVerdict};
use crate::tcp::segment::Segment;

/// A place for a connection.
#[derive(Debug)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    pub(crate) tokens: BTreeMap<u32, u32>,
    pub(crate) listeners: BTreeMap<ListenerId, Arc<MptcpConfig>>,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) counters: MptcpEndpointCounters,
    /// What connections that are forgotten have done, by flow.
    pub(crate) past: BTreeMap<FlowId, MptcpTotals>,
    tally: Tally,
}

impl Table {
    pub(crate) fn new(rng: ChaCha8Rng, tally: Tally) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            tokens: BTreeMap::new(),
            listeners: BTreeMap::new(),
            rng,
            counters: MptcpEndpointCounters::default(),
            past: BTreeMap::new(),
            tally,
        }
    }

    /// A key whose token no connection of this host has (RFC 8684 §3.1).
    pub(crate) fn new_key(&mut self) -> u64 {
        loop {
            let key = self.rng.next_u64();
            self.tally.hash(KEY_LEN);
            if !self.tokens.contains_key(&token(key)) {
                return key;
            }
        }
    }

    /// Adds a connection, which [`Self::put`] completes.
    pub(crate) fn reserve(&mut self) -> MptcpId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, connection: None });
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 connections")
        });
        MptcpId { index, generation: self.slots[index as usize].generation }
    }

    pub(crate) fn put(&mut self, connection: Box<Connection>) {
        let index = connection.id.index;
        self.slots[index as usize].connection = Some(connection);
    }

    /// Takes a connection out for good.
    pub(crate) fn take(&mut self, index: u32) -> Option<Box<Connection>> {
        self.slots.get_mut(index as usize)?.connection.take()
    }

    pub(crate) fn get(&self, id: MptcpId) -> Option<&Connection> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.connection.as_deref()
    }

    /// The connection at a place, whichever it is.
    pub(crate) fn get_any(&self, index: u32) -> Option<&Connection> {
        self.slots.get(index as usize)?.connection.as_deref()
    }

    /// The connection at a place, and the endpoint's chance.
    #[inline]
    pub(crate) fn split(&mut self, index: u32) -> Option<(&mut Connection, &mut ChaCha8Rng)> {
        let connection = self.slots.get_mut(index as usize)?.connection.as_deref_mut()?;
        Some((connection, &mut self.rng))
    }

    /// The connection at a place, to be changed.
    #[inline]
    pub(crate) fn get_any_mut(&mut self, index: u32) -> Option<&mut Connection> {
        self.slots.get_mut(index as usize)?.connection.as_deref_mut()
    }

    /// Frees the place of a connection that was taken out.
    pub(crate) fn forget(&mut self, connection: &Connection) {
        self.tokens.remove(&connection.own_token);
        for (flow, totals) in connection.totals() {
            self.past.entry(flow).or_default().add(&totals);
        }
        let slot = &mut self.slots[connection.id.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(connection.id.index);
    }

    pub(crate) fn indices(&self) -> Vec<u32> {
        (0..self.slots.len() as u32)
            .filter(|index| self.slots[*index as usize].connection.is_some())
            .collect()
    }

    fn judge_capable(&mut self, listener: ListenerId, capable: Option<Capable>) -> Subflow {
        let wanted = capable.filter(|capable| {
            capable.stage == CapableStage::Syn && capable.flags.hmac_sha256 && !capable.flags.extensibility
        });
        let (Some(capable), Some(config)) = (wanted, self.listeners.get(&listener)) else {
            return Subflow { birth: Some(Birth::Plain { listener }), ..Subflow::default() };
        };
        let (checksum, long) = (capable.flags.checksum || config.checksum, config.long_sequence);
        let key = self.new_key();
        Subflow {
            stage: Stage::CapableSynAck { key },
            birth: Some(Birth::Capable { listener, key, checksum, no_join: capable.flags.no_join }),
            checksum,
            long,
            ..Subflow::default()
        }
    }

    fn judge_join(&mut self, join: Join) -> SynVerdict<Subflow> {
        let Join::Syn { backup, address_id, token, nonce } = join else {
            return refuse(ResetReason::MPTCP_SPECIFIC);
        };
        let own_nonce = self.rng.next_u32();
        let Some(index) = self.tokens.get(&token).copied() else {
            self.counters.unknown_tokens += 1;
            return refuse(ResetReason::MPTCP_SPECIFIC);
        };
        let Some(connection) = self.slots[index as usize].connection.as_deref() else {
            return refuse(ResetReason::MPTCP_SPECIFIC);
        };
        let alive = connection.paths.iter().filter(|path| path.alive).count();
        let wanted = connection.mode == Mode::Multipath
            && !connection.reported
            && connection.withheld.is_none()
            && alive < usize::from(connection.config.subflows_max)
            && connection.paths.len() < PATHS_MAX;
        let (true, Some(peer_key)) = (wanted, connection.peer_key) else {
            self.counters.joins_refused += 1;
            return refuse(ResetReason::ADMINISTRATIVELY_PROHIBITED);
        };
        let proof = join_hmac((connection.own_key, own_nonce), (peer_key, nonce));
        self.tally.hmac(JOIN_LEN);
        let hook = Subflow {
            stage: Stage::JoinSynAck { address_id: 0, hmac: leftmost_64(&proof), nonce: own_nonce },
            birth: Some(Birth::Join { connection: index, address_id, backup, own_nonce, peer_nonce: nonce }),
            checksum: connection.checksum,
            long: connection.config.long_sequence,
            ..Subflow::default()
        };
        SynVerdict::Take(hook, Connection::subflow_config(&connection.config.tcp))
    }
}

impl SynJudge<Subflow> for Table {
    fn judge(
        &mut self,
        local: SocketAddr,
        _remote: SocketAddr,
        listener: Option<ListenerId>,
        syn: &Segment<'_>,
    ) -> SynVerdict<Subflow> {
        let options = syn.options();
        let found = options.iter().find_map(|option| match option {
            TcpOption::Mptcp(data) => MptcpOption::parse(data).ok(),
            _ => None,
        });
        match (found, listener) {
            (Some(MptcpOption::Join(join)), _) => match self.judge_join(join) {
                SynVerdict::Take(mut hook, config) => {
                    if let Some(Birth::Join { connection, .. }) = hook.birth
                        && let Stage::JoinSynAck { address_id, .. } = &mut hook.stage
                        && let Some(connection) = self.slots[connection as usize].connection.as_deref()
                    {
                        *address_id = connection.local_ids.get(&local.ip()).copied().unwrap_or(0);
                    }
                    SynVerdict::Take(hook, config)
                }
                other => other,
            },
            (Some(MptcpOption::Capable(capable)), Some(listener)) => {
                SynVerdict::Listener(self.judge_capable(listener, Some(capable)))
            }
            (_, Some(listener)) => SynVerdict::Listener(self.judge_capable(listener, None)),
            (_, None) => SynVerdict::Listener(Subflow::default()),
        }
    }
}

fn refuse(reason: ResetReason) -> SynVerdict<Subflow> {
    let mut options = TcpOptions::EMPTY;
    let _fits = options.try_push_mptcp(&MptcpOption::Reset(Reset::new(reason, false)));
    SynVerdict::Refuse(options)
}
