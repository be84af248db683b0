//! Segments cut in two or joined on the way, as offloading network cards and proxies do it.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use transport::endpoint::Transmit;
use wire::account::{Account, Protocol, Runs, append_run, split_runs};
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::tcp::{Header, TcpFlags};

use super::script::header;

/// Cuts a segment: both parts keep its options.
pub(crate) fn split(rng: &mut ChaCha8Rng, first: &mut Transmit) -> Transmit {
    let at = 1 + rng.next_u32() % (first.packet.payload_len() - 1);
    let mut second = first.clone();
    let (mut head, mut payload, mut runs) = take_apart(first);
    let (front, front_runs) = (payload.split_front(at), split_runs(&mut runs, at));
    let mut tail = head;
    tail.sequence_number = head.sequence_number.wrapping_add(at);
    head.flags = head.flags.without(TcpFlags::FIN | TcpFlags::PSH);
    put_together(first, &head, front, front_runs);
    put_together(&mut second, &tail, payload, runs);
    second
}

/// Whether one segment's data go on where another one's end, on the same connection.
pub(crate) fn follows(first: &Transmit, second: &Transmit) -> bool {
    let len = first.packet.payload_len();
    if len == 0
        || second.packet.payload_len() == 0
        || len + second.packet.payload_len() > 20_000
        || (first.source, first.destination) != (second.source, second.destination)
        || first.packet.corrupted
    {
        return false;
    }
    // What was damaged on the way is no header any more.
    let Ok(head) = Header::parse(first.packet.header()) else { return false };
    let next = header(second);
    (head.source_port, head.destination_port) == (next.source_port, next.destination_port)
        && head.sequence_number.wrapping_add(len) == next.sequence_number
        && !head.flags.contains(TcpFlags::FIN)
        && !head.flags.contains(TcpFlags::SYN)
}

/// Joins two segments: the options of the first one stay, those of the second are lost.
pub(crate) fn merge(mut first: Transmit, second: &Transmit) -> Transmit {
    let (mut head, mut payload, mut runs) = take_apart(&first);
    let (next, more, more_runs) = take_apart(second);
    head.flags |= next.flags;
    head.acknowledgment_number = next.acknowledgment_number;
    head.window = next.window;
    payload.append(more);
    for run in more_runs {
        append_run(&mut runs, run);
    }
    put_together(&mut first, &head, payload, runs);
    first
}

pub(crate) fn take_apart(transmit: &Transmit) -> (Header, Payload, Runs) {
    let mut packet = transmit.packet.clone();
    let head = header(transmit);
    packet.pop_header(head.len());
    let _charge = packet.account.pop_header();
    let (payload, runs) = packet.take_content();
    (head, payload, runs)
}

/// Gives a segment another header and other contents, and the right checksum.
pub(crate) fn put_together(transmit: &mut Transmit, head: &Header, payload: Payload, runs: Runs) {
    let len = head.len();
    let total = len as u32 + payload.len();
    let pseudo = pseudo_header(transmit.source, transmit.destination, IpProtocol::TCP, total);
    let sum = pseudo + payload.sum();
    let before = &transmit.packet.account;
    let mut account = Account::with_header(before.flow, before.reason, Protocol::Tcp, len, runs);
    account.retransmission = before.retransmission;
    let mut packet = Packet::new(payload, account);
    head.emit(packet.push_header(len), sum);
    transmit.packet = packet;
}
