//! Who pays for which byte: an account travels with each packet, but not on the wire.
//!
//! Every byte of a frame belongs to one protocol (and thereby to one layer), one reason and one flow.
//! Headers are charged by the endpoint or network function that wrote them; the bytes of a stream or a
//! message carry [`Run`]s along, so that a byte of a session protocol stays one inside every stream
//! that carries it.

use sim_core::SimTime;
use smallvec::SmallVec;

/// One traffic flow of the scenario, as an index into the run's flows.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlowId(pub u32);

impl FlowId {
    /// Frames that serve no flow: address resolution, routing, beacons.
    pub const NONE: Self = Self(u32::MAX);

    /// The index of the flow, or `None` for [`Self::NONE`].
    pub fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// The layer that a protocol belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Layer {
    /// Framing of a link or radio, and what a medium access control adds.
    Link,
    /// Internet layer and what configures it.
    Network,
    /// Transport protocols.
    Transport,
    /// TLS, DTLS and other protection.
    Security,
    /// Session and messaging protocols.
    Session,
    /// What the application asked to be carried.
    Application,
}

impl Layer {
    /// The name in result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Network => "network",
            Self::Transport => "transport",
            Self::Security => "security",
            Self::Session => "session",
            Self::Application => "application",
        }
    }
}

macro_rules! protocols {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $layer:ident, $name:literal;)*) => {
        /// A protocol that bytes are charged to. The numbers order result files: add, never renumber.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Protocol { $($(#[$doc])* $variant = $number,)* }

        impl Protocol {
            /// Every protocol, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The layer that the protocol belongs to.
            pub fn layer(self) -> Layer {
                match self { $(Self::$variant => Layer::$layer,)* }
            }

            /// The name in result files and stacks.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

protocols! {
    /// Ethernet header, padding and frame check sequence.
    Ethernet = 0, Link, "ethernet";
    /// Point-to-point framing of two bytes (RFC 1661 with compressed address and control fields).
    Ppp = 1, Link, "ppp";
    /// IEEE 802.15.4 MAC header, acknowledgements and check sequence.
    Ieee802154 = 2, Link, "802.15.4";
    /// What protects frames of IEEE 802.15.4: auxiliary security header and integrity code.
    Ieee802154Security = 3, Link, "802.15.4-security";
    /// Address Resolution Protocol (RFC 826).
    Arp = 16, Network, "arp";
    /// Internet Protocol version 4.
    Ipv4 = 17, Network, "ipv4";
    /// Internet Protocol version 6.
    Ipv6 = 18, Network, "ipv6";
    /// ICMP for IPv4 (RFC 792).
    Icmp = 19, Network, "icmp";
    /// ICMPv6 apart from neighbour discovery (RFC 4443).
    Icmpv6 = 20, Network, "icmpv6";
    /// Neighbour discovery (RFC 4861).
    Ndp = 21, Network, "ndp";
    /// Group membership for IPv4 (RFC 2236).
    Igmp = 22, Network, "igmp";
    /// Group membership for IPv6 (RFC 2710, RFC 3810).
    Mld = 23, Network, "mld";
    /// 6LoWPAN fragment headers (RFC 4944); compressed headers belong to the protocols that they stand for.
    Sixlowpan = 24, Network, "6lowpan";
    /// RPL's messages (RFC 6550); its option and source routes count as IPv6's.
    Rpl = 25, Network, "rpl";
    /// User Datagram Protocol.
    Udp = 64, Transport, "udp";
    /// Transmission Control Protocol.
    Tcp = 65, Transport, "tcp";
    /// RFC 9260.
    Sctp = 67, Transport, "sctp";
    /// Any other transport, from outside the simulation.
    OtherTransport = 95, Transport, "other";
    /// Constrained Application Protocol (RFC 7252).
    Coap = 129, Session, "coap";
    /// What the application asked to be carried.
    Application = 224, Application, "data";
}

/// Why a byte or a frame was sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// Setting up a connection, session or association.
    Handshake,
    /// First transmission of what the layer above asked for.
    Data,
    /// Confirmation of what arrived.
    Acknowledgement,
    /// A further transmission of what was sent before, by any layer.
    Retransmission,
    /// Everything else that a protocol needs for itself: address resolution, probes, errors.
    Control,
    /// Keeping a connection, binding or neighbour alive.
    KeepAlive,
    /// Ending a connection, session or association.
    Teardown,
}

impl Reason {
    /// Every reason, in the order of result files.
    pub const ALL: [Self; 7] = [
        Self::Handshake,
        Self::Data,
        Self::Acknowledgement,
        Self::Retransmission,
        Self::Control,
        Self::KeepAlive,
        Self::Teardown,
    ];

    /// The name in result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Data => "data",
            Self::Acknowledgement => "acknowledgement",
            Self::Retransmission => "retransmission",
            Self::Control => "control",
            Self::KeepAlive => "keep-alive",
            Self::Teardown => "teardown",
        }
    }
}

