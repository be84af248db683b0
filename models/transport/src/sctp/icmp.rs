//! ICMP errors about packets of an association (RFC 9260 §10, rules ICMP1 to ICMP9).

use std::net::IpAddr;

use sim_core::SimTime;
use wire::sctp::{CHUNK_HEADER_LEN, COMMON_HEADER_LEN, ChunkType};

use super::association::Association;
use super::outbound::ChunkState;
use super::state::{CloseReason, State};
use crate::congestion::CongestionControl;
use crate::endpoint::IcmpError;

/// A packet of this association that an ICMP error quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Quoted {
    /// It holds an INIT.
    Init,
    /// It stands under the peer's tag, so that it holds none.
    Tagged,
}

impl Association {
    /// Takes an ICMP error about a packet from `local` to one of the peer's addresses; `quoted` is that packet, from its
    /// common header on, as far as the error holds it.
    pub(super) fn on_icmp(&mut self, now: SimTime, error: IcmpError, local: IpAddr, quoted: &[u8]) {
        let Some(packet) = self.own_packet(quoted) else { return };
        match error {
            IcmpError::ProtocolUnreachable => {
                // ICMP8: an INIT's is like an ABORT, any other like an ABORT with the T bit, which may be void while
                // addresses change (RFC 5061 §5.3.1).
                let ends = match packet {
                    Quoted::Init => self.state == State::CookieWait,
                    Quoted::Tagged => !self.ignores_aborts_to(now, local, true),
                };
                if ends {
                    self.close(CloseReason::Unreachable);
                }
            }
            // ICMP7
            IcmpError::PacketTooBig { mtu } if self.state == State::CookieEchoed => {
                self.on_echo_too_big(now, mtu);
            }
            IcmpError::PacketTooBig { mtu } if self.prober.is_some() => self.on_probe_too_big(now, mtu),
            IcmpError::PacketTooBig { mtu } if mtu > 0 && mtu < self.config.mtu => self.set_path_mtu(mtu),
            // ICMP1 to ICMP4 let the rest be ignored, and ICMP3 wants it of closed ports: whoever knows SCTP says ABORT.
            // ICMP9 would let an unreachable destination count as an error of the path; its T3 and HEARTBEATs tell.
            IcmpError::PacketTooBig { .. }
            | IcmpError::Prohibited
            | IcmpError::Unreachable
            | IcmpError::PortUnreachable
            | IcmpError::TimeExceeded
            | IcmpError::ParameterProblem => {}
        }
    }

    /// A COOKIE ECHO was too big with the data behind it. It goes again at once, without what may be too big again.
    fn on_echo_too_big(&mut self, now: SimTime, mtu: u32) {
        if mtu > 0 && mtu < self.config.mtu {
            self.set_path_mtu(mtu);
            self.mark_in_flight();
            self.send_echo(now, true);
        }
    }

    /// ICMP6: whether the quoted packet is proved to be this association's, by the peer's tag, or in an INIT, which has
    /// none, by the tag that this side has chosen.
    fn own_packet(&self, quoted: &[u8]) -> Option<Quoted> {
        let number = |at: usize| Some(u32::from_be_bytes(*quoted.get(at..)?.first_chunk()?));
        let tag = number(4)?;
        if tag != 0 {
            return (tag == self.peer_tag).then_some(Quoted::Tagged);
        }
        let is_init = *quoted.get(COMMON_HEADER_LEN)? == ChunkType::INIT.0;
        let initiate_tag = number(COMMON_HEADER_LEN + CHUNK_HEADER_LEN)?;
        (is_init && initiate_tag == self.local_tag).then_some(Quoted::Init)
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
