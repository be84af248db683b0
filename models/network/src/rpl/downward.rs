//! Routes down the graph: those that a router keeps (storing mode), and what a root knows of each node's parent (non-storing).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};

use super::sequence::Sequence;

/// A route in the storing mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route {
    /// The child that it leads over, by its link-local address.
    pub child: Ipv6Addr,
    /// How new it is.
    pub sequence: Sequence,
    /// What its owner gave it to live, in lifetime units.
    pub lifetime: u8,
    /// When it is over; never if `None`.
    pub expires: Option<SimTime>,
}

impl Route {
    /// What is left of its life in lifetime units, as it is told: told in full by whoever has heard of it a moment ago, so that
    /// nothing is lost from hop to hop; otherwise nodes that have the route from each other would keep it alive for ever.
    pub(super) fn left(&self, now: SimTime, unit_secs: u16) -> u8 {
        let Some(expires) = self.expires else { return self.lifetime };
        let left = (expires + A_MOMENT).saturating_since(now).as_nanos();
        let units = left / SimDuration::from_secs(u64::from(unit_secs.max(1))).as_nanos();
        u8::try_from(units).map_or(self.lifetime, |units| units.min(self.lifetime))
    }
}

/// What a root knows of a node in the non-storing mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transit {
    /// The node's parent.
    pub parent: Ipv6Addr,
    /// How new that is.
    pub sequence: Sequence,
    /// When it is over; never if `None`.
    pub expires: Option<SimTime>,
}

/// What a DAO has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// A route is new, or leads another way, or lives longer.
    Updated,
    /// A route is gone.
    Removed,
    /// There is no room for another route.
    NoRoom,
}

/// What a DAO says of one target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct News {
    /// The target.
    pub target: Ipv6Addr,
    /// The transit information's counter.
    pub sequence: Sequence,
    /// In lifetime units; 0 takes the route back.
    pub lifetime: u8,
    /// When that is over.
    pub expires: Option<SimTime>,
}

/// The end of a lifetime in units; `None` is never.
#[must_use]
pub fn expiry(now: SimTime, lifetime: u8, unit_secs: u16) -> Option<SimTime> {
    (lifetime != u8::MAX).then(|| now + SimDuration::from_secs(u64::from(lifetime) * u64::from(unit_secs)))
}

/// What is kept of a route that is gone, for as long as it could have lived.
#[derive(Clone, Copy, Debug)]
struct Gone {
    sequence: Sequence,
    expires: Option<SimTime>,
}

/// The routes of one node.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    stored: BTreeMap<Ipv6Addr, Route>,
    /// Routes that are gone: what is older than they were comes from nodes that have not heard so.
    gone: BTreeMap<Ipv6Addr, Gone>,
    transits: BTreeMap<Ipv6Addr, Transit>,
}

impl Routes {
    /// Takes what `child` says of a target (storing mode, RFC 6550 §9.8).
    pub fn store(&mut self, child: Ipv6Addr, news: &News) -> Change {
        let known = self.stored.get(&news.target).copied();
        if news.lifetime == 0 {
            // Only the child that the route leads over can take it back.
            let is_its = known.is_some_and(|known| {
                known.child == child
                    && (news.sequence == known.sequence || news.sequence.is_news(known.sequence))
            });
            return match is_its {
                true => {
                    if let Some(route) = self.stored.remove(&news.target) {
                        self.remember(news.target, news.sequence, route.expires);
                    }
                    Change::Removed
                }
                false => Change::Nothing,
            };
        }
        if known.is_none()
            && self.gone.get(&news.target).is_some_and(|gone| news.sequence.is_behind(gone.sequence))
        {
            return Change::Nothing;
        }
        // The same number over another child is as good, and what was heard last holds; over the same child it may have been taken
        // back further up in between, so that it goes on too.
        let is_older = |known: Route| news.sequence.compare(known.sequence) == Some(Ordering::Less);
        if known.is_some_and(is_older) {
            return Change::Nothing;
        }
        if known.is_none() && self.stored.len() >= ROUTES_MAX {
            return Change::NoRoom;
        }
        let route = Route { child, sequence: news.sequence, lifetime: news.lifetime, expires: news.expires };
        self.stored.insert(news.target, route);
        self.gone.remove(&news.target);
        Change::Updated
    }

