//! What a node's time and energy were for: the key of its ledger.

use smallvec::SmallVec;
use wire::account::{Account, FlowId, Layer, Protocol, Reason};

/// What a stretch of time of a part was for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Purpose {
    /// The flow that it served, or [`FlowId::NONE`].
    pub flow: FlowId,
    /// The layer whose bytes were on the air; `None` where no frame was.
    pub layer: Option<Layer>,
    /// Why.
    pub cause: Cause,
}

/// Why a part was in a state.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// Bytes of the application, for the first time.
    Data,
    /// What other layers add to them in the same frame.
    Header,
    /// Confirmation of what arrived.
    Acknowledgement,
    /// A frame that some layer sends again, headers included.
    Retransmission,
    /// Setting up a connection, session or association.
    Handshake,
    /// Keeping a connection, binding or neighbour alive.
    KeepAlive,
    /// Everything else that a protocol needs for itself.
    Control,
    /// Ending a connection, session or association.
    Teardown,
    /// Listening while nothing comes.
    IdleListening,
    /// Taking in a frame that is for another.
    Overhearing,
    /// Sending or taking in a frame that a collision destroys.
    Collision,
    /// On the way from one state to another.
    WakeUp,
    /// Lingering after an activity, as a modem does until its network lets it sleep.
    Tail,
    /// Working on a packet.
    Compute,
    /// Working on a cryptographic operation.
    Cryptography,
    /// Measuring, or on the way there.
    Sample,
    /// On, with nothing to do.
    Idle,
    /// In the least state that keeps its contents.
    Sleep,
    /// What a regulator loses and draws for itself.
    Conversion,
    /// What a battery loses without any load.
    SelfDischarge,
    /// Without supply.
    Unpowered,
}

impl Cause {
    /// Every cause, in the order of result files.
    pub const ALL: [Self; 21] = [
        Self::Data,
        Self::Header,
        Self::Acknowledgement,
        Self::Retransmission,
        Self::Handshake,
        Self::KeepAlive,
        Self::Control,
        Self::Teardown,
        Self::IdleListening,
        Self::Overhearing,
        Self::Collision,
        Self::WakeUp,
        Self::Tail,
        Self::Compute,
        Self::Cryptography,
        Self::Sample,
        Self::Idle,
        Self::Sleep,
        Self::Conversion,
        Self::SelfDischarge,
        Self::Unpowered,
    ];

    /// The name in result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Header => "header",
            Self::Acknowledgement => "acknowledgement",
            Self::Retransmission => "retransmission",
            Self::Handshake => "handshake",
            Self::KeepAlive => "keep-alive",
            Self::Control => "control",
            Self::Teardown => "teardown",
            Self::IdleListening => "idle-listening",
            Self::Overhearing => "overhearing",
            Self::Collision => "collision",
            Self::WakeUp => "wake-up",
            Self::Tail => "tail",
            Self::Compute => "compute",
            Self::Cryptography => "cryptography",
            Self::Sample => "sample",
            Self::Idle => "idle",
            Self::Sleep => "sleep",
            Self::Conversion => "conversion",
            Self::SelfDischarge => "self-discharge",
            Self::Unpowered => "unpowered",
        }
    }

    /// The cause of bytes that `layer` wrote for `reason`.
    fn of(reason: Reason, layer: Layer) -> Self {
        match reason {
            Reason::Data if layer == Layer::Application => Self::Data,
            Reason::Data => Self::Header,
            Reason::Acknowledgement => Self::Acknowledgement,
            Reason::Retransmission => Self::Retransmission,
            Reason::Handshake => Self::Handshake,
            Reason::KeepAlive => Self::KeepAlive,
            Reason::Control => Self::Control,
            Reason::Teardown => Self::Teardown,
        }
    }
}

impl Purpose {
    /// A purpose that serves no flow and no layer: what a part does of itself.
    pub fn own(cause: Cause) -> Self {
        Self { flow: FlowId::NONE, layer: None, cause }
    }

