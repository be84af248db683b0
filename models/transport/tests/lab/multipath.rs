//! Two endpoints of Multipath TCP with several paths between them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sim_core::SimTime;
use transport::mptcp::{
    Fallback, MptcpConfig, MptcpCounters, MptcpEndpoint, MptcpEvent, MptcpId, MptcpStats,
};
use transport::tcp::CloseReason;
use wire::mptcp::MptcpOption;
use wire::tcp::Header;
use wire::tcp_options::{TcpOption, TcpOptions};

use super::{Lab, PORT, Path, Stream, resegment};
use transport::endpoint::Transmit;

pub(crate) fn address(side: usize, path: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, path, 0, 1 + side as u8))
}

pub(crate) struct Pair {
    pub(crate) lab: Lab<MptcpEndpoint>,
    pub(crate) ids: [Option<MptcpId>; 2],
    pub(crate) closed: [Option<CloseReason>; 2],
    pub(crate) seen: [Vec<MptcpEvent>; 2],
    /// The last that was known of each side's connection.
    pub(crate) stats: [Option<MptcpStats>; 2],
    /// What is read after falling back for one of these reasons is not compared with what was written.
    pub(crate) excused: Vec<Fallback>,
}

impl Pair {
    pub(crate) fn new(seed: u64, paths: &[[Path; 2]], config: &MptcpConfig) -> Self {
        Self::with(seed, paths, config, config)
    }

    pub(crate) fn with(seed: u64, paths: &[[Path; 2]], client: &MptcpConfig, server: &MptcpConfig) -> Self {
        let mut lab = Lab::with_ends(seed, paths[0], MptcpEndpoint::new);
        lab.further = paths[1..].to_vec();
        for side in 0..2 {
            let addresses = (0..paths.len()).map(|path| address(side, path as u8)).collect();
            lab.ends[side].set_addresses(addresses);
        }
        let at = SocketAddr::new(address(1, 0), PORT);
        lab.ends[1].listen(at, Arc::new(server.clone())).expect("nobody listens yet");
        let from = SocketAddr::new(address(0, 0), 0);
        let id = lab.ends[0].connect(lab.now, from, at, Arc::new(client.clone())).expect("a port is free");
        Self {
            lab,
            ids: [Some(id), None],
            closed: [None; 2],
            seen: [Vec::new(), Vec::new()],
            stats: [None, None],
            excused: Vec::new(),
        }
    }

    /// Runs until both sides are closed or time is over.
    pub(crate) fn go(&mut self, streams: &mut [Stream; 2], until: SimTime, context: &str) {
        while self.closed.iter().any(Option::is_none) && self.lab.step(until) {
            self.tend(streams, context);
        }
    }

    /// Serves both users once.
    pub(crate) fn tend(&mut self, streams: &mut [Stream; 2], context: &str) {
        for side in 0..2 {
            for event in std::mem::take(&mut self.lab.events[side]) {
                match event {
                    // A join that has lost its option is a connection of its own.
                    MptcpEvent::Accepted { id, .. } => {
                        self.ids[side].get_or_insert(id);
                    }
                    MptcpEvent::Closed { id, reason } if self.ids[side].is_none_or(|own| own == id) => {
                        self.closed[side] = Some(reason);
                    }
                    _ => {}
                }
                self.seen[side].push(event);
            }
            let Some(id) = self.ids[side] else { continue };
            if (0..2).any(|it| self.fallback(it).is_some_and(|reason| self.excused.contains(&reason))) {
                streams[1 - side].skip(&mut self.lab, side, id);
            } else {
                streams[1 - side].read(&mut self.lab, side, id, u32::MAX, context);
            }
            streams[side].write(&mut self.lab, side, id);
            self.lab.drain(side);
            if let Some(stats) = self.lab.ends[side].stats(id) {
                self.stats[side] = Some(stats);
            }
        }
    }

    /// Writes what fits to a side's stream, for the first time.
    pub(crate) fn begin(&mut self, streams: &mut [Stream; 2]) {
        if let Some(id) = self.ids[0] {
            streams[0].write(&mut self.lab, 0, id);
            self.lab.drain(0);
        }
    }

    /// Why a side has said that it is plain TCP.
    pub(crate) fn fallback(&self, side: usize) -> Option<Fallback> {
        self.seen[side].iter().find_map(|event| match event {
            MptcpEvent::FellBack { id, reason } if Some(*id) == self.ids[side] => Some(*reason),
            _ => None,
        })
    }

    /// Whether either side has said that it is plain TCP.
    pub(crate) fn has_fallen_back(&self) -> bool {
        self.fallback(0).is_some() || self.fallback(1).is_some()
    }

    pub(crate) fn counters(&self, side: usize) -> MptcpCounters {
        self.stats[side].as_ref().map(|stats| stats.counters).unwrap_or_default()
    }
}

/// The options of Multipath TCP on a segment.
pub(crate) fn options_of(transmit: &Transmit) -> Vec<MptcpOption> {
    let head = super::script::header(transmit);
    let mptcp = head.options.iter().filter_map(|option| match option {
        TcpOption::Mptcp(data) => MptcpOption::parse(data).ok(),
        _ => None,
    });
    mptcp.collect()
}

/// Takes options of Multipath TCP off a segment.
pub(crate) fn strip(transmit: &mut Transmit) {
    rewrite(transmit, |header, _| {
        let mut kept = TcpOptions::EMPTY;
        for option in &header.options {
            if !matches!(option, TcpOption::Mptcp(_)) {
                kept.try_push(option).expect("fewer options fit");
            }
        }
        header.options = kept;
    });
}

/// Changes a segment, and makes its checksum right.
pub(crate) fn rewrite(transmit: &mut Transmit, change: impl FnOnce(&mut Header, &mut Vec<u8>)) {
    let (mut header, mut payload, runs) = resegment::take_apart(transmit);
    let before = payload.to_vec();
    let mut data = before.clone();
    change(&mut header, &mut data);
    if data != before {
        payload = wire::payload::Payload::from_bytes(data);
    }
    resegment::put_together(transmit, &header, payload, runs);
}
