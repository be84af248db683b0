//! What the parameters of an INIT or INIT ACK say.

use std::net::IpAddr;

use smallvec::SmallVec;
use wire::sctp::{ChunkType, Parameter, ParameterType, Parameters};

use super::config::ErrorDetection;
use super::cookie::{ADDRESSES_MAX, Addresses};
use super::extensions::Extensions;

/// The parameters that matter.
#[derive(Debug, Default)]
pub(super) struct PeerParameters<'a> {
    pub(super) addresses: Addresses,
    pub(super) cookie: Option<&'a [u8]>,
    pub(super) forwards_tsns: bool,
    pub(super) knows_ecn: bool,
    /// Whether it takes ASCONF chunks (RFC 5061 §4.2.7).
    pub(super) changes_addresses: bool,
    /// RANDOM, CHUNKS and HMAC-ALGO (RFC 4895 §3).
    pub(super) random: Option<&'a [u8]>,
    pub(super) chunks: Option<&'a [u8]>,
    pub(super) algorithms: Option<&'a [u8]>,
    pub(super) extensions: Extensions,
    /// Type and value of what is to be reported (RFC 9260 §3.2.1).
    pub(super) unrecognized: SmallVec<[(ParameterType, &'a [u8]); 2]>,
}

/// Why there will be no association.
#[derive(Debug)]
pub(super) enum Refusal<'a> {
    /// A host name instead of an address (RFC 9260 §5.1.2 rule B).
    HostName(&'a [u8]),
}

/// The most unknown parameters that are reported.
const REPORTS_MAX: usize = 8;

impl<'a> PeerParameters<'a> {
    pub(super) fn read(parameters: Parameters<'a>) -> Result<Self, Refusal<'a>> {
        let mut it = Self::default();
        for ((kind, whole), parameter) in parameters.raw().zip(parameters.iter()) {
            match parameter {
                Ok(Parameter::Address(address)) => {
                    if is_host(address)
                        && it.addresses.len() < ADDRESSES_MAX
                        && !it.addresses.contains(&address)
                    {
                        it.addresses.push(address);
                    }
                }
                Ok(Parameter::StateCookie(cookie)) => it.cookie = Some(cookie),
                Ok(Parameter::ForwardTsn) => it.forwards_tsns = true,
                Ok(Parameter::EcnCapable) => it.knows_ecn = true,
                Ok(Parameter::SupportedExtensions(list)) => {
                    it.forwards_tsns |= list.contains(&ChunkType::FORWARD_TSN.0);
                    it.changes_addresses |= list.contains(&ChunkType::ASCONF.0);
                    it.extensions.learn(list);
                }
                Ok(Parameter::ZeroChecksum(method)) => {
                    it.extensions.zero_checksum |= method == ErrorDetection::Dtls.identifier();
                }
                Ok(Parameter::Random(value)) => it.random = Some(value),
                Ok(Parameter::ChunkList(value)) => it.chunks = Some(value),
                Ok(Parameter::HmacAlgorithms(value)) => it.algorithms = Some(value),
                Ok(Parameter::HostName(_)) => return Err(Refusal::HostName(whole)),
                Ok(Parameter::Unknown { kind, value }) => {
                    let action = kind.unknown_action();
                    if action.report && it.unrecognized.len() < REPORTS_MAX {
                        it.unrecognized.push((kind, value));
                    }
                    if !action.skip {
                        break;
                    }
                }
                // Known, but of no consequence here, or with a value that makes no sense: as if it were unknown.
                Ok(_) | Err(_) => {
                    if !kind.unknown_action().skip && parameter.is_err() {
                        break;
                    }
                }
            }
        }
        Ok(it)
    }
}

/// Whether packets can be sent there.
pub(super) fn is_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}
