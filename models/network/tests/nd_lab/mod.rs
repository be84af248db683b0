//! Nodes without radios: messages take two milliseconds over links that lose some of them.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the laboratory")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use network::address::Prefix;
use network::nd::host::{Quality, State};
use network::nd::node::{Heard, Identity, News, Node, Outgoing, To};
use network::nd::settings::{NdSettings, Role, Version};
use sim_core::random::{Purpose, RunSeed, Streams};
use sim_core::{SimDuration, SimTime};
use wire::account::Reason;
use wire::duplicate_address;
use wire::ieee802154::{Address, ShortAddress};
use wire::ndp::{Body, Message, RouterAdvertisement};
use wire::ndp_lowpan::{AddressRegistration, Rovr, Status, Transaction};
use wire::ndp_options::{NdpOption, NdpOptionList, PrefixInformation};

/// The radio of the node of that number.
pub fn link(node: usize) -> Address {
    Address::Short(ShortAddress(node as u16 + 1))
}

/// The address that it is reached by.
pub fn global(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, node as u16 + 1)
}

/// Its link-local address.
pub fn local(node: usize) -> Ipv6Addr {
    link(node).link_local()
}

/// The prefix of the network, a context of header compression.
pub fn context() -> Prefix {
    Prefix { address: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0).into(), length: 64 }
}

/// A message that a node has sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: SimTime,
    pub from: usize,
    pub outgoing: Outgoing,
}

impl Sent {
    /// The type of the ICMPv6 message.
    pub fn kind(&self) -> u8 {
        self.outgoing.message[0]
    }

    /// The registration that it carries.
    pub fn registration(&self) -> Option<AddressRegistration> {
        let message = Message::parse(&self.outgoing.message).ok()?;
        message.options.iter().find_map(|option| match option {
            NdpOption::AddressRegistration(registration) => Some(registration),
            _ => None,
        })
    }

    pub fn body(&self) -> Body {
        Message::parse(&self.outgoing.message).expect("a message of neighbour discovery").body
    }

    pub fn options(&self) -> Vec<String> {
        let message = Message::parse(&self.outgoing.message).expect("a message of neighbour discovery");
        message.options.iter().map(|option| format!("{option:?}")).collect()
    }

    pub fn duplicate_address(&self) -> duplicate_address::Message {
        duplicate_address::Message::parse(&self.outgoing.message).expect("a Duplicate Address message")
    }
}

/// A message under way.
struct Flying {
    from: usize,
    to: usize,
    outgoing: Outgoing,
}

pub struct Lab {
    pub now: SimTime,
    pub nodes: Vec<Node>,
    pub alive: Vec<bool>,
    pub links: BTreeSet<(usize, usize)>,
    /// How many messages of a hundred are lost.
    pub loss_percent: u64,
    /// All that was ever sent.
    pub sent: Vec<Sent>,
    pub news: Vec<(usize, News)>,
    flying: BTreeMap<(SimTime, u64), Flying>,
    count: u64,
    state: u64,
}

impl Lab {
    /// Nodes with roles; links go both ways.
    pub fn new(seed: u64, settings: NdSettings, roles: &[Role], links: &[(usize, usize)]) -> Self {
        Self::with_claims(seed, settings, roles, links, &[])
    }

    /// The same, with nodes that register the addresses of others too.
    pub fn with_claims(
        seed: u64,
        settings: NdSettings,
        roles: &[Role],
        links: &[(usize, usize)],
        claims: &[(usize, usize)],
    ) -> Self {
        let streams = Streams::new(RunSeed::new(seed, 0));
        let node = |(node, &role): (usize, &Role)| {
            let draws = streams.counter(&format!("n{node}"), Purpose::new(21));
            let identity = Identity::of_radio(link(node), settings.rovr_len, draws);
            let claims: Vec<_> = claims
                .iter()
                .filter(|(claimer, _)| *claimer == node)
                .map(|&(_, owner)| global(owner))
                .collect();
            let mut made = Node::new(settings, role, identity, Some(global(node)), &claims, draws);
            if role == Role::Border {
                made.announce(global(node), &[context()]);
            }
            made
        };
        let mut lab = Self {
            now: SimTime::ZERO,
            nodes: roles.iter().enumerate().map(node).collect(),
            alive: vec![true; roles.len()],
            links: links.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect(),
            loss_percent: 0,
            sent: Vec::new(),
            news: Vec::new(),
            flying: BTreeMap::new(),
            count: 0,
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        };
        for node in 0..roles.len() {
            lab.act(node, Node::start);
        }
        lab
    }

