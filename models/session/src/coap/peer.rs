//! What an endpoint knows about each peer.

use std::net::IpAddr;

use sim_core::{IdleQueue, IdleVec, SimDuration, SimTime, SmallMap};
use wire::coap::{Block, BlockSize, Code, Options, Token};

use super::config::CoapConfig;
use super::congestion::{Estimator, Series};
use super::event::{IncomingId, RequestId};
use super::q_block::{QServed, QUpload, Support, Transfer};
use super::remembered::Remembered;
use crate::body::{Body, Label};
use crate::datagram::Datagram;

/// A request as its user makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub code: Code,
    /// The options, block-wise ones left out.
    pub options: Options,
    /// The payload.
    pub body: Body,
    /// Whether it is to be acknowledged.
    pub confirmable: bool,
    /// The message that it belongs to.
    pub label: Label,
}

/// A response as its user makes or gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// What came of the request.
    pub code: Code,
    /// The options, block-wise ones left out.
    pub options: Options,
    /// The payload.
    pub body: Body,
    /// The message that it belongs to.
    pub label: Label,
}

/// One peer: an address and a port.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) next_message_id: u16,
    /// Whether it knows Q-Block1 and Q-Block2.
    pub(super) q_block: Support,
    /// Confirmable messages that are not acknowledged.
    pub(super) flights: IdleVec<Flight>,
    pub(super) requests: IdleVec<Pending>,
    pub(super) incoming: IdleVec<Incoming>,
    /// Messages received, by message ID.
    pub(super) seen: Remembered,
    /// What most peers do without.
    pub(super) rare: Option<Box<Rare>>,
    /// When anything was last sent or received.
    pub(super) active: SimTime,
}

/// What is known of a peer that has more to it than confirmable messages and bare replies.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Messages that may not be sent yet, oldest first.
    pub(super) waiting: IdleQueue<Waiting>,
    /// What only bodies in blocks need.
    pub(super) bodies: Option<Box<Bodies>>,
    /// What is known of its round trips, where timeouts depend on them.
    pub(super) estimator: Option<Box<Estimator>>,
    /// What those messages received were answered with that no bare message answered.
    pub(super) replies: Option<Box<SmallMap<u16, Datagram>>>,
    /// What the peer has to echo to show that its request is fresh, and until when it may.
    pub(super) echo: Option<([u8; ECHO_LEN], SimTime)>,
    /// Non-confirmable bytes that may be sent while the peer says nothing, in billionths, and as of when; all that may be if
    /// it spoke last.
    pub(super) credit: Option<(u64, SimTime)>,
}

impl Rare {
    fn is_empty(&self) -> bool {
        let answers = self.bodies.is_none() && self.replies.is_none() && self.echo.is_none();
        answers && self.waiting.is_empty() && self.estimator.is_none() && self.credit.is_none()
    }
}

/// Bodies that come from a peer or go to it in blocks.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    pub(super) uploads: Vec<Upload>,
    pub(super) served: Vec<Served>,
    pub(super) q_uploads: Vec<QUpload>,
    pub(super) q_served: Vec<QServed>,
}

impl Bodies {
    fn is_empty(&self) -> bool {
        let plain = self.uploads.is_empty() && self.served.is_empty();
        plain && self.q_uploads.is_empty() && self.q_served.is_empty()
    }
}

/// A confirmable message under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) message_id: u16,
    pub(super) datagram: Datagram,
    /// When it was sent first.
    pub(super) sent: SimTime,
    pub(super) timeout: SimDuration,
    /// How its timeouts follow each other.
    pub(super) series: Series,
    pub(super) retransmissions: u8,
    pub(super) due: SimTime,
    pub(super) role: Role,
}

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Request(RequestId),
    /// A further block of a request's body that does not wait for those before it.
    Block(RequestId),
    Response,
    /// Which blocks of the body have not arrived that the request with this token is about.
    Report(Token),
    /// To the observer with this token.
    Notification(Token),
    Ping,
}

/// A message that waits until it may be sent.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) confirmable: bool,
    pub(super) message: Message,
}

/// A message without its message ID.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) code: Code,
    pub(super) token: Token,
    pub(super) options: Options,
    pub(super) body: Body,
    pub(super) label: Label,
    pub(super) role: Role,
    pub(super) source: Option<IpAddr>,
}

/// A request that awaits its response.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: RequestId,
    pub(super) token: Token,
    /// The token of the latest request for a block of the response.
    pub(super) block_token: Option<Token>,
    pub(super) request: Request,
    /// The message ID of the latest message, which a reset would name.
    pub(super) message_id: Option<u16>,
    /// When it is given up.
    pub(super) deadline: SimTime,
    /// The part of the request's body that is under way, if it does not go as a whole.
    pub(super) upload: Option<UploadPart>,
    /// What has come of the response's body.
    pub(super) download: Option<Download>,
    /// The freshest state of an observation: its number, and when it came.
    pub(super) observed: Option<(u32, SimTime)>,
    /// What it does with Q-Block1 and Q-Block2.
    pub(super) transfer: Option<Box<Transfer>>,
}

/// A part of a request's body: where it begins, the size of blocks, and its bytes, of one block or several.
#[derive(Clone, Copy, Debug)]
pub(super) struct UploadPart {
    pub(super) offset: u32,
    pub(super) size: BlockSize,
    pub(super) bytes: u32,
}

/// A response's body that comes in blocks.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) body: Body,
    pub(super) etag: Option<Vec<u8>>,
    pub(super) first: (Code, Options),
}

/// A request that its user has not answered.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: IncomingId,
    pub(super) message_id: u16,
    pub(super) token: Token,
    pub(super) code: Code,
    pub(super) options: Options,
    pub(super) label: Label,
    /// The host's address that it was sent to; none of a group's.
    pub(super) to: Option<IpAddr>,
    pub(super) state: Answering,
    /// The last block of the request's body, to be confirmed in the response.
    pub(super) block1: Option<Block>,
}

