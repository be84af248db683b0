//! The server: requests to its user, responses to their askers (RFC 7252 §5.2, §5.4, §8.2; RFC 7967).

use std::net::SocketAddr;

use rand::Rng;
use sim_core::SimTime;
use wire::coap::{Code, Kind, OptionNumber, Options};

use super::client::is_block;
use super::endpoint::CoapEndpoint;
use super::event::{CoapEvent, IncomingId};
use super::input::Arrived;
use super::peer::{Answering, ECHO_LEN, Incoming, Message, Response, Role};
use crate::body::Body;

impl CoapEndpoint {
    pub(super) fn on_request(&mut self, now: SimTime, arrived: Arrived) {
        let free = self.config.q_block_understood && !self.is_stream();
        let known = |number| match number {
            OptionNumber::Q_BLOCK1 | OptionNumber::Q_BLOCK2 => free,
            _ => is_known(number),
        };
        let unknown = arrived.head.options.unacceptable(known);
        let proxied = [OptionNumber::PROXY_URI, OptionNumber::PROXY_SCHEME];
        let asks_proxy = proxied.iter().any(|&number| arrived.head.options.get(number).is_some());
        if let Some(number) = unknown {
            if arrived.head.kind == Kind::NonConfirmable && !self.is_stream() {
                return self.reject(now, &arrived); // §5.4.1
            }
            let text = format!("{number} cannot be used");
            return self.refuse(now, arrived, Code::BAD_OPTION, &text);
        }
        if asks_proxy && !self.config.proxy {
            return self.refuse(now, arrived, Code::PROXYING_NOT_SUPPORTED, "");
        }
        if let Some(code) = self.misuses_q_blocks(&arrived.head.options) {
            return self.refuse(now, arrived, code, "");
        }
        if arrived.to.is_none() && arrived.head.options.get(OptionNumber::Q_BLOCK2).is_some() {
            return; // RFC 9177 §4.8.
        }
        if self.config.echo && !self.is_fresh(now, &arrived) {
            return self.ask_for_echo(now, arrived);
        }
        let Some(arrived) = self.take_q_block1(now, arrived) else { return };
        let Some(arrived) = self.serve_q_block2(now, arrived) else { return };
        let Some((arrived, block1)) = self.take_block1(now, arrived) else { return };
        let Some(arrived) = self.serve_block2(now, arrived) else { return };
        let id = IncomingId(self.new_id());
        let incoming = self.incoming(now, id, &arrived, block1);
        if let Answering::Piggybacked(until) = incoming.state {
            self.arm(until, arrived.from);
        }
        self.peer(now, arrived.from).incoming.push(incoming);
        let Arrived { from, group, head, body, label, .. } = arrived;
        let mut options = head.options;
        options.retain(|option| !is_block(option.number));
        self.events.push_back(CoapEvent::Request {
            id,
            from,
            to: group,
            code: head.code,
            options,
            body,
            label,
        });
    }

    pub(super) fn incoming(
        &self,
        now: SimTime,
        id: IncomingId,
        arrived: &Arrived,
        block1: Option<wire::coap::Block>,
    ) -> Incoming {
        let state = match (arrived.to, arrived.head.kind) {
            (None, _) => Answering::Leisurely,
            (Some(_), _) if self.is_stream() => Answering::NonConfirmable,
            (Some(_), Kind::Confirmable) => {
                Answering::Piggybacked(now.saturating_add(self.config.acknowledgement_delay))
            }
            (Some(_), Kind::NonConfirmable | Kind::Acknowledgement | Kind::Reset) => {
                Answering::NonConfirmable
            }
        };
        Incoming {
            id,
            message_id: arrived.head.message_id,
            token: arrived.head.token,
            code: arrived.head.code,
            options: arrived.head.options.clone(),
            label: arrived.label,
            to: arrived.to,
            state,
            block1,
        }
    }

    /// Answers by itself, with an error.
    pub(super) fn refuse(&mut self, now: SimTime, arrived: Arrived, code: Code, text: &str) {
        let mut options = Options::new();
        let details = self.config.problem_details && !text.is_empty();
        if details {
            options.push_uint(OptionNumber::CONTENT_FORMAT, PROBLEM_DETAILS);
        }
        let bytes = if details { problem_details(text) } else { text.as_bytes().to_vec() };
        let mut body = Body::from_bytes(bytes, arrived.label);
        // A diagnostic payload is no application's message.
        for run in &mut body.runs {
            (run.protocol, run.last) = (wire::account::Protocol::Coap, false);
        }
        let response = Response { code, options, body, label: arrived.label };
        let incoming = self.incoming(now, IncomingId(0), &arrived, None);
        self.answer(now, arrived.from, &incoming, response);
    }

    /// Whether a request changes nothing, or carries what the peer was given a short while ago (RFC 9175 §2.4).
    fn is_fresh(&mut self, now: SimTime, arrived: &Arrived) -> bool {
        if matches!(arrived.head.code, Code::GET | Code::FETCH) {
            return true;
        }
        let given = self.peer(now, arrived.from).echo(now);
        given.is_some_and(|(echo, _)| arrived.head.options.get(OptionNumber::ECHO) == Some(&echo[..]))
    }

