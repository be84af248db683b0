//! Steps of scripted exchanges.

use sim_core::SimTime;
use transport::endpoint::{Endpoint, Transmit};
use transport::tcp::{ConnectionId, State, TcpConfig, TcpEvent};
use wire::payload::Slice;
use wire::tcp::{Header, TcpFlags};

use super::{Lab, Path, run_of};

pub(crate) fn at(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

pub(crate) fn header(transmit: &Transmit) -> Header {
    Header::parse(transmit.packet.header()).expect("it was sent")
}

/// Two hosts 50 ms apart that write down every segment.
pub(crate) fn lab() -> Lab {
    let mut lab = Lab::new(1, [Path::clean(50), Path::clean(50)]);
    lab.record = true;
    lab
}

/// An established connection; time is 150 ms, when the server has seen the handshake's end.
pub(crate) fn established(lab: &mut Lab, client: TcpConfig, server: TcpConfig) -> [ConnectionId; 2] {
    let (a, _) = lab.connect(client, server);
    lab.run_until(at(150));
    let b = lab.events[1]
        .iter()
        .find_map(|event| if let TcpEvent::Accepted { id, .. } = event { Some(*id) } else { None })
        .expect("the server has accepted");
    assert!(lab.events[0].contains(&TcpEvent::Connected(a)));
    lab.sent.clear();
    lab.events = [Vec::new(), Vec::new()];
    [a, b]
}

pub(crate) fn write(lab: &mut Lab, side: usize, id: ConnectionId, bytes: u32) {
    let taken = lab.ends[side].write(lab.now, id, &Slice::filler(1, 0, bytes), run_of(0, true));
    assert_eq!(taken, bytes);
    lab.drain(side);
}

pub(crate) fn state(lab: &Lab, side: usize, id: ConnectionId) -> State {
    lab.ends[side].stats(id).expect("it is there").state
}

/// Times at which `side` has sent, in milliseconds.
pub(crate) fn times(lab: &Lab, side: usize) -> Vec<u64> {
    lab.sent.iter().filter(|sent| sent.1 == side).map(|sent| sent.0.as_millis()).collect()
}

/// Everything sent by `side` from now on is lost.
pub(crate) fn cut(lab: &mut Lab, side: usize) {
    lab.paths[side].loss = 1_000_000;
}

/// Changes the header of a segment that was sent, and makes its checksum right again.
pub(crate) fn change(transmit: &mut Transmit, alter: impl FnOnce(&mut Header)) {
    let mut head = header(transmit);
    let before = head.len();
    alter(&mut head);
    let packet = &mut transmit.packet;
    packet.pop_header(before);
    let length = head.len() as u32 + packet.payload_len();
    let pseudo = wire::checksum::pseudo_header(
        transmit.source,
        transmit.destination,
        wire::ip::IpProtocol::TCP,
        length,
    );
    let rest = pseudo + packet.payload().sum();
    head.emit(packet.push_header(head.len()), rest);
}

/// A segment of side 0, made by hand: `offset` from its next sequence number.
pub(crate) fn forged(
    lab: &mut Lab,
    a: ConnectionId,
    b: ConnectionId,
    offset: i64,
    flags: TcpFlags,
) -> Transmit {
    lab.ends[0].write(lab.now, a, &Slice::filler(9, 0, 1), run_of(9, true));
    let mut transmit = lab.ends[0].poll_transmit(lab.now).expect("it is there");
    let (_, peer) = lab.ends[1].sockets(b).expect("it is there");
    let mut head = header(&transmit);
    assert_eq!(head.source_port, peer.port());
    head.sequence_number = head.sequence_number.wrapping_add(offset as u32);
    head.flags = flags;
    let len = head.len();
    let pseudo = wire::checksum::pseudo_header(
        transmit.source,
        transmit.destination,
        wire::ip::IpProtocol::TCP,
        len as u32,
    );
    transmit.packet.take_payload();
    transmit.packet.account.runs.clear();
    head.emit(transmit.packet.header_mut(), pseudo);
    transmit
}