    /// A random number below `end`.
    pub fn draw(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % end
    }

    pub fn act<R>(&mut self, node: usize, act: impl FnOnce(&mut Node, SimTime) -> R) -> R {
        let result = act(&mut self.nodes[node], self.now);
        while let Some(outgoing) = self.nodes[node].poll_transmit() {
            self.sent.push(Sent { at: self.now, from: node, outgoing: outgoing.clone() });
            self.send(node, outgoing);
        }
        while let Some(news) = self.nodes[node].poll_news() {
            self.news.push((node, news));
        }
        result
    }

    /// Loses power, or gets it back.
    pub fn power(&mut self, node: usize, on: bool) {
        self.alive[node] = on;
        match on {
            true => self.act(node, Node::start),
            false => self.act(node, |node, _| node.stop()),
        }
    }

    pub fn run(&mut self, seconds: u64) {
        let end = self.now + SimDuration::from_secs(seconds);
        let mut steps = 0;
        loop {
            let timer = (0..self.nodes.len())
                .filter(|&node| self.alive[node])
                .filter_map(|node| Some((self.nodes[node].poll_timeout()?, node)))
                .min();
            let message = self.flying.keys().next().map(|&(at, _)| at);
            let next = [timer.map(|(at, _)| at), message].into_iter().flatten().min();
            let Some(at) = next.filter(|&at| at <= end) else { break };
            steps += 1;
            assert!(steps < 1_000_000, "the nodes never come to rest");
            self.now = self.now.max(at);
            match (message, timer) {
                (Some(due), _) if due <= at => self.arrive(),
                (_, Some((_, node))) => {
                    self.act(node, Node::handle_timeout);
                    let next = self.nodes[node].poll_timeout();
                    assert!(next.is_none_or(|next| next > self.now), "nothing due is left");
                }
                (Some(_) | None, None) => unreachable!("one of them is due"),
            }
        }
        self.now = end;
    }

    fn arrive(&mut self) {
        let Some((_, Flying { from, to, outgoing })) = self.flying.pop_first() else { return };
        let lost = self.draw(100) < self.loss_percent;
        if self.alive[from] && self.alive[to] && !lost {
            let hop_limit = if outgoing.to == To::Afar { 63 } else { 255 };
            self.hand(from, to, &outgoing, hop_limit);
        }
    }

    /// Hands a message to a node.
    pub fn hand(&mut self, from: usize, to: usize, outgoing: &Outgoing, hop_limit: u8) -> bool {
        let distance = from.abs_diff(to) as i32;
        let heard = Heard {
            source: outgoing.source,
            destination: outgoing.destination,
            hop_limit,
            quality: Quality { etx: 128, weakness: distance },
            message: &outgoing.message,
        };
        self.act(to, |node, now| node.handle_message(now, &heard))
    }

    fn send(&mut self, from: usize, outgoing: Outgoing) {
        let neighbours: Vec<usize> =
            self.links.range((from, 0)..(from + 1, 0)).map(|&(_, other)| other).collect();
        let all = 0..self.nodes.len();
        let receivers: Vec<usize> = match outgoing.to {
            To::All => neighbours,
            To::Neighbour(address) => neighbours.into_iter().filter(|&node| link(node) == address).collect(),
            // Between routers every way is known.
            To::Afar => all.filter(|&node| global(node) == outgoing.destination).collect(),
        };
        for to in receivers {
            self.count += 1;
            let at = self.now + SimDuration::from_millis(2);
            self.flying.insert((at, self.count), Flying { from, to, outgoing: outgoing.clone() });
        }
    }