    /// The same flow and layer for another cause.
    pub fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }
}

/// Purposes with their weights, lowest layer first: what the division of an interval leaves goes to that one.
pub type Shares = SmallVec<[(Purpose, u32); 6]>;

/// What a frame is for, weighted by the bytes of each layer, flow and reason.
///
/// `frame_bytes` is the frame's length with all that the link adds, `link` the protocol that adds it. The headers are
/// charged for the frame's reason, the payload's stretches each for its own, all for `retransmission` if any layer
/// sends the frame again.
pub fn shares_of_frame(account: &Account, packet_bytes: usize, frame_bytes: u32, link: Protocol) -> Shares {
    let mut shares = Shares::new();
    let frame_reason = account.frame_reason();
    let framing = frame_bytes.saturating_sub(u32::try_from(packet_bytes).unwrap_or(u32::MAX));
    let header = |protocol: Protocol| {
        let layer = protocol.layer();
        Purpose { flow: account.flow, layer: Some(layer), cause: Cause::of(frame_reason, layer) }
    };
    if framing > 0 {
        shares.push((header(link), framing));
    }
    for charge in account.headers().iter().rev() {
        add(&mut shares, header(charge.protocol), u32::from(charge.bytes));
    }
    for run in &account.runs {
        let reason = if account.retransmission { Reason::Retransmission } else { run.reason };
        let layer = run.protocol.layer();
        let purpose = Purpose { flow: run.flow, layer: Some(layer), cause: Cause::of(reason, layer) };
        add(&mut shares, purpose, run.bytes);
    }
    if shares.is_empty() {
        shares.push((header(link), 1));
    }
    shares
}

/// Adds bytes to those that are for the same.
pub(super) fn add(shares: &mut Shares, purpose: Purpose, bytes: u32) {
    match shares.iter_mut().find(|(known, _)| *known == purpose) {
        Some((_, weight)) => *weight = weight.saturating_add(bytes),
        None => shares.push((purpose, bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::SimTime;
    use wire::account::Run;

    fn frame(reason: Reason, retransmission: bool) -> Account {
        let mut account = Account::new(FlowId(4), reason);
        account.retransmission = retransmission;
        account.push_header(Protocol::Udp, 8);
        account.push_header(Protocol::Ipv4, 20);
        for (bytes, protocol) in [(5, Protocol::Coap), (50, Protocol::Application), (7, Protocol::Coap)] {
            let (generated, reason) = (SimTime::ZERO, Reason::Data);
            let flow = FlowId(4);
            account.runs.push(Run { bytes, flow, message: 0, generated, protocol, reason, last: false });
        }
        account
    }

    #[test]
    fn a_frame_is_shared_by_the_bytes_of_its_layers() {
        let seen: Vec<_> = shares_of_frame(&frame(Reason::Data, false), 90, 92, Protocol::Ppp)
            .into_iter()
            .map(|(purpose, bytes)| (purpose.layer.map_or("-", Layer::name), purpose.cause.name(), bytes))
            .collect();
        let wanted = [
            ("link", "header", 2),
            ("network", "header", 20),
            ("transport", "header", 8),
            ("session", "header", 12),
            ("application", "data", 50),
        ];
        assert_eq!(seen, wanted);
    }

    #[test]
    fn a_frame_that_is_sent_again_is_a_retransmission_to_its_last_byte() {
        let shares = shares_of_frame(&frame(Reason::Data, true), 90, 92, Protocol::Ppp);
        assert!(shares.iter().all(|(purpose, _)| purpose.cause == Cause::Retransmission), "{shares:?}");
        assert_eq!(shares.iter().map(|(_, bytes)| bytes).sum::<u32>(), 92);
    }

    #[test]
    fn causes_have_names_of_their_own() {
        for (at, cause) in Cause::ALL.iter().enumerate() {
            assert!(Cause::ALL[at + 1..].iter().all(|other| other.name() != cause.name() && other > cause));
        }
    }
}
