//! DAOs: how routes downwards come about, are confirmed, renewed and taken back (RFC 6550 §9).

use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::rpl::{Dao, DaoAck, Message, ModeOfOperation, RplOption, Target, TransitInformation};

use super::downward::{Change, News, expiry};
use super::router::{Awaited, Heard, Outgoing, Router, SWEEP_INTERVAL, To};
use super::sequence::Sequence;
use super::settings::Role;

/// What a DAO says of one target, and the parent that it names.
type Announced = (News, Option<Ipv6Addr>);

impl Router {
    /// Schedules news of the node itself and, where it keeps routes, of all that is below it.
    pub(super) fn announce_all(&mut self, now: SimTime) {
        let Some(mode) = self.graph().map(|graph| graph.dio.mode) else { return };
        if mode == ModeOfOperation::NoDownwardRoutes || self.role == Role::Root {
            return;
        }
        self.persistent.path_sequence = self.persistent.path_sequence.next();
        self.announcements.own = true;
        if mode == ModeOfOperation::Storing {
            self.announcements.targets = self.routes.targets().collect();
        }
        self.schedule_dao(now);
    }

    /// Starts DelayDAO, unless it runs.
    fn schedule_dao(&mut self, now: SimTime) {
        if self.announcements.due.is_none() {
            let delay = self.jitter(DAO_DELAY);
            self.announcements.due = Some(now + delay);
        }
    }

    /// Does what is due about announcements.
    pub(super) fn handle_announcements(&mut self, now: SimTime) {
        let due = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        if due(self.announcements.refresh_at) {
            self.announcements.refresh_at = None;
            self.announce_all(now);
        }
        let overdue: Vec<Awaited> =
            self.announcements.awaited.extract_if(.., |awaited| awaited.due <= now).collect();
        for awaited in overdue {
            if awaited.tries >= DAO_TRIES_MAX {
                // For now; without a route down the node waits for nothing else.
                let again = now + self.jitter(DAO_PAUSE);
                let refresh_at = self.announcements.refresh_at.map_or(again, |at| at.min(again));
                self.announcements.refresh_at = Some(refresh_at);
                continue;
            }
            if awaited.below.is_empty() {
                self.send_own(now, awaited.tries + 1);
            } else if self.parent().map(To::Neighbour) == Some(awaited.to) {
                // Another parent has been told everything.
                self.send_below(now, awaited.to, awaited.tries + 1, awaited.below);
            }
        }
        if due(self.announcements.due) {
            self.announcements.due = None;
            self.send_daos(now);
        }
    }

    fn send_daos(&mut self, now: SimTime) {
        let Some(parent) = self.parent() else { return };
        if std::mem::take(&mut self.announcements.own) {
            self.send_own(now, 1);
        }
        let targets = std::mem::take(&mut self.announcements.targets);
        let unit = self.graph().map_or(0, |graph| graph.configuration.lifetime_unit);
        let routes = targets.into_iter().filter_map(|target| {
            let route = self.routes.stored(target)?;
            let left = route.left(now, unit);
            // 0 would take the route back.
            (left > 0).then_some((target, route.sequence, left))
        });
        let gone = std::mem::take(&mut self.announcements.gone).into_iter();
        let all: Vec<_> = routes.chain(gone.map(|(target, sequence)| (target, sequence, 0))).collect();
        for some in all.chunks(TARGETS_MAX) {
            let options =
                some.iter().flat_map(|&(target, sequence, lifetime)| pair(target, sequence, lifetime, None));
            self.send_below(now, To::Neighbour(parent), 1, options.collect());
        }
    }

    /// Sends news of nodes below for the `tries`-th time.
    fn send_below(&mut self, now: SimTime, to: To, tries: u8, options: Vec<RplOption<'static>>) {
        let sequence = self.send_dao(to, self.settings.confirmed, options.clone());
        self.await_answer(now, sequence, tries, to, options);
    }

