//! What an endpoint reports to its user.

use std::net::{IpAddr, SocketAddr};

use wire::coap::{Code, Options};

use super::peer::Response;
use crate::body::{Body, Label};

/// A request that this endpoint made. A number is not used again before four billion others.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u32);

/// A request that this endpoint received. A number is not used again before four billion others.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IncomingId(pub u32);

/// Why there will be no response.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Failure {
    /// No acknowledgement came for the last retransmission (RFC 7252 §4.2).
    Timeout,
    /// The message arrived, or may have arrived, but no response came in time.
    NoResponse,
    /// The peer rejected the message.
    Reset,
    /// The response cannot be used: a critical option, or blocks that do not belong together.
    BadResponse,
    /// The connection ended first.
    Disconnected,
}

/// What an endpoint reports.
#[derive(Clone, Debug, PartialEq)]
pub enum CoapEvent {
    /// The response to a request, whole; of an observation every newer state.
    Response {
        /// The request.
        request: RequestId,
        /// Who answered: of a multicast request one of many.
        from: SocketAddr,
        /// What it says.
        response: Response,
        /// Whether more may follow: an observation goes on, or others may answer.
        more: bool,
    },
    /// A request came to nothing.
    Failed {
        /// The request.
        request: RequestId,
        /// Why.
        why: Failure,
    },
    /// A request that wants no response was sent, and acknowledged if it was confirmable: nothing more is waited for
    /// (RFC 7967 §3).
    Unanswered {
        /// The request.
        request: RequestId,
    },
    /// A request, whole, that [`super::CoapEndpoint::respond`] has to answer.
    Request {
        /// What to answer to.
        id: IncomingId,
        /// Who asks.
        from: SocketAddr,
        /// The address that it was sent to: one of the host's, or a group's.
        to: IpAddr,
        /// The method.
        code: Code,
        /// The options.
        options: Options,
        /// The payload.
        body: Body,
        /// The message that it belongs to.
        label: Label,
    },
    /// A message came that had come before (RFC 7252 §4.5).
    Duplicate {
        /// The message of the user's that it belongs to.
        label: Label,
    },
    /// The connection to a peer is of no more use, as it says or shows: its owner closes it (RFC 8323 §5.5, §5.6).
    Close {
        /// Who it is.
        peer: SocketAddr,
    },
    /// An observer is no longer interested or there (RFC 7641 §4.5).
    ObserverGone {
        /// Who it was.
        peer: SocketAddr,
    },
}
