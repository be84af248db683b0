//! DIOs: what a node says of its graph, what it makes of what others say, and how it moves (RFC 6550 §8).

use std::net::Ipv6Addr;

use sim_core::SimTime;
use wire::rpl::{
    Dio, DodagConfiguration, INFINITE_RANK, Message, ModeOfOperation, PrefixInformation, RplOption,
};

use super::objective::Objective;
use super::parents::{Advert, Way};
use super::router::{Graph, Heard, Outgoing, Router, State, To};
use super::sequence::Sequence;
use super::settings::Role;
use super::trickle::{Trickle, TrickleSettings};

impl Router {
    /// A root begins a version of its graph.
    pub(super) fn begin_version(&mut self, now: SimTime) {
        let configuration = self.settings.configuration();
        let dio = Dio {
            instance: self.settings.instance,
            version: self.persistent.version.0,
            // ROOT_RANK is one hop's increase (RFC 6550 §17).
            rank: configuration.min_hop_rank_increase,
            grounded: true,
            mode: self.settings.mode,
            preference: 0,
            dtsn: self.persistent.dtsn.0,
            dodag: self.address,
        };
        let trickle = Trickle::start(now, self.settings.trickle, self.draw());
        self.state = State::Joined(Graph {
            dio,
            configuration,

            parent: None,
            parent_dtsn: Sequence::START,
            trickle,
            told_rank: INFINITE_RANK,
        });
        self.repair_at = self.settings.repair_every.map(|every| now + every);
    }

    /// The trickle timer's `t` has come, or its interval is over.
    pub(super) fn on_trickle(&mut self, speaks: bool, silent: bool) {
        self.counts.suppressed += u64::from(silent && self.role != Role::Leaf);
        // A leaf says nothing of itself (RFC 6550 §8.5).
        if speaks && self.role != Role::Leaf {
            self.send_dio(To::All);
        }
    }

    /// Sends a DIO, with the graph's configuration and the own address in it.
    pub(super) fn send_dio(&mut self, to: To) {
        let (State::Joined(graph) | State::Poisoning(graph)) = &mut self.state else { return };
        let mut dio = Dio { dtsn: self.persistent.dtsn.0, ..graph.dio };
        if self.role == Role::Leaf {
            dio.rank = INFINITE_RANK;
        }
        graph.told_rank = dio.rank;
        let configuration = graph.configuration;
        if dio.rank < INFINITE_RANK && self.role == Role::Router {
            self.floors.on_advertised(dio.dodag, Sequence(dio.version), dio.rank);
        }
        match to {
            To::All => self.counts.dios += 1,
            To::Neighbour(_) | To::Afar(_) => self.counts.unicast_dios += 1,
        }
        // The own address in full ('R'), which children name as their parent's (RFC 6550 §9.4, rules 1 and 4).
        let prefix = PrefixInformation {
            prefix_len: 64,
            on_link: false,
            autonomous: true,
            router_address: true,
            valid_lifetime: u32::MAX,
            preferred_lifetime: u32::MAX,
            prefix: self.address,
        };
        let options = vec![RplOption::DodagConfiguration(configuration), RplOption::Prefix(prefix)];
        self.out.push_back(Outgoing { to, message: Message::Dio(dio), options });
    }

    pub(super) fn on_dio(&mut self, now: SimTime, heard: &Heard<'_>, dio: Dio) {
        if dio.instance != self.settings.instance {
            return;
        }
        let Some(configuration) = self.configuration_in(heard, &dio) else {
            // Whoever leaves the configuration out is asked for it (RFC 6550 §8.3).
            return self.ask(heard.from);
        };
        let supported = matches!(
            dio.mode,
            ModeOfOperation::NoDownwardRoutes | ModeOfOperation::NonStoring | ModeOfOperation::Storing
        );
        let objective = Objective::of_code_point(configuration.objective_code_point);
        let Some(objective) = objective.filter(|_| supported && configuration.min_hop_rank_increase > 0)
        else {
            return;
        };
        let Some(neighbour) = self.neighbours.heard(now, heard.from, heard.guess) else { return };
        let address = heard.options.iter().find_map(|option| match option {
            RplOption::Prefix(prefix) if prefix.router_address => Some(prefix.prefix),
            _ => None,
        });
        neighbour.advert = Some(Advert { dio, configuration, objective, address, heard_at: now });
        if self.role == Role::Root {
            return self.on_dio_at_root(now, &dio);
        }
        let is_unsure = !neighbour.link.is_reachable() && dio.rank < INFINITE_RANK;
        if is_unsure && matches!(self.state, State::Detached | State::Poisoning(_)) {
            // It is heard: whether it hears too, a question tells that it has to confirm.
            self.ask(heard.from);
        }
        let before = self.graph().map(|graph| (graph.dio, graph.parent));
        self.reconsider(now);
        let changed = self.graph().map(|graph| (graph.dio, graph.parent)) != before;
        self.on_dio_judged(now, heard.from, &dio, changed);
    }

