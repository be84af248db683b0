//! Each event in each state of an association, against the recorded table `golden/sctp_states.txt`.

mod recorded;
mod sctp_lab;

use std::fmt::Write as _;

use recorded::assert_is_recorded;
use sctp_lab::craft::{Insight, data, icmp, initiation};
use sctp_lab::states::{STATES, in_state};
use sctp_lab::{Lab, kinds};
use sim_core::SimDuration;
use transport::endpoint::{Endpoint, IcmpError};
use transport::sctp::{AssociationId, MessageOptions, SctpEvent, State};
use wire::sctp::{Cause, Causes, Chunk, ChunkType, Parameter, ParameterList, Parameters};

type Act = fn(&mut Lab, AssociationId, &Insight);

fn stale(cause: &mut Vec<u8>) -> Chunk<'_> {
    Cause::StaleCookie(9).emit(cause);
    Chunk::Error(Causes::parse(cause).expect("it is a cause"))
}

fn unknown(lab: &mut Lab, insight: &Insight, kind: u8) {
    insight.tell(lab, &[Chunk::Unknown { kind: ChunkType(kind), flags: 0, value: &[1, 2, 3, 4] }]);
}

const EVENTS: [(&str, Act); 28] = [
    ("DATA", |lab, _, it| it.tell(lab, &[data(it.peer_tsn, 0, 0, b"text")])),
    ("INIT", |lab, _, it| {
        let mut chunks = Vec::new();
        Chunk::Init(initiation(77, Parameters::default())).emit(&mut chunks);
        it.tell_with(lab, 0, chunks);
    }),
    ("INIT ACK", |lab, _, it| {
        let mut list = ParameterList::new();
        list.push(&Parameter::StateCookie(b"cookie"));
        it.tell(lab, &[Chunk::InitAck(initiation(78, list.parameters()))]);
    }),
    ("SACK", |lab, _, it| {
        let mut chunks = Vec::new();
        wire::sctp::Sack::emit(&mut chunks, it.tsn.wrapping_sub(1), 50_000, &[], &[]);
        it.tell_with(lab, it.header.verification_tag, chunks);
    }),
    ("HEARTBEAT", |lab, _, it| {
        let mut list = ParameterList::new();
        list.push(&Parameter::HeartbeatInfo(b"whatever"));
        it.tell(lab, &[Chunk::Heartbeat(list.parameters())]);
    }),
    ("HEARTBEAT ACK", |lab, _, it| {
        let mut list = ParameterList::new();
        list.push(&Parameter::HeartbeatInfo(&[0; 24]));
        it.tell(lab, &[Chunk::HeartbeatAck(list.parameters())]);
    }),
    ("ABORT", |lab, _, it| it.tell(lab, &[Chunk::Abort { reflected: false, causes: Causes::default() }])),
    ("SHUTDOWN", |lab, _, it| {
        it.tell(lab, &[Chunk::Shutdown { cumulative_tsn_ack: it.tsn.wrapping_sub(1) }]);
    }),
    ("SHUTDOWN ACK", |lab, _, it| it.tell(lab, &[Chunk::ShutdownAck])),
    ("SHUTDOWN COMPLETE", |lab, _, it| it.tell(lab, &[Chunk::ShutdownComplete { reflected: false }])),
    ("ERROR, stale cookie", |lab, _, it| it.tell(lab, &[stale(&mut Vec::new())])),
    ("COOKIE ECHO, forged", |lab, _, it| it.tell(lab, &[Chunk::CookieEcho(&[7; 100])])),
    ("COOKIE ACK", |lab, _, it| it.tell(lab, &[Chunk::CookieAck])),
    ("unknown type 00", |lab, _, it| unknown(lab, it, 0x3E)),
    ("unknown type 01", |lab, _, it| unknown(lab, it, 0x7E)),
    ("unknown type 10", |lab, _, it| unknown(lab, it, 0xBE)),
    ("unknown type 11", |lab, _, it| unknown(lab, it, 0xFE)),
    ("DATA, wrong tag", |lab, _, it| {
        let mut chunks = Vec::new();
        data(it.peer_tsn, 0, 0, b"text").emit(&mut chunks);
        it.tell_with(lab, it.header.verification_tag ^ 1, chunks);
    }),
    ("ICMP, protocol unreachable, INIT", |lab, _, it| {
        icmp(lab, IcmpError::ProtocolUnreachable, it.quoted_init())
    }),
    ("ICMP, protocol unreachable", |lab, _, it| {
        icmp(lab, IcmpError::ProtocolUnreachable, it.quoted(it.peer_tag, &[]));
    }),
    ("ICMP, port unreachable", |lab, _, it| {
        icmp(lab, IcmpError::PortUnreachable, it.quoted(it.peer_tag, &[]));
    }),
    ("ICMP, packet too big", |lab, _, it| {
        icmp(lab, IcmpError::PacketTooBig { mtu: 1000 }, it.quoted(it.peer_tag, &[]));
    }),
    ("user sends", |lab, id, _| {
        let payload = wire::payload::Payload::from_bytes(vec![1]);
        let _refused =
            lab.ends[0].send(lab.now, id, &MessageOptions::default(), payload, sctp_lab::runs(9, 1));
        lab.drain(0);
    }),
    ("user shuts down", |lab, id, _| {
        lab.ends[0].shutdown(lab.now, id);
        lab.drain(0);
    }),
    ("user aborts", |lab, id, _| {
        lab.ends[0].abort(id, b"enough");
        lab.drain(0);
    }),
    ("next timer", |lab, _, _| {
        let next = lab.ends[0].poll_timeout().unwrap_or(lab.now);
        lab.run_until(next);
    }),
    ("silence for a minute", |lab, _, _| {
        let later = lab.now + SimDuration::from_secs(60);
        lab.run_until(later);
    }),
    ("silence for an hour", |lab, _, _| {
        let later = lab.now + SimDuration::from_secs(3600);
        lab.run_until(later);
    }),
];

