//! What a node does as a host (RFC 6775 §5): it finds routers, registers its addresses, and sees whether its router is still there.

use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::ieee802154::Address;
use wire::ndp::{NeighborAdvertisement, RouterAdvertisement};
use wire::ndp_lowpan::{AddressRegistration, Status, radio_address};
use wire::ndp_options::{NdpOption, NdpOptions};

use super::host::{
    DefaultRouter, FIRST_PROBE_DELAY, REACHABLE_TIME, ROUTERS_MAX, SATURATED_PAUSE, SOLICITATION_INTERVAL,
    SOLICITATION_INTERVAL_MAX, SOLICITATIONS_MAX, State, TRIES_MAX,
};
use super::information::{Update, end_of_prefix, is_usable, minutes};
use super::node::{Heard, News, Node};
use super::routing::RA_DELAY_MAX;
use super::settings::Role;

impl Node {
    /// Does what is due for the node as a host.
    pub(super) fn handle_host_timeout(&mut self, now: SimTime) {
        let due = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        let gone: Vec<Ipv6Addr> =
            self.host.routers.iter().filter(|(_, router)| router.until <= now).map(|(&at, _)| at).collect();
        for router in gone {
            self.leave(now, router);
        }
        if due(self.host.solicit_at) {
            self.solicit(now);
        }
        if due(self.host.choose_at) {
            self.host.choose_at = None;
            self.choose(now);
        }
        if due(self.host.probe_at) {
            self.host.probe_at = None;
            self.probe(now);
        }
        for at in 0..self.host.addresses.len() {
            self.handle_address(now, at);
        }
        self.register(now);
        // Last, since the router may have become another one.
        if let Some(router) = self.host.router()
            && router.renew_at <= now
        {
            self.renew_information(now);
        }
    }

    /// A router solicitation is due; the next one follows 10 s later, from the third one on after 20 s, 40 s and 60 s (RFC 6775 §5.3).
    fn solicit(&mut self, now: SimTime) {
        let repeats = self.host.solicited > 0;
        self.host.solicited = self.host.solicited.saturating_add(1);
        self.send_router_solicitation(None, repeats);
        self.host.solicit_at = Some(now + self.solicitation_pause());
    }

    fn solicitation_pause(&mut self) -> SimDuration {
        let doublings = self.host.solicited.saturating_sub(SOLICITATIONS_MAX - 1).min(8);
        let pause = (SOLICITATION_INTERVAL * (1 << doublings)).min(SOLICITATION_INTERVAL_MAX);
        let spread = self.below(SimDuration::from_secs(1));
        pause + spread
    }

    /// What the router has said is soon over: it is asked again, and all are if it does not answer (RFC 6775 §5.4.3).
    fn renew_information(&mut self, now: SimTime) {
        let Some((address, link)) = self.host.current.zip(self.default_router()) else { return };
        let pause = self.solicitation_pause();
        if let Some(router) = self.host.routers.get_mut(&address) {
            // Nothing more of it until it has answered, or is over.
            router.renew_at = router.until;
        }
        self.host.solicit_at.get_or_insert(now + pause);
        self.send_router_solicitation(Some((address, link)), false);
    }

    pub(super) fn on_router_advertisement(
        &mut self,
        now: SimTime,
        heard: &Heard<'_>,
        router: &RouterAdvertisement,
        options: NdpOptions<'_>,
    ) {
        let link = options.iter().find_map(source_address);
        let Some(link) = link.filter(|_| heard.source.is_unicast_link_local()) else {
            self.counts.malformed += 1;
            return;
        };
        let border = options.iter().find_map(|option| match option {
            NdpOption::BorderRouter(border) => Some(border),
            _ => None,
        });
        let prefixes = || options.iter().filter_map(prefix_of);
        let contexts = || {
            options.iter().filter_map(|option| match option {
                NdpOption::Context(context) => Some(context),
                _ => None,
            })
        };
        // Routers take nothing whose origin they do not know (RFC 6775 §8.1.3).
        if self.role != Role::Host && border.is_none() {
            return;
        }
        if let Some(border) = border.filter(|border| Some(border.address) != self.own) {
            match self.information.take(now, &border, prefixes(), contexts()) {
                Update::Ignored => return,
                Update::Renewed => {}
                Update::New if self.active => self.advertise_soon(now),
                Update::New => {}
            }
        }
        if self.role == Role::Border {
            return;
        }
        let hold = SimDuration::from_secs(u64::from(router.router_lifetime)) * 2;
        for context in contexts() {
            self.contexts.take(now, &context, hold);
        }
        self.take_router(now, heard, link, router, options);
    }

