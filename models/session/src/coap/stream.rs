//! CoAP over byte streams: framing, capabilities and signals (RFC 8323).
//!
//! A connection is a peer like any other. It needs no message IDs, acknowledgements or retransmissions; what it has
//! instead are the lengths of messages, and signals that both ends understand.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sim_core::{IdleQueue, SimTime};
use wire::account::{Protocol, Reason};
use wire::coap::{Code, Frame, Head, Kind, OptionNumber, Options, Token, frame_len};
use wire::payload::Slice;

use super::endpoint::CoapEndpoint;
use super::event::{CoapEvent, Failure};
use super::input::Arrived;
use super::peer::{Message, Role};
use crate::body::{Body, Label};
use crate::datagram::Datagram;

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Link {
    /// Bytes that are no whole message yet.
    unread: Body,
    /// What the peer said it takes, once it has.
    peer: Option<Capabilities>,
}

/// What an end takes (RFC 8323 §5.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Capabilities {
    max_message_size: u32,
    block_wise: bool,
}

/// What may be sent to one who has said nothing yet (RFC 8323 §5.3.1).
const BASE: Capabilities = Capabilities { max_message_size: BASE_SIZE, block_wise: false };

impl CoapEndpoint {
    /// A connection to `peer` is there, whoever began it: its first message says what this end takes (§5.3).
    pub fn connected(&mut self, now: SimTime, peer: SocketAddr) {
        self.links.insert(peer, Link { unread: Body::default(), peer: None });
        let mut options = Options::new();
        options.push_uint(CSM_MAX_MESSAGE_SIZE, self.config.max_message_size);
        options.push(CSM_BLOCK_WISE, b"");
        self.signal(peer, Code::CSM, Token::EMPTY, options, Reason::Handshake);
        self.release(now, peer, false);
    }

    /// The connection to `peer` is gone, and what was under way with it (§5.6).
    pub fn disconnected(&mut self, peer: SocketAddr) {
        self.links.remove(peer);
        let Some(gone) = self.peers.remove(&peer) else { return };
        for pending in gone.requests {
            self.fail(pending.id, Failure::Disconnected);
        }
        let before = self.observers.len();
        self.observers.retain(|observer| observer.peer != peer);
        if self.observers.len() < before {
            self.events.push_back(CoapEvent::ObserverGone { peer });
        }
    }

    /// Takes bytes that arrived on the connection to `peer`.
    pub fn handle_stream(&mut self, now: SimTime, peer: SocketAddr, bytes: Body) {
        let Some(link) = self.links.get_mut(peer) else { return };
        link.unread.append(bytes);
        while let Some(step) = self.next_frame(peer) {
            match step {
                Ok((frame, body, label)) => self.on_frame(now, peer, frame, body, label),
                Err(()) => {
                    self.stats.rare().malformed += 1;
                    self.abort(peer, None);
                }
            }
        }
        if let Some(known) = self.peers.get_mut(&peer) {
            known.active = now;
        }
    }

    /// Says goodbye to `peer`: what is under way may end, and then it may close (§5.5).
    pub fn release_connection(&mut self, peer: SocketAddr) {
        self.signal(peer, Code::RELEASE, Token::EMPTY, Options::new(), Reason::Teardown);
    }

    /// Whether the connection to `peer` is there.
    pub(super) fn is_linked(&self, peer: SocketAddr) -> bool {
        self.links.get(peer).is_some()
    }

    /// Whether it stands on byte streams, as one does that ever had a connection.
    pub(super) fn is_stream(&self) -> bool {
        self.links.0.is_some()
    }

    /// The bytes of a body that go to `peer` in one message: of one block, or of several (BERT, §6).
    pub(super) fn part_bytes(&self, peer: SocketAddr) -> (wire::coap::BlockSize, u32) {
        use wire::coap::BlockSize;
        let own = self.config.block_size;
        let link = self.links.get(peer).and_then(|link| link.peer);
        let peers = link.unwrap_or(BASE);
        let room = peers.max_message_size.saturating_sub(HEAD_ROOM);
        if !self.is_stream() || own < BlockSize::MAX {
            (own, own.bytes())
        } else if peers.block_wise && room >= 2 * BlockSize::MAX.bytes() {
            (BlockSize::BERT, room / BlockSize::MAX.bytes() * BlockSize::MAX.bytes())
        } else {
            (BlockSize::at_most(room), BlockSize::at_most(room).bytes())
        }
    }

