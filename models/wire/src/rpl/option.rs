//! The options of RPL's control messages (RFC 6550 §6.7) and the ETX metric (RFC 6551 §4.3.2).

use std::net::Ipv6Addr;

use crate::error::{ParseError, array};

const NAME: &str = "a RPL option";

/// How the graph works (RFC 6550 §6.7.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DodagConfiguration {
    /// Messages are authenticated.
    pub authentication: bool,
    /// Bits of the path control field less one, 0 to 7.
    pub path_control_size: u8,
    /// DIO intervals double so many times at most.
    pub dio_interval_doublings: u8,
    /// The shortest DIO interval is 2 to this power, in milliseconds.
    pub dio_interval_min: u8,
    /// So many consistent DIOs heard suppress the own one; 0 never does.
    pub dio_redundancy: u8,
    /// How far a rank may rise within a version; 0 is no limit.
    pub max_rank_increase: u16,
    /// The least difference of ranks from hop to hop.
    pub min_hop_rank_increase: u16,
    /// The objective function: 0 is OF0 (RFC 6552), 1 is MRHOF (RFC 6719).
    pub objective_code_point: u16,
    /// How long routes live, in lifetime units.
    pub default_lifetime: u8,
    /// Seconds of a lifetime unit.
    pub lifetime_unit: u16,
}

impl DodagConfiguration {
    /// The constants of RFC 6550 §17, with OF0; routes live as long as the graph.
    pub const DEFAULT: Self = Self {
        authentication: false,
        path_control_size: 0,
        dio_interval_doublings: 20,
        dio_interval_min: 3,
        dio_redundancy: 10,
        max_rank_increase: 0,
        min_hop_rank_increase: 256,
        objective_code_point: 0,
        default_lifetime: 0xFF,
        lifetime_unit: 0xFFFF,
    };
}

/// The expected number of transmissions to the root, in a metric container (RFC 6551 §4.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EtxMetric {
    /// In units of 1/128.
    pub etx: u16,
}

/// What is reached (RFC 6550 §6.7.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target {
    /// An address or a prefix; bits behind its length are zero.
    pub prefix: Ipv6Addr,
    /// Leading bits that count, 0 to 128.
    pub prefix_len: u8,
}

/// Through whom it is reached (RFC 6550 §6.7.8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TransitInformation {
    /// The target is outside of the graph.
    pub external: bool,
    /// Which of several parents is meant.
    pub path_control: u8,
    /// Counts the news about the target.
    pub path_sequence: u8,
    /// In lifetime units: 0 takes the route back, 255 is for ever.
    pub path_lifetime: u8,
    /// The parent: in the non-storing mode.
    pub parent: Option<Ipv6Addr>,
}

/// Which graphs a DIS asks about (RFC 6550 §6.7.9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SolicitedInformation {
    /// The version, if it matters.
    pub version: Option<u8>,
    /// The instance, if it matters.
    pub instance: Option<u8>,
    /// The graph, if it matters.
    pub dodag: Option<Ipv6Addr>,
}

/// A prefix of the network, or the sender's address (RFC 6550 §6.7.10).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PrefixInformation {
    /// Leading bits that count, 0 to 128.
    pub prefix_len: u8,
    /// Addresses with the prefix are on the link.
    pub on_link: bool,
    /// Nodes may make addresses of the prefix.
    pub autonomous: bool,
    /// The prefix field is the sender's whole address.
    pub router_address: bool,
    /// Seconds; all ones is for ever.
    pub valid_lifetime: u32,
    /// Seconds; all ones is for ever.
    pub preferred_lifetime: u32,
    /// The prefix.
    pub prefix: Ipv6Addr,
}

/// One option that is no padding, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RplOption<'a> {
    /// A metric container with ETX and nothing else.
    Etx(EtxMetric),
    /// How the graph works.
    DodagConfiguration(DodagConfiguration),
    /// What is reached.
    Target(Target),
    /// Through whom.
    Transit(TransitInformation),
    /// Which graphs are asked about.
    Solicited(SolicitedInformation),
    /// A prefix.
    Prefix(PrefixInformation),
    /// Any other type, and a known type whose length is not its own.
    Unknown {
        /// The option's type.
        kind: u8,
        /// The value behind type and length, at most 255 bytes.
        data: &'a [u8],
    },
}

/// A list of whole options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RplOptions<'a>(&'a [u8]);

impl<'a> RplOptions<'a> {
    /// Takes a list of options that fills `bytes`.
    ///
    /// # Errors
    /// An option runs out of the list.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, _, rest) = split(rest)?;
        }
        Ok(Self(bytes))
    }

    /// The options in their order, without padding.
    pub fn iter(self) -> impl Iterator<Item = RplOption<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                let (kind, data, after) = split(rest).ok().filter(|_| !rest.is_empty())?;
                rest = after;
                if kind != kind::PAD_1 && kind != kind::PAD_N {
                    return Some(RplOption::parse(kind, data));
                }
            }
        })
    }
}