    fn await_answer(
        &mut self,
        now: SimTime,
        sequence: Sequence,
        tries: u8,
        to: To,
        below: Vec<RplOption<'static>>,
    ) {
        if !self.settings.confirmed {
            return;
        }
        if below.is_empty() {
            self.announcements.awaited.retain(|awaited| !awaited.below.is_empty());
        }
        let patience = DAO_PATIENCE * (1 << tries.min(8));
        let due = now + self.jitter(patience);
        self.announcements.awaited.push(Awaited { sequence, due, tries, to, below });
    }

    /// Sends news of the node itself for the `tries`-th time.
    fn send_own(&mut self, now: SimTime, tries: u8) {
        let Some((graph, parent)) = self.graph().and_then(|graph| Some((*graph, graph.parent?))) else {
            return;
        };
        let lifetime = graph.configuration.default_lifetime;
        let sequence = self.persistent.path_sequence;
        let (to, via) = match graph.dio.mode {
            ModeOfOperation::NoDownwardRoutes => return,
            ModeOfOperation::Storing | ModeOfOperation::StoringWithMulticast => (To::Neighbour(parent), None),
            ModeOfOperation::NonStoring => {
                let advert = self.neighbours.get(parent).and_then(|neighbour| neighbour.advert);
                // A parent that has not told its address cannot be named to the root; it is asked for by its next DIO.
                let Some(via) = advert.and_then(|advert| advert.address) else { return };
                (To::Afar(graph.dio.dodag), Some(via))
            }
        };
        let confirmed = self.settings.confirmed;
        let sent = self.send_dao(to, confirmed, pair(self.address, sequence, lifetime, via).to_vec());
        self.await_answer(now, sent, tries, to, Vec::new());
        if lifetime != u8::MAX {
            let life =
                SimDuration::from_secs(u64::from(lifetime) * u64::from(graph.configuration.lifetime_unit));
            // Between a quarter and three quarters of its life.
            let pause = self.jitter(life / 2);
            self.announcements.refresh_at = Some(now + pause);
        }
    }

    pub(super) fn send_dao(
        &mut self,
        to: To,
        ack_request: bool,
        options: Vec<RplOption<'static>>,
    ) -> Sequence {
        let sequence = self.persistent.dao_sequence.next();
        self.persistent.dao_sequence = sequence;
        self.counts.daos += 1;
        let dao = Dao { instance: self.settings.instance, ack_request, sequence: sequence.0, dodag: None };
        self.out.push_back(Outgoing { to, message: Message::Dao(dao), options });
        sequence
    }

    /// Takes back all routes over this node from a parent that it leaves (No-Path, RFC 6550 §9.8, rule 4).
    pub(super) fn withdraw(&mut self, _now: SimTime, parent: Ipv6Addr) {
        self.persistent.path_sequence = self.persistent.path_sequence.next();
        let own = (self.address, self.persistent.path_sequence);
        let below =
            self.routes.targets().filter_map(|target| Some((target, self.routes.stored(target)?.sequence)));
        let all: Vec<_> = std::iter::once(own).chain(below).collect();
        for some in all.chunks(TARGETS_MAX) {
            let options =
                some.iter().flat_map(|&(target, sequence)| pair(target, sequence, 0, None)).collect();
            self.send_dao(To::Neighbour(parent), false, options);
        }
    }