    fn take_router(
        &mut self,
        now: SimTime,
        heard: &Heard<'_>,
        link: Address,
        router: &RouterAdvertisement,
        options: NdpOptions<'_>,
    ) {
        let address = heard.source;
        if router.router_lifetime == 0 {
            return self.leave(now, address);
        }
        let lifetime = SimDuration::from_secs(u64::from(router.router_lifetime));
        let prefixes = options.iter().filter_map(prefix_of).filter(is_usable).take(PREFIXES_MAX);
        let prefixes: Vec<_> = prefixes.map(|prefix| (prefix, end_of_prefix(now, &prefix))).collect();
        let contexts = options.iter().filter_map(|option| match option {
            NdpOption::Context(context) if context.lifetime > 0 => Some(now + minutes(context.lifetime)),
            _ => None,
        });
        let shortest =
            prefixes.iter().map(|&(_, until)| until).chain(contexts).fold(now + lifetime, SimTime::min);
        // Between half and three quarters of it.
        let span = shortest.saturating_since(now);
        let renew_at = now + span / 2 + self.below(span / 4);
        let extended = self.is_extended()
            && options.iter().any(|option| match option {
                NdpOption::Capabilities(theirs) => theirs.extended_registration,
                _ => false,
            });
        let entry = DefaultRouter {
            link,
            until: now + lifetime,
            quality: heard.quality,
            extended,
            prefixes,
            renew_at,
        };
        let known = self.host.routers.contains_key(&address);
        if !known && self.host.routers.len() >= ROUTERS_MAX {
            let worst = self.host.routers.iter().filter(|(at, _)| Some(**at) != self.host.current);
            let Some((&worst, other)) = worst.max_by_key(|(_, router)| router.quality) else { return };
            if other.quality <= heard.quality {
                return;
            }
            self.host.routers.remove(&worst);
        }
        self.host.routers.insert(address, entry);
        self.host.solicit_at = None;
        if self.host.current.is_none() {
            // Others that heard the question answer within `MAX_RA_DELAY_TIME`; those that hear one advertisement do not all
            // register in the same instant.
            let pause = RA_DELAY_MAX + self.below(RA_DELAY_MAX);
            self.host.choose_at.get_or_insert(now + pause);
        } else if self.host.current == Some(address) {
            self.register(now);
        }
    }

    /// Takes the best router for the one to register with.
    fn choose(&mut self, now: SimTime) {
        if self.host.current.is_some() {
            return;
        }
        let Some(best) = self.host.best_router() else { return self.look_for_routers(now) };
        self.host.current = Some(best);
        self.host.confirmed_at = now;
        self.register(now);
    }

    /// The list of routers is empty: they are asked for, the less often the longer it is in vain.
    fn look_for_routers(&mut self, now: SimTime) {
        let pause = match self.host.solicited {
            0 => self.below(super::host::SOLICITATION_DELAY_MAX),
            _ => self.solicitation_pause(),
        };
        self.host.solicit_at.get_or_insert(now + pause);
    }

    /// Begins the registration of whatever can be registered now.
    fn register(&mut self, now: SimTime) {
        if self.host.current.is_none() {
            return;
        }
        // With RFC 8505 all else comes from the link-local address, which has to be registered first (§5.6); with RFC 6775 an
        // error does not say which address it is about.
        let one_by_one = !self.is_extended();
        for at in 0..self.host.addresses.len() {
            let own = self.host.addresses[at];
            let waits = |own: &super::host::OwnAddress| matches!(own.state, State::Asking { .. });
            if one_by_one && self.host.addresses.iter().any(waits) {
                return;
            }
            if own.state == State::Idle && self.host.can_configure(now, own.address) {
                let own = &mut self.host.addresses[at];
                own.tid = own.tid.next();
                self.ask(now, at, 1, None);
            }
            let first = self.host.addresses[0];
            if !one_by_one && !first.state.is_usable(now) {
                return;
            }
        }
    }