    /// Whether a node may use its address.
    pub fn has_joined(&self, node: usize) -> bool {
        self.nodes[node].may_use(self.now, global(node))
    }

    /// The router that a node is registered with.
    pub fn router_of(&self, node: usize) -> Option<usize> {
        let router = self.nodes[node].default_router()?;
        (0..self.nodes.len()).find(|&other| link(other) == router)
    }

    /// The state of a node's registration of an address.
    pub fn state(&self, node: usize, address: Ipv6Addr) -> State {
        let own = self.nodes[node].host().addresses.iter().find(|own| own.address == address);
        own.expect("the node registers the address").state
    }

    /// What a node has sent of a kind, in order.
    pub fn sent_by(&self, node: usize, kind: u8) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.from == node && sent.kind() == kind).collect()
    }
}

/// The settings of a standard, otherwise the usual ones.
pub fn of(version: Version) -> NdSettings {
    NdSettings { version, ..NdSettings::default() }
}

pub const RS: u8 = 133;
pub const RA: u8 = 134;
pub const NS: u8 = 135;
pub const NA: u8 = 136;
pub const DAR: u8 = 157;
pub const DAC: u8 = 158;

pub const BOTH: [Version; 2] = [Version::Rfc6775, Version::Rfc8505];
pub const STAR: [Role; 2] = [Role::Border, Role::Host];
pub const CHAIN: [Role; 3] = [Role::Border, Role::Router, Role::Host];

pub fn seconds(sent: &Sent) -> u64 {
    (sent.at - SimTime::ZERO).as_nanos() / 1_000_000_000
}

/// A message that nobody in the laboratory would write.
pub fn crafted(
    source: std::net::Ipv6Addr,
    destination: std::net::Ipv6Addr,
    body: Body,
    options: &[NdpOption<'_>],
) -> Outgoing {
    let mut list = NdpOptionList::new();
    options.iter().for_each(|&option| list.try_push(option).expect("few options"));
    let message = Message { body, options: list.options() };
    let message = message.to_bytes(source, destination);
    Outgoing { to: To::All, source, destination, message, reason: Reason::Control, repeats: false }
}

pub fn rovr(number: u8) -> Rovr {
    Rovr::new(&[2, 0, 0, 0, 0, 0, 0, number]).expect("eight bytes")
}

pub fn registration(lifetime: u16, owner: u8, tid: Option<u8>) -> AddressRegistration {
    let transaction = tid.map(|id| Transaction { id, routed: true, opaque: 0 });
    AddressRegistration { status: Status::SUCCESS, lifetime, rovr: rovr(owner), transaction }
}

/// What node 0 answers to a registration from the radio `from`.
pub fn answer(
    lab: &mut Lab,
    from: usize,
    source: std::net::Ipv6Addr,
    target: std::net::Ipv6Addr,
    asked: AddressRegistration,
) -> Option<Sent> {
    let source_link = [0, from as u8 + 1];
    let options = [NdpOption::SourceLinkLayer(&source_link), NdpOption::AddressRegistration(asked)];
    let message = crafted(source, local(0), Body::NeighborSolicitation { target }, &options);
    let before = lab.sent.len();
    lab.hand(from, 0, &message, 255);
    lab.sent[before..].iter().find(|sent| sent.kind() == NA).cloned()
}

pub fn advertisement(options: &[NdpOption<'_>], lifetime: u16, from: usize) -> Outgoing {
    let router = RouterAdvertisement {
        hop_limit: 64,
        managed: false,
        other: false,
        router_lifetime: lifetime,
        reachable_time: 0,
        retransmission_timer: 0,
    };
    crafted(local(from), "ff02::1".parse().expect("an address"), Body::RouterAdvertisement(router), options)
}

pub fn prefix(on_link: bool) -> NdpOption<'static> {
    NdpOption::Prefix(PrefixInformation {
        prefix_len: 64,
        on_link,
        autonomous: true,
        valid_lifetime: 7200,
        preferred_lifetime: 3600,
        prefix: "fd00::".parse().expect("an address"),
    })
}
