//! A forward or reverse proxy with a cache, between CoAP and CoAP (RFC 7252 §5.6, §5.7; RFC 8768), which observes for its
//! clients (RFC 7641 §5).

mod options;
mod relay;
mod stored;

use std::net::SocketAddr;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use session::body::Body;
use session::coap::{CoapConfig, CoapEvent};
use session::datagram::DatagramSession;
use sim_core::SimTime;

pub(crate) use relay::{Moment, Relay};

use crate::app::{Context, SessionApp};
use crate::purpose;
use crate::stack::{Carrier, Handle, StackEvent};

/// A proxy on one port.
#[derive(Debug)]
pub struct CoapProxy {
    name: Box<str>,
    port: u16,
    carrier: Carrier,
    config: CoapConfig,
    /// The server that all requests are for, of a reverse proxy.
    origin: Option<SocketAddr>,
    socket: Option<Handle>,
    relay: Option<Box<Relay>>,
    beginnings: u32,
}

impl CoapProxy {
    /// A proxy called `name` on `port`: in front of `origin`, or for whatever servers requests name.
    pub fn new(
        name: &str,
        port: u16,
        carrier: Carrier,
        config: CoapConfig,
        origin: Option<SocketAddr>,
    ) -> Self {
        Self { name: name.into(), port, carrier, config, origin, socket: None, relay: None, beginnings: 0 }
    }

    fn settle(&mut self, context: &mut Context<'_>) {
        loop {
            let (Some(relay), Some(socket)) = (&mut self.relay, self.socket) else { return };
            if let Some(event) = relay.endpoint.poll_event() {
                if let CoapEvent::Duplicate { label } = event {
                    if let Some(flow) = label.flow.index().and_then(|index| context.flows.get_mut(index)) {
                        flow.measure.session.duplicates += 1;
                    }
                    continue;
                }
                let moment = Moment { now: context.now, local: context.local, flows: context.flows };
                relay.take(&moment, event);
            } else if let Some(mut datagram) = relay.endpoint.poll_transmit() {
                let to = datagram.to.ip();
                datagram.source = datagram.source.or_else(|| (context.source_for)(to));
                super::send(context.stack, &self.carrier, socket, datagram);
            } else {
                relay.stop_observing();
                return;
            }
        }
    }
}

impl SessionApp for CoapProxy {
    fn start(&mut self, context: &mut Context<'_>) {
        self.socket = context.stack.listen(context.app, &self.carrier, None, self.port, context.mtu);
        let mut rng = context.streams.stream(&self.name, purpose::SESSION);
        for _ in 0..self.beginnings {
            rng = ChaCha8Rng::from_rng(&mut rng);
        }
        self.beginnings += 1;
        self.relay = Some(Box::new(Relay::new(self.origin, self.config, rng)));
    }

    fn on_event(&mut self, context: &mut Context<'_>, _handle: Handle, event: StackEvent) {
        let StackEvent::Datagram { from, to, payload, runs } = event else { return };
        if let Some(relay) = &mut self.relay {
            relay.endpoint.handle_datagram(
                context.local,
                SocketAddr::from(from),
                to,
                Body::new(payload, runs),
            );
            self.settle(context);
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_>) {
        if let Some(relay) = &mut self.relay
            && relay.endpoint.poll_timeout().is_some_and(|due| due <= context.local)
        {
            relay.endpoint.handle_timeout(context.local);
        }
        self.settle(context);
    }

    fn next_timer(&self) -> Option<SimTime> {
        None
    }

    fn next_protocol_timer(&self) -> Option<SimTime> {
        self.relay.as_ref().and_then(|relay| relay.endpoint.poll_timeout())
    }

    fn serves(&self, port: u16, carrier: &Carrier) -> bool {
        self.port == port && self.carrier.same_protocol(carrier)
    }

    fn lose_volatile_state(&mut self) {
        self.socket = None;
        self.relay = None;
    }
}