    /// Refuses a request until it comes again with a value that nobody could know before (RFC 9175 §2.3).
    fn ask_for_echo(&mut self, now: SimTime, arrived: Arrived) {
        let lifetime = self.config.exchange_lifetime();
        let given = self.peer(now, arrived.from).echo(now);
        // Several blocks may be on their way: all get the same value while it has half its life before it.
        let young = given.filter(|&(_, until)| until > now.saturating_add(lifetime / 2));
        let echo = young.map_or_else(
            || {
                let mut echo = [0; ECHO_LEN];
                self.rng.fill_bytes(&mut echo);
                echo
            },
            |(echo, _)| echo,
        );
        if young.is_none() {
            self.peer(now, arrived.from).rare().echo = Some((echo, now.saturating_add(lifetime)));
        }
        let options = Options::new().with(OptionNumber::ECHO, &echo);
        let (code, label) = (Code::UNAUTHORIZED, arrived.label);
        let response = Response { code, options, body: Body::default(), label };
        let incoming = self.incoming(now, IncomingId(0), &arrived, None);
        self.answer(now, arrived.from, &incoming, response);
    }

    /// Answers a request. One that is not known any more is left alone.
    pub fn respond(&mut self, now: SimTime, to: SocketAddr, id: IncomingId, response: Response) {
        let found = self.peers.get_mut(&to).and_then(|peer| {
            let at = peer.incoming.iter().position(|incoming| incoming.id == id)?;
            let incoming = peer.incoming.swap_remove(at);
            Some(incoming)
        });
        let Some(incoming) = found else { return };
        let response = self.register(now, to, &incoming, response);
        self.note_answer(to, &incoming, &response);
        let Some(response) = self.cut_freely(now, to, &incoming, response) else { return };
        let response = self.cut(now, to, &incoming, response);
        self.answer(now, to, &incoming, response);
    }

    /// Sends a response, of a size that fits a message, as the request asks for.
    pub(super) fn answer(&mut self, now: SimTime, to: SocketAddr, incoming: &Incoming, response: Response) {
        let silent = is_unwanted(incoming.options.get_uint(OptionNumber::NO_RESPONSE), response.code);
        let message = Message {
            code: response.code,
            token: incoming.token,
            options: response.options,
            body: response.body,
            label: response.label,
            role: Role::Response,
            source: incoming.to,
        };
        match incoming.state {
            Answering::Piggybacked(_) if silent => {
                let (source, id) = (incoming.to, incoming.message_id);
                self.send_empty(now, to, source, Kind::Acknowledgement, id, incoming.label);
            }
            Answering::Piggybacked(_) => {
                self.stats.rare().piggybacked += 1;
                self.reply(now, to, Kind::Acknowledgement, incoming.message_id, message);
            }
            Answering::Separate | Answering::NonConfirmable | Answering::Leisurely if silent => {}
            Answering::Separate | Answering::NonConfirmable => {
                self.stats.rare().separate += 1;
                self.submit(now, to, incoming.state == Answering::Separate, message);
            }
            // Errors to a group's request help nobody (§8.2).
            Answering::Leisurely if !response.code.is_success() => {}
            Answering::Leisurely => {
                self.stats.rare().separate += 1;
                let at = self.leisure(now);
                self.send_at(at, to, message);
            }
        }
    }
}

/// A problem's title as a map of one entry, key -1, in CBOR (RFC 9290 §2).
fn problem_details(title: &str) -> Vec<u8> {
    // 0xA1: a map of one pair; 0x20: -1; 0x60 and 0x78: text with its length.
    let mut bytes = vec![0xA1, 0x20];
    let len = title.len().min(255);
    let len = (0..=len).rev().find(|&at| title.is_char_boundary(at)).unwrap_or(0);
    if len < 24 {
        bytes.push(0x60 | len as u8);
    } else {
        bytes.extend([0x78, len as u8]);
    }
    bytes.extend_from_slice(&title.as_bytes()[..len]);
    bytes
}

/// application/concise-problem-details+cbor (RFC 9290 §6.3).
const PROBLEM_DETAILS: u32 = 257;

/// Whether the client does not want a response of this class (RFC 7967 §2).
fn is_unwanted(no_response: Option<u32>, code: Code) -> bool {
    no_response.is_some_and(|bits| bits & 1 << (code.class() - 1) != 0)
}

/// The critical options of requests that this server understands, or has an answer to.
fn is_known(number: OptionNumber) -> bool {
    matches!(
        number,
        OptionNumber::IF_MATCH
            | OptionNumber::URI_HOST
            | OptionNumber::IF_NONE_MATCH
            | OptionNumber::URI_PORT
            | OptionNumber::URI_PATH
            | OptionNumber::URI_QUERY
            | OptionNumber::ACCEPT
            | OptionNumber::BLOCK2
            | OptionNumber::BLOCK1
            | OptionNumber::PROXY_URI
            | OptionNumber::PROXY_SCHEME
    )
}
