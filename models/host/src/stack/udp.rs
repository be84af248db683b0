//! UDP's part of a host's stack.

use std::net::IpAddr;

use transport::ports::choose_ephemeral;
use transport::udp::{UdpEndpoint, UdpEvent};

use super::carrier::UdpOptions;
use super::event::StackEvent;
use super::{Handle, Stack, split};

impl Stack {
    /// Opens a socket on `port` (0: any free one) of `address`.
    pub(super) fn bind_udp(
        &mut self,
        options: &UdpOptions,
        address: Option<IpAddr>,
        port: u16,
    ) -> Option<Handle> {
        let port = if port == 0 { self.ephemeral_port()? } else { port };
        self.udp.bind(address, port, options.socket).ok().map(Handle::Udp)
    }

    /// A port of UDP's that is free, drawn from a generator that is made for it: it has no numbers in stock, and hosts that
    /// draw one are many.
    fn ephemeral_port(&mut self) -> Option<u16> {
        let mut rng = split(&mut self.rng.from_start());
        rng.set_word_pos(self.udp_drawn.into());
        let port = choose_ephemeral(&mut rng, |port| self.udp.is_free(port));
        // After four thousand million words it begins again: a port that is taken is not drawn.
        self.udp_drawn = rng.get_word_pos() as u32;
        port
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
        (app as usize, handle, event)
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
