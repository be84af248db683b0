//! DISes: asking for a graph (RFC 6550 §8.3).

use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::rpl::{Dis, Message, RplOption, SolicitedInformation};

use super::router::{Heard, Outgoing, Router, State, To};
use super::settings::Role;

impl Router {
    pub(super) fn on_dis(&mut self, now: SimTime, heard: &Heard<'_>) {
        let asked = heard.options.iter().find_map(|option| match option {
            RplOption::Solicited(asked) => Some(asked),
            _ => None,
        });
        if !asked.is_none_or(|asked| self.matches(&asked)) {
            return;
        }
        if heard.unicast {
            return self.send_dio(To::Neighbour(heard.from));
        }
        if self.role != Role::Leaf {
            self.reset_trickle(now);
        }
    }

    /// Asks one neighbour for its graph: it confirms the frame, and answers.
    pub(super) fn ask(&mut self, neighbour: Ipv6Addr) {
        self.counts.dises += 1;
        let to = To::Neighbour(neighbour);
        self.out.push_back(Outgoing { to, message: Message::Dis(Dis), options: Vec::new() });
    }

    /// The only parent takes no frames: it is asked a few times, and everybody else is asked for a graph, before the node gives it up
    /// (RFC 6550 §8.2.1 leaves to the node how it finds that a neighbour is not reachable; the pauses grow as RFC 7048 §3 advises).
    pub(super) fn probe_while_needed(&mut self, now: SimTime, parent: Ipv6Addr) {
        if self.neighbours.get(parent).is_none_or(|neighbour| neighbour.link.is_reachable()) {
            self.probing = None;
            return;
        }
        if self.probing.is_some_and(|probing| probing.neighbour == parent) {
            return;
        }
        self.counts.dises += 1;
        self.out.push_back(Outgoing { to: To::All, message: Message::Dis(Dis), options: Vec::new() });
        self.probing = Some(Probing { neighbour: parent, at: now + PROBE_INTERVAL, tries: 0 });
    }

    /// It is time for another question to the only parent, or to give it up.
    pub(super) fn probe(&mut self, now: SimTime) {
        let Some(probing) = &mut self.probing else { return };
        probing.at = now + PROBE_INTERVAL * (1 << probing.tries);
        probing.tries += 1;
        let Probing { neighbour, tries, .. } = *probing;
        if tries > PROBES_MAX {
            return self.reconsider(now);
        }
        self.ask(neighbour);
    }

    /// Whether a parent that takes no frames may still be asked.
    pub(super) fn is_patient(&self) -> bool {
        self.probing.is_none_or(|probing| probing.tries <= PROBES_MAX)
    }

    /// A leaf has moved to where it reaches none of its neighbours, but others that it asks at once.
    pub fn on_moved(&mut self, now: SimTime) {
        if self.role != Role::Leaf || matches!(self.state, State::Off) {
            return;
        }
        self.neighbours.clear();
        self.reconsider(now);
        self.dis_interval = super::router::DIS_INTERVAL_MIN;
        self.dis_at = Some(now);
    }

    /// Whether all that is asked for is so.
    fn matches(&self, asked: &SolicitedInformation) -> bool {
        let Some(graph) = self.graph() else { return false };
        asked.version.is_none_or(|version| version == graph.dio.version)
            && asked.instance.is_none_or(|instance| instance == graph.dio.instance)
            && asked.dodag.is_none_or(|dodag| dodag == graph.dio.dodag)
    }

    /// Asks all neighbours for a graph, at longer and longer intervals.
    pub(super) fn solicit(&mut self, now: SimTime) {
        self.dis_at = None;
        if !matches!(self.state, State::Detached | State::Poisoning(_)) {
            return;
        }
        self.counts.dises += 1;
        self.out.push_back(Outgoing { to: To::All, message: Message::Dis(Dis), options: Vec::new() });
        self.dis_interval = (self.dis_interval * 2).min(DIS_INTERVAL_MAX);
        let pause = self.jitter(self.dis_interval);
        self.dis_at = Some(now + pause);
    }
}

/// Questions to the only parent, which takes no frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probing {
    neighbour: Ipv6Addr,
    /// When the next one is due.
    pub(super) at: SimTime,
    tries: u8,
}

/// `MAX_UNICAST_SOLICIT` (RFC 4861 §10).
const PROBES_MAX: u8 = 3;
/// `RETRANS_TIMER` (RFC 4861 §10); it doubles each time.
const PROBE_INTERVAL: SimDuration = SimDuration::from_secs(1);
const DIS_INTERVAL_MAX: SimDuration = SimDuration::from_secs(60);
