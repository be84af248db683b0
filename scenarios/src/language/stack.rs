//! Which stacks of protocols make sense: a protocol stands on what offers it the service that it needs.

use std::fmt;

use super::nearest::{list, nearest};

/// What a protocol offers to the one above it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Bytes in order, without message boundaries.
    ByteStream,
    /// Messages, each of which arrives.
    ReliableMessages,
    /// Messages, each of which may be lost.
    Datagrams,
}

/// Whose defaults TCP has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TcpProfile {
    /// What the RFCs of today recommend, with the time-outs that are in use.
    Current,
    /// Linux's constants.
    Linux,
    /// RFC 5681 and RFC 6582 alone.
    Classic,
    /// A device that has one segment in flight (RFC 9006 §3.2).
    Constrained,
}

impl TcpProfile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Current, Self::Linux, Self::Classic, Self::Constrained];

    /// The name in a stack.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "tcp",
            Self::Linux => "tcp-linux",
            Self::Classic => "tcp-classic",
            Self::Constrained => "tcp-constrained",
        }
    }
}

/// Whether this program carries a protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Support {
    Carried,
    Known,
}

/// A protocol, what it needs and what it offers.
struct Protocol {
    name: &'static str,
    /// The services that it can stand on; empty if it stands on IP itself.
    needs: &'static [Service],
    /// True if it stands on IP.
    on_ip: bool,
    offers: Service,
    support: Support,
}

/// A stack that makes sense, top first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stack {
    protocols: Vec<&'static str>,
    service: Service,
}

impl Stack {
    /// Reads "tcp" or "coap/udp".
    ///
    /// # Errors
    /// The reason why such a stack does not exist, and the way to mend it.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        let mut rows = Vec::new();
        for name in text.split('/') {
            let Some(row) = PROTOCOLS.iter().find(|row| row.name == name) else {
                return Err(unknown(name));
            };
            rows.push(row);
        }
        if rows.len() > PROTOCOLS_MAX {
            return Err((format!("a stack has at most {PROTOCOLS_MAX} protocols, not {}", rows.len()), None));
        }
        for pair in rows.windows(2) {
            let fits = FITTING.iter().any(|(top, bottom)| *top == pair[0].name && *bottom == pair[1].name);
            if !fits && !pair[0].needs.contains(&pair[1].offers) {
                return Err(refusal(pair[0], pair[1]));
            }
        }
        let (Some(top), Some(bottom)) = (rows.first(), rows.last()) else {
            return Err(unknown(""));
        };
        if !bottom.on_ip {
            let message = format!("`{}` does not stand on IP itself", bottom.name);
            let below = below(bottom);
            return Err((message, Some(format!("put one of these below it: {}", list(&below)))));
        }
        if let Some(missing) = rows.iter().find(|row| row.support == Support::Known) {
            let message = format!("this program does not carry `{}`", missing.name);
            return Err((message, Some(format!("it carries {}", list(&carried())))));
        }
        Ok(Self { protocols: rows.iter().map(|row| row.name).collect(), service: top.offers })
    }

    /// The protocols, top first.
    pub fn protocols(&self) -> &[&'static str] {
        &self.protocols
    }

    /// The protocol that stands on IP; all profiles of TCP are "tcp".
    pub fn transport(&self) -> &'static str {
        if self.tcp_profile().is_some() { "tcp" } else { self.lowest() }
    }

    /// Whose defaults TCP has, if the stack stands on it.
    pub fn tcp_profile(&self) -> Option<TcpProfile> {
        TcpProfile::ALL.into_iter().find(|profile| profile.name() == self.lowest())
    }

    fn lowest(&self) -> &'static str {
        self.protocols.last().expect("a stack has at least one protocol")
    }

    /// The session protocol on top, if there is one.
    pub fn session(&self) -> Option<&'static str> {
        self.protocols.first().copied().filter(|name| ["coap", "mqtt", "mqtt-sn", "http"].contains(name))
    }

    /// Whether one message may go to a whole group.
    pub fn reaches_groups(&self) -> bool {
        self.service == Service::Datagrams || (self.session() == Some("coap") && self.transport() == "udp")
    }

    /// Whether a first packet alone makes a server remember something: a SYN, an INIT.
    pub(crate) fn opens_alone(&self) -> bool {
        self.protocols.len() == 1 && ["tcp", "sctp"].contains(&self.transport())
    }

    /// What the stack offers to the application.
    pub fn service(&self) -> Service {
        self.service
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocols.join("/"))
    }
}

/// The names of all protocols that this program carries.
pub fn carried() -> Vec<&'static str> {
    PROTOCOLS.iter().filter(|row| row.support == Support::Carried).map(|row| row.name).collect()
}

fn unknown(name: &str) -> (String, Option<String>) {
    let names = PROTOCOLS.iter().filter(|row| row.support == Support::Carried).map(|row| row.name);
    let near = nearest(name, names).map(|near| format!("did you mean `{near}`?"));
    let help =
        near.unwrap_or_else(|| format!("this program carries {}; the top stands first", list(&carried())));
    let message = match name {
        "" => "a stack without a protocol in one place".to_owned(),
        _ => format!("there is no protocol `{}`", super::quantity::shorten(name)),
    };
    (message, Some(help))
}

fn below(upper: &Protocol) -> Vec<&'static str> {
    let carried = PROTOCOLS.iter().filter(|row| row.support == Support::Carried);
    carried.filter(|row| upper.needs.contains(&row.offers)).map(|row| row.name).collect()
}