    /// The next whole message, an error, or nothing yet.
    fn next_frame(&mut self, peer: SocketAddr) -> Option<Result<(Frame, Body, Label), ()>> {
        let max = self.config.max_message_size;
        let link = self.links.get_mut(peer)?;
        let start = link.unread.payload.slice(0..link.unread.len().min(LENGTH_MAX)).to_vec();
        let len = match frame_len(&start) {
            Ok(Some(len)) if len > u64::from(max) => return Some(Err(())),
            Ok(Some(len)) => len as u32,
            Ok(None) => return None,
            Err(_) => return Some(Err(())),
        };
        if link.unread.len() < len {
            return None;
        }
        let mut message = link.unread.split_front(len);
        let head = message.payload.slice(0..len.min(HEAD_TRIED)).to_vec();
        let parsed = Frame::parse(&head, u64::from(len))
            .ok()
            .filter(|&(_, at)| at < head.len() || head.len() as u32 == len);
        let parsed = parsed.or_else(|| Frame::parse(&message.payload.to_vec(), u64::from(len)).ok());
        let Some((frame, at)) = parsed else { return Some(Err(())) };
        let (token, options) = (frame.token.len() as u64, frame.options.as_bytes().len() as u64);
        self.stats.count_bytes(at as u64, token, options, u64::from(len) - at as u64);
        let front = message.split_front(at as u32);
        let own = front.runs.first().filter(|run| run.protocol == Protocol::Coap);
        Some(Ok((frame, message, own.map_or(Label::NONE, Label::of))))
    }

    fn on_frame(&mut self, now: SimTime, peer: SocketAddr, frame: Frame, body: Body, label: Label) {
        let Some(link) = self.links.get(peer) else { return };
        // Capabilities come first (§5.3); an empty message keeps a connection alive and is ignored (§3.4).
        if link.peer.is_none() && frame.code != Code::CSM {
            return self.abort(peer, None);
        }
        if frame.code.is_signal() {
            return self.on_signal(now, peer, &frame);
        }
        let Frame { code, token, options } = frame;
        let head = Head { kind: Kind::Confirmable, code, message_id: 0, token, options };
        let arrived = Arrived { from: peer, to: Some(peer.ip()), group: peer.ip(), head, body, label };
        if code.is_request() {
            self.on_request(now, arrived);
        } else if code.is_response() {
            self.on_separate_response(now, arrived);
        } else if code != Code::EMPTY {
            self.stats.rare().malformed += 1;
        }
    }

    fn on_signal(&mut self, now: SimTime, peer: SocketAddr, frame: &Frame) {
        match frame.code {
            Code::CSM => {
                let unknown = frame.options.iter().find(|option| option.number.is_critical());
                if let Some(option) = unknown {
                    return self.abort(peer, Some(option.number));
                }
                let Some(link) = self.links.get_mut(peer) else { return };
                // Settings add up over several such messages (§5.3).
                let before = link.peer.unwrap_or(BASE);
                link.peer = Some(Capabilities {
                    max_message_size: frame
                        .options
                        .get_uint(CSM_MAX_MESSAGE_SIZE)
                        .unwrap_or(before.max_message_size)
                        .max(HEAD_ROOM + SMALLEST_BLOCK),
                    block_wise: before.block_wise || frame.options.get(CSM_BLOCK_WISE).is_some(),
                });
                self.release(now, peer, false);
            }
            Code::PING => {
                let mut options = Options::new();
                if frame.options.get(PING_CUSTODY).is_some() {
                    options.push(PING_CUSTODY, b"");
                }
                self.signal(peer, Code::PONG, frame.token, options, Reason::KeepAlive);
            }
            Code::PONG => self.stats.rare().pongs += 1,
            Code::RELEASE | Code::ABORT => self.events.push_back(CoapEvent::Close { peer }),
            _ => self.stats.rare().malformed += 1,
        }
    }

    /// Ends a connection that makes no sense (§5.6).
    fn abort(&mut self, peer: SocketAddr, bad: Option<OptionNumber>) {
        let mut options = Options::new();
        if let Some(number) = bad {
            options.push_uint(ABORT_BAD_CSM_OPTION, u32::from(number.0));
        }
        self.signal(peer, Code::ABORT, Token::EMPTY, options, Reason::Teardown);
        self.disconnected(peer);
        self.events.push_back(CoapEvent::Close { peer });
    }

