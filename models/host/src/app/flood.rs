//! An attacker: it sends the first packets of connections from invented addresses, and takes no answer
//! (RFC 4987 §2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim_core::SimTime;
use sim_core::random::Streams;
use transport::flood::{Opening, is_possible, open};
use wire::account::FlowId;

use super::Context;
use crate::flow::Flow;
use crate::purpose;
use crate::stack::Carrier;
use crate::workload::{MessageClock, MessagePlan};

/// The addresses that packets claim to come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forged {
    /// One of them.
    pub address: IpAddr,
    /// How many of its first bits they have in common.
    pub prefix: u8,
}

impl Forged {
    /// The address with the common bits, and others as in `bits`.
    fn with(self, bits: u128) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let free = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & !free | bits as u32 & free).into()
            }
            IpAddr::V6(address) => {
                let free = u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & !free | bits & free).into()
            }
        }
    }
}

/// The sending side of a flood.
#[derive(Debug)]
pub struct Flood {
    flow: FlowId,
    target: SocketAddr,
    opening: Opening,
    forged: Forged,
    clock: MessageClock,
    rng: Box<ChaCha8Rng>,
}

impl Flood {
    /// The sending side of `flow`, whose number is `id`; `None` of a carrier whose connections it cannot open.
    pub fn new(
        id: FlowId,
        flow: &Flow,
        plan: &Arc<MessagePlan>,
        forged: Forged,
        streams: &Streams,
    ) -> Option<Self> {
        let opening = match &flow.carrier {
            Carrier::Tcp(_) => Opening::Tcp,
            Carrier::Sctp(_) => Opening::Sctp,
            Carrier::Udp(_) | Carrier::Mptcp(_) => return None,
        };
        Some(Self {
            flow: id,
            target: SocketAddr::new(flow.address, flow.port),
            opening,
            forged,
            clock: MessageClock::new(Arc::clone(plan), streams, &flow.name),
            rng: Box::new(streams.stream(&flow.name, purpose::FORGERY)),
        })
    }

    pub(super) fn next_timer(&self) -> Option<SimTime> {
        self.clock.next_at()
    }

    pub(super) fn skip_to(&mut self, now: SimTime) {
        self.clock.skip_to(now);
    }

    pub(super) fn on_timer(&mut self, context: &mut Context<'_>) {
        while self.clock.next_at().is_some_and(|next| next <= context.now) && self.clock.generate().is_some()
        {
            let bits = u128::from(self.rng.next_u64()) << 64 | u128::from(self.rng.next_u64());
            let number = self.rng.next_u32();
            let port = PORT_MIN + (self.rng.next_u32() >> 16) as u16 % (u16::MAX - PORT_MIN + 1);
            let source = SocketAddr::new(self.forged.with(bits), port);
            if is_possible(source.ip(), self.target.ip()) {
                context.stack.send_raw(open(self.opening, source, self.target, number, self.flow));
            }
        }
    }
}

/// The first of the ports that clients use.
const PORT_MIN: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_addresses_keep_their_prefix() {
        let forged = |text: &str, prefix| Forged { address: text.parse().expect("an address"), prefix };
        let of = |text: &str, prefix, bits| forged(text, prefix).with(bits).to_string();
        assert_eq!(of("198.18.0.0", 15, 0), "198.18.0.0");
        assert_eq!(of("198.18.0.0", 15, u128::MAX), "198.19.255.255");
        assert_eq!(of("192.0.2.7", 32, u128::MAX), "192.0.2.7");
        assert_eq!(of("192.0.2.7", 0, 0x0102_0304), "1.2.3.4");
        assert_eq!(of("2001:db8::", 32, u128::MAX), "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_eq!(of("2001:db8::1", 128, u128::MAX), "2001:db8::1");
    }
}
