//! The base objects of RPL's control messages (RFC 6550 §6.2 to §6.5). Secured variants are not read.

use std::net::Ipv6Addr;

use super::ICMPV6_TYPE;
use super::option::{RplOption, RplOptions};
use crate::error::{ParseError, array};
use crate::icmpv6;

const NAME: &str = "a RPL message";

/// How routes downwards are kept (RFC 6550 §6.3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ModeOfOperation {
    /// There are none.
    NoDownwardRoutes,
    /// The root keeps them all and routes from the source.
    NonStoring,
    /// Each router keeps those below it, groups not among them.
    Storing,
    /// The same, groups included.
    StoringWithMulticast,
}

/// DODAG Information Solicitation: who is there? (RFC 6550 §6.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dis;

/// DODAG Information Object: this is the graph, and my place in it (RFC 6550 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dio {
    /// The RPL instance.
    pub instance: u8,
    /// The graph's version, which its root raises for a global repair.
    pub version: u8,
    /// How far from the root the sender is.
    pub rank: u16,
    /// The graph satisfies the application's goal.
    pub grounded: bool,
    /// How routes downwards are kept.
    pub mode: ModeOfOperation,
    /// How much the root wants to be one, 0 to 7.
    pub preference: u8,
    /// Raised by the sender to have its children announce themselves again.
    pub dtsn: u8,
    /// The root's name for the graph: an address of its own.
    pub dodag: Ipv6Addr,
}

/// Destination Advertisement Object: these are reached through me (RFC 6550 §6.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dao {
    /// The RPL instance.
    pub instance: u8,
    /// The receiver answers.
    pub ack_request: bool,
    /// Counts the sender's announcements.
    pub sequence: u8,
    /// The graph, where the instance is a local one.
    pub dodag: Option<Ipv6Addr>,
}

/// The answer to a DAO (RFC 6550 §6.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DaoAck {
    /// The RPL instance.
    pub instance: u8,
    /// The number of the DAO.
    pub sequence: u8,
    /// 0 accepts, 1 to 127 accepts with reluctance, more refuses.
    pub status: u8,
    /// The graph, where the instance is a local one.
    pub dodag: Option<Ipv6Addr>,
}

/// A control message without its options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message {
    /// Who is there?
    Dis(Dis),
    /// This is the graph.
    Dio(Dio),
    /// These are reached through me.
    Dao(Dao),
    /// Understood.
    DaoAck(DaoAck),
}

/// Reads a message, ICMPv6 header included; the checksum is left to [`icmpv6::verify_message`].
///
/// # Errors
/// The message ends early, its code or mode is not known, or its options are cut.
pub fn parse(message: &[u8]) -> Result<(Message, RplOptions<'_>), ParseError> {
    let short = |need| ParseError::Truncated { header: NAME, need, have: message.len() };
    let field = |field, value: u8| ParseError::Field { header: NAME, field, value: u32::from(value) };
    let &[kind, code, _, _] = message.first_chunk::<4>().ok_or(short(4))?;
    if kind != ICMPV6_TYPE {
        return Err(field("type", kind));
    }
    let body = &message[4..];
    let base_len = match code {
        code::DIS => 2,
        code::DIO => 24,
        code::DAO | code::DAO_ACK => {
            let flags = *body.get(1).ok_or(short(8))?;
            let has_dodag = flags & if code == code::DAO { DAO_HAS_DODAG } else { DAO_ACK_HAS_DODAG } != 0;
            if has_dodag { 20 } else { 4 }
        }
        other => return Err(field("code", other)),
    };
    let (base, options) = body.split_at_checked(base_len).ok_or(short(4 + base_len))?;
    let dodag = || (base_len == 20).then(|| Ipv6Addr::from(array::<16>(base, 4)));
    let message = match code {
        code::DIS => Message::Dis(Dis),
        code::DIO => Message::Dio(parse_dio(base)?),
        code::DAO => Message::Dao(Dao {
            instance: base[0],
            ack_request: base[1] & DAO_ACK_REQUEST != 0,
            sequence: base[3],
            dodag: dodag(),
        }),
        _ => {
            Message::DaoAck(DaoAck { instance: base[0], sequence: base[2], status: base[3], dodag: dodag() })
        }
    };
    Ok((message, RplOptions::parse(options)?))
}

fn parse_dio(base: &[u8]) -> Result<Dio, ParseError> {
    let mode = match base[4] >> 3 & 7 {
        0 => ModeOfOperation::NoDownwardRoutes,
        1 => ModeOfOperation::NonStoring,
        2 => ModeOfOperation::Storing,
        3 => ModeOfOperation::StoringWithMulticast,
        other => {
            let value = u32::from(other);
            return Err(ParseError::Field { header: NAME, field: "mode of operation", value });
        }
    };
    Ok(Dio {
        instance: base[0],
        version: base[1],
        rank: u16::from_be_bytes(array(base, 2)),
        grounded: base[4] & GROUNDED != 0,
        mode,
        preference: base[4] & 7,
        dtsn: base[5],
        dodag: Ipv6Addr::from(array::<16>(base, 8)),
    })
}

