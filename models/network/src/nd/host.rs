//! What a node knows as a host: its own addresses and how far their registration is, and the routers around it.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::ieee802154::Address;
use wire::ndp_lowpan::Status;
use wire::ndp_options::PrefixInformation;

use super::information::holds;
use crate::rpl::sequence::Sequence;

/// How good a router is: the least is the best.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Quality {
    /// Transmissions that a frame is expected to take, in the units of [`crate::rpl::link::Etx`].
    pub etx: u16,
    /// How far the signal is below 0 dB above the sensitivity, in hundredths of a decibel: negative for all that is heard.
    pub weakness: i32,
}

/// A router of the default router list.
#[derive(Clone, Debug)]
pub struct DefaultRouter {
    /// Its link-layer address.
    pub link: Address,
    /// When it is none any more.
    pub until: SimTime,
    /// How good it is.
    pub quality: Quality,
    /// Whether it takes extended registrations (RFC 8505 §6.1).
    pub extended: bool,
    /// The prefixes that it has announced, each with its end.
    pub prefixes: Vec<(PrefixInformation, SimTime)>,
    /// When what it has announced is to be asked for again (RFC 6775 §5.4.3).
    pub renew_at: SimTime,
}

/// How far the registration of an address is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Not begun.
    Idle,
    /// Asked for, so many times.
    Asking {
        /// How often.
        tries: u8,
        /// When it is asked for again, or given up.
        due: SimTime,
        /// Until when an earlier registration holds.
        valid: Option<SimTime>,
    },
    /// Done.
    Registered {
        /// Until when.
        until: SimTime,
        /// When it is renewed.
        refresh: SimTime,
    },
    /// Put off.
    Waiting {
        /// Until when.
        until: SimTime,
    },
    /// Given up for good.
    Refused(Status),
}

impl State {
    /// Whether the address may be used at a time.
    #[must_use]
    pub fn is_usable(self, now: SimTime) -> bool {
        match self {
            Self::Registered { until, .. } => now < until,
            Self::Asking { valid, .. } => valid.is_some_and(|until| now < until),
            Self::Idle | Self::Waiting { .. } | Self::Refused(_) => false,
        }
    }

    fn due(self) -> Option<SimTime> {
        match self {
            Self::Asking { due, .. } => Some(due),
            Self::Registered { refresh, .. } => Some(refresh),
            Self::Waiting { until } => Some(until),
            Self::Idle | Self::Refused(_) => None,
        }
    }
}

/// An address that the node registers.
#[derive(Clone, Copy, Debug)]
pub struct OwnAddress {
    /// The address.
    pub address: Ipv6Addr,
    /// The counter of its registrations; it outlives a loss of power, so that a restart is not taken for something old.
    pub tid: Sequence,
    /// How far its registration is.
    pub state: State,
    /// Whether it was ever registered.
    pub was_registered: bool,
}

/// A node's part as a host.
#[derive(Clone, Debug)]
pub struct Host {
    /// The addresses that it registers: with RFC 8505 the link-local one first.
    pub addresses: Vec<OwnAddress>,
    /// The default routers that it knows, by their link-local addresses.
    pub routers: BTreeMap<Ipv6Addr, DefaultRouter>,
    /// The router that it registers with.
    pub current: Option<Ipv6Addr>,
    pub(super) choose_at: Option<SimTime>,
    pub(super) solicit_at: Option<SimTime>,
    /// Solicitations since an address was last registered.
    pub(super) solicited: u32,
    /// When the router last showed that it can be reached.
    pub(super) confirmed_at: SimTime,
    /// When it is asked whether it still can.
    pub(super) probe_at: Option<SimTime>,
}

impl Host {
    pub(super) fn new(addresses: impl Iterator<Item = Ipv6Addr>) -> Self {
        let own =
            |address| OwnAddress { address, tid: Sequence::START, state: State::Idle, was_registered: false };
        Self {
            addresses: addresses.map(own).collect(),
            routers: BTreeMap::new(),
            current: None,
            choose_at: None,
            solicit_at: None,
            solicited: 0,
            confirmed_at: SimTime::ZERO,
            probe_at: None,
        }
    }

    /// Forgets all but the counters.
    pub(super) fn clear(&mut self) {
        self.routers.clear();
        self.addresses.iter_mut().for_each(|own| own.state = State::Idle);
        self.current = None;
        (self.choose_at, self.solicit_at, self.probe_at) = (None, None, None);
        self.solicited = 0;
    }

    /// The router that it registers with.
    #[must_use]
    pub fn router(&self) -> Option<&DefaultRouter> {
        self.routers.get(&self.current?)
    }

    /// Whether an address of the node's own may be used.
    #[must_use]
    pub fn is_usable(&self, now: SimTime, address: Ipv6Addr) -> bool {
        self.addresses.iter().any(|own| own.address == address && own.state.is_usable(now))
    }

    /// Whether the current router has announced a prefix for an address.
    pub(super) fn can_configure(&self, now: SimTime, address: Ipv6Addr) -> bool {
        let announced = self.router().map(|router| router.prefixes.as_slice()).unwrap_or_default();
        address.is_unicast_link_local()
            || announced.iter().any(|(prefix, until)| *until > now && holds(prefix, address))
    }

    /// The best router: one that follows the newer standard where there is one (RFC 8505 §5), by the best link.
    pub(super) fn best_router(&self) -> Option<Ipv6Addr> {
        let by =
            |(&address, router): (&Ipv6Addr, &DefaultRouter)| (!router.extended, router.quality, address);
        self.routers.iter().map(by).min().map(|(.., address)| address)
    }

    pub(super) fn next_due(&self) -> Option<SimTime> {
        let addresses = self.addresses.iter().filter_map(|own| own.state.due());
        let lifetimes = self.routers.values().map(|router| router.until);
        let renewal = self.router().map(|router| router.renew_at);
        let single = [self.choose_at, self.solicit_at, self.probe_at, renewal];
        addresses.chain(lifetimes).chain(single.into_iter().flatten()).min()
    }
}

/// Routers of the default router list.
pub(super) const ROUTERS_MAX: usize = 8;
/// The longest that the first solicitation waits (`MAX_RTR_SOLICITATION_DELAY`, RFC 4861 §10).
pub(super) const SOLICITATION_DELAY_MAX: SimDuration = SimDuration::from_secs(1);
/// `RTR_SOLICITATION_INTERVAL` (RFC 6775 §9).
pub(super) const SOLICITATION_INTERVAL: SimDuration = SimDuration::from_secs(10);
/// `MAX_RTR_SOLICITATIONS` (RFC 6775 §9).
pub(super) const SOLICITATIONS_MAX: u32 = 3;
/// `MAX_RTR_SOLICITATION_INTERVAL` (RFC 6775 §9).
pub(super) const SOLICITATION_INTERVAL_MAX: SimDuration = SimDuration::from_secs(60);
/// `MAX_UNICAST_SOLICIT` (RFC 4861 §10).
pub(super) const TRIES_MAX: u8 = 3;
/// How long a router counts as reachable without news of it (`REACHABLE_TIME`, RFC 4861 §10).
pub(super) const REACHABLE_TIME: SimDuration = SimDuration::from_secs(30);
/// `DELAY_FIRST_PROBE_TIME` (RFC 4861 §10).
pub(super) const FIRST_PROBE_DELAY: SimDuration = SimDuration::from_secs(5);
/// When a registration is tried again that the border router had no room for (RFC 8505 §5.7: "retry later").
pub(super) const SATURATED_PAUSE: SimDuration = SimDuration::from_secs(60);