    pub(super) fn on_dao(&mut self, now: SimTime, heard: &Heard<'_>, dao: Dao) {
        let Some(graph) = self.graph().copied() else { return };
        if dao.instance != graph.dio.instance || dao.dodag.is_some_and(|dodag| dodag != graph.dio.dodag) {
            return;
        }
        let mode = graph.dio.mode;
        let takes = match mode {
            ModeOfOperation::NoDownwardRoutes => false,
            ModeOfOperation::NonStoring => self.role == Role::Root,
            ModeOfOperation::Storing | ModeOfOperation::StoringWithMulticast => self.role != Role::Leaf,
        };
        if !takes {
            return;
        }
        let unit = graph.configuration.lifetime_unit;
        let Some(announced) = announced(now, heard, unit, mode == ModeOfOperation::NonStoring) else {
            self.counts.malformed += 1;
            return;
        };
        let known = self.announcements.heard.get(&heard.from).copied();
        let again = known == Some(Sequence(dao.sequence));
        if !again && known.is_some_and(|known| !Sequence(dao.sequence).is_news(known)) {
            // Without an answer, so that whoever waits for one tells it anew (RFC 6550 §9.3, rule 6).
            return;
        }
        let mut status = 0;
        if mode == ModeOfOperation::Storing && announced.iter().any(|(news, _)| news.lifetime > 0) {
            self.on_child_seen(now, heard.from);
        }
        if !again {
            self.announcements.heard.insert(heard.from, Sequence(dao.sequence));
            for (news, parent) in announced {
                // Who is told of itself is above in what a loop has left; a route to itself would be taken back one day, and with it the
                // one that others have.
                if news.target == self.address {
                    continue;
                }
                let change = match parent {
                    Some(parent) => self.routes.learn(parent, &news),
                    None => self.routes.store(heard.from, &news),
                };
                if change == Change::NoRoom {
                    status = DAO_REFUSED;
                }
                self.on_route_changed(now, &news, change);
            }
        }
        if dao.ack_request {
            self.confirm(heard.from, mode, dao.sequence, status);
        }
    }

    pub(super) fn on_route_changed(&mut self, now: SimTime, news: &News, change: Change) {
        match change {
            Change::Nothing | Change::NoRoom => return,
            Change::Updated => {
                self.sweep_at.get_or_insert(now + SWEEP_INTERVAL);
                self.announcements.gone.remove(&news.target);
                self.announcements.targets.insert(news.target);
            }
            Change::Removed => {
                self.announcements.targets.remove(&news.target);
                self.announcements.gone.insert(news.target, news.sequence);
            }
        }
        if self.role == Role::Root {
            if change == Change::Updated {
                self.reached.push_back(news.target);
            }
            self.announcements.targets.clear();
            self.announcements.gone.clear();
            return;
        }
        self.schedule_dao(now);
    }

    fn confirm(&mut self, to: Ipv6Addr, mode: ModeOfOperation, sequence: u8, status: u8) {
        let ack = DaoAck { instance: self.settings.instance, sequence, status, dodag: None };
        let to = match mode {
            ModeOfOperation::NonStoring => To::Afar(to),
            ModeOfOperation::NoDownwardRoutes
            | ModeOfOperation::Storing
            | ModeOfOperation::StoringWithMulticast => To::Neighbour(to),
        };
        self.counts.dao_acks += 1;
        self.out.push_back(Outgoing { to, message: Message::DaoAck(ack), options: Vec::new() });
    }

    pub(super) fn on_dao_ack(&mut self, _now: SimTime, ack: DaoAck) {
        if ack.instance == self.settings.instance {
            // One that refuses is final too: another try would be refused as well, the next refresh may not.
            self.announcements.awaited.retain(|awaited| awaited.sequence.0 != ack.sequence);
        }
    }

    /// A child takes no frames any more: what led over it is gone (RFC 6550 §9.8, rule 5).
    pub(super) fn on_child_lost(&mut self, now: SimTime, child: Ipv6Addr) {
        let gone = self.routes.forget_child(child);
        if !gone.is_empty() {
            self.lost_children.insert(child);
        }
        for (target, route) in gone {
            self.on_route_gone(now, target, route.sequence);
        }
    }