/// Splits off the first option: its type, its value and what follows. An empty list is a Pad1 without end.
fn split(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), ParseError> {
    match bytes {
        [] => Ok((kind::PAD_1, &[], &[])),
        [kind::PAD_1, rest @ ..] => Ok((kind::PAD_1, &[], rest)),
        [kind, length, rest @ ..] if rest.len() >= usize::from(*length) => {
            let (data, rest) = rest.split_at(usize::from(*length));
            Ok((*kind, data, rest))
        }
        [_, length, rest @ ..] => {
            let need = 2 + usize::from(*length);
            Err(ParseError::Truncated { header: NAME, need, have: 2 + rest.len() })
        }
        [_] => Err(ParseError::Truncated { header: NAME, need: 2, have: 1 }),
    }
}

impl<'a> RplOption<'a> {
    fn parse(kind: u8, data: &'a [u8]) -> Self {
        let known = match kind {
            kind::METRIC_CONTAINER => parse_etx(data),
            kind::DODAG_CONFIGURATION => parse_configuration(data),
            kind::TARGET => parse_target(data),
            kind::TRANSIT_INFORMATION => parse_transit(data),
            kind::SOLICITED_INFORMATION => parse_solicited(data),
            kind::PREFIX_INFORMATION => parse_prefix(data),
            _ => None,
        };
        known.unwrap_or(Self::Unknown { kind, data })
    }

    /// Appends the option to `out`.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend([0, 0]);
        out[begin] = match *self {
            Self::Etx(metric) => {
                // Link ETX, additive (A = 0), no precedence, two bytes of value.
                out.extend([METRIC_ETX, 0, 0, 2]);
                out.extend(metric.etx.to_be_bytes());
                kind::METRIC_CONTAINER
            }
            Self::DodagConfiguration(configuration) => {
                push_configuration(&configuration, out);
                kind::DODAG_CONFIGURATION
            }
            Self::Target(target) => {
                out.extend([0, target.prefix_len]);
                out.extend(&target.prefix.octets()[..usize::from(target.prefix_len.min(128)).div_ceil(8)]);
                kind::TARGET
            }
            Self::Transit(transit) => {
                let external = if transit.external { EXTERNAL } else { 0 };
                out.extend([external, transit.path_control, transit.path_sequence, transit.path_lifetime]);
                out.extend(transit.parent.iter().flat_map(Ipv6Addr::octets));
                kind::TRANSIT_INFORMATION
            }
            Self::Solicited(asked) => {
                let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
                let flags = flag(asked.version.is_some(), 0x80)
                    | flag(asked.instance.is_some(), 0x40)
                    | flag(asked.dodag.is_some(), 0x20);
                out.extend([asked.instance.unwrap_or(0), flags]);
                out.extend(asked.dodag.unwrap_or(Ipv6Addr::UNSPECIFIED).octets());
                out.push(asked.version.unwrap_or(0));
                kind::SOLICITED_INFORMATION
            }
            Self::Prefix(prefix) => {
                push_prefix(&prefix, out);
                kind::PREFIX_INFORMATION
            }
            Self::Unknown { kind, data } => {
                out.extend(&data[..data.len().min(255)]);
                kind
            }
        };
        out[begin + 1] = (out.len() - begin - 2) as u8; // At most 255 in each arm.
    }
}

fn parse_etx(data: &[u8]) -> Option<RplOption<'_>> {
    let &[METRIC_ETX, _, _, 2, high, low] = data else { return None };
    Some(RplOption::Etx(EtxMetric { etx: u16::from_be_bytes([high, low]) }))
}

fn parse_configuration(data: &[u8]) -> Option<RplOption<'_>> {
    let data: &[u8; 14] = data.try_into().ok()?;
    let word = |at: usize| u16::from_be_bytes([data[at], data[at + 1]]);
    Some(RplOption::DodagConfiguration(DodagConfiguration {
        authentication: data[0] & AUTHENTICATION != 0,
        path_control_size: data[0] & 7,
        dio_interval_doublings: data[1],
        dio_interval_min: data[2],
        dio_redundancy: data[3],
        max_rank_increase: word(4),
        min_hop_rank_increase: word(6),
        objective_code_point: word(8),
        default_lifetime: data[11],
        lifetime_unit: word(12),
    }))
}

fn push_configuration(configuration: &DodagConfiguration, out: &mut Vec<u8>) {
    let authentication = if configuration.authentication { AUTHENTICATION } else { 0 };
    out.extend([
        authentication | configuration.path_control_size & 7,
        configuration.dio_interval_doublings,
        configuration.dio_interval_min,
        configuration.dio_redundancy,
    ]);
    let words = [
        configuration.max_rank_increase,
        configuration.min_hop_rank_increase,
        configuration.objective_code_point,
        u16::from(configuration.default_lifetime),
        configuration.lifetime_unit,
    ];
    out.extend(words.into_iter().flat_map(u16::to_be_bytes));
}

