//! Addresses that hosts have registered with this router by neighbour discovery: it announces them as it does those that children
//! announce to it (RFC 8505 §5.1; the host knows nothing of RPL, RFC 9010 is not asked for).

use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::rpl::ModeOfOperation;

use super::dao::pair;
use super::downward::News;
use super::router::{Router, To};
use super::sequence::Sequence;
use super::settings::Role;

impl Router {
    /// A host has registered `target`; it is reached by the link-local address `child`. The counter of the registration is that of
    /// the route (RFC 8505 §5.2.1).
    pub fn on_registered(&mut self, now: SimTime, target: Ipv6Addr, child: Ipv6Addr, tid: u8, minutes: u16) {
        let Some(graph) = self.graph().copied() else { return };
        let seconds = u64::from(minutes) * 60;
        let lifetime = (seconds / u64::from(graph.configuration.lifetime_unit.max(1))).clamp(1, 254) as u8;
        let expires = Some(now + SimDuration::from_secs(seconds));
        let news = News { target, sequence: Sequence(tid), lifetime, expires };
        match graph.dio.mode {
            ModeOfOperation::NoDownwardRoutes => {}
            ModeOfOperation::NonStoring if self.role == Role::Root => {
                let change = self.routes.learn(self.address, &news);
                self.on_route_changed(now, &news, change);
            }
            ModeOfOperation::NonStoring => {
                let options = pair(target, news.sequence, lifetime, Some(self.address));
                self.send_dao(To::Afar(graph.dio.dodag), false, options.to_vec());
            }
            ModeOfOperation::Storing | ModeOfOperation::StoringWithMulticast => {
                let change = self.routes.store(child, &news);
                self.on_route_changed(now, &news, change);
            }
        }
    }

    /// The registration of `target` is over.
    pub fn on_unregistered(&mut self, now: SimTime, target: Ipv6Addr) {
        let Some(route) = self.routes.stored(target).copied() else { return };
        let news = News { target, sequence: route.sequence, lifetime: 0, expires: None };
        let change = self.routes.store(route.child, &news);
        self.on_route_changed(now, &news, change);
    }
}
