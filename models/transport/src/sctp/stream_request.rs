//! What a user may ask for about streams, and what becomes of it (RFC 6525 §4).

use wire::sctp::{Parameter, ParameterList};

/// A request about an association's streams.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamRequest {
    /// Streams begin anew, with the number zero: those that this host sends on, those that it receives on, or both. An
    /// empty list stands for all.
    Reset {
        /// Streams to send on.
        outgoing: Option<Vec<u16>>,
        /// Streams to receive on, which the peer is asked to reset.
        incoming: Option<Vec<u16>>,
    },
    /// All streams of both directions begin anew, and the TSNs jump.
    ResetTsns,
    /// More streams.
    Add {
        /// To send on.
        outgoing: u16,
        /// To receive on, which the peer is asked to add.
        incoming: u16,
    },
}

/// What became of a request (RFC 6525 §4.4, table 3).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StreamResult {
    /// All was as asked for already.
    NothingToDo = 0,
    /// It was carried out.
    Performed = 1,
    /// The peer does not want to.
    Denied = 2,
    /// There is no such stream ("wrong SSN").
    WrongStream = 3,
    /// Another request is being carried out.
    AlreadyInProgress = 4,
    /// The request's number is not the next one.
    BadNumber = 5,
    /// It is being carried out: asked again, the peer will say more.
    InProgress = 6,
}

impl StreamResult {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        let all = [
            Self::NothingToDo,
            Self::Performed,
            Self::Denied,
            Self::WrongStream,
            Self::AlreadyInProgress,
            Self::BadNumber,
            Self::InProgress,
        ];
        all.get(code as usize).copied()
    }

    /// Whether it was carried out, or nothing had to be.
    pub fn is_success(self) -> bool {
        self <= Self::Performed
    }
}

/// Whether these parameters may stand together in a RE-CONFIG chunk (RFC 6525 §3.1).
pub(super) fn may_stand_together(parameters: &[Parameter<'_>]) -> bool {
    use Parameter as P;
    matches!(
        parameters,
        [P::OutgoingReset { .. }
            | P::IncomingReset { .. }
            | P::TsnReset { .. }
            | P::AddOutgoing { .. }
            | P::AddIncoming { .. }
            | P::ReconfigResponse { .. }]
            | [P::OutgoingReset { .. }, P::IncomingReset { .. }]
            | [P::AddOutgoing { .. }, P::AddIncoming { .. }]
            | [P::ReconfigResponse { .. }, P::OutgoingReset { .. } | P::ReconfigResponse { .. }]
    )
}

/// The number of a request; `None` for an answer.
pub(super) fn number_of(parameter: &Parameter<'_>) -> Option<u32> {
    match *parameter {
        Parameter::OutgoingReset { request, .. }
        | Parameter::IncomingReset { request, .. }
        | Parameter::TsnReset { request }
        | Parameter::AddOutgoing { request, .. }
        | Parameter::AddIncoming { request, .. } => Some(request),
        _ => None,
    }
}

/// Appends an answer.
pub(super) fn push_answer(
    list: &mut ParameterList,
    number: u32,
    result: StreamResult,
    tsns: Option<(u32, u32)>,
) {
    list.push(&Parameter::ReconfigResponse { response: number, result: result as u32, tsns });
}

/// The streams of a parameter.
pub(super) fn numbers(streams: &[u8]) -> Vec<u16> {
    streams.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}

/// The streams for a parameter.
pub(super) fn bytes(streams: &[u16]) -> Vec<u8> {
    streams.iter().flat_map(|stream| stream.to_be_bytes()).collect()
}
