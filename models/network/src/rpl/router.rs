//! A node's part in RPL: states, timers, and what goes in and out.
//!
//! The owner hands in each message with [`Router::handle_message`], tells what became of frames with [`Router::on_sent`], calls
//! [`Router::handle_timeout`] at [`Router::poll_timeout`], and after each call takes what [`Router::poll_transmit`] and
//! [`Router::poll_reached`] give.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;

use sim_core::random::CounterStream;
use sim_core::{SimDuration, SimTime};
use wire::rpl::{Dio, DodagConfiguration, INFINITE_RANK, Message, RplOption, RplOptions};

use super::downward::Routes;
use super::link::Etx;
use super::parents::{Chooser, Floors, Neighbours};
use super::sequence::Sequence;
use super::settings::{Role, RplSettings};
use super::solicit::Probing;
use super::trickle::Trickle;

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Who it is for.
    pub to: To,
    /// The message.
    pub message: Message,
    /// Its options.
    pub options: Vec<RplOption<'static>>,
}

/// Who a message is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum To {
    /// All neighbours: ff02::1a.
    All,
    /// The neighbour with that link-local address.
    Neighbour(Ipv6Addr),
    /// A node of the graph, by an address that is routed: the root, or from it.
    Afar(Ipv6Addr),
}

/// A message that was heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Its source: a link-local address, or one of the graph for DAOs and their answers in the non-storing mode.
    pub from: Ipv6Addr,
    /// Whether it was for this node alone.
    pub unicast: bool,
    /// What the signal promises of the link.
    pub guess: Etx,
    /// The message.
    pub message: &'a Message,
    /// Its options.
    pub options: RplOptions<'a>,
}

/// A node's membership in a version of a graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Graph {
    /// What the node advertises, but for its counter of triggers.
    pub(super) dio: Dio,
    pub(super) configuration: DodagConfiguration,
    /// The preferred parent; none at the root.
    pub(super) parent: Option<Ipv6Addr>,
    /// The parent's counter of triggers, as it was heard last.
    pub(super) parent_dtsn: Sequence,
    pub(super) trickle: Trickle,
    /// The rank that was advertised last.
    pub(super) told_rank: u16,
}

/// Where the node stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Without power.
    Off,
    /// In no graph.
    Detached,
    /// In a graph.
    Joined(Graph),
    /// It has lost its last parent, and tells so.
    Poisoning(Graph),
}

/// What a node has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// DIOs to all neighbours.
    pub dios: u64,
    /// DIOs to one.
    pub unicast_dios: u64,
    /// DIOs that the trickle timer suppressed.
    pub suppressed: u64,
    /// Questions for a graph.
    pub dises: u64,
    /// DAOs, those passed on for others among them.
    pub daos: u64,
    /// Answers to DAOs.
    pub dao_acks: u64,
    /// How often the trickle timer was reset.
    pub resets: u64,
    /// How often the preferred parent was changed, the first one not counted.
    pub parent_changes: u64,
    /// How often the node lost its last parent (local repair).
    pub local_repairs: u64,
    /// Versions of a graph that it has joined behind the first, or raised as the root (global repair).
    pub global_repairs: u64,
    /// Packets whose direction did not fit the sender's rank.
    pub rank_errors: u64,
    /// Packets that came back since a route downwards was gone.
    pub forwarding_errors: u64,
    /// Messages that follow no rule of the protocol and were dropped.
    pub malformed: u64,
}

/// A DAO that waits to be confirmed.
#[derive(Clone, Debug)]
pub(super) struct Awaited {
    pub(super) sequence: Sequence,
    pub(super) due: SimTime,
    pub(super) tries: u8,
    /// Who it went to.
    pub(super) to: To,
    /// What it said of nodes below; nothing if it was about the node itself.
    pub(super) below: Vec<RplOption<'static>>,
}

/// What a node knows of its announcements downwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Announcements {
    /// The next one is due: DelayDAO.
    pub(super) due: Option<SimTime>,
    /// The own route has to be renewed.
    pub(super) refresh_at: Option<SimTime>,
    /// The next one is about the node itself.
    pub(super) own: bool,
    /// Targets below the node that the next one is about.
    pub(super) targets: BTreeSet<Ipv6Addr>,
    /// Targets whose routes are gone, and how new that is.
    pub(super) gone: BTreeMap<Ipv6Addr, Sequence>,
    pub(super) awaited: Vec<Awaited>,
    /// The last counter of each sender.
    pub(super) heard: BTreeMap<Ipv6Addr, Sequence>,
}

/// Counters that survive a loss of power.
#[derive(Clone, Copy, Debug)]
pub(super) struct Persistent {
    pub(super) version: Sequence,
    pub(super) dtsn: Sequence,
    pub(super) path_sequence: Sequence,
    pub(super) dao_sequence: Sequence,
    pub(super) began: bool,
}