/// A stretch of payload bytes with one owner: a message, or a protocol's own bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// Length of the stretch.
    pub bytes: u32,
    /// The flow that it serves.
    pub flow: FlowId,
    /// Number of the message within its flow, from 0.
    pub message: u32,
    /// When the workload generated the message, in global simulated time.
    pub generated: SimTime,
    /// The protocol that wrote the bytes.
    pub protocol: Protocol,
    /// Why they were written.
    pub reason: Reason,
    /// Whether the message ends with the last byte of the stretch.
    pub last: bool,
}

impl Run {
    /// Whether `next` continues the same message with the same charge.
    #[inline]
    pub fn continues_with(&self, next: &Self) -> bool {
        !self.last
            && self.flow == next.flow
            && self.message == next.message
            && self.protocol == next.protocol
            && self.reason == next.reason
    }

    /// Cuts off and returns the first `bytes`; the rest keeps the end of the message.
    ///
    /// # Panics
    ///
    /// If `bytes` is not below the length.
    #[inline]
    pub fn split_front(&mut self, bytes: u32) -> Self {
        assert!(bytes < self.bytes, "a cut at {bytes} lies inside a run of {}", self.bytes);
        let front = Self { bytes, last: false, ..*self };
        self.bytes -= bytes;
        front
    }
}

/// The runs of a payload, in order; their lengths add up to the payload's.
pub type Runs = SmallVec<[Run; 1]>;

/// Puts one more run behind others, joined with the last one that it continues.
#[inline]
pub fn append_run(runs: &mut Runs, run: Run) {
    match runs.last_mut() {
        Some(before) if before.continues_with(&run) => {
            before.bytes += run.bytes;
            before.last = run.last;
        }
        Some(_) | None => runs.push(run),
    }
}

/// Bytes of one header within a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeaderCharge {
    /// The protocol whose header it is.
    pub protocol: Protocol,
    /// Length of the header.
    pub bytes: u8,
}

/// The account of one packet: its headers, the runs of its payload, its flow and its reason.
#[derive(Clone, Debug)]
pub struct Account {
    /// The flow that the headers serve.
    pub flow: FlowId,
    /// The reason of the packet where no payload decides (see [`Self::frame_reason`]).
    pub reason: Reason,
    /// Whether any layer sends again what it sent before.
    pub retransmission: bool,
    headers_len: u8,
    headers: [HeaderCharge; MAX_HEADERS],
    /// The runs of the payload.
    pub runs: Runs,
}

impl Account {
    /// An account without headers or payload.
    #[inline]
    pub fn new(flow: FlowId, reason: Reason) -> Self {
        Self {
            flow,
            reason,
            retransmission: false,
            headers_len: 0,
            headers: [HeaderCharge { protocol: Protocol::Application, bytes: 0 }; MAX_HEADERS],
            runs: Runs::new(),
        }
    }

    /// An account with one header of `bytes`, at most 255, and the runs of a payload.
    ///
    /// # Panics
    ///
    /// If the header is longer.
    #[inline]
    pub fn with_header(flow: FlowId, reason: Reason, protocol: Protocol, bytes: usize, runs: Runs) -> Self {
        let bytes = u8::try_from(bytes).expect("a transport's header is shorter than 256 bytes");
        let none = HeaderCharge { protocol: Protocol::Application, bytes: 0 };
        let headers = [HeaderCharge { protocol, bytes }, none, none, none];
        Self { flow, reason, retransmission: false, headers_len: 1, headers, runs }
    }

    /// Charges `bytes` of header to `protocol`, in the order of writing (innermost first).
    ///
    /// A header longer than 255 bytes, or one beyond the fourth, is charged as a run in front of the
    /// payload's.
    #[inline]
    pub fn push_header(&mut self, protocol: Protocol, bytes: usize) {
        match u8::try_from(bytes) {
            Ok(bytes) if usize::from(self.headers_len) < MAX_HEADERS => {
                self.headers[usize::from(self.headers_len)] = HeaderCharge { protocol, bytes };
                self.headers_len += 1;
            }
            _ => self.push_header_as_run(protocol, bytes),
        }
    }

    #[cold]
    fn push_header_as_run(&mut self, protocol: Protocol, bytes: usize) {
        let run = Run {
            bytes: u32::try_from(bytes).expect("a header is shorter than 4 GiB"),
            flow: self.flow,
            message: 0,
            generated: SimTime::ZERO,
            protocol,
            reason: self.reason,
            last: false,
        };
        self.runs.insert(0, run);
    }