    fn remember(&mut self, target: Ipv6Addr, sequence: Sequence, expires: Option<SimTime>) {
        if self.gone.len() < ROUTES_MAX {
            self.gone.insert(target, Gone { sequence, expires });
        }
    }

    /// Takes what a node says of its parent (non-storing mode, RFC 6550 §9.7); as the root.
    pub fn learn(&mut self, parent: Ipv6Addr, news: &News) -> Change {
        let known = self.transits.get(&news.target);
        if known.is_some_and(|known| !news.sequence.is_news(known.sequence)) {
            return Change::Nothing;
        }
        if news.lifetime == 0 {
            return self.transits.remove(&news.target).map_or(Change::Nothing, |_| Change::Removed);
        }
        if known.is_none() && self.transits.len() >= ROUTES_MAX {
            return Change::NoRoom;
        }
        let transit = Transit { parent, sequence: news.sequence, expires: news.expires };
        self.transits.insert(news.target, transit);
        Change::Updated
    }

    /// The child that leads to `target` (storing mode).
    #[must_use]
    pub fn child(&self, now: SimTime, target: Ipv6Addr) -> Option<Ipv6Addr> {
        let route = self.stored.get(&target)?;
        route.expires.is_none_or(|at| at > now).then_some(route.child)
    }

    /// The nodes from the one next to `root` to `target`, that one included (non-storing mode); `None` if one of them is not known,
    /// or if they lead in a circle.
    #[must_use]
    pub fn way(&self, now: SimTime, root: Ipv6Addr, target: Ipv6Addr) -> Option<Vec<Ipv6Addr>> {
        let mut way = vec![target];
        loop {
            let last = *way.last()?;
            let transit =
                self.transits.get(&last).filter(|transit| transit.expires.is_none_or(|at| at > now))?;
            if transit.parent == root {
                way.reverse();
                return Some(way);
            }
            if way.contains(&transit.parent) || way.len() >= HOPS_MAX {
                return None;
            }
            way.push(transit.parent);
        }
    }

    /// The route to `target`, as it is kept (storing mode).
    #[must_use]
    pub fn stored(&self, target: Ipv6Addr) -> Option<&Route> {
        self.stored.get(&target)
    }

    /// The targets of all routes that are kept (storing mode).
    pub fn targets(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.stored.keys().copied()
    }

    /// Forgets the route to `target` if it leads over `child`; says whether it did.
    pub fn forget(&mut self, child: Ipv6Addr, target: Ipv6Addr) -> Option<Route> {
        self.stored.get(&target).filter(|route| route.child == child)?;
        let route = self.stored.remove(&target)?;
        self.remember(target, route.sequence, route.expires);
        Some(route)
    }

    /// Takes out the routes that lead over `child`.
    pub fn forget_child(&mut self, child: Ipv6Addr) -> Vec<(Ipv6Addr, Route)> {
        let lost: Vec<(Ipv6Addr, Route)> =
            self.stored.extract_if(.., |_, route| route.child == child).collect();
        for &(target, route) in &lost {
            self.remember(target, route.sequence, route.expires);
        }
        lost
    }

    /// Forgets what is over.
    pub fn expire(&mut self, now: SimTime) {
        let lives = |expires: Option<SimTime>| expires.is_none_or(|at| at > now);
        self.stored.retain(|_, route| lives(route.expires));
        self.transits.retain(|_, transit| lives(transit.expires));
        self.gone.retain(|_, gone| lives(gone.expires));
    }

    /// Routes and transits kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stored.len() + self.transits.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether anything is kept that ends with time, routes that are gone among it.
    pub(super) fn ends(&self) -> bool {
        !self.is_empty() || !self.gone.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.stored.clear();
        self.gone.clear();
        self.transits.clear();
    }
}

