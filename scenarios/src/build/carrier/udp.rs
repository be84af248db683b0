//! UDP's configuration.

use host::stack::UdpOptions;

use crate::language::document;

/// The configuration for `options`; what they leave out is the default.
pub(super) fn options(options: &document::UdpOptions) -> UdpOptions {
    let mut udp = UdpOptions::default();
    udp.socket.checksum = options.checksum.unwrap_or(true);
    udp.send.dont_fragment = options.dont_fragment.unwrap_or(false);
    udp.send.hop_limit = options.hop_limit;
    udp.send.traffic_class = options.dscp.unwrap_or(0) << 2;
    udp
}
