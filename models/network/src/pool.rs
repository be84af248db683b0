//! Packets in flight, in one vector with a last-in-first-out free list.

use std::ops::{Index, IndexMut};

use wire::account::Account;
use wire::packet::Packet;
use wire::payload::Payload;

/// A packet's place in the pool. Never part of a result: places depend on history.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketId(pub u32);

/// All packets that exist in one world.
#[derive(Debug, Default)]
pub struct PacketPool {
    packets: Vec<Packet>,
    free: Vec<PacketId>,
    created: u64,
}

impl PacketPool {
    /// Puts a packet in.
    #[inline]
    pub fn insert(&mut self, packet: Packet) -> PacketId {
        let id = self.vacancy();
        self.packets[id.0 as usize] = packet;
        self.occupy(id);
        id
    }

    /// A free place, for a packet to be written into. It stays free until [`Self::occupy`] takes it.
    #[inline]
    pub fn vacancy(&mut self) -> PacketId {
        match self.free.last() {
            Some(&id) => id,
            None => self.grow(),
        }
    }

    #[cold]
    fn grow(&mut self) -> PacketId {
        let id = PacketId(u32::try_from(self.packets.len()).expect("fewer than 2^32 packets are in flight"));
        self.packets.push(Packet::new(Payload::empty(), Account::default()));
        self.free.push(id);
        id
    }

    /// Counts the packet that was written into the place that [`Self::vacancy`] named.
    ///
    /// # Panics
    ///
    /// If it named another.
    #[inline]
    pub fn occupy(&mut self, id: PacketId) {
        assert_eq!(self.free.pop(), Some(id), "a packet is written into the place that is free next");
        self.created += 1;
    }

    /// Frees a packet's place and lets go of its payload.
    #[inline]
    pub fn free(&mut self, id: PacketId) {
        let packet = &mut self.packets[id.0 as usize];
        if packet.payload_len() > 0 {
            drop(packet.take_payload());
        }
        self.free.push(id);
    }

    /// Takes a packet out.
    #[inline]
    pub fn take(&mut self, id: PacketId) -> Packet {
        let packet = std::mem::replace(
            &mut self.packets[id.0 as usize],
            Packet::new(Payload::empty(), Account::default()),
        );
        self.free.push(id);
        packet
    }

    /// Packets in flight now.
    pub fn in_flight(&self) -> usize {
        self.packets.len() - self.free.len()
    }

    /// Packets ever put in.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// Bytes of memory held by the pool itself.
    pub fn memory_bytes(&self) -> u64 {
        (self.packets.capacity() * size_of::<Packet>() + self.free.capacity() * size_of::<PacketId>()) as u64
    }
}

impl Index<PacketId> for PacketPool {
    type Output = Packet;

    #[inline]
    fn index(&self, id: PacketId) -> &Packet {
        &self.packets[id.0 as usize]
    }
}

impl IndexMut<PacketId> for PacketPool {
    #[inline]
    fn index_mut(&mut self, id: PacketId) -> &mut Packet {
        &mut self.packets[id.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again() {
        let mut pool = PacketPool::default();
        let packet = || Packet::new(Payload::empty(), Account::default());
        let first = pool.insert(packet());
        let second = pool.insert(packet());
        pool.free(first);
        assert_eq!(pool.in_flight(), 1);
        assert_eq!(pool.insert(packet()), first);
        assert_ne!(first, second);
        assert_eq!(pool.created(), 3);
    }
}
