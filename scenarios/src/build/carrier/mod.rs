//! What carries an entry of the traffic: from the protocols' options to their configurations, a file for each.

mod coap;
mod tcp;
mod udp;

use std::sync::Arc;

use host::app::Session;
use host::stack::Carrier;

use crate::language::document::Workload;
use crate::language::scenario::Traffic;

/// The carrier of an entry of the traffic.
pub(super) fn carrier(entry: &Traffic) -> Carrier {
    match entry.stack.transport() {
        "tcp" => Carrier::Tcp(Arc::new(tcp::config(&entry.options.tcp.unwrap_or_default()))),
        _ => Carrier::Udp(Arc::new(udp::options(&entry.options.udp.unwrap_or_default()))),
    }
}

/// The session protocol of an entry of the traffic, if it has one.
pub(super) fn session(entry: &Traffic) -> Option<Session> {
    (entry.stack.session() == Some("coap")).then(|| {
        let settings = entry.options.coap.clone().unwrap_or_default();
        Session::Coap(Arc::new(coap::options(&settings, &entry.workload)))
    })
}

/// The session protocol of a service that a node offers by itself, if it is one's.
pub(super) fn offered(service: &str) -> Option<Session> {
    let none = Workload::Trace(Vec::new());
    (service == "coap-server").then(|| Session::Coap(Arc::new(coap::options(&Default::default(), &none))))
}