/// Within this news is passed on, at a node that is not lost.
const A_MOMENT: SimDuration = SimDuration::from_secs(10);
/// Routes that a node has room for.
const ROUTES_MAX: usize = 1 << 16;
/// Hops of a source route: fewer than the bytes of its header allow.
const HOPS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, number)
    }

    fn news(target: u16, sequence: u8, lifetime: u8) -> News {
        let expires = expiry(SimTime::ZERO, lifetime, 60);
        News { target: node(target), sequence: Sequence(sequence), lifetime, expires }
    }

    // Holds: RFC 6550 9.2-4, 9.4-5, 9.2.2-a
    #[test]
    fn newer_news_move_a_stored_route_and_older_do_not() {
        let mut routes = Routes::default();
        assert_eq!(routes.store(node(1), &news(9, 1, 30)), Change::Updated);
        assert_eq!(routes.store(node(1), &news(9, 1, 30)), Change::Updated, "told again");
        assert_eq!(routes.store(node(3), &news(9, 0, 30)), Change::Nothing, "older");
        assert_eq!(routes.child(SimTime::ZERO, node(9)), Some(node(1)));
        assert_eq!(routes.store(node(2), &news(9, 2, 30)), Change::Updated);
        assert_eq!(routes.store(node(1), &news(9, 2, 0)), Change::Nothing, "no longer its route");
        assert_eq!(routes.child(SimTime::ZERO, node(9)), Some(node(2)));
        assert_eq!(routes.store(node(2), &news(9, 2, 0)), Change::Removed);
        assert!(routes.is_empty());
    }

    #[test]
    fn what_is_older_than_a_route_that_is_gone_is_not_believed() {
        let mut routes = Routes::default();
        routes.store(node(1), &news(9, 24, 30));
        assert_eq!(routes.forget_child(node(1)).len(), 1);
        // 8 is sixteen behind, 105 is 47 behind: too far for RFC 6550's window, but not for a memory of half an hour.
        for stale in [8, 7, 105] {
            assert_eq!(routes.store(node(2), &news(9, stale, 30)), Change::Nothing, "{stale}");
        }
        assert_eq!(routes.store(node(2), &news(9, 24, 30)), Change::Updated, "as new as it was, another way");
        routes.forget(node(2), node(9));
        assert!(routes.is_empty() && routes.ends());
        routes.expire(SimTime::from_secs(1_800));
        assert!(!routes.ends());
        assert_eq!(routes.store(node(2), &news(9, 8, 30)), Change::Updated, "half an hour later");
    }

    #[test]
    fn a_route_is_told_with_what_is_left_of_its_life() {
        let mut routes = Routes::default();
        routes.store(node(1), &news(9, 1, 30));
        let left = |secs| routes.stored(node(9)).map(|route| route.left(SimTime::from_secs(secs), 60));
        // 1,800 s and ten of grace: told on within ten it is whole.
        assert_eq!([0, 10, 11, 600, 1_749, 1_751].map(left), [30, 30, 29, 20, 1, 0].map(Some));
        routes.store(node(1), &news(9, 2, 255));
        assert_eq!(routes.stored(node(9)).map(|route| route.left(SimTime::from_secs(9_999), 60)), Some(255));
    }

    #[test]
    fn a_route_ends_with_its_lifetime() {
        let mut routes = Routes::default();
        routes.store(node(1), &news(9, 1, 2));
        routes.store(node(1), &news(8, 1, 255));
        assert_eq!(routes.child(SimTime::from_secs(119), node(9)), Some(node(1)));
        assert_eq!(routes.child(SimTime::from_secs(120), node(9)), None);
        routes.expire(SimTime::from_secs(120));
        assert_eq!(routes.targets().collect::<Vec<_>>(), [node(8)], "255 is for ever");
    }

    // Holds: RFC 6550 9.2-3
    #[test]
    fn a_source_route_is_pieced_together_from_parents() {
        let mut routes = Routes::default();
        // Root 0; 1 below it, 2 below 1, 3 below 2.
        for (target, parent) in [(3, 2), (1, 0), (2, 1)] {
            routes.learn(node(parent), &news(target, 1, 30));
        }
        let way = routes.way(SimTime::ZERO, node(0), node(3));
        assert_eq!(way, Some(vec![node(1), node(2), node(3)]));
        assert_eq!(routes.way(SimTime::ZERO, node(0), node(4)), None);
        // 1 says that it is below 3: a circle without root.
        routes.learn(node(3), &news(1, 2, 30));
        assert_eq!(routes.way(SimTime::ZERO, node(0), node(3)), None);
    }
}