    /// A child whose routes were given up is there after all: it is made to announce them again (RFC 6550 §9.6), since it knows
    /// nothing of their loss. It is told until it confirms a frame; all other children will hear of it too and announce theirs, so
    /// that it is not done often.
    pub(super) fn on_child_back(&mut self, now: SimTime, child: Ipv6Addr, confirmed: bool) {
        let early = self.triggered_at.is_some_and(|at| now < at + TRIGGER_INTERVAL);
        if early || !self.lost_children.contains(&child) {
            return;
        }
        if confirmed {
            self.lost_children.remove(&child);
        }
        self.triggered_at = Some(now);
        self.persistent.dtsn = self.persistent.dtsn.next();
        self.send_dio(To::Neighbour(child));
    }

    /// A packet came back from `child`, which knows no way to `target` (RFC 6550 §11.2.2.3).
    pub fn on_forwarding_error(&mut self, now: SimTime, child: Ipv6Addr, target: Ipv6Addr) {
        self.counts.forwarding_errors += 1;
        if let Some(route) = self.routes.forget(child, target) {
            self.on_route_gone(now, target, route.sequence);
        }
    }

    fn on_route_gone(&mut self, now: SimTime, target: Ipv6Addr, sequence: Sequence) {
        if self.role == Role::Router {
            self.announcements.gone.insert(target, sequence);
            self.schedule_dao(now);
        }
    }
}

/// What a DAO says, target by target; `None` if it breaks the rules of its form (RFC 6550 §9.4, rule 6).
fn announced(now: SimTime, heard: &Heard<'_>, unit: u16, names_parents: bool) -> Option<Vec<Announced>> {
    let mut targets = Vec::new();
    let mut behind_transit = false;
    let mut all = Vec::new();
    for option in heard.options.iter() {
        match option {
            RplOption::Target(target) => {
                if behind_transit {
                    targets.clear();
                }
                behind_transit = false;
                targets.push(target.prefix);
            }
            RplOption::Transit(transit) => {
                if targets.is_empty() || transit.parent.is_some() != names_parents {
                    return None;
                }
                behind_transit = true;
                let sequence = Sequence(transit.path_sequence);
                let lifetime = transit.path_lifetime;
                let expires = expiry(now, lifetime, unit);
                let news = targets.iter().map(|&target| News { target, sequence, lifetime, expires });
                all.extend(news.map(|news| (news, transit.parent)));
            }
            RplOption::Etx(_)
            | RplOption::DodagConfiguration(_)
            | RplOption::Solicited(_)
            | RplOption::Prefix(_)
            | RplOption::Unknown { .. } => {}
        }
    }
    (behind_transit && !all.is_empty()).then_some(all)
}

/// A target and how it is reached.
pub(super) fn pair(
    target: Ipv6Addr,
    sequence: Sequence,
    lifetime: u8,
    parent: Option<Ipv6Addr>,
) -> [RplOption<'static>; 2] {
    let transit = TransitInformation {
        external: false,
        path_control: 0,
        path_sequence: sequence.0,
        path_lifetime: lifetime,
        parent,
    };
    [RplOption::Target(Target { prefix: target, prefix_len: 128 }), RplOption::Transit(transit)]
}

/// `DEFAULT_DAO_DELAY`.
const DAO_DELAY: SimDuration = SimDuration::from_secs(1);
/// How long the first confirmation is waited for, halved by [`Router::send_own`]; it doubles with each try.
const DAO_PATIENCE: SimDuration = SimDuration::from_secs(2);
/// How often children are made to announce their routes again at most.
const TRIGGER_INTERVAL: SimDuration = SimDuration::from_secs(60);
/// After how long everything is announced anew where a DAO was given up.
const DAO_PAUSE: SimDuration = SimDuration::from_secs(60);
/// How often a DAO is sent that is not confirmed.
const DAO_TRIES_MAX: u8 = 4;
/// Targets in a message: as many as fit into a frame with the header and two addresses of a link.
const TARGETS_MAX: usize = 3;
/// A status that refuses (RFC 6550 §6.5.1: above 127).
const DAO_REFUSED: u8 = 128;
