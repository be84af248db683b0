//! Messages received, which are remembered to find duplicates (RFC 7252 §4.5).

use std::collections::BTreeMap;

use sim_core::SimTime;
use wire::coap::{Code, Kind};

/// A message that was received. A server keeps one for each message of EXCHANGE_LIFETIME, so it is as small as can be, and
/// what can be made again is not kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Nanoseconds; as bytes, they need no gap in front of them.
    expires: [u8; 8],
    /// What was sent back by its message ID, if that was a message without options and payload: an empty one, or one with
    /// the token of what it answered. Any other is among the peer's replies.
    pub(super) bare: Option<(Kind, Code)>,
}

impl Seen {
    pub(super) fn new(expires: SimTime) -> Self {
        Self { expires: expires.as_nanos().to_ne_bytes(), bare: None }
    }

    pub(super) fn expires(&self) -> SimTime {
        SimTime::from_nanos(u64::from_ne_bytes(self.expires))
    }
}

/// Messages by message ID: nothing while there is none, one piece of memory for a few, a tree for more.
#[derive(Debug, Default)]
pub(super) struct Remembered(Option<Box<Held>>);

#[derive(Debug)]
#[expect(clippy::box_collection, reason = "a tree in place takes 24 bytes, and thousands of peers have none")]
struct Held {
    few: [(u16, Seen); FEW],
    len: u8,
    many: Option<Box<BTreeMap<u16, Seen>>>,
}

impl Remembered {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.many.as_ref().map_or(usize::from(held.len), |many| many.len()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn get(&self, id: u16) -> Option<&Seen> {
        let held = self.0.as_deref()?;
        match &held.many {
            Some(many) => many.get(&id),
            None => held.few().iter().find(|(own, _)| *own == id).map(|(_, seen)| seen),
        }
    }

    pub(super) fn get_mut(&mut self, id: u16) -> Option<&mut Seen> {
        let held = self.0.as_deref_mut()?;
        match &mut held.many {
            Some(many) => many.get_mut(&id),
            None => {
                let few = held.few.iter_mut().take(held.len.into());
                few.into_iter().find(|(own, _)| *own == id).map(|(_, seen)| seen)
            }
        }
    }

    /// Remembers a message, in place of an older one with its ID.
    pub(super) fn insert(&mut self, id: u16, seen: Seen) {
        if let Some(known) = self.get_mut(id) {
            *known = seen;
            return;
        }
        let held = self.0.get_or_insert_with(|| {
            Box::new(Held { few: [(0, Seen::new(SimTime::ZERO)); FEW], len: 0, many: None })
        });
        match &mut held.many {
            Some(many) => {
                many.insert(id, seen);
            }
            None if usize::from(held.len) < FEW => {
                held.few[usize::from(held.len)] = (id, seen);
                held.len += 1;
            }
            None => held.many = Some(Box::new(held.few.into_iter().chain([(id, seen)]).collect())),
        }
    }

    /// Keeps those that `keep` says yes to.
    pub(super) fn retain(&mut self, keep: impl Fn(&Seen) -> bool) {
        let Some(held) = self.0.as_deref_mut() else { return };
        let kept = match &mut held.many {
            Some(many) => {
                many.retain(|_, seen| keep(seen));
                if many.len() > FEW {
                    return;
                }
                std::mem::take(&mut **many).into_iter().collect()
            }
            None => held.few().iter().filter(|(_, seen)| keep(seen)).copied().collect::<Vec<_>>(),
        };
        held.few[..kept.len()].copy_from_slice(&kept);
        (held.len, held.many) = (kept.len() as u8, None);
        if kept.is_empty() {
            self.0 = None;
        }
    }
}

impl Held {
    fn few(&self) -> &[(u16, Seen)] {
        &self.few[..usize::from(self.len)]
    }
}

/// One message a minute makes so many in EXCHANGE_LIFETIME (247 s) and the time between two looks for old ones.
const FEW: usize = 5;

// A server has one for each client, of which there may be thousands.
const _: () = assert!(size_of::<Held>() == 72 && size_of::<Remembered>() == 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_a_tree_does_however_many_there_are() {
        for seed in 0..100_u64 {
            let (mut remembered, mut tree) = (Remembered::default(), BTreeMap::new());
            let mut word = seed;
            for now in 0..400_u64 {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let id = (word >> 58) as u16 % (1 + seed as u16 % 20);
                let expires = now + (word >> 40) % 30;
                remembered.insert(id, Seen::new(SimTime::from_nanos(expires)));
                tree.insert(id, expires);
                if now % 3 == 0 {
                    remembered.retain(|seen| seen.expires() > SimTime::from_nanos(now));
                    tree.retain(|_, expires| *expires > now);
                }
                assert_eq!((remembered.len(), remembered.is_empty()), (tree.len(), tree.is_empty()));
                for id in 0..20 {
                    let (own, known) = (remembered.get(id).map(Seen::expires), tree.get(&id));
                    assert_eq!(own, known.copied().map(SimTime::from_nanos), "seed {seed}, {now}");
                    assert_eq!(remembered.get_mut(id).map(|seen| seen.expires()), own);
                }
            }
        }
    }
}
