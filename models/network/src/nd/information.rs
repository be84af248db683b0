//! What a border router says of its network, as each node keeps it (RFC 6775 §5.4.2, §8.1.4): prefixes and contexts together with
//! the border router that they come from. Lifetimes run down while they are kept.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::ndp_lowpan::{BorderRouter, ContextOption};
use wire::ndp_options::PrefixInformation;
use wire::sixlowpan::{Context, Contexts};

/// What one border router says.
#[derive(Clone, Debug)]
pub struct Announced {
    /// How new it is.
    pub version: u32,
    /// When it is over.
    pub until: SimTime,
    /// Prefixes, each with its end.
    pub prefixes: Vec<(PrefixInformation, SimTime)>,
    /// Contexts, each with its end.
    pub contexts: Vec<(ContextOption, SimTime)>,
}

/// What a message has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Update {
    /// It was older than what is known.
    Ignored,
    /// It says again what is known.
    Renewed,
    /// The border router or the version is new.
    New,
}

/// What all border routers say.
#[derive(Clone, Debug, Default)]
pub struct Information {
    borders: BTreeMap<Ipv6Addr, Announced>,
}

impl Information {
    /// Takes what an advertisement says (RFC 6775 §8.1.3).
    pub fn take(
        &mut self,
        now: SimTime,
        border: &BorderRouter,
        prefixes: impl Iterator<Item = PrefixInformation>,
        contexts: impl Iterator<Item = ContextOption>,
    ) -> Update {
        let known = self.borders.get(&border.address).map(|known| known.version);
        if known.is_some_and(|known| border.version < known)
            || known.is_none() && self.borders.len() >= BORDERS_MAX
        {
            return Update::Ignored;
        }
        let prefixes = prefixes.filter(is_usable).take(PREFIXES_MAX);
        let announced = Announced {
            version: border.version,
            until: now + minutes(border.minutes()),
            prefixes: prefixes.map(|prefix| (prefix, end_of_prefix(now, &prefix))).collect(),
            contexts: contexts.take(CONTEXTS_MAX).map(|it| (it, now + minutes(it.lifetime))).collect(),
        };
        self.borders.insert(border.address, announced);
        if known == Some(border.version) { Update::Renewed } else { Update::New }
    }

    /// The border routers and what they say.
    pub fn iter(&self) -> impl Iterator<Item = (Ipv6Addr, &Announced)> {
        self.borders.iter().map(|(&address, announced)| (address, announced))
    }

    /// The border router that keeps the registry of the network: of several the one with the lowest address, which all that hear
    /// of them agree on.
    #[must_use]
    pub fn registrar(&self) -> Option<Ipv6Addr> {
        self.borders.keys().next().copied()
    }

    /// Whether an address may be used on this link: link-local, or of a prefix that is announced.
    #[must_use]
    pub fn covers(&self, now: SimTime, address: Ipv6Addr) -> bool {
        let announced = self.borders.values().flat_map(|announced| &announced.prefixes);
        address.is_unicast_link_local()
            || announced.filter(|(_, until)| *until > now).any(|(prefix, _)| holds(prefix, address))
    }

    /// Forgets what is over (RFC 6775 §6.3).
    pub fn expire(&mut self, now: SimTime) {
        self.borders.retain(|_, announced| announced.until > now);
    }

    /// When the first of them is over.
    #[must_use]
    pub fn next_end(&self) -> Option<SimTime> {
        self.borders.values().map(|announced| announced.until).min()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.borders.clear();
    }
}

/// A context as a node has it.
#[derive(Clone, Copy, Debug)]
struct Known {
    context: Context,
    compress: bool,
    /// When it is not to be used to compress any more.
    until: SimTime,
    /// When it is forgotten.
    gone: SimTime,
}

/// The context table (RFC 6775 §5.4.2).
#[derive(Clone, Debug, Default)]
pub struct ContextTable {
    known: BTreeMap<u8, Known>,
    to_compress: Contexts,
    to_decompress: Contexts,
}

impl ContextTable {
    /// Takes what an advertisement says of a context; `hold` is how long one that is over is kept for packets of others: twice the
    /// router lifetime (RFC 6775 §5.4.3).
    pub fn take(&mut self, now: SimTime, option: &ContextOption, hold: SimDuration) {
        let id = option.id & 0xF;
        if option.lifetime == 0 {
            self.known.remove(&id);
        } else {
            let until = now + minutes(option.lifetime);
            let context = Context::new(option.prefix, option.len);
            self.known.insert(id, Known { context, compress: option.compress, until, gone: until + hold });
        }
        self.rebuild(now);
    }

    /// What headers may be compressed with.
    #[must_use]
    pub const fn to_compress(&self) -> &Contexts {
        &self.to_compress
    }

    /// What headers of others are restored with.
    #[must_use]
    pub const fn to_decompress(&self) -> &Contexts {
        &self.to_decompress
    }

    /// Puts contexts out of use whose time is over, and forgets those that were for long.
    pub fn expire(&mut self, now: SimTime) {
        let is_due = |known: &Known| known.gone <= now || known.compress && known.until <= now;
        if self.known.values().any(is_due) {
            self.known.retain(|_, known| known.gone > now);
            self.known
                .values_mut()
                .filter(|known| known.until <= now)
                .for_each(|known| known.compress = false);
            self.rebuild(now);
        }
    }

    /// When something is to be put out of use or forgotten next.
    #[must_use]
    pub fn next_end(&self) -> Option<SimTime> {
        self.known.values().map(|known| if known.compress { known.until } else { known.gone }).min()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn rebuild(&mut self, now: SimTime) {
        (self.to_compress, self.to_decompress) = (Contexts::NONE, Contexts::NONE);
        for (&id, known) in &self.known {
            self.to_decompress = std::mem::take(&mut self.to_decompress).with(id, known.context);
            if known.compress && known.until > now {
                self.to_compress = std::mem::take(&mut self.to_compress).with(id, known.context);
            }
        }
    }
}

/// Whether a host may make addresses of a prefix. One that claims to be on-link is ignored (RFC 6775 §5.4).
pub(super) fn is_usable(prefix: &PrefixInformation) -> bool {
    !prefix.on_link && prefix.autonomous && prefix.prefix_len == 64 && prefix.valid_lifetime > 0
}

/// Whether an address is of a prefix of 64 bits.
pub(super) fn holds(prefix: &PrefixInformation, address: Ipv6Addr) -> bool {
    prefix.prefix.octets()[..8] == address.octets()[..8]
}

pub(super) fn end_of_prefix(now: SimTime, prefix: &PrefixInformation) -> SimTime {
    now + SimDuration::from_secs(u64::from(prefix.valid_lifetime))
}

pub(super) const fn minutes(count: u16) -> SimDuration {
    SimDuration::from_secs(count as u64 * 60)
}

/// Border routers that a node keeps information of.
const BORDERS_MAX: usize = 4;
/// Prefixes of each.
const PREFIXES_MAX: usize = 4;
/// Contexts of each: as many as there are numbers.
const CONTEXTS_MAX: usize = 16;
