//! The addresses of the whole network as its border router knows them: the DAD table (RFC 6775 §8.2.2).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::duplicate_address::Message;
use wire::ndp_lowpan::{Rovr, Status};

use super::deadlines::Deadlines;
use super::information::minutes;
use super::settings::Version;
use crate::rpl::sequence::Sequence;

/// What is known of an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owned {
    /// Whose it is.
    pub rovr: Rovr,
    /// How new that is; nothing if the router that asked follows RFC 6775 alone.
    pub tid: Option<Sequence>,
    /// The router that asked last.
    pub registrar: Ipv6Addr,
    /// When it is forgotten.
    pub until: SimTime,
}

/// What a border router says to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What it answers.
    pub status: Status,
    /// The router that had the address before, and is to forget it, with the counter that it is told.
    pub left: Option<(Ipv6Addr, Sequence)>,
}

/// The DAD table.
#[derive(Clone, Debug)]
pub struct Registry {
    owned: BTreeMap<Ipv6Addr, Owned>,
    deadlines: Deadlines,
    version: Version,
    owned_max: usize,
}

impl Registry {
    /// An empty table with room for so many addresses.
    #[must_use]
    pub fn new(version: Version, owned_max: u16) -> Self {
        let deadlines = Deadlines::default();
        Self { owned: BTreeMap::new(), deadlines, version, owned_max: usize::from(owned_max) }
    }

    /// Judges a request of the router `from` (RFC 6775 §8.2.4, RFC 8505 §5.7).
    pub fn judge(&mut self, now: SimTime, from: Ipv6Addr, request: &Message) -> Verdict {
        self.expire(now);
        let verdict = |status| Verdict { status, left: None };
        let tid = request.transaction.map(Sequence).filter(|_| self.version == Version::Rfc8505);
        let known = self.owned.get(&request.address).copied();
        let Some(known) = known else {
            if request.lifetime == 0 {
                return verdict(Status::SUCCESS);
            }
            if self.owned.len() >= self.owned_max {
                return verdict(match self.version {
                    Version::Rfc6775 => Status::NEIGHBOR_CACHE_FULL,
                    Version::Rfc8505 => Status::REGISTRY_SATURATED,
                });
            }
            let until = now + minutes(request.lifetime);
            self.set(request.address, Owned { rovr: request.rovr, tid, registrar: from, until });
            return verdict(Status::SUCCESS);
        };
        if known.rovr != request.rovr {
            return verdict(Status::DUPLICATE_ADDRESS);
        }
        let is_old = match (known.tid, tid) {
            (Some(known), Some(tid)) => tid.compare(known) == Some(Ordering::Less),
            // What has no counter does not change what has one (RFC 8505 §6.3).
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_old {
            return verdict(Status::MOVED);
        }
        if request.lifetime == 0 {
            let until = match self.version {
                Version::Rfc6775 => now,
                // It may be on its way to another router (RFC 8505 §5.7).
                Version::Rfc8505 => (now + REMOVAL_DELAY).min(known.until),
            };
            self.set(request.address, Owned { tid, until, ..known });
            self.expire(now);
            return verdict(Status::SUCCESS);
        }
        let until = now + minutes(request.lifetime);
        self.set(request.address, Owned { rovr: request.rovr, tid, registrar: from, until });
        let left = tid.filter(|_| known.registrar != from).map(|tid| (known.registrar, tid));
        Verdict { status: Status::SUCCESS, left }
    }

    /// What is known of an address.
    #[must_use]
    pub fn get(&self, address: Ipv6Addr) -> Option<&Owned> {
        self.owned.get(&address)
    }

    /// Addresses in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.owned.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.owned.clear();
        self.deadlines = Deadlines::default();
    }

    fn set(&mut self, address: Ipv6Addr, owned: Owned) {
        let before = self.owned.insert(address, owned);
        self.deadlines.change(address, before.map(|before| before.until), Some(owned.until));
    }

    /// Forgets what is over: the table is only asked, so that nothing has to wake for it.
    fn expire(&mut self, now: SimTime) {
        while let Some(address) = self.deadlines.pop(now) {
            self.owned.remove(&address);
        }
    }
}

/// How long an address that was given up is kept: `DELAY_FIRST_PROBE_TIME`, the time of the DELAY state (RFC 8505 §5.7).
const REMOVAL_DELAY: SimDuration = SimDuration::from_secs(5);
