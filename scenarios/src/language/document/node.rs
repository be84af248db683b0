//! Nodes, their interfaces and services, and the segments that interfaces share.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::service::{CoapProxy, CoapServer};
use super::{
    BatterySettings, Entries, HarvesterSettings, Loss, MovementSettings, Place, RadioRest, RadioSettings,
    TextList,
};
use crate::language::quantity::{Drift, Duration, PowerLevel, Rate, SignedDuration, Size, Temperature};

/// A node, or a group of like nodes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NodeSettings {
    /// Makes a group of this many nodes, called `name[0]`, `name[1]` and so on; 1 to 1 000 000. Without it, one node.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: Option<u64>,
    /// Interfaces by name. A link that names none makes one: `eth0`, `eth1` and so on.
    pub interfaces: Entries<InterfaceSettings>,
    /// Where the node is, or the nodes of the group, for radios; default: at the origin.
    pub place: Option<Place>,
    /// How the node moves, or each node of the group, for radios; default: not at all.
    pub movement: Option<MovementSettings>,
    /// Whether the node passes on packets for others: "auto" (default: if it has two interfaces or more), true, false.
    pub forwarding: Forwarding,
    /// How wrong the node's clock is.
    pub clock: Clock,
    /// Multicast groups that the node belongs to: ["239.1.1.1"].
    pub multicast: Vec<IpAddr>,
    /// The hop limit (time to live) of what the node sends; default 64 (RFC 1700), 1 to 255.
    #[schemars(range(min = 1, max = 255))]
    pub hop_limit: Option<u8>,
    /// False if the node tells no sender what becomes of its packets: no ICMP errors, as behind a filter that drops them;
    /// default true.
    pub icmp_errors: Option<bool>,
    /// What the node offers to others.
    pub services: Services,
    /// The board that the node is made of, by the name of its profile: "nrf52840-dk". Without it nothing is said of its
    /// energy, and it works in no time.
    pub hardware: Option<String>,
    /// The battery that it lives on, by the name of its profile: "cr2032". Without it the node hangs on the mains.
    pub battery: Option<BatterySettings>,
    /// Sensors by the names of their profiles: ["sht31"]. All measure before each message that the node generates, which
    /// is sent when they are done.
    pub sensors: Vec<String>,
    /// How warm its battery is: "-20 °C". Default: what the battery's profile holds at, mostly room temperature.
    pub temperature: Option<Temperature>,
    /// What charges its battery: "50 uW", or an object such as {"day": {"curve": "outdoor", "peak": "20 mW"}}.
    pub harvester: Option<HarvesterSettings>,
    /// What its radios do between frames: "sleep", "idle" or "listen"; default: what their profile says.
    pub radio_rest: Option<RadioRest>,
}

/// One interface of a node.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct InterfaceSettings {
    /// The medium that the interface is attached to; without it, a link names the interface as "node/interface".
    pub medium: Option<String>,
    /// Addresses with the length of their prefix: "10.1.0.2/24", or a list. Without it, one is chosen.
    pub address: TextList,
    /// The largest IP packet: "1500 B"; default: that of the link or the medium; at least "68 B" (RFC 791).
    pub mtu: Option<Size>,
    /// False if the interface is down until a fault brings it up; default true.
    pub up: Option<bool>,
    /// What a radio sends with, if not what its medium says: "-10 dBm".
    pub power: Option<PowerLevel>,
    /// The channel that a radio is tuned to, if not that of its medium.
    #[schemars(range(min = 0, max = 26))]
    pub channel: Option<u8>,
    /// The radio behind the interface, by the name of its profile: "sx1262"; default: that of the node's board.
    pub radio: Option<String>,
    /// The TUN device that joins the interface to this computer's kernel under `netjoule live`: "nj0". Its node stands
    /// for the kernel then, and the interface's addresses are those that the kernel gets.
    pub tun: Option<String>,
    /// Sockets of this computer that take the place of a TUN device under `netjoule live`, for those who may not make
    /// one: [{ "udp": "127.0.0.1:5683", "to": "10.77.0.2:5683" }].
    pub sockets: Vec<SocketSettings>,
}

/// A socket of this computer, which carries one port of the simulation to or from the outside.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SocketSettings {
    /// A UDP socket: `"127.0.0.1:5683"` or `"[::1]:5683"`.
    pub udp: Option<String>,
    /// A TCP socket: "127.0.0.1:8080".
    pub tcp: Option<String>,
    /// Who sends to or connects to the socket, which is opened here, gets to this address and port in the simulation:
    /// "10.77.0.2:5683".
    pub to: Option<String>,
    /// What the simulation sends to this port of the interface's address goes to the socket, which a program has: 5683.
    #[schemars(range(min = 1))]
    pub from: Option<u16>,
}

/// How wrong a node's clock is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Clock {
    /// How far the clock is ahead at the start: "-5 ms"; default 0.
    pub offset: SignedDuration,
    /// How much too fast the clock runs: "20 ppm"; default 0, at most 10 % either way.
    pub drift: Drift,
}

