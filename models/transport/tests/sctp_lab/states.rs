//! An association in any of its states.

use transport::sctp::{AssociationId, MessageOptions, SctpConfig, State};
use wire::sctp::Chunk;

use super::craft::Insight;
use super::{Lab, Link, at};

/// All states but CLOSED, in which there is no association.
pub(crate) const STATES: [State; 7] = [
    State::CookieWait,
    State::CookieEchoed,
    State::Established,
    State::ShutdownPending,
    State::ShutdownSent,
    State::ShutdownReceived,
    State::ShutdownAckSent,
];

/// No HEARTBEATs among what is looked at.
pub(crate) fn config() -> SctpConfig {
    SctpConfig { heartbeat_interval: None, ..SctpConfig::default() }
}

/// A lab whose side 0 has an association in `state` and whose wire is cut.
pub(crate) fn in_state(state: State) -> (Lab, AssociationId, Insight) {
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, config(), config());
    lab.run_until(at(match state {
        State::CookieWait => 5,
        State::CookieEchoed => 25,
        _ => 100,
    }));
    lab.links[0].down = Some((lab.now, at(10_000_000)));
    let insight = Insight::of(&lab);
    if matches!(state, State::ShutdownPending | State::ShutdownReceived) {
        lab.say(0, id, 0, 100, &MessageOptions::default());
    }
    if matches!(state, State::ShutdownPending | State::ShutdownSent) {
        lab.ends[0].shutdown(lab.now, id);
        lab.drain(0);
    }
    if matches!(state, State::ShutdownReceived | State::ShutdownAckSent) {
        insight.tell(&mut lab, &[Chunk::Shutdown { cumulative_tsn_ack: insight.tsn.wrapping_sub(1) }]);
    }
    assert_eq!(lab.ends[0].state(id), Some(state));
    lab.sent.clear();
    lab.events = [Vec::new(), Vec::new()];
    (lab, id, insight)
}