    /// What a DIO says of a graph's configuration, or what is known of it already.
    fn configuration_in(&self, heard: &Heard<'_>, dio: &Dio) -> Option<DodagConfiguration> {
        let given = heard.options.iter().find_map(|option| match option {
            RplOption::DodagConfiguration(configuration) => Some(configuration),
            _ => None,
        });
        let known = || self.neighbours.get(heard.from)?.advert.filter(|advert| advert.dio.dodag == dio.dodag);
        let own =
            || self.graph().filter(|graph| graph.dio.dodag == dio.dodag).map(|graph| graph.configuration);
        given.or_else(|| known().map(|advert| advert.configuration)).or_else(own)
    }

    /// A root that has lost count of its versions goes on behind those that others know.
    fn on_dio_at_root(&mut self, now: SimTime, dio: &Dio) {
        if dio.dodag != self.address {
            return;
        }
        if Sequence(dio.version) != self.persistent.version
            && Sequence(dio.version).is_news(self.persistent.version)
        {
            self.persistent.version = Sequence(dio.version).next();
            self.counts.global_repairs += 1;
            self.begin_version(now);
        } else if dio.rank == INFINITE_RANK || Sequence(dio.version) != self.persistent.version {
            self.reset_trickle(now);
        }
    }

    /// Counts a DIO as consistent or not (RFC 6550 §8.3), and follows the parent's counter of triggers (§9.6).
    fn on_dio_judged(&mut self, now: SimTime, from: Ipv6Addr, dio: &Dio, changed: bool) {
        let State::Joined(graph) = &mut self.state else { return };
        let same = graph.dio.dodag == dio.dodag && graph.dio.version == dio.version;
        let least = graph.configuration.min_hop_rank_increase;
        let behind =
            graph.dio.dodag == dio.dodag && Sequence(graph.dio.version).is_news(Sequence(dio.version));
        if graph.parent == Some(from) && Sequence(dio.dtsn) != graph.parent_dtsn {
            let news = Sequence(dio.dtsn).is_news(graph.parent_dtsn);
            graph.parent_dtsn = Sequence(dio.dtsn);
            if news {
                if graph.dio.mode == ModeOfOperation::NonStoring {
                    self.persistent.dtsn = self.persistent.dtsn.next();
                }
                self.announce_all(now);
            }
        }
        if behind && !same || dio.rank == INFINITE_RANK && self.role == Role::Router {
            // The neighbour needs to hear of this version, or of any way at all.
            self.reset_trickle(now);
        } else if same
            && !changed
            && dio.rank / least < self.dag_rank()
            && let State::Joined(graph) = &mut self.state
        {
            graph.trickle.on_consistent();
        }
    }

    /// Looks for the best parent again, after something about neighbours has changed.
    pub(super) fn reconsider(&mut self, now: SimTime) {
        if self.role == Role::Root || matches!(self.state, State::Off) {
            return;
        }
        match self.chooser().choose(self.parent()) {
            Some(way) => {
                self.probe_while_needed(now, way.parent);
                self.adopt(now, &way);
            }
            None if self.graph().is_some() => self.detach(now),
            None => {}
        }
    }