    /// Asks the router for the `tries`-th time to register an address.
    fn ask(&mut self, now: SimTime, at: usize, tries: u8, valid: Option<SimTime>) {
        let Some(router) = self.host.current.zip(self.default_router()) else { return };
        let due = now + self.patience(tries);
        let own = &mut self.host.addresses[at];
        own.state = State::Asking { tries, due, valid };
        let (address, tid) = (own.address, own.tid.0);
        let reason = if valid.is_some() { Reason::KeepAlive } else { Reason::Handshake };
        self.send_registration(router, address, tid, reason, tries > 1);
    }

    fn handle_address(&mut self, now: SimTime, at: usize) {
        let own = self.host.addresses[at];
        match own.state {
            State::Asking { tries, due, valid } if due <= now => {
                if tries < TRIES_MAX {
                    return self.ask(now, at, tries + 1, valid.filter(|&until| until > now));
                }
                // Neighbour unreachability (RFC 6775 §5.5.3): another router is looked for.
                let Some(router) = self.host.current else { return };
                self.counts.routers_lost += 1;
                self.leave(now, router);
            }
            State::Registered { until, refresh } if refresh <= now => self.renew(now, at, until),
            State::Waiting { until } if until <= now => self.host.addresses[at].state = State::Idle,
            State::Idle
            | State::Asking { .. }
            | State::Registered { .. }
            | State::Waiting { .. }
            | State::Refused(_) => {}
        }
    }

    fn renew(&mut self, now: SimTime, at: usize, until: SimTime) {
        let own = &mut self.host.addresses[at];
        own.tid = own.tid.next();
        self.ask(now, at, 1, Some(until));
    }

    /// Asks the router whether it is still there, by renewing a registration (RFC 6775 §4.1).
    fn probe(&mut self, now: SimTime) {
        for at in 0..self.host.addresses.len() {
            match self.host.addresses[at].state {
                State::Asking { .. } => return,
                State::Registered { until, .. } => return self.renew(now, at, until),
                State::Idle | State::Waiting { .. } | State::Refused(_) => {}
            }
        }
    }

    /// A frame to a radio was sent, and confirmed or given up; `None` where nobody confirms frames.
    pub fn on_sent(&mut self, now: SimTime, link: Address, confirmed: Option<bool>) {
        if !self.on || self.default_router() != Some(link) {
            return;
        }
        match confirmed {
            Some(true) => (self.host.confirmed_at, self.host.probe_at) = (now, None),
            Some(false) => self.host.probe_at = Some(now),
            None if now >= self.host.confirmed_at + REACHABLE_TIME => {
                self.host.probe_at.get_or_insert(now + FIRST_PROBE_DELAY);
            }
            None => {}
        }
    }

    /// A router is none any more: what was registered with it has to be registered elsewhere.
    fn leave(&mut self, now: SimTime, router: Ipv6Addr) {
        self.host.routers.remove(&router);
        if self.host.current != Some(router) {
            return;
        }
        self.host.current = None;
        self.host.probe_at = None;
        for own in &mut self.host.addresses {
            if !matches!(own.state, State::Refused(_)) {
                own.state = State::Idle;
            }
        }
        self.choose(now);
    }

