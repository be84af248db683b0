//! The joint of session protocols: what each of them does as an application of a host. A protocol is a folder beside
//! this file, a variant of [`Session`], and nothing else in this crate.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::SimTime;
use sim_core::random::Streams;
use wire::account::FlowId;

use super::Context;
use super::coap::{CoapClient, CoapOptions, CoapServer};
use crate::flow::Flow;
use crate::measure::SenderCounts;
use crate::stack::{Carrier, Handle, StackEvent};

/// One end of a session protocol: it stands on sockets or connections of the host's stack.
pub trait SessionApp: Debug {
    /// Begins: listens, or waits for its first message. Also after a reboot.
    fn start(&mut self, context: &mut Context<'_>);
    /// Takes an event of one of its sockets or connections.
    fn on_event(&mut self, context: &mut Context<'_>, handle: Handle, event: StackEvent);
    /// Does what is due by now, by either clock.
    fn on_timer(&mut self, context: &mut Context<'_>);
    /// When its application has something to do next, in global time.
    fn next_timer(&self) -> Option<SimTime>;
    /// When its protocol has something to do next, by the host's clock.
    fn next_protocol_timer(&self) -> Option<SimTime>;
    /// The flow and the address that it is about to open a socket for, if it has none.
    fn seeks(&self) -> Option<(FlowId, IpAddr)> {
        None
    }
    /// Whether it serves this port of this carrier.
    fn serves(&self, port: u16, carrier: &Carrier) -> bool;
    /// The groups that it wants to be a member of.
    fn groups(&self) -> &[IpAddr] {
        &[]
    }
    /// The flow whose sender's end this is, and what the protocol did there so far.
    fn sender_counts(&self) -> Option<(FlowId, SenderCounts)> {
        None
    }
    /// Forgets what a loss of power makes it forget.
    fn lose_volatile_state(&mut self);
}

/// The session protocol of a flow, and how it is set up.
#[derive(Clone, Debug)]
pub enum Session {
    /// The Constrained Application Protocol.
    Coap(Arc<CoapOptions>),
}

impl Session {
    /// The sending side of a flow.
    pub fn client(&self, id: FlowId, flow: &Flow, streams: &Streams) -> Box<dyn SessionApp> {
        match self {
            Self::Coap(options) => Box::new(CoapClient::new(id, flow, Arc::clone(options), streams)),
        }
    }

    /// The receiving side on a port of a host, called `name`.
    pub fn server(
        &self,
        name: &str,
        port: u16,
        carrier: Carrier,
        groups: Vec<IpAddr>,
    ) -> Box<dyn SessionApp> {
        match self {
            Self::Coap(options) => {
                Box::new(CoapServer::new(name, port, carrier, Arc::clone(options), groups))
            }
        }
    }
}
