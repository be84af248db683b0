//! The registrations that a router keeps: its neighbour cache, which is a registry rather than a cache (RFC 6775 §6).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::ieee802154::Address;
use wire::ndp_lowpan::AddressRegistration;

use super::deadlines::Deadlines;

/// Where the answer to a registration goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Applicant {
    /// The source of the solicitation.
    pub source: Ipv6Addr,
    /// The sender's link-layer address (SLLAO).
    pub link: Address,
    /// What the sender asked for.
    pub registration: AddressRegistration,
}

/// A question to the border router that is not answered yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question {
    /// How often it was asked.
    pub tries: u8,
    /// When it is asked again.
    pub due: SimTime,
}

/// An entry of the neighbour cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Who has registered the address, and by what.
    pub applicant: Applicant,
    /// Whether the registration is complete: a tentative entry carries no packets (RFC 6775 §6.5.4).
    pub registered: bool,
    /// When it is forgotten.
    pub until: SimTime,
    /// What the border router is asked about it.
    pub question: Option<Question>,
}

impl Entry {
    fn due(&self) -> SimTime {
        self.question.map_or(self.until, |question| question.due.min(self.until))
    }
}

/// The neighbour cache of a router, as far as it is made by registrations.
#[derive(Clone, Debug)]
pub struct Registrar {
    entries: BTreeMap<Ipv6Addr, Entry>,
    deadlines: Deadlines,
    entries_max: usize,
    most: usize,
}

impl Registrar {
    /// An empty cache with room for so many entries.
    #[must_use]
    pub fn new(entries_max: u16) -> Self {
        let deadlines = Deadlines::default();
        Self { entries: BTreeMap::new(), deadlines, entries_max: usize::from(entries_max), most: 0 }
    }

    /// The entry of an address.
    #[must_use]
    pub fn get(&self, address: Ipv6Addr) -> Option<&Entry> {
        self.entries.get(&address)
    }

    /// Whether there is no room for another entry.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.entries_max
    }

    /// Entries, and the most that there ever were.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        (self.entries.len(), self.most)
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = (Ipv6Addr, &Entry)> {
        self.entries.iter().map(|(&address, entry)| (address, entry))
    }

    pub(super) fn set(&mut self, address: Ipv6Addr, entry: Entry) {
        let before = self.entries.insert(address, entry).map(|before| before.due());
        self.deadlines.change(address, before, Some(entry.due()));
        self.most = self.most.max(self.entries.len());
    }

    pub(super) fn remove(&mut self, address: Ipv6Addr) -> Option<Entry> {
        let entry = self.entries.remove(&address)?;
        self.deadlines.change(address, Some(entry.due()), None);
        Some(entry)
    }

    /// Takes out an address of which something is due. The caller sets or removes its entry.
    pub(super) fn pop_due(&mut self, now: SimTime) -> Option<(Ipv6Addr, Entry)> {
        let address = self.deadlines.pop(now)?;
        Some((address, *self.entries.get(&address)?))
    }

    pub(super) fn next_due(&self) -> Option<SimTime> {
        self.deadlines.next()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.deadlines = Deadlines::default();
    }
}

/// `TENTATIVE_NCE_LIFETIME` (RFC 6775 §9).
pub(super) const TENTATIVE_LIFETIME: SimDuration = SimDuration::from_secs(20);