    fn signal(&mut self, peer: SocketAddr, code: Code, token: Token, options: Options, reason: Reason) {
        let (body, label) = (Body::default(), Label::NONE);
        let message = Message { code, token, options, body, label, role: Role::Response, source: None };
        self.stats.on_sent();
        self.outgoing.push_back(framed(peer, message, reason));
    }

    /// Whether `peer` is there, by a signal instead of an empty message (§5.4).
    pub(super) fn ping_stream(&mut self, peer: SocketAddr) {
        if self.is_linked(peer) {
            let token = self.new_token(peer);
            self.signal(peer, Code::PING, token, Options::new(), Reason::KeepAlive);
        }
    }
}

/// A message as bytes of a stream.
pub(super) fn framed(to: SocketAddr, message: Message, reason: Reason) -> Datagram {
    let Message { code, token, options, body, label, source, .. } = message;
    let bytes = Frame { code, token, options }.emit(body.len());
    let content = body.behind(bytes.as_slice(), label, Protocol::Coap, reason);
    Datagram { to, source, content, flow: label.flow, reason, retransmission: false }
}

/// Bytes of a message in front of its token: of a stream's, first byte, extended length and code.
pub(super) fn header_len(first: u8) -> u64 {
    match first >> 4 {
        13 => 3,
        14 => 4,
        15 => 6,
        _ => 2,
    }
}

/// Connections by peer; an endpoint over datagrams has no such table.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "a tree in place takes 24 bytes, and thousands of endpoints have none"
)]
pub(super) struct Links(Option<Box<BTreeMap<SocketAddr, Link>>>);

impl Links {
    /// No connections yet, but they may come.
    pub(super) fn over_streams() -> Self {
        Self(Some(Box::default()))
    }

    fn get(&self, peer: SocketAddr) -> Option<&Link> {
        self.0.as_ref()?.get(&peer)
    }

    fn get_mut(&mut self, peer: SocketAddr) -> Option<&mut Link> {
        self.0.as_mut()?.get_mut(&peer)
    }

    fn insert(&mut self, peer: SocketAddr, link: Link) {
        self.0.get_or_insert_default().insert(peer, link);
    }

    fn remove(&mut self, peer: SocketAddr) {
        if let Some(links) = &mut self.0 {
            links.remove(&peer);
        }
    }
}

/// What waits for a stream to take it, in pieces that belong to one message each.
#[derive(Debug, Default)]
pub struct StreamQueue(IdleQueue<(Slice, wire::account::Run)>);

impl StreamQueue {
    /// Adds a message.
    pub fn push(&mut self, mut content: Body) {
        while let Some(&run) = content.runs.first().filter(|_| !content.is_empty()) {
            let part = content.split_front(run.bytes);
            let mut rest = run;
            for slice in part.payload.slices() {
                let front = if slice.len() < rest.bytes { rest.split_front(slice.len()) } else { rest };
                self.0.push_back((slice.clone(), front));
            }
        }
    }

    /// Gives everything to `write`, which says how many bytes it takes, until it takes no more.
    pub fn flush(&mut self, mut write: impl FnMut(Slice, wire::account::Run) -> u32) {
        while let Some((slice, run)) = self.0.front_mut() {
            let accepted = write(slice.clone(), *run);
            if accepted == 0 {
                return;
            }
            if accepted < slice.len() {
                *slice = slice.slice(accepted..slice.len());
                run.split_front(accepted);
                return;
            }
            self.0.pop_front();
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// RFC 8323 §5.3.1.
const CSM_MAX_MESSAGE_SIZE: OptionNumber = OptionNumber(2);
/// RFC 8323 §5.3.2.
const CSM_BLOCK_WISE: OptionNumber = OptionNumber(4);
/// RFC 8323 §5.4.1.
const PING_CUSTODY: OptionNumber = OptionNumber(2);
/// RFC 8323 §5.6.1.
const ABORT_BAD_CSM_OPTION: OptionNumber = OptionNumber(2);

/// The largest message that every end takes (RFC 8323 §5.3.1).
const BASE_SIZE: u32 = 1152;
/// What is left of a message for header, token and options beside a block (RFC 7252 §4.6).
const HEAD_ROOM: u32 = 128;
/// 16 bytes (RFC 7959 §2.2).
const SMALLEST_BLOCK: u32 = 16;
/// First byte and extended length.
const LENGTH_MAX: u32 = 5;
/// Bytes of a message in which its options usually end.
const HEAD_TRIED: u32 = 256;
