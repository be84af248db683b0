//! Extensions that need both sides' consent, most of them as chunk types of the Supported Extensions parameter
//! (RFC 5061 §4.2.7).

use smallvec::SmallVec;
use wire::sctp::ChunkType;

use super::config::SctpConfig;

/// What one side knows beyond RFC 9260 and FORWARD TSN, or what both have agreed on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Extensions {
    /// I-DATA (RFC 8260 §2.2.1).
    pub(super) interleaving: bool,
    /// I-FORWARD-TSN (RFC 8260 §2.3.1).
    pub(super) interleaved_forwards: bool,
    /// RE-CONFIG (RFC 6525 §5.1.1).
    pub(super) reconfiguration: bool,
    /// Packets without checksum, beside the method that this side has (RFC 9653): a parameter of its own.
    pub(super) zero_checksum: bool,
}

impl Extensions {
    /// What a host with this configuration offers.
    pub(super) fn offered(config: &SctpConfig) -> Self {
        Self {
            interleaving: config.interleaving,
            interleaved_forwards: config.interleaving && config.partial_reliability,
            reconfiguration: config.reconfiguration.is_some(),
            zero_checksum: config.zero_checksum.is_some(),
        }
    }

    /// The chunk types that stand for them in the parameter.
    pub(super) fn chunk_types(self) -> SmallVec<[u8; 8]> {
        let all = [
            (self.interleaving, ChunkType::I_DATA),
            (self.interleaved_forwards, ChunkType::I_FORWARD_TSN),
            (self.reconfiguration, ChunkType::RE_CONFIG),
        ];
        all.into_iter().filter_map(|(known, kind)| known.then_some(kind.0)).collect()
    }

    /// Takes what a peer's parameter lists.
    pub(super) fn learn(&mut self, types: &[u8]) {
        let lists = |kind: ChunkType| types.contains(&kind.0);
        self.interleaving |= lists(ChunkType::I_DATA);
        self.interleaved_forwards |= lists(ChunkType::I_FORWARD_TSN);
        self.reconfiguration |= lists(ChunkType::RE_CONFIG);
    }

    /// What both sides know.
    pub(super) fn shared(self, other: Self) -> Self {
        let interleaving = self.interleaving && other.interleaving;
        Self {
            interleaving,
            interleaved_forwards: interleaving && self.interleaved_forwards && other.interleaved_forwards,
            reconfiguration: self.reconfiguration && other.reconfiguration,
            zero_checksum: self.zero_checksum && other.zero_checksum,
        }
    }

    /// Bits of a cookie, above those that it has of old.
    pub(super) fn bits(self) -> u8 {
        u8::from(self.zero_checksum) << 4
            | u8::from(self.interleaving) << 5
            | u8::from(self.interleaved_forwards) << 6
            | u8::from(self.reconfiguration) << 7
    }

    pub(super) fn from_bits(bits: u8) -> Self {
        Self {
            interleaving: bits & 1 << 5 != 0,
            interleaved_forwards: bits & 1 << 6 != 0,
            reconfiguration: bits & 1 << 7 != 0,
            zero_checksum: bits & 1 << 4 != 0,
        }
    }
}
