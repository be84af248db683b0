//! Ranges and combinations of UDP's options.

use crate::language::diagnostic::Finding;
use crate::language::document::{IpVersion, UdpOptions};
use crate::language::path::Path;

/// Checks the options that stand at `path`.
pub(super) fn check(udp: &UdpOptions, ip: IpVersion, path: &Path, findings: &mut Vec<Finding>) {
    if udp.checksum == Some(false) && ip != IpVersion::V4 {
        let finding =
            Finding::error(path.key("checksum"), "over IPv6 UDP must have a checksum (RFC 8200 §8.1)");
        findings.push(finding);
    }
    if udp.hop_limit == Some(0) {
        findings.push(Finding::error(path.key("hop-limit"), "nothing gets anywhere").expected("1 to 255"));
    }
    if udp.dscp.is_some_and(|dscp| dscp > 63) {
        let finding = Finding::error(path.key("dscp"), "a code point has 6 bits (RFC 2474 §3)");
        findings.push(finding.expected("0 to 63"));
    }
}
