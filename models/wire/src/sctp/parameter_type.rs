//! Parameter types (RFC 9260 §3.2.1).

use super::UnknownAction;

/// The number in a parameter's first two bytes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ParameterType(
    /// The number as it stands in the parameter.
    pub u16,
);

impl ParameterType {
    /// Heartbeat information (RFC 9260 §3.3.5).
    pub const HEARTBEAT_INFO: Self = Self(1);
    /// IPv4 address (§3.3.2.1.1).
    pub const IPV4: Self = Self(5);
    /// IPv6 address (§3.3.2.1.2).
    pub const IPV6: Self = Self(6);
    /// State cookie (§3.3.3.1).
    pub const STATE_COOKIE: Self = Self(7);
    /// A parameter that the peer did not know (§3.3.3.1).
    pub const UNRECOGNIZED: Self = Self(8);
    /// Cookie preservative (§3.3.2.1.3).
    pub const COOKIE_PRESERVATIVE: Self = Self(9);
    /// Host name address, deprecated (§3.3.2.1.4).
    pub const HOST_NAME: Self = Self(11);
    /// Supported address types (§3.3.2.1.5).
    pub const SUPPORTED_ADDRESS_TYPES: Self = Self(12);
    /// Outgoing SSN reset request (RFC 6525 §4.1).
    pub const OUTGOING_RESET: Self = Self(13);
    /// Incoming SSN reset request (RFC 6525 §4.2).
    pub const INCOMING_RESET: Self = Self(14);
    /// SSN/TSN reset request (RFC 6525 §4.3).
    pub const TSN_RESET: Self = Self(15);
    /// Re-configuration response (RFC 6525 §4.4).
    pub const RECONFIG_RESPONSE: Self = Self(16);
    /// Add outgoing streams (RFC 6525 §4.5).
    pub const ADD_OUTGOING: Self = Self(17);
    /// Add incoming streams (RFC 6525 §4.6).
    pub const ADD_INCOMING: Self = Self(18);
    /// ECN capable (RFC 4960 Appendix A).
    pub const ECN_CAPABLE: Self = Self(0x8000);
    /// Zero checksum acceptable (RFC 9653 §4).
    pub const ZERO_CHECKSUM: Self = Self(0x8001);
    /// Random (RFC 4895 §3.1).
    pub const RANDOM: Self = Self(0x8002);
    /// Chunk list (RFC 4895 §3.2).
    pub const CHUNK_LIST: Self = Self(0x8003);
    /// Requested HMAC algorithms (RFC 4895 §3.3).
    pub const HMAC_ALGORITHMS: Self = Self(0x8004);
    /// Padding (RFC 4820 §4).
    pub const PADDING: Self = Self(0x8005);
    /// Supported extensions (RFC 5061 §4.2.7).
    pub const SUPPORTED_EXTENSIONS: Self = Self(0x8008);
    /// Forward TSN supported (RFC 3758 §3.1).
    pub const FORWARD_TSN: Self = Self(0xC000);
    /// Add an address (RFC 5061 §4.2.1).
    pub const ADD_ADDRESS: Self = Self(0xC001);
    /// Delete an address (RFC 5061 §4.2.2).
    pub const DELETE_ADDRESS: Self = Self(0xC002);
    /// Error cause indication (RFC 5061 §4.2.3).
    pub const ERROR_INDICATION: Self = Self(0xC003);
    /// Set primary address (RFC 5061 §4.2.4).
    pub const SET_PRIMARY: Self = Self(0xC004);
    /// Success indication (RFC 5061 §4.2.5).
    pub const SUCCESS: Self = Self(0xC005);
    /// Adaptation layer indication (RFC 5061 §4.2.6).
    pub const ADAPTATION_LAYER: Self = Self(0xC006);

    /// What the type says about itself to a receiver that does not know it.
    #[must_use]
    pub const fn unknown_action(self) -> UnknownAction {
        UnknownAction { skip: self.0 & 0x8000 != 0, report: self.0 & 0x4000 != 0 }
    }
}
