//! What the tests draw and read.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::SimDuration;
use transport::sctp::{AssociationId, SctpEvent, StreamRequest, StreamResult};

use super::{Lab, Link};

/// Streams of the survivors.
pub(crate) const STREAMS: u16 = 5;

/// How requests about streams have ended.
pub(crate) fn results(lab: &Lab, side: usize) -> Vec<StreamResult> {
    let events = lab.events[side].iter();
    events
        .filter_map(|(_, event)| match event {
            SctpEvent::Reconfigured { result, .. } => Some(*result),
            _ => None,
        })
        .collect()
}

/// The messages that can be read.
pub(crate) fn heard(lab: &mut Lab, side: usize, id: AssociationId) -> Vec<u32> {
    let mut heard = Vec::new();
    while let Some(message) = lab.ends[side].receive(id) {
        heard.push(message.runs[0].message);
    }
    lab.drain(side);
    heard
}

/// A lossy link.
pub(crate) fn link(rng: &mut ChaCha8Rng) -> Link {
    let mut up_to = |most: u32| rng.next_u32() % most;
    let delay = SimDuration::from_micros(u64::from(500 + up_to(60_000)));
    Link {
        delay,
        loss: up_to(120_000),
        duplicate: up_to(50_000),
        reorder: up_to(200_000),
        corrupt: up_to(30_000),
        mark: 0,
        down: None,
        mtu: usize::MAX,
        tells: false,
    }
}

/// A request about streams.
pub(crate) fn request(rng: &mut ChaCha8Rng) -> StreamRequest {
    let streams = (0..STREAMS).filter(|_| rng.next_u32().is_multiple_of(2)).collect::<Vec<u16>>();
    match rng.next_u32() % 6 {
        0 | 1 => StreamRequest::Reset { outgoing: Some(streams), incoming: None },
        2 => StreamRequest::Reset { outgoing: None, incoming: Some(streams) },
        3 => StreamRequest::Reset { outgoing: Some(streams.clone()), incoming: Some(streams) },
        4 => StreamRequest::ResetTsns,
        _ => StreamRequest::Add {
            outgoing: (rng.next_u32() % 2) as u16,
            incoming: (rng.next_u32() % 2) as u16,
        },
    }
}

/// A request for streams to begin anew.
pub(crate) fn reset(outgoing: Option<&[u16]>, incoming: Option<&[u16]>) -> StreamRequest {
    StreamRequest::Reset { outgoing: outgoing.map(<[u16]>::to_vec), incoming: incoming.map(<[u16]>::to_vec) }
}

/// Side 0's association.
pub(crate) fn sctp_id(lab: &Lab) -> AssociationId {
    lab.events[0]
        .iter()
        .find_map(|(_, event)| match event {
            SctpEvent::Connected(id) => Some(*id),
            _ => None,
        })
        .expect("it is connected")
}
