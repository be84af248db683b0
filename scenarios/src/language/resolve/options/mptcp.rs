//! Ranges and combinations of Multipath TCP's options.

use crate::language::diagnostic::Finding;
use crate::language::document::{MptcpOptions, MptcpPathManager};
use crate::language::path::Path;
use crate::language::quantity::Size;

/// Checks the options that stand at `path`.
pub(super) fn check(mptcp: &MptcpOptions, path: &Path, findings: &mut Vec<Finding>) {
    for (entry, size) in [("send-buffer", mptcp.send_buffer), ("receive-buffer", mptcp.receive_buffer)] {
        if let Some(size) = size.map(Size::as_bytes)
            && !(BUFFER_MIN..=BUFFER_MAX).contains(&size)
        {
            let finding = Finding::error(path.key(entry), format!("{size} B is out of range"));
            findings.push(finding.expected("\"1 KiB\" to \"1 GiB\""));
        }
    }
    if mptcp.subflows.is_some_and(|subflows| !(1..=32).contains(&subflows)) {
        let finding = Finding::error(path.key("subflows"), "the number of subflows is out of range");
        findings.push(finding.expected("1 to 32 subflows"));
    }
    if mptcp.announce_port == Some(0) {
        let finding = Finding::error(path.key("announce-port"), "port 0 cannot be connected to");
        findings.push(finding.expected("1 to 65535"));
    }
    if mptcp.path_manager == Some(MptcpPathManager::Single) && mptcp.scheduler.is_some() {
        let message = "a scheduler has nothing to choose where there is one subflow";
        findings.push(Finding::warning(path.key("scheduler"), message).at_key());
    }
}

const BUFFER_MIN: u64 = 1 << 10;
const BUFFER_MAX: u64 = 1 << 30;
