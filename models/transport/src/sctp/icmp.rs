//! ICMP errors about packets of an association (RFC 9260 §10).

use sim_core::SimTime;

use super::association::Association;
use super::outbound::ChunkState;
use super::state::{CloseReason, State};
use crate::congestion::CongestionControl;
use crate::endpoint::IcmpError;

impl Association {
    /// Takes an ICMP error about a packet that carried `tag` and went to one of the peer's addresses.
    pub(super) fn on_icmp(&mut self, now: SimTime, error: IcmpError, tag: u32) {
        // RFC 9260 §10 rules 6 and 7: the tag proves that the quoted packet was this association's.
        let forming = self.state == State::CookieWait;
        if tag != self.peer_tag && !(forming && tag == 0) {
            return;
        }
        match error {
            // Rule 8: only "protocol unreachable" is like an ABORT.
            IcmpError::Prohibited if forming => self.close(CloseReason::Unreachable),
            IcmpError::PacketTooBig { mtu } if self.prober.is_some() => self.on_probe_too_big(now, mtu),
            IcmpError::PacketTooBig { mtu } if mtu > 0 && mtu < self.config.mtu => self.set_path_mtu(mtu),
            IcmpError::PacketTooBig { .. }
            | IcmpError::Prohibited
            | IcmpError::Unreachable
            | IcmpError::PortUnreachable
            | IcmpError::TimeExceeded
            | IcmpError::ParameterProblem => {}
        }
    }

    /// The configuration as it was before anything was found out about the path.
    pub(super) fn first_config(&self) -> std::sync::Arc<super::config::SctpConfig> {
        match &self.prober {
            Some(prober) if prober.max != self.config.mtu => {
                std::sync::Arc::new(super::config::SctpConfig { mtu: prober.max, ..(*self.config).clone() })
            }
            Some(_) | None => std::sync::Arc::clone(&self.config),
        }
    }

    /// Packets hold `pmdcs` bytes of chunks from now on.
    pub(super) fn set_packet_room(&mut self, pmdcs: u32) {
        self.pmdcs = pmdcs;
        self.fragment_max = pmdcs - self.data_header_len() as u32;
        for path in &mut self.paths {
            path.window.on_segment_size(pmdcs);
        }
    }

    /// Packets of `mtu` bytes are sent from now on. What is under way and too large has been dropped, not for congestion:
    /// it goes again at once (RFC 8899 §3), and may be fragmented by the network, for chunks cannot be cut anew
    /// (RFC 9260 §6.9).
    pub(super) fn set_path_mtu(&mut self, mtu: u32) {
        if mtu == self.config.mtu {
            return;
        }
        let mut config = super::config::SctpConfig::clone(&self.config);
        config.mtu = mtu;
        let remotes: Vec<_> = self.paths.iter().map(|path| path.remote).collect();
        let room = super::association::chunk_room(&config, &remotes);
        self.config = std::sync::Arc::new(config);
        self.set_packet_room(room - self.auth.as_ref().map_or(0, |auth| auth.room_beside_data()));
        for sent in &mut self.out.outstanding {
            if sent.state == ChunkState::InFlight && sent.len() > self.fragment_max {
                let len = u64::from(sent.len());
                sent.state = ChunkState::Marked;
                sent.timed_out = false;
                self.out.marked += 1;
                self.out.in_flight -= len;
                let path = &mut self.paths[usize::from(sent.path)];
                path.in_flight -= len;
                path.timed = None;
            }
        }
    }
}
