//! Session protocols: endpoints without I/O, a folder for each.
//!
//! An endpoint takes what its transport delivered and the time, and gives what its transport shall carry, events and
//! its next deadline. It sees neither sockets nor a scenario. Those that stand on datagrams follow
//! [`datagram::DatagramSession`]; what all of them pass around is a [`body::Body`]: bytes, and whose they are.

pub mod body;
pub mod coap;
pub mod datagram;
