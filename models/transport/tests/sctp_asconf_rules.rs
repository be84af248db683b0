//! What an endpoint does with the requests of its peer (RFC 5061 §5.2, §5.3), and with answers: the peer is made by hand.

mod sctp_lab;

use std::net::IpAddr;

use sctp_lab::craft::{self, Insight, give_from, packet};
use sctp_lab::keys::{association_key, signed};
use sctp_lab::{Lab, Link, address, at, kinds};
use transport::sctp::{AssociationId, CloseReason, SctpConfig, SctpEvent, State};
use wire::sctp::{AddressRequest, Cause, Chunk, CommonHeader, Parameter, ParameterList, ParameterType, code};

/// Side 0 of an association that changes addresses, and who knows how to speak to it as its peer.
struct Peer {
    lab: Lab,
    id: AssociationId,
    insight: Insight,
    key: Vec<u8>,
    serial: u32,
}

fn other(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 7, last])
}

fn request(kind: ParameterType, correlation: u32, address: IpAddr) -> Parameter<'static> {
    Parameter::AddressRequest(AddressRequest { kind, correlation, address })
}

fn asconf(serial: u32, known: IpAddr, requests: &[Parameter<'_>]) -> Vec<u8> {
    let mut list = ParameterList::new();
    list.push(&Parameter::Address(known));
    requests.iter().for_each(|request| {
        list.push(request);
    });
    craft::bytes(&[Chunk::Asconf { serial, parameters: list.parameters() }])
}

/// What an answer says: serial number, and for each correlation a cause or success.
type Answer = (u32, Vec<(u32, Option<u16>)>);

fn answer_in(chunk: &[u8]) -> Option<Answer> {
    let Ok((Chunk::AsconfAck { serial, parameters }, _)) = Chunk::parse(chunk) else { return None };
    let responses = parameters.iter().flatten().filter_map(|parameter| match parameter {
        Parameter::Success { correlation } => Some((correlation, None)),
        Parameter::ErrorIndication { correlation, causes } => {
            let cause = causes.iter().next().expect("a cause").expect("that makes sense");
            Some((correlation, Some(cause.code())))
        }
        _ => None,
    });
    Some((serial, responses.collect()))
}

impl Peer {
    fn new() -> Self {
        let config = SctpConfig { address_changes: true, ..SctpConfig::default() };
        let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
        lab.record = true;
        let id = lab.connect(1, config.clone(), config);
        lab.run_until(at(200));
        let (insight, key) = (Insight::of(&lab), association_key(&lab, &[]));
        lab.sent.clear();
        lab.events = Default::default();
        Self { lab, id, insight, key, serial: insight.peer_tsn }
    }

    /// Gives signed chunks to side 0, as from `source`; the answers to ASCONFs and where they go.
    fn tell_from(&mut self, source: IpAddr, chunks: &[u8]) -> Vec<(IpAddr, Answer)> {
        self.tell_raw(source, signed(chunks, &self.key, 0, false))
    }

    fn tell_raw(&mut self, source: IpAddr, chunks: Vec<u8>) -> Vec<(IpAddr, Answer)> {
        self.lab.sent.clear();
        give_from(&mut self.lab, 0, source, packet(self.insight.header, chunks));
        self.lab.drain(0);
        let mut answers = Vec::new();
        for (_, _, transmit) in &self.lab.sent {
            let bytes = transmit.packet.to_vec();
            let mut rest = &bytes[12..];
            while let Ok((_, next)) = Chunk::parse(rest) {
                if let Some(answer) = answer_in(rest) {
                    answers.push((transmit.destination, answer));
                }
                rest = next;
                if rest.is_empty() {
                    break;
                }
            }
        }
        answers
    }

    /// The next request from the peer's address.
    fn ask(&mut self, requests: &[Parameter<'_>]) -> Vec<(u32, Option<u16>)> {
        let chunk = asconf(self.serial, address(1, 0), requests);
        let answers = self.tell_from(address(1, 0), &chunk);
        let [(to, (serial, responses))] = answers.as_slice() else { panic!("one answer, not {answers:?}") };
        assert_eq!((*to, *serial), (address(1, 0), self.serial));
        self.serial = self.serial.wrapping_add(1);
        responses.clone()
    }

    fn paths(&self) -> Vec<IpAddr> {
        self.lab.ends[0].paths(self.id).iter().map(|(remote, _)| *remote).collect()
    }
}

const ADD: ParameterType = ParameterType::ADD_ADDRESS;
const DELETE: ParameterType = ParameterType::DELETE_ADDRESS;
const PRIMARY: ParameterType = ParameterType::SET_PRIMARY;

// Holds: RFC 5061 4.1.1-a, 4.1.1-b, 5.2-D5
#[test]
fn requests_that_are_not_signed_are_discarded_in_silence() {
    let mut peer = Peer::new();
    let chunk = asconf(peer.serial, address(1, 0), &[request(ADD, 1, other(1))]);
    let wrong = signed(&chunk, b"another key", 0, false);
    for chunks in [chunk.clone(), wrong] {
        assert!(peer.tell_raw(address(1, 0), chunks).is_empty());
        assert!(peer.lab.sent.is_empty(), "no word about it");
    }
    assert_eq!(peer.paths(), [address(1, 0)]);
    assert!(peer.ask(&[request(ADD, 1, other(1))]).is_empty(), "signed, it is carried out");
    assert_eq!(peer.paths(), [address(1, 0), other(1)]);
}

// Holds: RFC 5061 4.2.1-b, 4.2.2-b, 5.2-V1, 5.2-V3, 5.3-F7, 5.3-F8, 5.3-F11
#[test]
fn the_last_address_and_the_source_stay() {
    let mut peer = Peer::new();
    assert_eq!(peer.ask(&[request(DELETE, 9, address(1, 0))]), [(9, Some(code::DELETE_LAST_ADDRESS))]);
    // In order: another one is there, so it is not the last, but the source.
    let both = [request(ADD, 10, other(1)), request(DELETE, 11, address(1, 0))];
    assert_eq!(peer.ask(&both), [(11, Some(code::DELETE_SOURCE_ADDRESS))]);
    assert_eq!(peer.paths(), [address(1, 0), other(1)]);
    // After a failure the rest fails too (F11), and what goes well is told.
    let rest = [
        request(DELETE, 20, address(1, 0)),
        request(ADD, 21, other(2)),
        request(PRIMARY, 22, address(1, 0)),
        request(DELETE, 23, other(1)),
    ];
    let refused = Some(code::REFUSED_RESOURCES);
    let expected = [(20, Some(code::DELETE_SOURCE_ADDRESS)), (21, refused), (22, None), (23, refused)];
    assert_eq!(peer.ask(&rest), expected);
    assert_eq!(peer.paths(), [address(1, 0), other(1)]);
}

// Holds: RFC 5061 4.3-a
#[test]
fn a_refusal_holds_the_request_as_in_the_figure() {
    let mut peer = Peer::new();
    let id = 0x0102_3476;
    let chunk = asconf(peer.serial, address(1, 0), &[request(DELETE, id, address(1, 0))]);
    peer.tell_from(address(1, 0), &chunk);
    let bytes = peer.lab.sent.last().expect("it is answered").2.packet.to_vec();
    // RFC 5061 §4.3.1: behind AUTH (40 bytes) and the head of the ASCONF-ACK (8 bytes).
    let figure = [
        [0xC0, 0x03, 0, 28],
        [1, 2, 0x34, 0x76],
        [0, 0xA0, 0, 20],
        [0xC0, 0x02, 0, 16],
        [1, 2, 0x34, 0x76],
        [0, 5, 0, 8],
        [10, 0, 0, 2],
    ];
    assert_eq!(bytes[12 + 40 + 8..], *figure.as_flattened());
}

// Holds: RFC 5061 4.2.1-c, 4.2.2-c, 4.2.4-b, 5.2-D2, 5.2-E6, 5.3.2-b, 5.3.2-c
#[test]
fn a_wildcard_stands_for_the_source_of_the_packet() {
    let mut peer = Peer::new();
    let any = IpAddr::from([0, 0, 0, 0]);
    let chunk = asconf(peer.serial, address(1, 0), &[request(ADD, 1, any), request(PRIMARY, 2, any)]);
    // From an address that nobody knows: it is found by the address parameter, and answered to where it came from.
    let answers = peer.tell_from(other(5), &chunk);
    assert_eq!(answers, [(other(5), (peer.serial, Vec::new()))]);
    assert_eq!(peer.paths(), [address(1, 0), other(5)]);
    peer.serial = peer.serial.wrapping_add(1);
    let chunk = asconf(peer.serial, address(1, 0), &[request(DELETE, 3, any)]);
    assert_eq!(peer.tell_from(other(5), &chunk), [(other(5), (peer.serial, Vec::new()))]);
    assert_eq!(peer.paths(), [other(5)], "all but the source");
    // Signed or not, other chunks from unknown places do nothing.
    let mut list = ParameterList::new();
    list.push(&Parameter::HeartbeatInfo(&[7; 8]));
    let beat = craft::bytes(&[Chunk::Heartbeat(list.parameters())]);
    assert!(peer.tell_from(other(9), &beat).is_empty());
    assert!(peer.lab.sent.iter().all(|(_, _, it)| !kinds(it).contains(&"HEARTBEAT-ACK")));
}

// Holds: RFC 5061 5.2-D3
#[test]
fn a_request_of_nobody_is_out_of_the_blue() {
    let mut peer = Peer::new();
    let chunk = asconf(peer.serial, other(8), &[request(ADD, 1, other(5))]);
    assert!(peer.tell_from(other(5), &chunk).is_empty());
    assert_eq!(kinds(&peer.lab.sent.last().expect("it is answered").2), ["ABORT"]);
    assert_eq!(peer.lab.ends[0].state(peer.id), Some(State::Established));
}

// Holds: RFC 5061 5.2-E2, 5.2-E4, 5.2-E5, 5.2-V5
#[test]
fn an_old_request_is_answered_again_and_a_strange_one_not_at_all() {
    let mut peer = Peer::new();
    let chunk = asconf(peer.serial, address(1, 0), &[request(ADD, 1, other(1))]);
    let first = peer.tell_from(address(1, 0), &chunk);
    assert_eq!(peer.tell_from(address(1, 0), &chunk), first, "the same answer");
    assert_eq!(peer.paths().len(), 2);
    for serial in
        [peer.serial.wrapping_sub(1), peer.serial.wrapping_add(2), peer.serial.wrapping_add(1 << 31)]
    {
        let strange = asconf(serial, address(1, 0), &[request(ADD, 1, other(2))]);
        assert!(peer.tell_from(address(1, 0), &strange).is_empty());
        assert_eq!(peer.paths().len(), 2);
    }
}

// Holds: RFC 5061 5.1.1-C2, 5.1.1-C3, 5.2-E1, 5.2-E3, 5.2-V4, 5.5-2
#[test]
fn several_requests_of_a_packet_are_answered_together_in_order() {
    let mut peer = Peer::new();
    let chunk = |serial: u32, last| asconf(serial, address(1, 0), &[request(ADD, 1, other(last))]);
    let serial = peer.serial;
    let first = peer.tell_from(address(1, 0), &chunk(serial, 1));
    assert_eq!(first.len(), 1);
    let next = serial.wrapping_add(1);
    let answers = peer.tell_from(address(1, 0), &[chunk(serial, 1), chunk(next, 2)].concat());
    let serials: Vec<u32> = answers.iter().map(|(_, (serial, _))| *serial).collect();
    assert_eq!(serials, [serial, next]);
    assert_eq!(peer.lab.sent.iter().filter(|(_, _, it)| kinds(it).contains(&"ASCONF-ACK")).count(), 1);
    assert_eq!(peer.paths(), [address(1, 0), other(1), other(2)]);
}

// Holds: RFC 5061 5.2-V2, 4.2.1-a, 4.2.2-a, 5.4-b, 5.4-c
#[test]
fn what_makes_no_sense_is_refused() {
    let mut peer = Peer::new();
    let unknown = Parameter::Unknown { kind: ParameterType(0xC0FF), value: &[0, 0, 0, 7, 1, 2, 3, 4] };
    assert_eq!(peer.ask(&[unknown]), [(7, Some(code::UNRECOGNIZED_PARAMETERS))]);
    let silent = Parameter::Unknown { kind: ParameterType(0x80FF), value: &[0, 0, 0, 8, 1, 2, 3, 4] };
    assert!(peer.ask(&[silent]).is_empty());
    let group = IpAddr::from([224, 0, 0, 7]);
    let all = IpAddr::from([255; 4]);
    for nobody in [group, all] {
        assert_eq!(peer.ask(&[request(ADD, 1, nobody)]), [(1, Some(code::UNRESOLVABLE_ADDRESS))]);
    }
    assert_eq!(peer.ask(&[request(PRIMARY, 1, other(3))]), [(1, Some(code::UNRESOLVABLE_ADDRESS))]);
    assert!(peer.ask(&[request(DELETE, 1, other(3))]).is_empty(), "it is not there");
    assert_eq!(peer.paths(), [address(1, 0)]);
}

// Holds: RFC 5061 5.3-F9
#[test]
fn there_are_no_more_addresses_than_memory_is_meant_for() {
    let mut peer = Peer::new();
    for last in 1..16 {
        assert!(peer.ask(&[request(ADD, 1, other(last))]).is_empty());
    }
    assert_eq!(peer.ask(&[request(ADD, 1, other(16))]), [(1, Some(code::REFUSED_RESOURCES))]);
    assert_eq!(peer.paths().len(), 16);
    // Addresses that come and go take the places of those that have gone.
    for last in 16..=255 {
        assert!(peer.ask(&[request(DELETE, 1, other(last - 1)), request(ADD, 2, other(last))]).is_empty());
    }
    assert_eq!(peer.paths().len(), 16);
}

/// Side 0 asks for an address; the number of its request.
fn side_0_asks(peer: &mut Peer) -> u32 {
    peer.lab.ends[0].add_own_address(peer.lab.now, peer.id, address(0, 1));
    peer.lab.drain(0);
    let bytes = peer.lab.sent.last().expect("it was sent").2.packet.to_vec();
    let Ok((Chunk::Asconf { serial, .. }, _)) = Chunk::parse(&bytes[12 + 40..]) else { panic!("an ASCONF") };
    peer.lab.sent.clear();
    serial
}

fn answer(serial: u32, responses: &[Parameter<'_>]) -> Vec<u8> {
    let mut list = ParameterList::new();
    responses.iter().for_each(|response| {
        list.push(response);
    });
    craft::bytes(&[Chunk::AsconfAck { serial, parameters: list.parameters() }])
}

fn failure(correlation: u32, causes: &[u8]) -> Parameter<'_> {
    Parameter::ErrorIndication { correlation, causes: wire::sctp::Causes::parse(causes).expect("a cause") }
}

// Holds: RFC 5061 4.1.2-b, 4.3.4-a, 5.3-F0
#[test]
fn an_answer_to_what_was_never_asked_aborts() {
    let mut peer = Peer::new();
    let first = peer.insight.tsn;
    peer.tell_raw(address(1, 0), answer(first, &[]));
    assert_eq!(peer.lab.ends[0].state(peer.id), Some(State::Established), "not signed");
    peer.tell_from(address(1, 0), &answer(first.wrapping_sub(1), &[]));
    assert_eq!(peer.lab.ends[0].state(peer.id), Some(State::Established), "an old one is ignored");
    peer.tell_from(address(1, 0), &answer(first, &[]));
    let bytes = peer.lab.sent.last().expect("it is answered").2.packet.to_vec();
    let Ok((Chunk::Abort { causes, .. }, _)) = Chunk::parse(&bytes[12..]) else { panic!("an ABORT") };
    assert_eq!(causes.as_bytes(), [0, 0xA3, 0, 4]);
    let closed =
        |event: &SctpEvent| matches!(event, SctpEvent::Closed { reason: CloseReason::Violation, .. });
    assert!(peer.lab.happened(0, closed).is_some());
}

// Holds: RFC 5061 5.1-f, 5.1-h, 5.3-F3a, 5.3-F3b, 5.3-F10
#[test]
fn what_the_peer_refuses_is_not_used_and_what_it_does_not_know_not_asked_again() {
    let mut refused = Vec::new();
    Cause::Other { code: code::REFUSED_RESOURCES, information: &[] }.emit(&mut refused);
    let mut unknown = Vec::new();
    Cause::Other { code: code::UNRECOGNIZED_PARAMETERS, information: &[] }.emit(&mut unknown);
    for (causes, asks_again) in [(&refused, true), (&unknown, false)] {
        let mut peer = Peer::new();
        let serial = side_0_asks(&mut peer);
        peer.tell_from(address(1, 0), &answer(serial, &[failure(1, causes)]));
        assert_eq!(peer.lab.ends[0].own_addresses(peer.id), [address(0, 0)]);
        peer.lab.sent.clear();
        peer.lab.ends[0].add_own_address(peer.lab.now, peer.id, address(0, 1));
        peer.lab.drain(0);
        assert_eq!(!peer.lab.sent.is_empty(), asks_again);
    }
}

// Holds: RFC 5061 5.1-A7
#[test]
fn what_follows_a_failure_has_failed_unless_it_says_otherwise() {
    let mut causes = Vec::new();
    Cause::Other { code: code::REFUSED_RESOURCES, information: &[] }.emit(&mut causes);
    let mut peer = Peer::new();
    let first = side_0_asks(&mut peer);
    for last in 2..5 {
        let address = IpAddr::from([10, 0, 0, 10 + last]);
        peer.lab.ends[0].add_own_address(peer.lab.now, peer.id, address);
    }
    // The second chunk holds the requests 2, 3 and 4: 3 fails, so 2 is done and 4 is not.
    peer.tell_from(address(1, 0), &answer(first, &[]));
    peer.tell_from(address(1, 0), &answer(first.wrapping_add(1), &[failure(3, &causes)]));
    let own = [address(0, 0), address(0, 1), IpAddr::from([10, 0, 0, 12])];
    assert_eq!(peer.lab.ends[0].own_addresses(peer.id), own);
}

// Holds: RFC 5061 5.1-A9, 5.1.1-c
#[test]
fn a_peer_that_does_not_know_the_chunk_is_not_asked_again() {
    let mut peer = Peer::new();
    side_0_asks(&mut peer);
    let mut causes = Vec::new();
    Cause::UnrecognizedChunk(&[193, 0, 0, 8, 0, 0, 0, 0]).emit(&mut causes);
    let causes = wire::sctp::Causes::parse(&causes).expect("a cause");
    peer.insight.tell(&mut peer.lab, &[Chunk::Error(causes)]);
    peer.lab.sent.clear();
    let until = at(10_000);
    peer.lab.run_until(until);
    peer.lab.ends[0].add_own_address(peer.lab.now, peer.id, address(0, 1));
    peer.lab.drain(0);
    assert!(peer.lab.sent.iter().all(|(_, _, it)| !kinds(it).contains(&"ASCONF")));
}

// Holds: RFC 5061 5.3.1-a, 5.3-F4b
#[test]
fn an_abort_to_an_address_that_goes_is_ignored() {
    let mut peer = Peer::new();
    let serial = side_0_asks(&mut peer);
    peer.tell_from(address(1, 0), &answer(serial, &[]));
    peer.lab.ends[0].delete_own_address(peer.lab.now, peer.id, address(0, 0));
    peer.lab.drain(0);
    // `give_from` sends to the first address of side 0, which is asked to be deleted.
    let abort = craft::bytes(&[Chunk::Abort { reflected: true, causes: Default::default() }]);
    let header = CommonHeader { verification_tag: peer.insight.peer_tag, ..peer.insight.header };
    give_from(&mut peer.lab, 0, address(1, 0), packet(header, abort.clone()));
    assert_eq!(peer.lab.ends[0].state(peer.id), Some(State::Established));
    // Data that arrive there count still.
    let data = craft::bytes(&[craft::data(peer.insight.peer_tsn, 0, 0, b"late")]);
    give_from(&mut peer.lab, 0, address(1, 0), packet(peer.insight.header, data));
    assert!(peer.lab.ends[0].receive(peer.id).is_some());
    peer.tell_from(address(1, 0), &answer(serial.wrapping_add(1), &[]));
    give_from(&mut peer.lab, 0, address(1, 0), packet(header, abort));
    assert_eq!(peer.lab.ends[0].state(peer.id), Some(State::Established), "it is no longer one of its own");
}
