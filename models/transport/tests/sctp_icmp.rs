//! ICMP errors about packets of an association (RFC 9260 §10), in each of its states.

mod sctp_lab;

use sctp_lab::craft::{Insight, icmp, initiation};
use sctp_lab::states::{STATES, config, in_state};
use sctp_lab::{Lab, Link, address, at};
use transport::endpoint::{Endpoint, IcmpError, NetworkEvent};
use transport::sctp::{AssociationId, CloseReason, MessageOptions, SctpConfig, SctpEvent, State};
use wire::sctp::{Chunk, Parameters};

/// What can be seen of side 0: nothing of it changes when an error is ignored.
fn seen(lab: &Lab, id: AssociationId) -> String {
    let end = &lab.ends[0];
    let paths: Vec<_> = end.path_stats(id).collect();
    let (sent, told) = (lab.sent.len(), lab.events[0].len());
    format!("{:?} {paths:?} {:?} {:?} {sent} {told}", end.state(id), end.path_mtu(id), end.poll_timeout())
}

fn assert_over(lab: &Lab, id: AssociationId, state: State) {
    assert_eq!(lab.ends[0].state(id), None, "{state:?}");
    let is_told =
        matches!(lab.events[0].last(), Some((_, SctpEvent::Closed { reason: CloseReason::Unreachable, .. })));
    assert!(is_told, "{state:?}: {:?}", lab.events[0]);
    assert!(lab.sent.is_empty(), "like an ABORT it is not answered");
    assert_eq!((lab.ends[0].associations(), lab.ends[0].poll_timeout()), (0, None), "nothing is left");
}

// Holds: RFC 9260 10-8a
#[test]
fn a_host_without_sctp_ends_the_attempt_and_nothing_later() {
    for state in STATES {
        let (mut lab, id, insight) = in_state(state);
        let before = seen(&lab, id);
        icmp(&mut lab, IcmpError::ProtocolUnreachable, insight.quoted_init());
        if state == State::CookieWait {
            assert_over(&lab, id, state);
        } else {
            assert_eq!(before, seen(&lab, id), "{state:?}: an old INIT proves nothing");
        }
    }
}

// Holds: RFC 9260 10-8b
#[test]
fn a_host_that_has_lost_sctp_ends_the_association_in_every_state() {
    for state in STATES.into_iter().filter(|state| *state != State::CookieWait) {
        for chunks in [&[][..], &[Chunk::ShutdownAck]] {
            let (mut lab, id, insight) = in_state(state);
            icmp(&mut lab, IcmpError::ProtocolUnreachable, insight.quoted(insight.peer_tag, chunks));
            assert_over(&lab, id, state);
        }
        // RFC 792 promises eight bytes of what is quoted: ports and tag.
        let (mut lab, id, insight) = in_state(state);
        let quoted = insight.quoted(insight.peer_tag, &[])[..8].to_vec();
        icmp(&mut lab, IcmpError::ProtocolUnreachable, quoted);
        assert_over(&lab, id, state);
    }
}

