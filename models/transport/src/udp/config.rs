//! How a UDP socket sends.

/// How a UDP socket sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UdpConfig {
    /// Whether datagrams over IPv4 carry a checksum (RFC 768 lets them go without; over IPv6 they always
    /// do, RFC 8200 §8.1).
    pub checksum: bool,
    /// Whether routers may not fragment the datagrams (IPv4).
    pub dont_fragment: bool,
    /// Time to live or hop limit, or the host's default.
    pub hop_limit: Option<u8>,
    /// DSCP (upper six bits) and ECN (lower two) of what is sent.
    pub traffic_class: u8,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self { checksum: true, dont_fragment: false, hop_limit: None, traffic_class: 0 }
    }
}