/// A node's part in RPL.
#[derive(Debug)]
pub struct Router {
    pub(super) settings: RplSettings,
    pub(super) role: Role,
    pub(super) address: Ipv6Addr,
    pub(super) state: State,
    pub(super) neighbours: Neighbours,
    pub(super) floors: Floors,
    pub(super) routes: Routes,
    /// Neighbours that took no frames, so that the routes over them were forgotten.
    pub(super) lost_children: BTreeSet<Ipv6Addr>,
    /// When children were made to announce their routes again for the sake of one that was lost.
    pub(super) triggered_at: Option<SimTime>,
    pub(super) announcements: Announcements,
    pub(super) persistent: Persistent,
    /// The only parent is asked whether it is still there.
    pub(super) probing: Option<Probing>,
    pub(super) dis_at: Option<SimTime>,
    pub(super) dis_interval: SimDuration,
    pub(super) repair_at: Option<SimTime>,
    pub(super) sweep_at: Option<SimTime>,
    pub(super) out: VecDeque<Outgoing>,
    pub(super) reached: VecDeque<Ipv6Addr>,
    pub(super) counts: Counts,
    draws: CounterStream,
    drawn: u64,
}

impl Router {
    /// A node without power. `address` is the one that others in the graph reach it by.
    #[must_use]
    pub fn new(settings: RplSettings, role: Role, address: Ipv6Addr, draws: CounterStream) -> Self {
        let start = Sequence::START;
        Self {
            settings,
            role,
            address,
            state: State::Off,
            neighbours: Neighbours::default(),
            floors: Floors::default(),
            routes: Routes::default(),
            lost_children: BTreeSet::new(),
            triggered_at: None,
            announcements: Announcements::default(),
            persistent: Persistent {
                version: start,
                dtsn: start,
                // These survive a loss of power, so that no restart has to be told; and a counter of the straight line would stand
                // above all of the circle's to whoever has missed the passage.
                path_sequence: Sequence::LAST_OF_THE_LINE,
                dao_sequence: Sequence::LAST_OF_THE_LINE,
                began: false,
            },
            probing: None,
            dis_at: None,
            dis_interval: DIS_INTERVAL_MIN,
            repair_at: None,
            sweep_at: None,
            out: VecDeque::new(),
            reached: VecDeque::new(),
            counts: Counts::default(),
            draws,
            drawn: 0,
        }
    }

    /// Power comes: a root begins its graph, everybody else looks for one.
    pub fn start(&mut self, now: SimTime) {
        if !matches!(self.state, State::Off) {
            return;
        }
        if self.persistent.began {
            // What children know of the node from before is to be told anew.
            self.persistent.version = self.persistent.version.next();
            self.persistent.dtsn = self.persistent.dtsn.next();
        }
        self.persistent.began = true;
        if self.role == Role::Root {
            self.begin_version(now);
            return;
        }
        self.state = State::Detached;
        self.dis_interval = DIS_INTERVAL_MIN;
        self.dis_at = Some(now + self.jitter(DIS_INTERVAL_MIN));
    }

    /// Power is lost: everything is forgotten but a few counters.
    pub fn stop(&mut self) {
        self.state = State::Off;
        self.neighbours.clear();
        self.floors.clear();
        self.routes.clear();
        self.lost_children.clear();
        self.triggered_at = None;
        self.announcements = Announcements::default();
        (self.probing, self.dis_at, self.repair_at, self.sweep_at) = (None, None, None, None);
        self.out.clear();
    }

    /// Takes a message that was heard.
    pub fn handle_message(&mut self, now: SimTime, heard: &Heard<'_>) {
        if matches!(self.state, State::Off) {
            return;
        }
        self.on_child_back(now, heard.from, false);
        match *heard.message {
            Message::Dis(_) => self.on_dis(now, heard),
            Message::Dio(dio) => self.on_dio(now, heard, dio),
            Message::Dao(dao) => self.on_dao(now, heard, dao),
            Message::DaoAck(ack) => self.on_dao_ack(now, ack),
        }
    }

    /// A frame to a neighbour took so many transmissions, and was confirmed or given up.
    pub fn on_sent(&mut self, now: SimTime, neighbour: Ipv6Addr, tries: u8, confirmed: bool) {
        let Some(known) = self.neighbours.get_mut(neighbour) else { return };
        let (etx, reachable) = (known.link.etx(), known.link.is_reachable());
        known.link.on_sent(now, tries, confirmed);
        let lost = reachable && !known.link.is_reachable();
        let changed = known.link.etx() != etx;
        if lost {
            self.on_child_lost(now, neighbour);
        } else if confirmed {
            self.on_child_back(now, neighbour, true);
        }
        if changed || lost {
            self.reconsider(now);
        }
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: SimTime) {
        let due = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        if due(self.repair_at) {
            self.persistent.version = self.persistent.version.next();
            self.counts.global_repairs += 1;
            self.begin_version(now);
        }
        let draw = self.draw();
        let speaks = match &mut self.state {
            State::Joined(graph) | State::Poisoning(graph) if graph.trickle.timeout() <= now => {
                let fires = graph.trickle.interval();
                let speaks = graph.trickle.handle_timeout(now, draw);
                // The interval's end begins another one; t over without a word is a suppressed message.
                let silent = !speaks && graph.trickle.interval() == fires && graph.trickle.timeout() > now;
                Some((speaks, silent))
            }
            State::Joined(_) | State::Poisoning(_) | State::Detached | State::Off => None,
        };
        if let Some((speaks, silent)) = speaks {
            self.on_trickle(speaks, silent);
        }
        if due(self.dis_at) {
            self.solicit(now);
        }
        if due(self.probing.map(|probing| probing.at)) {
            self.probe(now);
        }
        self.handle_announcements(now);
        if due(self.sweep_at) {
            self.routes.expire(now);
            self.sweep_at = self.routes.ends().then(|| now + SWEEP_INTERVAL);
        }
    }