    fn adopt(&mut self, now: SimTime, way: &Way) {
        let Advert { dio, configuration, .. } = way.advert;
        let version = |dio: &Dio| (dio.dodag, dio.version);
        let known = self.graph().copied();
        let stays = known.filter(|graph| version(&graph.dio) == version(&dio));
        // The counter of triggers is every node's own.
        let own = Dio { rank: way.rank, dtsn: 0, ..dio };
        let Some(graph) = stays else {
            self.counts.global_repairs += u64::from(known.is_some_and(|graph| graph.dio.dodag == dio.dodag));
            self.leave_parent(now, known.as_ref(), Some(way.parent));
            let settings = TrickleSettings {
                interval_min: configuration.dio_interval_min,
                doublings: configuration.dio_interval_doublings,
                redundancy: configuration.dio_redundancy,
            };
            let trickle = Trickle::start(now, settings, self.draw());
            let parent_dtsn = Sequence(dio.dtsn);
            self.floors.on_joined(dio.dodag);
            self.state = State::Joined(Graph {
                dio: own,
                configuration,

                parent: Some(way.parent),
                parent_dtsn,
                trickle,
                told_rank: INFINITE_RANK,
            });
            self.counts.resets += 1;
            (self.dis_at, self.dis_interval) = (None, super::router::DIS_INTERVAL_MIN);
            return self.announce_all(now);
        };
        let moves = graph.parent != Some(way.parent);
        if moves {
            self.leave_parent(now, Some(&graph), Some(way.parent));
        }
        let far = RANK_CHANGE_HOPS.saturating_mul(configuration.min_hop_rank_increase);
        let changes = own.rank.saturating_sub(graph.told_rank) >= far;
        if let State::Joined(graph) = &mut self.state {
            (graph.dio, graph.configuration, graph.parent) = (own, configuration, Some(way.parent));
            if moves {
                graph.parent_dtsn = Sequence(dio.dtsn);
            }
        }
        if changes {
            // Not demanded by RFC 6550 §8.3, but allowed: whoever builds on this rank has to know.
            self.reset_trickle(now);
        }
        if moves {
            self.announce_all(now);
        }
    }

    /// The preferred parent is another one from now on.
    fn leave_parent(&mut self, now: SimTime, graph: Option<&Graph>, next: Option<Ipv6Addr>) {
        let Some(old) = graph.and_then(|graph| graph.parent).filter(|&old| Some(old) != next) else { return };
        self.counts.parent_changes += 1;
        let mode = graph.map(|graph| graph.dio.mode);
        let reachable = self.neighbours.get(old).is_some_and(|neighbour| neighbour.link.is_reachable());
        if mode == Some(ModeOfOperation::Storing) && reachable {
            self.withdraw(now, old);
        }
    }

    /// No parent is left: the node says so, and looks for a way anew once its children know (RFC 6550 §8.2.2.5).
    fn detach(&mut self, now: SimTime) {
        let State::Joined(mut graph) = self.state else { return };
        self.counts.local_repairs += 1;
        self.leave_parent(now, Some(&graph), None);
        let until = now + graph.trickle.shortest();
        self.floors.on_detached(graph.dio.dodag, until);
        self.probing = None;
        (graph.dio.rank, graph.parent) = (INFINITE_RANK, None);
        self.announcements.due = None;
        self.announcements.awaited.clear();
        self.announcements.refresh_at = None;
        self.dis_interval = super::router::DIS_INTERVAL_MIN;
        let pause = self.jitter(super::router::DIS_INTERVAL_MIN / 4);
        self.dis_at = Some(until + pause);
        if self.role == Role::Leaf {
            self.state = State::Detached;
            return;
        }
        self.state = State::Poisoning(graph);
        self.reset_trickle(now);
        self.send_dio(To::All);
    }

    /// `neighbour` has this node for a parent: if it is the parent of this node too, what is known of it does not hold any more.
    pub(super) fn on_child_seen(&mut self, now: SimTime, neighbour: Ipv6Addr) {
        if self.parent() != Some(neighbour) {
            return;
        }
        if let Some(known) = self.neighbours.get_mut(neighbour) {
            known.advert = None;
        }
        self.ask(neighbour);
        self.reconsider(now);
    }

    /// A packet cannot go on, for want of a parent: whoever sent it has not heard so. A root that has no route to a target has nothing to
    /// tell: nobody's idea of the graph is wrong, and the target announces itself by its own timer.
    pub fn on_stranded(&mut self, now: SimTime) {
        if self.role != Role::Root {
            self.reset_trickle(now);
        }
    }
}

/// A node that has moved down by so many hops since it spoke last speaks soon: as in Contiki-NG.
const RANK_CHANGE_HOPS: u16 = 4;