// Holds: RFC 9260 10-5, 10-6a, 10-6b
#[test]
fn an_error_that_does_not_prove_whose_packet_it_was_is_dropped() {
    let unproved = |it: &Insight| {
        let (own, heartbeat) = (it.header.verification_tag, Chunk::Heartbeat(Parameters::default()));
        let init = |tag| Chunk::Init(initiation(tag, Parameters::default()));
        vec![
            ("a foreign tag", it.quoted(it.peer_tag ^ 1, &[])),
            ("this side's own tag", it.quoted(own, &[])),
            ("no tag and no chunk", it.quoted(0, &[])),
            ("no tag, eight bytes", it.quoted(0, &[])[..8].to_vec()),
            ("no tag and no INIT", it.quoted(0, &[heartbeat])),
            ("an INIT of somebody else", it.quoted(0, &[init(own ^ 1)])),
            ("an INIT with the peer's tag", it.quoted(0, &[init(it.peer_tag)])),
            ("an INIT that is cut within its tag", it.quoted_init()[..19].to_vec()),
            ("less than ports", it.quoted_init()[..3].to_vec()),
            ("nothing", Vec::new()),
        ]
    };
    for state in STATES {
        for error in [IcmpError::ProtocolUnreachable, IcmpError::PacketTooBig { mtu: 1000 }] {
            let (mut lab, id, insight) = in_state(state);
            let before = seen(&lab, id);
            for (name, quoted) in unproved(&insight) {
                icmp(&mut lab, error, quoted);
                assert_eq!(before, seen(&lab, id), "{state:?}, {error:?}: {name}");
            }
            // The right packet, but sent to an address that no association has.
            let (source, destination) = (address(0, 0), address(1, 1));
            for quoted in [insight.quoted(insight.peer_tag, &[]), insight.quoted_init()] {
                let event = NetworkEvent::Icmp { error, source, destination, quoted };
                lab.ends[0].handle_network(lab.now, &event);
                lab.drain(0);
                assert_eq!(before, seen(&lab, id), "{state:?}, {error:?}: another host");
            }
        }
    }
}

// Holds: RFC 9260 10-1, 10-2, 10-3, 10-4, 10-9
#[test]
fn errors_without_consequence_change_nothing_in_any_state() {
    for state in STATES {
        let (mut lab, id, insight) = in_state(state);
        let before = seen(&lab, id);
        for error in [
            IcmpError::PortUnreachable,
            IcmpError::Prohibited,
            IcmpError::Unreachable,
            IcmpError::TimeExceeded,
            IcmpError::ParameterProblem,
        ] {
            for quoted in [insight.quoted(insight.peer_tag, &[]), insight.quoted_init()] {
                icmp(&mut lab, error, quoted);
                assert_eq!(before, seen(&lab, id), "{state:?}: {error:?}");
            }
        }
    }
}

// Holds: RFC 9260 10-7, 7.3-a
#[test]
fn a_router_that_takes_less_makes_packets_smaller() {
    for state in STATES {
        let (mut lab, id, insight) = in_state(state);
        let tagged = insight.quoted(insight.peer_tag, &[]);
        let quoted = if state == State::CookieWait { insight.quoted_init() } else { tagged };
        icmp(&mut lab, IcmpError::PacketTooBig { mtu: 1000 }, quoted);
        assert_eq!(lab.ends[0].path_mtu(id), Some((None, 1000)), "{state:?}");
    }
    let (mut lab, id, insight) = in_state(State::Established);
    icmp(&mut lab, IcmpError::PacketTooBig { mtu: 1000 }, insight.quoted(insight.peer_tag, &[]));
    lab.say(0, id, 0, 1400, &MessageOptions::default());
    assert_eq!(lab.sent.len(), 2);
    assert!(lab.sent.iter().all(|(_, _, it)| it.packet.len() + 20 <= 1000));
}

#[test]
fn an_answer_to_an_address_that_is_no_part_of_the_association_ends_nothing() {
    // RFC 5061 §5.3.1: such an ABORT may answer what was sent while the address was not known to the peer yet.
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let moving = SctpConfig { address_changes: true, ..config() };
    let id = lab.connect(1, moving.clone(), moving);
    lab.run_until(at(100));
    let insight = Insight::of(&lab);
    let quoted = insight.quoted(insight.peer_tag, &[]);
    for (source, ends) in [(address(0, 1), false), (address(0, 0), true)] {
        let (error, destination) = (IcmpError::ProtocolUnreachable, address(1, 0));
        let event = NetworkEvent::Icmp { error, source, destination, quoted: quoted.clone() };
        lab.ends[0].handle_network(lab.now, &event);
        lab.drain(0);
        assert_eq!(lab.ends[0].state(id).is_none(), ends, "{source}");
    }
}
