//! Connection states and why a connection ends.

/// The states of RFC 9293 §3.3.2. LISTEN belongs to the endpoint's listeners.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// No connection.
    Closed,
    /// A SYN was sent.
    SynSent,
    /// SYNs were sent and received, ours is not acknowledged.
    SynReceived,
    /// Data flows.
    Established,
    /// We sent FIN, which is not acknowledged.
    FinWait1,
    /// Our FIN is acknowledged, the peer may still send.
    FinWait2,
    /// The peer sent FIN, we may still send.
    CloseWait,
    /// Both sent FIN, ours is not acknowledged.
    Closing,
    /// As Closing, after the peer closed first.
    LastAck,
    /// Both directions are done; old segments are waited out.
    TimeWait,
}

impl State {
    /// The name in RFC 9293.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }

    /// Whether both SYNs have been acknowledged (RFC 9293 §3.3.2).
    #[inline]
    pub fn is_synchronized(self) -> bool {
        match self {
            Self::Closed | Self::SynSent | Self::SynReceived => false,
            Self::Established
            | Self::FinWait1
            | Self::FinWait2
            | Self::CloseWait
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => true,
        }
    }

    /// Whether data, or a FIN, may have to be sent or resent.
    #[inline]
    pub(crate) fn may_send(self) -> bool {
        match self {
            Self::Established | Self::CloseWait | Self::FinWait1 | Self::Closing | Self::LastAck => true,
            Self::Closed | Self::SynSent | Self::SynReceived | Self::FinWait2 | Self::TimeWait => false,
        }
    }

    /// Whether data may arrive.
    #[inline]
    pub(crate) fn may_receive(self) -> bool {
        match self {
            Self::Established | Self::FinWait1 | Self::FinWait2 => true,
            Self::Closed
            | Self::SynSent
            | Self::SynReceived
            | Self::CloseWait
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => false,
        }
    }

    /// The state after the user's CLOSE (RFC 9293 §3.10.4). `None` where CLOSE deletes the connection, or
    /// has been called before.
    pub(crate) fn after_close(self) -> Option<Self> {
        match self {
            Self::SynReceived | Self::Established => Some(Self::FinWait1),
            Self::CloseWait => Some(Self::LastAck),
            Self::Closed
            | Self::SynSent
            | Self::FinWait1
            | Self::FinWait2
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => None,
        }
    }

    /// The state after our FIN is acknowledged (RFC 9293 §3.10.7.4, fifth step).
    pub(crate) fn after_fin_acknowledged(self) -> Self {
        match self {
            Self::FinWait1 => Self::FinWait2,
            Self::Closing => Self::TimeWait,
            Self::LastAck => Self::Closed,
            Self::Closed
            | Self::SynSent
            | Self::SynReceived
            | Self::Established
            | Self::FinWait2
            | Self::CloseWait
            | Self::TimeWait => self,
        }
    }

    /// The state after the peer's FIN (RFC 9293 §3.10.7.4, eighth step), our own FIN's fate considered before.
    pub(crate) fn after_fin_received(self) -> Self {
        match self {
            Self::SynReceived | Self::Established => Self::CloseWait,
            Self::FinWait1 => Self::Closing,
            Self::FinWait2 => Self::TimeWait,
            Self::Closed
            | Self::SynSent
            | Self::CloseWait
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => self,
        }
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloseReason {
    /// Both sides closed, and everything was delivered.
    Normal,
    /// The user aborted it, or closed before it was open.
    Aborted,
    /// The peer answered the SYN with a reset (RFC 9293 §3.10.7.3).
    Refused,
    /// The peer reset it.
    Reset,
    /// Nothing was acknowledged for the user timeout, R2 (RFC 9293 §3.8.3).
    TimedOut,
    /// Keep-alive probes went unanswered (RFC 9293 §3.8.4).
    KeepAliveFailed,
    /// ICMP said so while connecting (RFC 9293 §3.9.2.2).
    Unreachable,
    /// The local address is gone.
    AddressRemoved,
}

impl CloseReason {
    /// The name in notes and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "closed",
            Self::Aborted => "aborted",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
            Self::KeepAliveFailed => "keep-alive failed",
            Self::Unreachable => "unreachable",
            Self::AddressRemoved => "address removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orderly_close_passes_through_the_states_of_figure_5() {
        let active = State::Established.after_close().unwrap();
        assert_eq!(active, State::FinWait1);
        assert_eq!(active.after_fin_acknowledged().after_fin_received(), State::TimeWait);
        let simultaneous = active.after_fin_received();
        assert_eq!(simultaneous, State::Closing);
        assert_eq!(simultaneous.after_fin_acknowledged(), State::TimeWait);
        let passive = State::Established.after_fin_received();
        assert_eq!(passive, State::CloseWait);
        assert_eq!(passive.after_close().unwrap().after_fin_acknowledged(), State::Closed);
    }
}
