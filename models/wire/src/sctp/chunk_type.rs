//! Chunk types, and what is done with unknown ones (RFC 9260 §3.2).

/// The number in a chunk's first byte.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ChunkType(
    /// The number as it stands in the chunk.
    pub u8,
);

/// What the two highest bits of an unknown type say (RFC 9260 §3.2, tables 2 and 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownAction {
    /// Whether what follows is still processed.
    pub skip: bool,
    /// Whether the sender is told.
    pub report: bool,
}

impl ChunkType {
    /// Payload data (RFC 9260 §3.3.1).
    pub const DATA: Self = Self(0);
    /// Initiation (§3.3.2).
    pub const INIT: Self = Self(1);
    /// Initiation acknowledgement (§3.3.3).
    pub const INIT_ACK: Self = Self(2);
    /// Selective acknowledgement (§3.3.4).
    pub const SACK: Self = Self(3);
    /// Heartbeat request (§3.3.5).
    pub const HEARTBEAT: Self = Self(4);
    /// Heartbeat acknowledgement (§3.3.6).
    pub const HEARTBEAT_ACK: Self = Self(5);
    /// Abort (§3.3.7).
    pub const ABORT: Self = Self(6);
    /// Shutdown (§3.3.8).
    pub const SHUTDOWN: Self = Self(7);
    /// Shutdown acknowledgement (§3.3.9).
    pub const SHUTDOWN_ACK: Self = Self(8);
    /// Operation error (§3.3.10).
    pub const ERROR: Self = Self(9);
    /// State cookie (§3.3.11).
    pub const COOKIE_ECHO: Self = Self(10);
    /// Cookie acknowledgement (§3.3.12).
    pub const COOKIE_ACK: Self = Self(11);
    /// Explicit congestion notification echo (RFC 4960 Appendix A).
    pub const ECNE: Self = Self(12);
    /// Congestion window reduced (RFC 4960 Appendix A).
    pub const CWR: Self = Self(13);
    /// Shutdown complete (§3.3.13).
    pub const SHUTDOWN_COMPLETE: Self = Self(14);
    /// Authentication (RFC 4895 §4.1).
    pub const AUTH: Self = Self(15);
    /// Payload data supporting interleaving (RFC 8260 §2.1).
    pub const I_DATA: Self = Self(64);
    /// Address configuration acknowledgement (RFC 5061 §4.1.2).
    pub const ASCONF_ACK: Self = Self(128);
    /// Stream reconfiguration (RFC 6525 §3.1).
    pub const RE_CONFIG: Self = Self(130);
    /// Padding (RFC 4820 §3).
    pub const PAD: Self = Self(132);
    /// Forward cumulative TSN (RFC 3758 §3.2).
    pub const FORWARD_TSN: Self = Self(192);
    /// Address configuration change (RFC 5061 §4.1.1).
    pub const ASCONF: Self = Self(193);
    /// Forward cumulative TSN with interleaving (RFC 8260 §2.3.1).
    pub const I_FORWARD_TSN: Self = Self(194);

    /// What the type says about itself to a receiver that does not know it.
    #[must_use]
    pub const fn unknown_action(self) -> UnknownAction {
        UnknownAction { skip: self.0 & 0x80 != 0, report: self.0 & 0x40 != 0 }
    }

    /// The name in traces and diagrams.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DATA => "DATA",
            Self::INIT => "INIT",
            Self::INIT_ACK => "INIT-ACK",
            Self::SACK => "SACK",
            Self::HEARTBEAT => "HEARTBEAT",
            Self::HEARTBEAT_ACK => "HEARTBEAT-ACK",
            Self::ABORT => "ABORT",
            Self::SHUTDOWN => "SHUTDOWN",
            Self::SHUTDOWN_ACK => "SHUTDOWN-ACK",
            Self::ERROR => "ERROR",
            Self::COOKIE_ECHO => "COOKIE-ECHO",
            Self::COOKIE_ACK => "COOKIE-ACK",
            Self::ECNE => "ECNE",
            Self::CWR => "CWR",
            Self::SHUTDOWN_COMPLETE => "SHUTDOWN-COMPLETE",
            Self::AUTH => "AUTH",
            Self::I_DATA => "I-DATA",
            Self::ASCONF_ACK => "ASCONF-ACK",
            Self::RE_CONFIG => "RE-CONFIG",
            Self::PAD => "PAD",
            Self::FORWARD_TSN => "FORWARD-TSN",
            Self::ASCONF => "ASCONF",
            Self::I_FORWARD_TSN => "I-FORWARD-TSN",
            Self(_) => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bits_say_what_to_do() {
        // RFC 9260 §3.2: 00 stop, 01 stop and report, 10 skip, 11 skip and report.
        let action = |kind| {
            let UnknownAction { skip, report } = ChunkType(kind).unknown_action();
            (skip, report)
        };
        assert_eq!(
            [0x3F, 0x7F, 0xBF, 0xFF].map(action),
            [(false, false), (false, true), (true, false), (true, true)]
        );
    }
}
