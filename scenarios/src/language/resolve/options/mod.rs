//! Ranges and combinations of the protocols' options: a file for each protocol.

mod coap;
mod mptcp;
mod sctp;
mod tcp;
mod udp;

use super::section;
use crate::language::diagnostic::Finding;
use crate::language::document::Document;
use crate::language::path::Path;
use crate::language::stack::TcpProfile;

/// Checks the options of all traffic.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    for (number, traffic) in document.traffic.iter().enumerate() {
        let path = section("traffic").index(number).key("options");
        if let Some(coap) = &traffic.options.coap {
            unused("coap", &traffic.over, &path, findings);
            coap::check(coap, &traffic.workload, &path.key("coap"), findings);
        }
        if let Some(mptcp) = &traffic.options.mptcp {
            unused("mptcp", &traffic.over, &path, findings);
            mptcp::check(mptcp, &path.key("mptcp"), findings);
        }
        if let Some(sctp) = &traffic.options.sctp {
            unused("sctp", &traffic.over, &path, findings);
            sctp::check(sctp, &path.key("sctp"), findings);
        }
        if let Some(tcp) = &traffic.options.tcp {
            unused("tcp", &traffic.over, &path, findings);
            tcp::check(tcp, &path.key("tcp"), findings);
        }
        if let Some(udp) = &traffic.options.udp {
            unused("udp", &traffic.over, &path, findings);
            udp::check(udp, document.ip, &path.key("udp"), findings);
        }
    }
}

fn unused(protocol: &str, over: &str, path: &Path, findings: &mut Vec<Finding>) {
    // The subflows of Multipath TCP are TCP.
    let is_tcp = |name: &str| name == "mptcp" || TcpProfile::ALL.iter().any(|it| it.name() == name);
    let is_profile = |name: &str| protocol == "tcp" && is_tcp(name);
    if !over.split('/').any(|name| name == protocol || is_profile(name)) {
        let message = format!("options of `{protocol}`, which does not occur in \"{over}\"");
        findings.push(Finding::warning(path.key(protocol), message).at_key());
    }
}