/// How a response has to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answering {
    /// In the acknowledgement, until this time.
    Piggybacked(SimTime),
    /// As a confirmable message of its own.
    Separate,
    /// As a non-confirmable message.
    NonConfirmable,
    /// As a non-confirmable message at a random time, and only if it has something to say (RFC 7252 §8.2).
    Leisurely,
}

/// A request's body that comes in blocks (RFC 7959 §2.5).
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: (Code, Options),
    pub(super) body: Body,
    pub(super) expires: SimTime,
}

/// A response's body that goes out in blocks (RFC 7959 §2.4).
#[derive(Debug)]
pub(super) struct Served {
    pub(super) key: (Code, Options),
    pub(super) response: Response,
    pub(super) expires: SimTime,
}

impl Peer {
    pub(super) fn new(message_id: u16, now: SimTime, config: &CoapConfig) -> Self {
        Self {
            next_message_id: message_id,
            q_block: Support::Unknown,
            flights: IdleVec::new(),
            requests: IdleVec::new(),
            incoming: IdleVec::new(),
            seen: Remembered::default(),
            rare: Estimator::new(config, now)
                .map(|estimator| Box::new(Rare { estimator: Some(Box::new(estimator)), ..Rare::default() })),
            active: now,
        }
    }

    /// Whether nothing is remembered that still matters.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty()
            && self.first_waiting().is_none()
            && self.requests.is_empty()
            && self.incoming.is_empty()
            && self.is_light()
    }

    /// Whether nothing is remembered that has to be forgotten at a time.
    pub(super) fn is_light(&self) -> bool {
        self.seen.is_empty() && self.known_bodies().is_none()
    }

    /// Bodies in blocks, of which there may have been none.
    pub(super) fn bodies(&mut self) -> &mut Bodies {
        self.rare().bodies.get_or_insert_default()
    }

    /// Bodies in blocks, if there are any.
    pub(super) fn known_bodies(&self) -> Option<&Bodies> {
        self.rare.as_ref()?.bodies.as_deref()
    }

    /// The same, to be changed.
    pub(super) fn known_bodies_mut(&mut self) -> Option<&mut Bodies> {
        self.rare.as_mut()?.bodies.as_deref_mut()
    }

    /// The oldest message that may not be sent yet.
    pub(super) fn first_waiting(&self) -> Option<&Waiting> {
        self.rare.as_ref()?.waiting.front()
    }

    /// Takes the oldest message that waits.
    pub(super) fn next_waiting(&mut self) -> Option<Waiting> {
        self.rare.as_mut()?.waiting.pop_front()
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The peer is not silent: PROBING_RATE begins anew (RFC 7252 §4.7).
    pub(super) fn on_heard(&mut self, now: SimTime) {
        if let Some(rare) = &mut self.rare {
            rare.credit = None;
            self.rare.take_if(|rare| rare.is_empty());
        }
        self.active = now;
    }

    /// The value that the peer was given to echo, if it may still.
    pub(super) fn echo(&self, now: SimTime) -> Option<([u8; ECHO_LEN], SimTime)> {
        self.rare.as_ref()?.echo.filter(|(_, until)| *until > now)
    }

    /// Forgets what is older than it has to be remembered.
    pub(super) fn expire(&mut self, now: SimTime) {
        self.seen.retain(|seen| seen.expires() > now);
        if let Some(rare) = &mut self.rare {
            if let Some(replies) = &mut rare.replies {
                replies.retain(|id, _| self.seen.get(*id).is_some());
                rare.replies.take_if(|replies| replies.is_empty());
            }
            rare.echo.take_if(|(_, until)| *until <= now);
            if let Some(bodies) = &mut rare.bodies {
                bodies.uploads.retain(|upload| upload.expires > now);
                bodies.served.retain(|served| served.expires > now);
                bodies.q_uploads.retain(|upload| upload.expires > now);
                bodies.q_served.retain(|served| served.expires > now);
                rare.bodies.take_if(|bodies| bodies.is_empty());
            }
            self.rare.take_if(|rare| rare.is_empty());
        }
    }

    /// A confirmable message has arrived at the peer, as an acknowledgement or a response says.
    pub(super) fn on_landed(&mut self, now: SimTime, flight: &Flight) {
        if let Some(estimator) = self.rare.as_mut().and_then(|rare| rare.estimator.as_deref_mut()) {
            estimator.on_acknowledged(now, flight.sent, flight.retransmissions);
        }
    }

    /// The next message ID that no message under way has.
    pub(super) fn take_message_id(&mut self) -> u16 {
        loop {
            let id = self.next_message_id;
            self.next_message_id = id.wrapping_add(1);
            if self.flights.iter().all(|flight| flight.message_id != id) {
                return id;
            }
        }
    }
}

/// Bytes of an Echo value that this server makes (RFC 9175 §2.2.1).
pub(super) const ECHO_LEN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::CoapEndpoint;

    #[test]
    fn a_client_with_its_server_takes_half_a_kilobyte_between_exchanges() {
        // 10,000 sensors to a server, one confirmable message each minute: the client's endpoint, what each end knows of the
        // other, five messages that the server remembers (`remembered.rs`), and an entry of the server's tree, which has
        // room for eleven and holds six at least.
        let entry = 2 * size_of::<(IpAddr, u16, Box<Peer>)>();
        let parts = [size_of::<CoapEndpoint>(), 2 * size_of::<Peer>(), 72, entry];
        assert!(parts.iter().sum::<usize>() <= 448, "{parts:?} bytes");
    }
}
