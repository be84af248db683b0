//! Address changes of the peer (RFC 5061 §5.2, §5.3).

use std::net::IpAddr;

use sim_core::SimTime;
use wire::account::Reason;
use wire::sctp::{
    AddressRequest, Cause, Causes, Chunk, ChunkType, Parameter, ParameterList, ParameterType, Parameters,
    code,
};

use super::association::Association;
use super::control::{CONTROL_MAX, Control, Detour};
use super::cookie::ADDRESSES_MAX;
use super::event::{AddressChange, PathState};
use super::packet::{Piece, Walker};
use super::parameters::is_host;

impl Association {
    /// Takes a packet from an address that is none of the peer's yet: its ASCONF chunks have named the association
    /// (RFC 5061 §5.2 D2), and nothing else of it counts but signed answers to this side's (D5). These count from whatever
    /// address, since the requests beside them may be to leave the one that it has: both sides' may wait for the other's
    /// answer.
    pub(super) fn on_stray_packet(&mut self, now: SimTime, source: IpAddr, walker: &mut Walker<'_>) {
        let at = self.best_path(None);
        while let Some(piece) = walker.next() {
            let Piece::Control(kind, bytes) = piece else { continue };
            if kind == ChunkType::AUTH && self.authenticates() {
                self.on_auth(at, &bytes, walker);
            } else if kind == ChunkType::ASCONF
                && walker.authenticated
                && let Ok((Chunk::Asconf { serial, parameters }, _)) = Chunk::parse(&bytes)
            {
                self.on_asconf(now, source, serial, parameters);
            } else if kind == ChunkType::ASCONF_ACK
                && walker.authenticated
                && let Ok((Chunk::AsconfAck { serial, parameters }, _)) = Chunk::parse(&bytes)
            {
                self.on_asconf_ack(now, serial, parameters);
            }
        }
        self.send_asconf_acks(source);
    }

    /// Takes an ASCONF that came from `source` (RFC 5061 §5.2 E1 to E5); the answers go when its packet is done with.
    pub(super) fn on_asconf(
        &mut self,
        now: SimTime,
        source: IpAddr,
        serial: u32,
        parameters: Parameters<'_>,
    ) {
        let takes = self.may_change_addresses();
        let Some(asconf) = self.asconf.as_mut().filter(|_| takes) else { return };
        let room = (self.pmdcs as usize).saturating_sub(ROOM_FOR_CODE);
        if serial != asconf.peer_serial.wrapping_add(1) {
            // E2: what was answered is answered alike; E5: anything else is stale or an attacker's.
            let answer = asconf.answers.iter().find(|(known, _)| *known == serial);
            if let Some((_, answer)) = answer
                && asconf.reply.len() + answer.len() <= room
            {
                asconf.reply.extend_from_slice(answer);
            }
            return;
        }
        let mut it = parameters.raw().zip(parameters.iter());
        // RFC 5061 §4.1.1: the address parameter is mandatory.
        let Some((_, Ok(Parameter::Address(_)))) = it.next() else { return };
        let mut responses = ParameterList::new();
        let mut failing = false;
        for ((kind, whole), parameter) in it {
            let Some((correlation, outcome)) =
                self.carry_out_for_peer(now, source, kind, whole, parameter.ok(), failing)
            else {
                continue;
            };
            if let Err(causes) = outcome {
                failing |= kind != ParameterType::SET_PRIMARY; // F11
                let causes = Causes::parse(&causes).unwrap_or_default();
                responses.push(&Parameter::ErrorIndication { correlation, causes });
            } else if failing {
                responses.push(&Parameter::Success { correlation }); // What follows a failure is told (A7).
            }
        }
        let mut answer = Vec::new();
        Chunk::AsconfAck { serial, parameters: responses.parameters() }.emit(&mut answer);
        let Some(asconf) = &mut self.asconf else { return };
        if asconf.reply.is_empty() {
            asconf.answers.clear(); // E1: the first of a packet, so the peer has all answers up to here.
        }
        if asconf.reply.len() + answer.len() <= room {
            asconf.reply.extend_from_slice(&answer); // E7
        }
        asconf.answers.push_back((serial, answer));
        if asconf.answers.len() > ANSWERS_MAX {
            asconf.answers.pop_front();
        }
        asconf.peer_serial = serial;
    }

    /// Sends the answers to a packet's ASCONF chunks to where it came from (E6).
    pub(super) fn send_asconf_acks(&mut self, source: IpAddr) {
        let Some(asconf) = self.asconf.as_mut().filter(|asconf| !asconf.reply.is_empty()) else { return };
        let mut chunks = std::mem::take(&mut asconf.reply);
        let mut from = None;
        if self.is_between_addresses() {
            // RFC 5061 §5.3 F1: from an address that is not added yet they may go only beside the request for it. Both
            // sides may be at this point at once, and wait for each other's answer.
            let Some(coming) = self.asconf_source(source) else { return };
            let room = (self.pmdcs as usize).saturating_sub(ROOM_FOR_CODE);
            let Some(request) = self.outstanding_asconf().filter(|it| it.len() + chunks.len() <= room) else {
                return;
            };
            chunks = [request, &chunks].concat();
            from = Some(coming);
        }
        let (path, to) = match self.path_of(source) {
            Some(path) => (path, None),
            None => (self.best_path(None), Some(source)),
        };
        if self.control.len() >= CONTROL_MAX {
            return; // The request comes again.
        }
        self.control.push_back(Control {
            path,
            chunks,
            tag: self.peer_tag,
            reason: Reason::Control,
            resends: false,
            bundles: false,
            detour: Detour { from, to },
        });
    }