fn told(event: &SctpEvent) -> &'static str {
    match event {
        SctpEvent::Answered(_) => "answered",
        SctpEvent::Connected(_) => "connected",
        SctpEvent::Accepted { .. } => "accepted",
        SctpEvent::Readable(_) => "readable",
        SctpEvent::Writable(_) => "writable",
        SctpEvent::PeerShutdown(_) => "peer shut down",
        SctpEvent::Restarted(_) => "restarted",
        SctpEvent::Abandoned(_) => "abandoned",
        SctpEvent::PathChanged { .. } => "path changed",
        SctpEvent::AddressChanged { .. } => "address",
        SctpEvent::Closed { .. } => "closed",
        SctpEvent::Reconfigured { .. } | SctpEvent::PeerReconfigured(_) => "reconfigured",
    }
}

fn table() -> String {
    let mut out = String::from("state; event; next state; packets sent; told to the user\n");
    for state in STATES {
        for (name, act) in EVENTS {
            let (mut lab, id, insight) = in_state(state);
            act(&mut lab, id, &insight);
            let next = lab.ends[0].state(id).unwrap_or(State::Closed);
            let mut sent: Vec<String> = Vec::new();
            for (_, _, transmit) in lab.sent.iter().filter(|(_, side, _)| *side == 0) {
                let chunks = kinds(transmit).join("+");
                match sent.last_mut() {
                    Some(last)
                        if last.trim_start_matches(|it: char| it.is_ascii_digit() || it == ' ') == chunks =>
                    {
                        let count = last.split(' ').next().and_then(|it| it.parse::<u32>().ok()).unwrap_or(1);
                        *last = format!("{} {chunks}", count + 1);
                    }
                    _ => sent.push(chunks),
                }
            }
            let told: Vec<&str> = lab.events[0].iter().map(|(_, event)| told(event)).collect();
            let or_none = |list: String| if list.is_empty() { "-".to_owned() } else { list };
            writeln!(
                out,
                "{state:?}; {name}; {next:?}; {}; {}",
                or_none(sent.join(", ")),
                or_none(told.join(", "))
            )
            .expect("a string takes everything");
        }
    }
    out
}

// Holds: RFC 9260 4-a, 4-b, 4-e, 5.2.3-a, 5.2.5-a, 5.2.6-b, 6-a, 8.5.1-g, 9.2-f, 9.2-i, 9.2-j, 9.2-k
#[test]
fn each_event_in_each_state_does_what_the_recorded_table_says() {
    assert_is_recorded("sctp_states", &table());
}