    /// When [`Self::handle_timeout`] has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let trickle = match &self.state {
            State::Joined(graph) | State::Poisoning(graph) => Some(graph.trickle.timeout()),
            State::Detached | State::Off => None,
        };
        let awaited = self.announcements.awaited.iter().map(|awaited| awaited.due).min();
        let announcements = [self.announcements.due, self.announcements.refresh_at, awaited];
        let probing = self.probing.map(|probing| probing.at);
        let others = [trickle, self.dis_at, probing, self.repair_at, self.sweep_at];
        others.into_iter().chain(announcements).flatten().min()
    }

    /// The next message to be sent.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.out.pop_front()
    }

    /// A node that this root has a route to since a moment ago.
    pub fn poll_reached(&mut self) -> Option<Ipv6Addr> {
        self.reached.pop_front()
    }

    /// What the node is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The address that others in the graph reach the node by.
    #[must_use]
    pub fn address(&self) -> Ipv6Addr {
        self.address
    }

    /// The rank, while the node is in a graph.
    #[must_use]
    pub fn rank(&self) -> Option<u16> {
        self.graph().map(|graph| graph.dio.rank)
    }

    /// The rank without its fraction (`DAGRank`, RFC 6550 §3.5.1); of a node without a graph the infinite one.
    #[must_use]
    pub fn dag_rank(&self) -> u16 {
        self.graph()
            .map_or(INFINITE_RANK, |graph| graph.dio.rank / graph.configuration.min_hop_rank_increase.max(1))
    }

    /// The preferred parent's link-local address.
    #[must_use]
    pub fn parent(&self) -> Option<Ipv6Addr> {
        self.graph()?.parent
    }

    /// The parent set, the preferred one first; empty at a root and without a graph (RFC 6550 §8.2.1).
    #[must_use]
    pub fn parent_set(&self) -> Vec<Ipv6Addr> {
        let Some(parent) = self.parent() else { return Vec::new() };
        let chooser = self.chooser();
        chooser.choose(Some(parent)).map(|way| chooser.parent_set(&way)).unwrap_or_default()
    }

    /// The graph that the node is in, by its root's address, and the version.
    #[must_use]
    pub fn dodag(&self) -> Option<(Ipv6Addr, u8)> {
        self.graph().map(|graph| (graph.dio.dodag, graph.dio.version))
    }

    /// The neighbours.
    #[must_use]
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// The routes downwards.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// What the node has done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How the node takes part.
    #[must_use]
    pub fn settings(&self) -> &RplSettings {
        &self.settings
    }

    pub(super) fn graph(&self) -> Option<&Graph> {
        match &self.state {
            State::Joined(graph) => Some(graph),
            State::Off | State::Detached | State::Poisoning(_) => None,
        }
    }

    pub(super) fn chooser(&self) -> Chooser<'_> {
        Chooser {
            neighbours: &self.neighbours,
            floors: &self.floors,
            instance: self.settings.instance,
            patient: self.is_patient(),
        }
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.draws.draw(self.drawn)
    }

    /// A time in `[span / 2, span · 3 / 2)`.
    pub(super) fn jitter(&mut self, span: SimDuration) -> SimDuration {
        let within = ((u128::from(self.draw()) * u128::from(span.as_nanos())) >> 64) as u64;
        span / 2 + SimDuration::from_nanos(within)
    }

    pub(super) fn reset_trickle(&mut self, now: SimTime) {
        let draw = self.draw();
        match &mut self.state {
            State::Joined(graph) | State::Poisoning(graph) => {
                self.counts.resets += 1;
                graph.trickle.reset(now, draw);
            }
            State::Off | State::Detached => {}
        }
    }
}

/// The first pause before a node asks for a graph; it doubles up to a minute, Contiki-NG's.
pub(super) const DIS_INTERVAL_MIN: SimDuration = SimDuration::from_secs(4);
/// How often routes that are over are looked for.
pub(super) const SWEEP_INTERVAL: SimDuration = SimDuration::from_secs(60);