    /// Carries out one request, or says why not; nothing of a parameter that asks for nothing.
    fn carry_out_for_peer(
        &mut self,
        now: SimTime,
        source: IpAddr,
        kind: ParameterType,
        whole: &[u8],
        parameter: Option<Parameter<'_>>,
        failing: bool,
    ) -> Option<(u32, Result<(), Vec<u8>>)> {
        let refuse = |code: u16| {
            let mut bytes = Vec::new();
            let information = &whole[..usize::from(u16::from_be_bytes([whole[2], whole[3]]))];
            Cause::Other { code, information }.emit(&mut bytes);
            Err(bytes)
        };
        let Some(Parameter::AddressRequest(AddressRequest { correlation, address, .. })) = parameter else {
            // V2: what is not understood, by the bits of its type.
            let correlation =
                whole.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
            let reports = kind.unknown_action().report;
            return reports.then(|| (correlation, refuse(code::UNRECOGNIZED_PARAMETERS)));
        };
        let wildcard = address.is_unspecified();
        let named = if wildcard { source } else { address };
        let outcome = match kind {
            ParameterType::SET_PRIMARY => match self.path_of(named) {
                Some(path) => {
                    self.primary = path;
                    Ok(())
                }
                None => refuse(code::UNRESOLVABLE_ADDRESS), // RFC 5061 §5.4
            },
            _ if failing => refuse(code::REFUSED_RESOURCES), // F11
            ParameterType::ADD_ADDRESS if !is_host(named) => refuse(code::UNRESOLVABLE_ADDRESS),
            ParameterType::ADD_ADDRESS => self.add_for_peer(now, named).or_else(refuse),
            _ if wildcard => {
                self.delete_all_but(now, source);
                Ok(())
            }
            _ => self.delete_for_peer(now, source, named).or_else(refuse),
        };
        Some((correlation, outcome))
    }

    /// A new path, to be verified before anything else is sent there (F1, F14).
    fn add_for_peer(&mut self, now: SimTime, address: IpAddr) -> Result<(), u16> {
        if self.path_of(address).is_some() {
            return Ok(());
        }
        if self.paths.iter().filter(|path| !path.removed).count() >= ADDRESSES_MAX {
            return Err(code::REFUSED_RESOURCES); // F9
        }
        let at = self.add_path(now, address);
        self.paths[at].heartbeat_at = Some(now);
        self.changes.addresses.push((address, AddressChange::PeerAdded));
        Ok(())
    }

    fn delete_for_peer(&mut self, now: SimTime, source: IpAddr, address: IpAddr) -> Result<(), u16> {
        let Some(at) = self.path_of(address) else { return Ok(()) };
        if self.paths.iter().filter(|path| !path.removed).count() == 1 {
            return Err(code::DELETE_LAST_ADDRESS); // F7
        }
        if address == source {
            return Err(code::DELETE_SOURCE_ADDRESS); // F8
        }
        self.remove_path(now, at);
        Ok(())
    }

    /// RFC 5061 §4.2.2: a wildcard deletes all but the packet's source, if that is one of them.
    fn delete_all_but(&mut self, now: SimTime, source: IpAddr) {
        if self.path_of(source).is_none() {
            return;
        }
        for at in 0..self.paths.len() {
            if !self.paths[at].removed && self.paths[at].remote != source {
                self.remove_path(now, at);
            }
        }
    }

    /// The peer has left an address: what went there goes elsewhere (F12, F13).
    fn remove_path(&mut self, now: SimTime, at: usize) {
        self.mark_in_flight_on(at);
        let path = &mut self.paths[at];
        path.removed = true;
        path.confirmed = false;
        path.state = PathState::Inactive;
        (path.t3, path.heartbeat_at, path.heartbeat, path.in_flight) = (None, None, None, 0);
        let address = path.remote;
        self.forward_due |= self.out.advanced >= self.out.base; // Its T3 would have brought it again.
        self.changes.gone.push(address);
        self.changes.addresses.push((address, AddressChange::PeerDeleted));
        let best = self.best_path(None);
        for place in [&mut self.primary, &mut self.data_path, &mut self.control_path, &mut self.ack.path] {
            if *place == at {
                *place = best;
            }
        }
        for control in &mut self.control {
            if control.path == at {
                control.path = best;
            }
        }
        if self.out.in_flight > 0 || self.out.marked > 0 {
            self.paths[best].renew_burst(&self.config, self.pmdcs);
        }
        self.schedule_heartbeat(now, best);
    }
}

/// Room for an AUTH chunk in front of the answers.
const ROOM_FOR_CODE: usize = 40;

/// Answers that are kept, for requests that come again.
const ANSWERS_MAX: usize = 8;
