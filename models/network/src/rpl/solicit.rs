//! DISes: asking for a graph (RFC 6550 §8.3).

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

const DIS_INTERVAL_MAX: SimDuration = SimDuration::from_secs(60);
