//! What carries an entry of the traffic: from the protocols' options to their configurations, a file for each.

mod sctp;
mod tcp;
mod udp;

use std::sync::Arc;

use host::stack::Carrier;

use crate::language::scenario::Traffic;

/// The carrier of an entry of the traffic.
pub(super) fn carrier(entry: &Traffic) -> Carrier {
    let protocols = entry.stack.protocols();
    if protocols.contains(&"sctp") {
        let options = entry.options.sctp.unwrap_or_default();
        return Carrier::Sctp(Arc::new(sctp::options(&options, protocols.contains(&"udp"))));
    }
    match entry.stack.transport() {
        "tcp" => Carrier::Tcp(Arc::new(tcp::config(&entry.options.tcp.unwrap_or_default()))),
        _ => Carrier::Udp(Arc::new(udp::options(&entry.options.udp.unwrap_or_default()))),
    }
}
