//! What a packet carries along a graph: RPL's option in a hop-by-hop header (RFC 6553), a source route (RFC 6554), or both in the
//! header of a packet around it (RFC 9008); and how a router judges it.

use std::net::Ipv6Addr;

use sim_core::SimTime;
use wire::ip::IpProtocol;
use wire::ipv6::{HEADER_LEN, Header};
use wire::ipv6_extension::RoutingHeader;
use wire::ipv6_options::{OptionsHeader, RPL};
use wire::rpl::{ModeOfOperation, PacketInformation, SourceRoute};

use super::router::{Router, State, To};
use super::settings::Role;

/// Where a packet goes next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hop {
    /// To the preferred parent.
    Up(Ipv6Addr),
    /// To a child that the target is below of.
    Down(Ipv6Addr),
    /// From the root over all of these, the target last.
    Source(Vec<Ipv6Addr>),
    /// Back up, since the target is not below this node: to the neighbour that has passed the packet or, where that has come back
    /// itself, to the parent.
    Back(Ipv6Addr),
    /// Nowhere.
    None,
}

impl Router {
    /// Where a packet to `target` goes, which came with `information` if it came by the graph.
    #[must_use]
    pub fn hop(&self, now: SimTime, target: Ipv6Addr, information: Option<PacketInformation>) -> Hop {
        let Some(graph) = self.graph() else { return Hop::None };
        let stores =
            matches!(graph.dio.mode, ModeOfOperation::Storing | ModeOfOperation::StoringWithMulticast);
        if let Some(child) = stores.then(|| self.routes.child(now, target)).flatten() {
            return Hop::Down(child);
        }
        if self.role == Role::Root {
            let way = (!stores).then(|| self.routes.way(now, self.address, target)).flatten();
            return way.map_or(Hop::None, Hop::Source);
        }
        let back = stores && information.is_some_and(|information| information.down);
        match graph.parent {
            Some(parent) if back => Hop::Back(parent),
            Some(parent) => Hop::Up(parent),
            None => Hop::None,
        }
    }

    /// Judges a packet that came by the graph from a neighbour: whether it may go on. One step against the ranks is forgiven and
    /// noted, a second one is not (RFC 6550 §11.2.2.2). The neighbour is told this node's rank, of which it has an old idea: all
    /// others hear it by the timer that is reset.
    pub fn judge(&mut self, now: SimTime, from: Ipv6Addr, information: &mut PacketInformation) -> bool {
        self.on_child_back(now, from, false);
        if !information.down && !information.forwarding_error {
            self.on_child_seen(now, from);
        }
        if !matches!(self.state, State::Joined(_))
            || information.sender_rank == 0
            || information.forwarding_error
        {
            // Sources say 0; what comes back comes from below.
            return true;
        }
        let own = self.dag_rank();
        let fits = match information.down {
            true => information.sender_rank <= own,
            false => information.sender_rank >= own,
        };
        if fits {
            return true;
        }
        self.counts.rank_errors += 1;
        self.reset_trickle(now);
        if self.role != Role::Leaf {
            self.send_dio(To::Neighbour(from));
        }
        !std::mem::replace(&mut information.rank_error, true)
    }
}

/// The bytes of a hop-by-hop header with RPL's option.
#[must_use]
pub fn option_header(information: PacketInformation, next: IpProtocol) -> [u8; OPTION_HEADER_LEN] {
    let [a, b, c, d] = information.to_bytes();
    [next.0, 0, RPL, 4, a, b, c, d]
}

/// RPL's option in a packet whose headers start with IPv6's: where its value is, and the value.
#[must_use]
pub fn find_option(headers: &[u8]) -> Option<(usize, PacketInformation)> {
    if headers.get(NEXT_HEADER_AT) != Some(&IpProtocol::HOP_BY_HOP.0) {
        return None;
    }
    let options = OptionsHeader::parse(headers.get(HEADER_LEN..)?).ok()?;
    let end = HEADER_LEN + options.len();
    let mut at = HEADER_LEN + 2;
    while at + 1 < end {
        let (kind, len) = (headers[at], usize::from(headers[at + 1]));
        match kind {
            PAD_1 => at += 1,
            RPL => {
                let value = headers.get(at + 2..at + 2 + len)?;
                return Some((at + 2, PacketInformation::parse(value)?));
            }
            _ => at += 2 + len,
        }
    }
    None
}

/// What stands behind IPv6's header and a hop-by-hop header.
#[must_use]
pub fn behind_options(headers: &[u8]) -> Option<(IpProtocol, usize)> {
    let next = IpProtocol(*headers.get(NEXT_HEADER_AT)?);
    if next != IpProtocol::HOP_BY_HOP {
        return Some((next, HEADER_LEN));
    }
    let options = OptionsHeader::parse(headers.get(HEADER_LEN..)?).ok()?;
    Some((options.next_header, HEADER_LEN + options.len()))
}

/// What a node does with a packet to itself that has a source route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Visit {
    /// It goes on to this address, which has taken the place of the node's own.
    Next(Ipv6Addr),
    /// The route is over: behind it stands this protocol, at this place.
    Over(IpProtocol, usize),
    /// Something is wrong with it.
    Malformed,
}

/// Takes the next step of the source route at `at` of a packet's `headers` (RFC 6554 §4.2).
pub fn visit(headers: &mut [u8], at: usize) -> Visit {
    let Some(bytes) = headers.get(at..) else { return Visit::Malformed };
    let (Ok(header), Ok(outer)) = (RoutingHeader::parse(bytes), Header::parse(headers)) else {
        return Visit::Malformed;
    };
    let own = outer.destination;
    let Ok(route) = SourceRoute::parse(&header, own) else { return Visit::Malformed };
    let (next_header, len) = (header.next_header, header.len());
    let Some(left) = route.segments_left.checked_sub(1) else { return Visit::Over(next_header, at + len) };
    let count = route.addresses.len();
    let index = count - usize::from(route.segments_left);
    let next = route.addresses[index];
    if next.is_multicast() || own.is_multicast() {
        return Visit::Malformed;
    }
    // The own address takes the place of the next one, less the octets that all share.
    let elided = usize::from(if index + 1 == count { headers[at + 4] & 0xF } else { headers[at + 4] >> 4 });
    let place = at + 8 + index * (16 - usize::from(headers[at + 4] >> 4));
    headers[place..place + 16 - elided].copy_from_slice(&own.octets()[elided..]);
    headers[at + 3] = left;
    headers[DESTINATION_AT..HEADER_LEN].copy_from_slice(&next.octets());
    Visit::Next(next)
}

/// Bytes of a hop-by-hop header with RPL's option alone.
pub const OPTION_HEADER_LEN: usize = 8;
const PAD_1: u8 = 0;
const NEXT_HEADER_AT: usize = 6;
const DESTINATION_AT: usize = 24;