fn refusal(upper: &Protocol, lower: &Protocol) -> (String, Option<String>) {
    let message = format!("`{}` cannot stand on `{}`", upper.name, lower.name);
    if let Some((_, _, reason)) =
        REFUSED.iter().find(|(top, bottom, _)| *top == upper.name && *bottom == lower.name)
    {
        return (message, Some((*reason).to_owned()));
    }
    if upper.needs.is_empty() {
        let help = format!("`{}` stands on IP, so it is the last of a stack", upper.name);
        return (message, Some(help));
    }
    let needs: Vec<&str> = upper.needs.iter().map(|service| service.words()).collect();
    let (name, needs, offers) = (upper.name, needs.join(" or "), lower.offers.words());
    (message, Some(format!("`{name}` needs {needs}, and `{}` offers {offers}", lower.name)))
}

impl Service {
    fn words(self) -> &'static str {
        match self {
            Self::ByteStream => "a byte stream",
            Self::ReliableMessages => "reliable messages",
            Self::Datagrams => "datagrams",
        }
    }
}

const fn transport(name: &'static str, offers: Service, support: Support) -> Protocol {
    Protocol { name, needs: &[], on_ip: true, offers, support }
}

const fn above(name: &'static str, needs: &'static [Service], offers: Service) -> Protocol {
    Protocol { name, needs, on_ip: false, offers, support: Support::Known }
}

/// Every protocol that a stack may name. One that is only known gets a better answer than an unknown word.
const PROTOCOLS: &[Protocol] = &[
    transport("tcp", Service::ByteStream, Support::Carried),
    transport("tcp-linux", Service::ByteStream, Support::Carried),
    transport("tcp-classic", Service::ByteStream, Support::Carried),
    transport("tcp-constrained", Service::ByteStream, Support::Carried),
    transport("udp", Service::Datagrams, Support::Carried),
    transport("mptcp", Service::ByteStream, Support::Carried),
    transport("dccp", Service::Datagrams, Support::Known),
    Protocol {
        name: "sctp",
        needs: &[Service::Datagrams],
        on_ip: true,
        offers: Service::ReliableMessages,
        support: Support::Carried,
    },
    above("tls", &[Service::ByteStream], Service::ByteStream),
    above("dtls", &[Service::Datagrams], Service::Datagrams),
    Protocol {
        name: "coap",
        needs: &[Service::Datagrams, Service::ByteStream],
        on_ip: false,
        offers: Service::ReliableMessages,
        support: Support::Carried,
    },
    above("mqtt", &[Service::ByteStream, Service::ReliableMessages], Service::ReliableMessages),
    above("mqtt-sn", &[Service::Datagrams], Service::ReliableMessages),
    above("http", &[Service::ByteStream], Service::ReliableMessages),
];

/// Pairs that fit although their services differ: SCTP carries bytes in order on one of its streams (RFC 3436).
const FITTING: &[(&str, &str)] = &[("tls", "sctp")];

/// Pairs whose refusal deserves more than the general reason.
const REFUSED: &[(&str, &str, &str)] = &[
    ("tls", "udp", "TLS needs every byte in order (RFC 8446 §1); over datagrams use `dtls`"),
    ("dtls", "tcp", "DTLS is TLS for datagrams (RFC 9147 §1); over a byte stream use `tls`"),
    ("mqtt", "udp", "MQTT needs an ordered, lossless stream (MQTT 5.0 §4.2); over datagrams use `mqtt-sn`"),
    ("mqtt-sn", "tcp", "MQTT-SN is MQTT for datagrams; over a byte stream use `mqtt`"),
    ("http", "udp", "HTTP/1.1 needs a reliable stream (RFC 9112 §1); use `tcp` or `tls/tcp`"),
];

/// No sensible stack is taller.
const PROTOCOLS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transports_stand_on_ip() {
        for name in ["tcp", "udp", "mptcp", "sctp"] {
            let stack = Stack::parse(name).expect("it is carried");
            assert_eq!((stack.transport(), stack.to_string().as_str()), (name, name));
        }
    }

    #[test]
    fn the_profiles_of_tcp_are_tcp() {
        for profile in TcpProfile::ALL {
            let stack = Stack::parse(profile.name()).expect("it is carried");
            assert_eq!((stack.transport(), stack.tcp_profile()), ("tcp", Some(profile)));
            assert_eq!(stack.to_string(), profile.name());
        }
        assert_eq!(Stack::parse("udp").expect("it is carried").tcp_profile(), None);
    }

    #[test]
    fn coap_stands_on_datagrams_and_on_byte_streams() {
        let stack = Stack::parse("coap/udp").expect("it is carried");
        assert_eq!((stack.transport(), stack.session()), ("udp", Some("coap")));
        assert!(stack.reaches_groups());
        let stream = Stack::parse("coap/tcp").expect("it is carried");
        assert_eq!((stream.transport(), stream.session()), ("tcp", Some("coap")));
        assert!(!stream.reaches_groups());
    }

    #[test]
    fn a_refusal_gives_the_reason() {
        let (message, help) = Stack::parse("tcp/udp").expect_err("TCP stands on IP");
        assert_eq!(message, "`tcp` cannot stand on `udp`");
        assert!(help.is_some_and(|help| help.contains("stands on IP")));
        let (_, help) = Stack::parse("mqtt/udp").expect_err("MQTT needs a stream");
        assert!(help.is_some_and(|help| help.contains("mqtt-sn")));
    }

    #[test]
    fn a_protocol_that_is_known_but_not_carried_is_told_apart_from_an_unknown_one() {
        assert!(Stack::parse("mqtt/tcp").expect_err("not carried").0.contains("does not carry `mqtt`"));
        assert!(Stack::parse("tpc").expect_err("unknown").1.is_some_and(|help| help.contains("`tcp`")));
        assert!(Stack::parse("tls/sctp").expect_err("not carried").0.contains("does not carry `tls`"));
        assert!(Stack::parse("").is_err());
    }
}
