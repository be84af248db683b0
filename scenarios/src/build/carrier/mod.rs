//! What carries an entry of the traffic: from the protocols' options to their configurations, a file for each.

mod coap;
mod mptcp;
mod sctp;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;

use host::app::Session;
use host::app::coap::CoapOptions;
use host::stack::Carrier;
use sim_core::DataRate;

use crate::language::document::{Services, Workload};
use crate::language::scenario::{self, Destination, Scenario, Traffic};

/// The carrier of an entry of the traffic.
pub(super) fn carrier(entry: &Traffic) -> Carrier {
    let protocols = entry.stack.protocols();
    if protocols.contains(&"sctp") {
        let options = entry.options.sctp.clone().unwrap_or_default();
        let mut options = sctp::options(&options, protocols.contains(&"udp"));
        if protocols.first() != Some(&"sctp") {
            options.carry_bytes();
        }
        return Carrier::Sctp(Arc::new(options));
    }
    if entry.stack.transport() == "mptcp" {
        let options = entry.options.mptcp.unwrap_or_default();
        return Carrier::Mptcp(Arc::new(mptcp::config(&options, &entry.options.tcp.unwrap_or_default())));
    }
    match entry.stack.tcp_profile() {
        Some(profile) => Carrier::Tcp(Arc::new(tcp::config(profile, &entry.options.tcp.unwrap_or_default()))),
        None => Carrier::Udp(Arc::new(udp::options(&entry.options.udp.unwrap_or_default()))),
    }
}

/// How fast the receivers of an entry of the traffic read, if not at once.
pub(super) fn reader_rate(entry: &Traffic) -> Option<DataRate> {
    entry.stack.tcp_profile()?;
    entry.options.tcp?.reader_rate?.to_data_rate()
}

/// The session protocol of an entry of the traffic, if it has one.
pub(super) fn session(entry: &Traffic) -> Option<Session> {
    (entry.stack.session() == Some("coap")).then(|| {
        let settings = entry.options.coap.clone().unwrap_or_default();
        Session::Coap(Arc::new(coap::options(&settings, &entry.workload)))
    })
}

/// The same session protocol for a server on a node that offers these services.
pub(super) fn with_resources(session: &Session, services: &Services) -> Session {
    let Session::Coap(options) = session;
    let resources = coap::resources(services.coap_server.as_ref());
    Session::Coap(Arc::new(CoapOptions { resources, ..(**options).clone() }))
}

/// The same session protocol by way of a proxy at an address; a `reverse` one is asked as if it were the server.
pub(super) fn by_way_of(session: &Session, proxy: SocketAddr, reverse: bool) -> Session {
    let Session::Coap(options) = session;
    Session::Coap(Arc::new(CoapOptions { proxy: Some(proxy), reverse, ..(**options).clone() }))
}

/// Whether the resource that a flow asks its one receiver for changes by itself.
pub(super) fn asks_for_states(scenario: &Scenario, flow: &scenario::Flow) -> bool {
    let entry = &scenario.traffic[flow.traffic as usize];
    if !matches!(entry.workload, Workload::Poll(_) | Workload::Observe(_)) {
        return false;
    }
    let (Some(Session::Coap(options)), Destination::Node(end)) = (session(entry), flow.to) else {
        return false;
    };
    let resources = coap::resources(scenario.group_of(end.node).services.coap_server.as_ref());
    resources.iter().any(|resource| *resource.path == *options.plain_path() && resource.changes.is_some())
}

/// The TCP of services that nodes offer by themselves.
pub(super) fn tcp_service(fast_open: bool) -> Carrier {
    Carrier::Tcp(Arc::new(tcp::of_service(fast_open)))
}

/// The SCTP of services that nodes offer by themselves.
pub(super) fn sctp_service(extensions: bool) -> Carrier {
    Carrier::Sctp(Arc::new(sctp::of_service(extensions)))
}

/// The session protocol of a service that a node offers by itself, if it is one's.
pub(super) fn offered(service: &str) -> Option<Session> {
    let none = Workload::Trace(Vec::new());
    (service == "coap-server").then(|| Session::Coap(Arc::new(coap::options(&Default::default(), &none))))
}
