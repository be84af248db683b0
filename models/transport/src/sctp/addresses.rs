//! Addresses that come and go while associations live (RFC 5061), at the endpoint.

use std::net::IpAddr;

use sim_core::SimTime;
use wire::sctp::{Chunk, ChunkType, Parameter};

use super::association::Association;
use super::cookie::Cookie;
use super::demux::Origin;
use super::endpoint::SctpEndpoint;
use super::event::AssociationId;
use super::packet::Walker;

impl SctpEndpoint {
    /// The host has another address: associations that can tell their peers of it, and listeners that name theirs.
    pub fn add_address(&mut self, now: SimTime, address: IpAddr) {
        for listener in self.listeners.values_mut() {
            let names = !listener.locals.is_empty() && listener.config.address_changes;
            if names && !listener.locals.contains(&address) {
                listener.locals.push(address);
            }
        }
        self.for_all(|association| association.on_own_address(now, address));
    }

    /// The host has lost an address.
    pub fn delete_address(&mut self, now: SimTime, address: IpAddr) {
        for listener in self.listeners.values_mut() {
            if listener.config.address_changes && listener.locals.len() > 1 {
                listener.locals.retain(|local| *local != address);
            }
        }
        self.for_all(|association| association.on_own_address_gone(now, address));
    }

    /// Adds an own address to one association; its peer is asked.
    pub fn add_own_address(&mut self, now: SimTime, id: AssociationId, address: IpAddr) {
        self.change(id, |association| association.on_own_address(now, address));
    }

    /// Takes an own address out of one association; its peer is asked, unless it is the last one.
    pub fn delete_own_address(&mut self, now: SimTime, id: AssociationId, address: IpAddr) {
        self.change(id, |association| association.on_own_address_gone(now, address));
    }

    /// Asks the peer to send to this own address while it works (RFC 5061 §5.4); says whether it can be asked.
    pub fn ask_for_primary(&mut self, now: SimTime, id: AssociationId, address: IpAddr) -> bool {
        self.change(id, |association| association.ask_for_primary(now, address)).unwrap_or(false)
    }

    /// The own addresses that the peer knows.
    pub fn own_addresses(&self, id: AssociationId) -> &[IpAddr] {
        self.get(id).map_or(&[], |association| &association.locals)
    }

    /// The association that a cookie has made already, and whose peer has left all addresses of that time: a copy of
    /// the cookie that comes late makes no second one.
    pub(super) fn find_moved(&self, cookie: &Cookie) -> Option<u32> {
        let is_its = |association: &Association| {
            association.asconf.is_some()
                && (association.local_tag, association.peer_tag) == (cookie.local_tag, cookie.peer_tag)
        };
        let place = self.slots.iter().position(|slot| slot.association.as_deref().is_some_and(is_its));
        place.and_then(|place| u32::try_from(place).ok())
    }

    fn for_all(&mut self, action: impl Fn(&mut Association)) {
        for index in 0..self.slots.len() as u32 {
            if let Some(association) = self.at(index).filter(|association| association.asconf.is_some()) {
                action(association);
                self.touch(index);
            }
        }
    }

    /// The association that the addresses in an INIT ACK tell, where its source does not (RFC 9260 §5.1.2 rule D): a host with
    /// several may answer from another one than was asked.
    pub(super) fn find_by_init_ack(
        &self,
        origin: &Origin,
        first: ChunkType,
        walker: &Walker<'_>,
    ) -> Option<u32> {
        if first != ChunkType::INIT_ACK {
            return None;
        }
        let (_, bytes) = walker.ahead().next()?;
        let Ok((Chunk::InitAck(body), _)) = Chunk::parse(&bytes) else { return None };
        let (local, peer) = (origin.header.destination_port, origin.header.source_port);
        body.parameters.iter().flatten().find_map(|parameter| match parameter {
            Parameter::Address(address) => self.find(local, address, peer),
            _ => None,
        })
    }

    /// The association that the ASCONF chunks of a packet name, where its source tells nothing (RFC 5061 §5.2 D2).
    pub(super) fn find_by_asconf(
        &self,
        origin: &Origin,
        first: ChunkType,
        walker: &Walker<'_>,
    ) -> Option<u32> {
        if first != ChunkType::AUTH {
            return None; // D5: it would be discarded.
        }
        let (local, peer) = (origin.header.destination_port, origin.header.source_port);
        walker.ahead().filter(|(kind, _)| *kind == ChunkType::ASCONF).find_map(|(_, bytes)| {
            let Ok((Chunk::Asconf { parameters, .. }, _)) = Chunk::parse(&bytes) else { return None };
            let Some(Ok(Parameter::Address(address))) = parameters.iter().next() else { return None };
            self.find(local, address, peer)
        })
    }
}
