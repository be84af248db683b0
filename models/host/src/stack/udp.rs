//! UDP's part of a host's stack.

use std::net::IpAddr;

use transport::udp::{UdpEndpoint, UdpEvent};

use super::carrier::UdpOptions;
use super::event::StackEvent;
use super::{Handle, Stack};

impl Stack {
    /// Opens a socket on `port` (0: any free one) of `address`.
    pub(super) fn bind_udp(
        &mut self,
        options: &UdpOptions,
        address: Option<IpAddr>,
        port: u16,
    ) -> Option<Handle> {
        self.udp.bind(address, port, options.socket).ok().map(Handle::Udp)
    }

    pub(super) fn udp_event(&self, event: UdpEvent) -> (usize, Handle, StackEvent) {
        let (socket, event) = match event {
            UdpEvent::Received { socket, source, destination, payload, runs, .. } => {
                let from = (source.ip(), source.port());
                (socket, StackEvent::Datagram { from, to: destination, payload, runs })
            }
            UdpEvent::Error { socket, .. } => (socket, StackEvent::Unreachable),
        };
        let handle = Handle::Udp(socket);
        let app = *self.owners.get(&handle).expect("every socket was opened for an application");
        (app, handle, event)
    }

    /// Datagrams that no socket took so far.
    pub(crate) fn unclaimed(&self) -> u64 {
        self.udp.counters().no_socket
    }

    /// The UDP endpoint.
    pub fn udp_endpoint(&self) -> &UdpEndpoint {
        &self.udp
    }
}
