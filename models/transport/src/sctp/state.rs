//! The states of an association (RFC 9260 §4) and why it ends.

/// The state of an association.
///
/// ```text
///             associate                        COOKIE ECHO with a valid cookie
///   CLOSED ------------> COOKIE-WAIT              CLOSED ----------------+
///                            | INIT ACK                                  |
///                        COOKIE-ECHOED ----------------------------> ESTABLISHED
///                                          COOKIE ACK                |         |
///                                           shutdown by the user     |         | SHUTDOWN
///                                   SHUTDOWN-PENDING <---------------+         |
///             all acknowledged: SHUTDOWN |                          SHUTDOWN-RECEIVED
///                                SHUTDOWN-SENT                                 | all acknowledged
///         SHUTDOWN ACK: SHUTDOWN COMPLETE |                          SHUTDOWN-ACK-SENT
///                                      CLOSED <--------------------------------+ SHUTDOWN COMPLETE
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// INIT was sent.
    CookieWait,
    /// COOKIE ECHO was sent.
    CookieEchoed,
    /// Data flow.
    Established,
    /// The user wants to end; data are outstanding.
    ShutdownPending,
    /// SHUTDOWN was sent.
    ShutdownSent,
    /// The peer wants to end; data are outstanding.
    ShutdownReceived,
    /// SHUTDOWN ACK was sent.
    ShutdownAckSent,
    /// Over.
    Closed,
}

impl State {
    /// Whether the user may still send.
    pub fn takes_messages(self) -> bool {
        matches!(self, Self::CookieWait | Self::CookieEchoed | Self::Established)
    }

    /// Whether data and acknowledgements are sent.
    pub fn sends_data(self) -> bool {
        matches!(self, Self::Established | Self::ShutdownPending | Self::ShutdownReceived)
    }

    /// Whether DATA chunks of the peer are taken (RFC 9260 §6: not before its COOKIE ACK nor after its SHUTDOWN).
    pub fn receives_data(self) -> bool {
        matches!(self, Self::Established | Self::ShutdownPending | Self::ShutdownSent)
    }
}

/// Why an association is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloseReason {
    /// Both sides have shut down.
    Shutdown,
    /// This side's user has aborted it.
    Aborted,
    /// The peer has aborted it.
    AbortedByPeer,
    /// The peer does not answer (Association.Max.Retrans, Max.Init.Retransmits or the shutdown's guard timer), or its host
    /// does not know SCTP (RFC 9260 §10 ICMP8).
    Unreachable,
    /// The peer broke the protocol.
    Violation,
}
