//! CoAP on a host: a client that reports or asks, and a server.

mod client;
#[cfg(test)]
mod plug_tests;
mod proxy;
mod resource;
mod server;
mod site;

use std::net::SocketAddr;
use std::sync::Arc;

pub use client::CoapClient;
pub use proxy::CoapProxy;
pub use resource::{Content, Resource};
pub use server::CoapServer;
use session::coap::CoapConfig;
use session::datagram::Datagram;
use transport::udp::SendOptions;
use wire::coap::Code;

use crate::stack::{Carrier, Handle, Stack};

/// How a flow uses CoAP.
#[derive(Clone, Debug, PartialEq)]
pub struct CoapOptions {
    /// The transmission parameters.
    pub config: Arc<CoapConfig>,
    /// The method of each request.
    pub method: Code,
    /// The path of the resource.
    pub path: Box<str>,
    /// Whether requests are to be acknowledged.
    pub confirmable: bool,
    /// Whether the client does without responses (RFC 7967).
    pub no_response: bool,
    /// What the server has, apart from what the workload asks of it.
    pub resources: Arc<[Resource]>,
    /// The proxy that requests go through, if there is one.
    pub proxy: Option<SocketAddr>,
    /// Whether that is a reverse proxy, which is asked as if it were the server (RFC 7252 §5.7.3).
    pub reverse: bool,
}

impl CoapOptions {
    /// The path without slashes around it and without its query.
    pub fn plain_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default().trim_matches('/')
    }
}

/// Hands a session's datagram to the stack.
fn send(stack: &mut Stack, carrier: &Carrier, socket: Handle, datagram: Datagram) {
    let Datagram { to, source, content, flow, reason, retransmission } = datagram;
    let options = SendOptions { source, flow, reason, retransmission, ..carrier.send_options() };
    stack.send(socket, &options, (to.ip(), to.port()), content.payload, content.runs);
}