/// The bytes of a message from `source` to `destination`, ICMPv6 header and checksum included.
#[must_use]
pub fn to_bytes(
    message: &Message,
    options: &[RplOption<'_>],
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Vec<u8> {
    let mut out = vec![ICMPV6_TYPE, 0, 0, 0];
    out[1] = match message {
        Message::Dis(Dis) => {
            out.extend([0, 0]);
            code::DIS
        }
        Message::Dio(dio) => {
            let [high, low] = dio.rank.to_be_bytes();
            let mode = match dio.mode {
                ModeOfOperation::NoDownwardRoutes => 0,
                ModeOfOperation::NonStoring => 1,
                ModeOfOperation::Storing => 2,
                ModeOfOperation::StoringWithMulticast => 3,
            };
            let grounded = if dio.grounded { GROUNDED } else { 0 };
            let flags = grounded | mode << 3 | dio.preference & 7;
            out.extend([dio.instance, dio.version, high, low, flags, dio.dtsn, 0, 0]);
            out.extend(dio.dodag.octets());
            code::DIO
        }
        Message::Dao(dao) => {
            let request = if dao.ack_request { DAO_ACK_REQUEST } else { 0 };
            let has_dodag = if dao.dodag.is_some() { DAO_HAS_DODAG } else { 0 };
            out.extend([dao.instance, request | has_dodag, 0, dao.sequence]);
            out.extend(dao.dodag.iter().flat_map(Ipv6Addr::octets));
            code::DAO
        }
        Message::DaoAck(ack) => {
            let has_dodag = if ack.dodag.is_some() { DAO_ACK_HAS_DODAG } else { 0 };
            out.extend([ack.instance, has_dodag, ack.sequence, ack.status]);
            out.extend(ack.dodag.iter().flat_map(Ipv6Addr::octets));
            code::DAO_ACK
        }
    };
    options.iter().for_each(|option| option.push(&mut out));
    icmpv6::seal(&mut out, source, destination);
    out
}

/// Codes (RFC 6550 §6).
mod code {
    pub(super) const DIS: u8 = 0;
    pub(super) const DIO: u8 = 1;
    pub(super) const DAO: u8 = 2;
    pub(super) const DAO_ACK: u8 = 3;
}

const GROUNDED: u8 = 0x80;
const DAO_ACK_REQUEST: u8 = 0x80;
const DAO_HAS_DODAG: u8 = 0x40;
const DAO_ACK_HAS_DODAG: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::super::option::{
        DodagConfiguration, EtxMetric, PrefixInformation, Target, TransitInformation,
    };
    use super::*;
    use crate::checksum::pseudo_header;
    use crate::ip::IpProtocol;

    const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
    const ALL_RPL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1a);
    const DODAG: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0xff, 0xfe00, 1);

    fn bytes(message: &Message, options: &[RplOption<'_>]) -> Vec<u8> {
        let bytes = to_bytes(message, options, SOURCE, ALL_RPL_NODES);
        let pseudo =
            pseudo_header(SOURCE.into(), ALL_RPL_NODES.into(), IpProtocol::ICMPV6, bytes.len() as u32);
        assert!(icmpv6::verify(&bytes, pseudo));
        let (again, list) = parse(&bytes).unwrap();
        assert_eq!(again, *message);
        assert_eq!(list.iter().collect::<Vec<_>>(), options);
        bytes
    }

    fn dio() -> Dio {
        Dio {
            instance: 0x1E,
            version: 240,
            rank: 256,
            grounded: true,
            mode: ModeOfOperation::NonStoring,
            preference: 0,
            dtsn: 240,
            dodag: DODAG,
        }
    }

    #[test]
    fn a_dio_has_the_bytes_of_figure_14() {
        let out = bytes(&Message::Dio(dio()), &[]);
        // Type 155, code 1; instance, version, rank; G = 1, mode 1: 1 0 001 000.
        assert_eq!((out.len(), out[0], out[1]), (28, 155, 1));
        assert_eq!(out[4..12], [0x1E, 240, 1, 0, 0x88, 240, 0, 0]);
        assert_eq!(out[12..28], DODAG.octets());
    }

    #[test]
    fn every_message_survives_emit_and_parse() {
        let options = [
            RplOption::DodagConfiguration(DodagConfiguration::DEFAULT),
            RplOption::Etx(EtxMetric { etx: 384 }),
            RplOption::Prefix(PrefixInformation {
                prefix_len: 64,
                on_link: false,
                autonomous: true,
                router_address: true,
                valid_lifetime: u32::MAX,
                preferred_lifetime: 7,
                prefix: DODAG,
            }),
            RplOption::Unknown { kind: 0x42, data: &[1, 2, 3] },
        ];
        assert_eq!(bytes(&Message::Dio(dio()), &options).len(), 28 + 16 + 8 + 32 + 5);
        assert_eq!(bytes(&Message::Dis(Dis), &[]).len(), 6);
        let target = RplOption::Target(Target { prefix: DODAG, prefix_len: 128 });
        let transit = RplOption::Transit(TransitInformation {
            external: false,
            path_control: 0,
            path_sequence: 3,
            path_lifetime: 30,
            parent: Some(DODAG),
        });
        for dodag in [None, Some(DODAG)] {
            let dao = Dao { instance: 0, ack_request: true, sequence: 9, dodag };
            let len = bytes(&Message::Dao(dao), &[target, transit]).len();
            assert_eq!(len, 8 + 20 + 22 + if dodag.is_some() { 16 } else { 0 });
            let ack = DaoAck { instance: 0, sequence: 9, status: 0, dodag };
            bytes(&Message::DaoAck(ack), &[]);
        }
    }

    #[test]
    fn cut_and_foreign_messages_are_refused() {
        let out = bytes(&Message::Dio(dio()), &[]);
        for len in 0..out.len() {
            assert!(matches!(parse(&out[..len]), Err(ParseError::Truncated { .. })), "{len}");
        }
        for (at, value) in [(0, 128), (1, 0x81), (8, 0x20)] {
            let mut bad = out.clone();
            bad[at] = value;
            assert!(matches!(parse(&bad), Err(ParseError::Field { .. })), "byte {at}");
        }
    }
}
