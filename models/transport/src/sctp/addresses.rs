//! Addresses that come and go while associations live (RFC 5061), at the endpoint.

use std::net::IpAddr;

use sim_core::SimTime;
use wire::sctp::{Chunk, ChunkType, Parameter};

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

    fn for_all(&mut self, action: impl Fn(&mut super::association::Association)) {
        for index in 0..self.slots.len() as u32 {
            if let Some(association) = self.at(index).filter(|association| association.asconf.is_some()) {
                action(association);
                self.touch(index);
            }
        }
    }

    /// The association that the ASCONF chunks of a packet name, where its source tells nothing (RFC 5061 §5.2 D2).
    pub(super) fn find_by_asconf(&self, origin: &Origin, first: ChunkType, walker: &Walker) -> Option<u32> {
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