    /// Takes the outermost header's charge off again, when the header is removed.
    #[inline]
    pub fn pop_header(&mut self) -> Option<HeaderCharge> {
        self.headers_len = self.headers_len.checked_sub(1)?;
        Some(self.headers[usize::from(self.headers_len)])
    }

    /// The headers charged so far, innermost first.
    pub fn headers(&self) -> &[HeaderCharge] {
        &self.headers[..usize::from(self.headers_len)]
    }

    /// The reason of the whole frame: retransmission if any layer resends, else that of the first
    /// payload byte, else the packet's own.
    pub fn frame_reason(&self) -> Reason {
        if self.retransmission {
            Reason::Retransmission
        } else {
            self.runs.first().map_or(self.reason, |run| run.reason)
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new(FlowId::NONE, Reason::Control)
    }
}

/// Cuts the first `bytes` off `runs` and returns them; `runs` keeps the rest.
///
/// # Panics
///
/// If the runs are shorter than `bytes`.
pub fn split_runs(runs: &mut Runs, bytes: u32) -> Runs {
    let mut front = Runs::new();
    let mut left = bytes;
    while left > 0 {
        let run = runs.first_mut().expect("runs are as long as the payload they describe");
        if run.bytes > left {
            front.push(run.split_front(left));
            left = 0;
        } else {
            left -= run.bytes;
            front.push(runs.remove(0));
        }
    }
    front
}

/// Makes `runs` describe the last `bytes` bytes of what they described: runs of headers in front are cut
/// off, and bytes that nobody in the simulation owns (they came from outside) serve no flow.
#[inline]
pub fn fit_runs(runs: &mut Runs, bytes: u32) {
    let described: u32 = runs.iter().map(|run| run.bytes).sum();
    if described != bytes {
        fit_unequal_runs(runs, described, bytes);
    }
}

#[cold]
fn fit_unequal_runs(runs: &mut Runs, described: u32, bytes: u32) {
    if described > bytes {
        drop(split_runs(runs, described - bytes));
    } else {
        runs.push(Run {
            bytes: bytes - described,
            flow: FlowId::NONE,
            message: 0,
            generated: SimTime::ZERO,
            protocol: Protocol::Application,
            reason: Reason::Data,
            last: false,
        });
    }
}

/// Headers that an account holds inline: link, network, transport and one more.
const MAX_HEADERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(bytes: u32, last: bool) -> Run {
        Run {
            bytes,
            flow: FlowId(3),
            message: 7,
            generated: SimTime::ZERO,
            protocol: Protocol::Application,
            reason: Reason::Data,
            last,
        }
    }

    #[test]
    fn the_end_of_a_message_stays_with_its_last_byte() {
        let mut runs: Runs = [run(100, true), run(50, true)].into_iter().collect();
        let front = split_runs(&mut runs, 60);
        assert_eq!(front.as_slice(), [run(60, false)]);
        assert_eq!(runs.as_slice(), [run(40, true), run(50, true)]);
        let middle = split_runs(&mut runs, 40);
        assert_eq!(middle.as_slice(), [run(40, true)]);
    }

    #[test]
    fn a_resent_frame_counts_as_a_retransmission_whatever_it_carries() {
        let mut account = Account::new(FlowId(1), Reason::Handshake);
        assert_eq!(account.frame_reason(), Reason::Handshake);
        account.runs.push(run(10, true));
        assert_eq!(account.frame_reason(), Reason::Data);
        account.retransmission = true;
        assert_eq!(account.frame_reason(), Reason::Retransmission);
    }

    #[test]
    fn headers_beyond_the_fourth_are_charged_as_runs() {
        let mut account = Account::new(FlowId(1), Reason::Data);
        for _ in 0..5 {
            account.push_header(Protocol::Ipv6, 40);
        }
        assert_eq!(account.headers().len(), 4);
        assert_eq!(account.runs[0].bytes, 40);
        assert_eq!(account.runs[0].protocol, Protocol::Ipv6);
    }

    #[test]
    fn runs_are_cut_or_lengthened_to_fit() {
        let mut runs: Runs = [run(8, false), run(50, true)].into_iter().collect();
        fit_runs(&mut runs, 50);
        assert_eq!(runs.as_slice(), [run(50, true)]);
        fit_runs(&mut runs, 60);
        assert_eq!((runs.len(), runs[1].bytes, runs[1].flow), (2, 10, FlowId::NONE));
    }

    #[test]
    fn protocol_numbers_and_names_are_unique() {
        for (index, protocol) in Protocol::ALL.iter().enumerate() {
            for other in &Protocol::ALL[index + 1..] {
                assert!(protocol < other, "{protocol:?} comes before {other:?}");
                assert_ne!(protocol.name(), other.name());
            }
        }
    }
}