/// What a node offers to others.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Services {
    /// Sends back what it gets (RFC 862); port 7.
    pub echo: Option<Service>,
    /// Throws away what it gets (RFC 863); port 9.
    pub discard: Option<Service>,
    /// Sends lines of characters without end, or one datagram for each that it gets (RFC 864); port 19.
    pub source: Option<Service>,
    /// Takes what it gets, and counts it; port 5001.
    pub sink: Option<Service>,
    /// A CoAP server with resources; port 5683.
    pub coap_server: Option<CoapServer>,
    /// A CoAP proxy with a cache (RFC 7252 §5.7), over UDP; port 5683.
    pub coap_proxy: Option<CoapProxy>,
}

/// The settings of one service.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Service {
    /// The port it listens on, 1 to 65535; default: the service's own.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// True to speak Multipath TCP in place of TCP.
    pub multipath: bool,
    /// True to take data that come with the SYN of a client that has a cookie (TCP Fast Open, RFC 7413).
    pub fast_open: bool,
    /// True to agree to what peers offer over SCTP: authentication (RFC 4895), addresses that come and go (RFC 5061), requests
    /// about streams (RFC 6525) and interleaving (RFC 8260).
    pub sctp_extensions: bool,
}

impl Services {
    /// The settings of the service of that name, where it has some.
    pub fn settings_of(&self, name: &str) -> Service {
        let service = match name {
            "echo" => self.echo,
            "discard" => self.discard,
            "source" => self.source,
            "sink" => self.sink,
            _ => None,
        };
        service.unwrap_or_default()
    }

    /// The port of the CoAP server.
    pub fn coap_port(&self) -> u16 {
        self.coap_server.as_ref().and_then(|server| server.port).unwrap_or(wire::coap::PORT)
    }

    /// The services that are offered, by name, with the port of each.
    pub fn offered(&self) -> impl Iterator<Item = (&'static str, u16)> {
        let on_port = |port| Service { port, ..Service::default() };
        let all = [
            ("echo", self.echo, 7),
            ("discard", self.discard, 9),
            ("source", self.source, 19),
            ("sink", self.sink, 5001),
            ("coap-server", self.coap_server.as_ref().map(|it| on_port(it.port)), wire::coap::PORT),
            ("coap-proxy", self.coap_proxy.as_ref().map(|it| on_port(it.port)), wire::coap::PORT),
        ];
        all.into_iter().filter_map(|(name, service, port)| Some((name, service?.port.unwrap_or(port))))
    }
}

/// Whether a node passes on packets for others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Forwarding {
    /// If it has two interfaces or more.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// A segment that several interfaces share.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A switched Ethernet segment (IEEE 802.3): every frame reaches every interface it is meant for.
    Ethernet(EthernetSegment),
    /// Radios of IEEE 802.15.4.
    #[serde(rename = "802.15.4")]
    Ieee802154(Box<RadioSettings>),
}

/// A switched Ethernet segment.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EthernetSegment {
    /// The rate of each interface: "100 Mbit/s" (default).
    pub rate: Option<Rate>,
    /// The time from one interface to another: "5 us"; default 0.
    pub delay: Duration,
    /// The largest IP packet: "1500 B" (default), "68 B" to "65535 B".
    pub mtu: Option<Size>,
    /// Which frames are lost; default none.
    pub loss: Option<Loss>,
    /// What waits when the segment is busy: "1000 packets" (default) in each interface.
    pub queue: Option<super::Queue>,
    /// How addresses are resolved (ARP, RFC 826; neighbour discovery, RFC 4861).
    pub arp: ArpSettings,
}

/// How addresses are resolved on a segment.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ArpSettings {
    /// True if all know all from the start, and no frame is spent on it; default false.
    pub known: bool,
    /// How long an answer is remembered: "20 min" (default), more than 0.
    pub timeout: Option<Duration>,
    /// How long until a question is repeated: "1 s" (default, RFC 1122 §2.3.2.1), more than 0.
    pub retry: Option<Duration>,
}

mod forwarding {
    use std::borrow::Cow;
    use std::fmt;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde::de::{Deserialize, Deserializer, Error, Visitor};

    use super::Forwarding;

    struct ForwardingVisitor;

    impl Visitor<'_> for ForwardingVisitor {
        type Value = Forwarding;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"auto\", `true` or `false`")
        }

        fn visit_bool<E: Error>(self, on: bool) -> Result<Forwarding, E> {
            Ok(if on { Forwarding::On } else { Forwarding::Off })
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Forwarding, E> {
            match text {
                "auto" => Ok(Forwarding::Auto),
                _ => Err(E::unknown_variant(text, &["auto", "true", "false"])),
            }
        }
    }

    impl<'de> Deserialize<'de> for Forwarding {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(ForwardingVisitor)
        }
    }

    impl JsonSchema for Forwarding {
        fn schema_name() -> Cow<'static, str> {
            "Forwarding".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "enum": ["auto", true, false] })
        }
    }
}
