//! Handshakes: what comes with the segments that open a connection or a further subflow (RFC 8684 §3.1, §3.2).

use wire::account::Reason;
use wire::mptcp::{Capable, Join, MptcpOption, ResetReason, Stage as CapableStage};

use super::connection::{Connection, FIRST, Mode, Outside};
use super::crypto::{JOIN_LEN, join_hmac, leftmost_64, leftmost_160};
use super::event::{Fallback, MptcpEvent};
use super::path::InMap;
use super::subflow::{Received, Stage};

impl Connection {
    pub(super) fn on_syn_ack(&mut self, outside: &mut Outside<'_>, path: usize, received: &Received) {
        let id = self.paths[path].id;
        if path > 0 {
            self.on_join_answer(outside, path, received);
            return;
        }
        let answer = received.options.iter().find_map(|option| match option {
            MptcpOption::Capable(Capable { flags, stage: CapableStage::SynAck { sender_key } })
                if flags.hmac_sha256 && !flags.extensibility =>
            {
                Some((*flags, *sender_key))
            }
            _ => None,
        });
        let Some((flags, peer)) = answer else {
            self.fall_back(outside, path, Fallback::SynAck, false);
            return;
        };
        self.checksum |= flags.checksum;
        self.joins_forbidden = flags.no_join;
        if let Some(hook) = outside.tcp.hook_mut(id) {
            hook.stage = Stage::CapableAck { own: self.own_key, peer };
            hook.checksum = self.checksum;
        }
        self.peer_edge = FIRST + received.window;
        self.establish(outside, peer);
    }

    fn on_join_answer(&mut self, outside: &mut Outside<'_>, path: usize, received: &Received) {
        let (Some(peer_key), Some(mut joining)) = (self.peer_key, self.paths[path].joining) else { return };
        let answer = received.options.iter().find_map(|option| match option {
            MptcpOption::Join(Join::SynAck { backup, hmac, nonce, .. }) => Some((*backup, *hmac, *nonce)),
            _ => None,
        });
        let own = (self.own_key, joining.own_nonce);
        answer.iter().for_each(|_| outside.tally.hmac(JOIN_LEN));
        let valid =
            answer.filter(|(_, hmac, nonce)| *hmac == leftmost_64(&join_hmac((peer_key, *nonce), own)));
        let Some((backup, _, nonce)) = valid else {
            // What ends it counts it as failed.
            self.reset_path(outside, path, ResetReason::MPTCP_SPECIFIC);
            return;
        };
        joining.peer_nonce = nonce;
        joining.resend_at = Some(outside.now + self.slowest_timeout(outside.tcp));
        let proof = leftmost_160(&join_hmac(own, (peer_key, nonce)));
        outside.tally.hmac(JOIN_LEN);
        let it = &mut self.paths[path];
        it.peer_backup = backup;
        it.joining = Some(joining);
        self.signals_pending = true;
        if let Some(hook) = outside.tcp.hook_mut(it.id) {
            hook.stage = Stage::JoinAck { hmac: proof };
        }
    }

    /// Handshakes that are not over. Returns whether the segment counts.
    pub(super) fn check_opening(
        &mut self,
        outside: &mut Outside<'_>,
        path: usize,
        received: &Received,
    ) -> bool {
        let id = self.paths[path].id;
        if self.mode == Mode::Opening && !self.initiator {
            let keys = received.options.iter().find_map(|option| match option {
                MptcpOption::Capable(Capable {
                    stage:
                        CapableStage::Ack { sender_key, receiver_key }
                        | CapableStage::Data { sender_key, receiver_key, .. },
                    flags,
                }) if *receiver_key == self.own_key => Some((*sender_key, flags.checksum)),
                _ => None,
            });
            match keys {
                Some((peer, checksum)) => {
                    self.checksum |= checksum;
                    if let Some(hook) = outside.tcp.hook_mut(id) {
                        hook.stage = Stage::Open;
                        hook.checksum = self.checksum;
                    }
                    self.peer_edge = FIRST + received.window;
                    self.establish(outside, peer);
                }
                // Later data may overtake the first, which has the keys.
                None if received.offset > 0
                    || received.options.iter().any(|it| matches!(it, MptcpOption::Dss(_))) =>
                {
                    if self.early.len() < EARLY_MAX {
                        self.early.push(received.clone());
                    }
                    return false;
                }
                None => {
                    self.fall_back(outside, path, Fallback::ThirdAck, false);
                    return false;
                }
            }
        }
        if path > 0 && !self.paths[path].ready {
            return self.check_joining(outside, path, received);
        }
        true
    }

    /// A subflow whose join is not over: the initiator waits for any acknowledgment of its proof, the other side for
    /// the proof.
    fn check_joining(&mut self, outside: &mut Outside<'_>, path: usize, received: &Received) -> bool {
        let (Some(peer_key), Some(joining)) = (self.peer_key, self.paths[path].joining) else { return false };
        let id = self.paths[path].id;
        let is_ours =
            outside.tcp.hook_mut(id).is_some_and(|hook| matches!(hook.stage, Stage::JoinAck { .. }));
        if !is_ours {
            outside.tally.hmac(JOIN_LEN);
            let expected =
                leftmost_160(&join_hmac((peer_key, joining.peer_nonce), (self.own_key, joining.own_nonce)));
            let proof = received
                .options
                .iter()
                .any(|option| matches!(option, MptcpOption::Join(Join::Ack { hmac }) if *hmac == expected));
            if !proof {
                self.reset_path(outside, path, ResetReason::MPTCP_SPECIFIC);
                return false;
            }
            // The fourth segment (RFC 8684 §3.2).
            outside.tcp.acknowledge(id, Reason::Handshake);
        }
        if let Some(hook) = outside.tcp.hook_mut(id) {
            hook.stage = Stage::Open;
        }
        let path_number = path as u8;
        let path = &mut self.paths[path];
        path.joining = None;
        path.ready = true;
        path.cursor = self.una;
        // What was said of its address while it was being opened.
        let backup = outside.backups.contains(&path.local.ip());
        self.set_backup(outside, usize::from(path_number), backup);
        self.counters.joined += 1;
        self.refresh(outside);
        outside.events.push_back(MptcpEvent::SubflowOpened { id: self.id, subflow: path_number });
        true
    }

    /// MP_CAPABLE with the first data. With other keys than before it is not the peer's, and maps nothing.
    pub(super) fn on_keys(&mut self, outside: &mut Outside<'_>, path: usize, capable: &Capable) {
        if let CapableStage::Data { len, checksum, sender_key, receiver_key } = capable.stage
            && path == 0
            && len > 0
            && (Some(sender_key), receiver_key) == (self.peer_key, self.own_key)
            && self.behaves_as_negotiated(outside, path, checksum)
        {
            let map = InMap { place: FIRST, len, checksum, covered: len };
            self.paths[path].mapped = true;
            self.paths[path].map(0, map);
        }
    }
}

/// Segments that overtook the one with the keys.
const EARLY_MAX: usize = 256;