fn parse_target(data: &[u8]) -> Option<RplOption<'_>> {
    let [_, prefix_len, prefix @ ..] = data else { return None };
    let mut octets = [0; 16];
    let len = usize::from(*prefix_len).div_ceil(8);
    let given = prefix.get(..len).filter(|_| len <= 16 && prefix.len() <= 16)?;
    octets[..len].copy_from_slice(given);
    Some(RplOption::Target(Target { prefix: Ipv6Addr::from(octets), prefix_len: *prefix_len }))
}

fn parse_transit(data: &[u8]) -> Option<RplOption<'_>> {
    let (&[flags, path_control, path_sequence, path_lifetime], parent) = data.split_first_chunk::<4>()?;
    let parent = match parent.len() {
        0 => None,
        16 => Some(Ipv6Addr::from(array::<16>(parent, 0))),
        _ => return None,
    };
    Some(RplOption::Transit(TransitInformation {
        external: flags & EXTERNAL != 0,
        path_control,
        path_sequence,
        path_lifetime,
        parent,
    }))
}

fn parse_solicited(data: &[u8]) -> Option<RplOption<'_>> {
    let data: &[u8; 19] = data.try_into().ok()?;
    let flags = data[1];
    Some(RplOption::Solicited(SolicitedInformation {
        version: (flags & 0x80 != 0).then_some(data[18]),
        instance: (flags & 0x40 != 0).then_some(data[0]),
        dodag: (flags & 0x20 != 0).then(|| Ipv6Addr::from(array::<16>(data, 2))),
    }))
}

fn parse_prefix(data: &[u8]) -> Option<RplOption<'_>> {
    let data: &[u8; 30] = data.try_into().ok()?;
    Some(RplOption::Prefix(PrefixInformation {
        prefix_len: data[0],
        on_link: data[1] & 0x80 != 0,
        autonomous: data[1] & 0x40 != 0,
        router_address: data[1] & 0x20 != 0,
        valid_lifetime: u32::from_be_bytes(array(data, 2)),
        preferred_lifetime: u32::from_be_bytes(array(data, 6)),
        prefix: Ipv6Addr::from(array::<16>(data, 14)),
    }))
}

fn push_prefix(prefix: &PrefixInformation, out: &mut Vec<u8>) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags =
        flag(prefix.on_link, 0x80) | flag(prefix.autonomous, 0x40) | flag(prefix.router_address, 0x20);
    out.extend([prefix.prefix_len, flags]);
    out.extend(prefix.valid_lifetime.to_be_bytes());
    out.extend(prefix.preferred_lifetime.to_be_bytes());
    out.extend([0; 4]);
    out.extend(prefix.prefix.octets());
}

/// Option types (RFC 6550 §20.4).
mod kind {
    pub(super) const PAD_1: u8 = 0;
    pub(super) const PAD_N: u8 = 1;
    pub(super) const METRIC_CONTAINER: u8 = 2;
    pub(super) const DODAG_CONFIGURATION: u8 = 4;
    pub(super) const TARGET: u8 = 5;
    pub(super) const TRANSIT_INFORMATION: u8 = 6;
    pub(super) const SOLICITED_INFORMATION: u8 = 7;
    pub(super) const PREFIX_INFORMATION: u8 = 8;
}

/// The metric "link ETX" (RFC 6551 §6.1).
const METRIC_ETX: u8 = 7;
const AUTHENTICATION: u8 = 0x08;
const EXTERNAL: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_passed_over_and_what_is_cut_is_refused() {
        let bytes = [0, 1, 3, 0, 0, 0, 0x42, 1, 9, 0];
        let list = RplOptions::parse(&bytes).unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), [RplOption::Unknown { kind: 0x42, data: &[9] }]);
        assert!(RplOptions::parse(&bytes[..8]).is_err());
        assert!(RplOptions::parse(&bytes[..7]).is_err());
    }

    #[test]
    fn a_known_type_of_another_length_is_kept_as_bytes() {
        for kind in 2..=8 {
            let bytes = [kind, 1, 9];
            let list = RplOptions::parse(&bytes).unwrap();
            assert_eq!(list.iter().collect::<Vec<_>>(), [RplOption::Unknown { kind, data: &[9] }]);
        }
    }

    #[test]
    fn a_solicitation_names_what_matters() {
        let asked = SolicitedInformation { version: None, instance: Some(3), dodag: None };
        let mut out = Vec::new();
        RplOption::Solicited(asked).push(&mut out);
        assert_eq!((out.len(), out[..4].to_vec()), (21, vec![7, 19, 3, 0x40]));
        assert_eq!(RplOptions::parse(&out).unwrap().iter().next(), Some(RplOption::Solicited(asked)));
    }

    #[test]
    fn a_short_prefix_takes_few_bytes() {
        let target = Target { prefix: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0), prefix_len: 12 };
        let mut out = Vec::new();
        RplOption::Target(target).push(&mut out);
        assert_eq!(out, [5, 4, 0, 12, 0xFD, 0x00]);
        assert_eq!(RplOptions::parse(&out).unwrap().iter().next(), Some(RplOption::Target(target)));
    }
}