    pub(super) fn on_neighbor_advertisement(
        &mut self,
        now: SimTime,
        heard: &Heard<'_>,
        neighbor: &NeighborAdvertisement,
        options: NdpOptions<'_>,
    ) {
        if neighbor.solicited && heard.destination.is_multicast() {
            self.counts.malformed += 1;
            return;
        }
        let answer = options.iter().find_map(|option| match option {
            NdpOption::AddressRegistration(answer) => Some(answer),
            _ => None,
        });
        // Another one's, or of another router (RFC 6775 §5.5.2).
        let is_mine = |answer: &AddressRegistration| answer.rovr == self.identity.rovr;
        let Some(answer) = answer.filter(is_mine) else { return };
        if self.host.current != Some(heard.source) || answer.lifetime == 0 {
            return;
        }
        self.host.confirmed_at = now;
        self.host.probe_at = None;
        let own = &self.host.addresses;
        let asked = |at: &usize| matches!(own[*at].state, State::Asking { .. });
        let found = match answer.transaction {
            Some(_) => own.iter().position(|own| own.address == neighbor.target),
            None if answer.status == Status::SUCCESS => {
                own.iter().position(|own| own.address == heard.destination)
            }
            None => (0..own.len()).find(asked),
        };
        // An answer to an earlier question says nothing of this one.
        let is_stale = |at: usize| answer.transaction.is_some_and(|theirs| theirs.id != own[at].tid.0);
        match found {
            Some(at) if neighbor.solicited && is_stale(at) => {}
            Some(at) => self.on_answer(now, at, &answer),
            None => {}
        }
    }

    fn on_answer(&mut self, now: SimTime, at: usize, answer: &AddressRegistration) {
        match answer.status {
            Status::SUCCESS => self.on_registered(now, at, answer.lifetime),
            // This router has no room: another one is tried (RFC 6775 §5.5.3).
            Status::NEIGHBOR_CACHE_FULL => {
                self.counts.refused += 1;
                if let Some(router) = self.host.current {
                    self.leave(now, router);
                }
            }
            Status::MOVED => {
                // A newer one of this node's own is known, as after a restart: the counter goes on.
                let until = now + self.settings.retransmit;
                self.host.addresses[at].state = State::Waiting { until };
            }
            Status::REMOVED => {
                // Without the link-local address the router takes no others (RFC 8505 §5.6).
                let from = if at == 0 { 0..self.host.addresses.len() } else { at..at + 1 };
                for own in &mut self.host.addresses[from] {
                    if !matches!(own.state, State::Refused(_)) {
                        own.state = State::Idle;
                    }
                }
                self.register(now);
            }
            Status::REGISTRY_SATURATED => {
                self.counts.refused += 1;
                self.host.addresses[at].state = State::Waiting { until: now + SATURATED_PAUSE };
            }
            // The link-local address need only be unique to the two: another router may not know the other owner (RFC 8505 §5.6).
            _ if at == 0 && self.is_extended() => {
                self.counts.refused += 1;
                if let Some(router) = self.host.current {
                    self.leave(now, router);
                }
            }
            other => {
                // The address must not be used (RFC 6775 §5.5.3).
                self.counts.refused += 1;
                self.host.addresses[at].state = State::Refused(other);
                self.register(now);
            }
        }
    }

    fn on_registered(&mut self, now: SimTime, at: usize, lifetime: u16) {
        let State::Asking { valid, .. } = self.host.addresses[at].state else { return };
        let span = minutes(lifetime);
        // Between half and three quarters of it: time enough for another try.
        let refresh = now + span / 2 + self.below(span / 4);
        let own = &mut self.host.addresses[at];
        own.state = State::Registered { until: now + span, refresh };
        own.was_registered = true;
        self.host.solicited = 0;
        match valid {
            Some(_) => self.counts.renewed += 1,
            None => self.counts.registered += 1,
        }
        if Some(self.host.addresses[at].address) == self.own {
            self.on_joined(now);
        }
        self.register(now);
    }

    fn on_joined(&mut self, now: SimTime) {
        self.joined_at.get_or_insert(now);
        if self.role == Role::Router && !self.active {
            self.begin_router(now);
            self.tell(News::Joined);
        }
    }
}

fn source_address(option: NdpOption<'_>) -> Option<Address> {
    match option {
        NdpOption::SourceLinkLayer(data) => radio_address(data),
        _ => None,
    }
}

fn prefix_of(option: NdpOption<'_>) -> Option<wire::ndp_options::PrefixInformation> {
    match option {
        NdpOption::Prefix(prefix) => Some(prefix),
        _ => None,
    }
}

/// Prefixes of each router that are kept.
const PREFIXES_MAX: usize = 4;
