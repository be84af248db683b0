//! Chunk authentication (RFC 4895): the keys of an association, and the code that stands in front of its chunks.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use wire::sctp::{Cause, Chunk, ChunkType, Parameter, ParameterList, ParameterType, code};

use super::association::Association;
use super::chunk_set::ChunkSet;
use super::config::SctpConfig;
use super::cookie::Cookie;
use super::endpoint::SctpEndpoint;
use super::event::AssociationId;
use super::mac::{HmacAlgorithm, Mac};
use super::packet::{Builder, Piece, Walker};
use super::parameters::PeerParameters;
use crate::tally::Tally;

/// How chunks are authenticated (RFC 4895 §6.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authentication {
    /// Types of chunks that the peer has to authenticate. INIT, INIT ACK, SHUTDOWN COMPLETE and AUTH cannot be.
    pub chunks: Vec<ChunkType>,
    /// Algorithms that the peer may use, best first. SHA-1 is offered in any case, as the specification demands.
    pub algorithms: Vec<HmacAlgorithm>,
    /// The endpoint pair shared keys by their identifiers. Without any, the empty key has the identifier 0.
    pub keys: BTreeMap<u16, Vec<u8>>,
    /// Which of them is sent with.
    pub key: u16,
}

impl Authentication {
    /// All types that can be authenticated.
    pub const POSSIBLE: [ChunkType; 19] = [
        ChunkType::DATA,
        ChunkType::SACK,
        ChunkType::HEARTBEAT,
        ChunkType::HEARTBEAT_ACK,
        ChunkType::ABORT,
        ChunkType::SHUTDOWN,
        ChunkType::SHUTDOWN_ACK,
        ChunkType::ERROR,
        ChunkType::COOKIE_ECHO,
        ChunkType::COOKIE_ACK,
        ChunkType::ECNE,
        ChunkType::CWR,
        ChunkType::I_DATA,
        ChunkType::ASCONF_ACK,
        ChunkType::RE_CONFIG,
        ChunkType::PAD,
        ChunkType::FORWARD_TSN,
        ChunkType::ASCONF,
        ChunkType::I_FORWARD_TSN,
    ];
}

impl Default for Authentication {
    fn default() -> Self {
        let algorithms = vec![HmacAlgorithm::Sha256, HmacAlgorithm::Sha1];
        Self { chunks: Vec::new(), algorithms, keys: BTreeMap::new(), key: 0 }
    }
}

/// Types that are always sent and only accepted authenticated (RFC 5061 §4.1).
const ALWAYS: [ChunkType; 2] = [ChunkType::ASCONF, ChunkType::ASCONF_ACK];

/// Chunks that stand in a packet with user data, so that the code takes room there.
const BESIDE_DATA: [ChunkType; 8] = [
    ChunkType::DATA,
    ChunkType::I_DATA,
    ChunkType::SACK,
    ChunkType::FORWARD_TSN,
    ChunkType::I_FORWARD_TSN,
    ChunkType::ECNE,
    ChunkType::CWR,
    ChunkType::COOKIE_ECHO,
];

/// Bytes of an AUTH chunk in front of its code.
const HEAD_LEN: usize = 8;

/// The longest key vector of a peer that is remembered: RANDOM of 36 bytes, CHUNKS of 260 (RFC 4895 §3.2), and a list
/// of algorithms.
pub(super) const VECTOR_MAX: usize = 512;

/// A random number of the length that is prescribed (RFC 4895 §6.1).
pub(super) type Random = [u8; 32];

/// What one association knows of authentication.
#[derive(Debug)]
pub(super) struct Auth {
    /// The random number of this side.
    pub(super) random: Random,
    /// The key vector of the peer, from its RANDOM, CHUNKS and HMAC-ALGO; empty until it is known.
    pub(super) peer_vector: Vec<u8>,
    /// The association shared keys by identifier.
    keys: BTreeMap<u16, Vec<u8>>,
    key: u16,
    algorithm: HmacAlgorithm,
    accepted: Vec<HmacAlgorithm>,
    /// What this side takes only authenticated.
    demanded: ChunkSet,
    /// What the peer takes only authenticated.
    required: ChunkSet,
    /// What the endpoint counts.
    pub(super) tally: Tally,
}

/// Whether an association with such a configuration offers to authenticate.
pub(super) fn is_offered(config: &SctpConfig) -> bool {
    config.authentication.is_some() || config.address_changes
}

fn demanded(config: &SctpConfig) -> ChunkSet {
    let listed = config.authentication.iter().flat_map(|it| &it.chunks).map(|kind| kind.0);
    let changes = ALWAYS.into_iter().filter(|_| config.address_changes).map(|kind| kind.0);
    ChunkSet::of(listed.chain(changes))
}

/// The algorithms that are offered: SHA-1 at least (RFC 4895 §6.1).
fn accepted(config: &SctpConfig) -> Vec<HmacAlgorithm> {
    let mut list = config.authentication.clone().unwrap_or_default().algorithms;
    if !list.contains(&HmacAlgorithm::Sha1) {
        list.push(HmacAlgorithm::Sha1);
    }
    list
}

/// The values of CHUNKS and HMAC-ALGO.
fn values(config: &SctpConfig) -> (Vec<u8>, Vec<u8>) {
    let algorithms = accepted(config).iter().flat_map(|algorithm| algorithm.number().to_be_bytes()).collect();
    (demanded(config).types(), algorithms)
}

/// Adds RANDOM, CHUNKS and HMAC-ALGO to the parameters of an INIT or INIT ACK.
pub(super) fn push_parameters(list: &mut ParameterList, config: &SctpConfig, random: &Random) {
    let (chunks, algorithms) = values(config);
    list.push(&Parameter::Random(random));
    if !chunks.is_empty() {
        list.push(&Parameter::ChunkList(&chunks));
    }
    list.push(&Parameter::HmacAlgorithms(&algorithms));
}

/// RANDOM, CHUNKS and HMAC-ALGO behind each other, each with its header and without its padding (RFC 4895 §6.1).
fn key_vector(random: &[u8], chunks: Option<&[u8]>, algorithms: &[u8]) -> Vec<u8> {
    let mut vector = Vec::new();
    let parameters = [
        Some((ParameterType::RANDOM, random)),
        chunks.map(|chunks| (ParameterType::CHUNK_LIST, chunks)),
        Some((ParameterType::HMAC_ALGORITHMS, algorithms)),
    ];
    for (kind, value) in parameters.into_iter().flatten() {
        vector.extend(kind.0.to_be_bytes());
        vector.extend((value.len() as u16 + 4).to_be_bytes());
        vector.extend(value);
    }
    vector
}

/// The peer's key vector, if it offers to authenticate; `Err` if its random number has not the right length.
fn peer_vector(peer: &PeerParameters<'_>) -> Result<Vec<u8>, ()> {
    let Some(random) = peer.random else { return Ok(Vec::new()) };
    if random.len() != size_of::<Random>() {
        return Err(());
    }
    let Some(algorithms) = peer.algorithms else { return Ok(Vec::new()) };
    let vector = key_vector(random, peer.chunks, algorithms);
    Ok(if vector.len() <= VECTOR_MAX { vector } else { Vec::new() })
}

/// What the keys are made of on the peer's side, by its INIT or INIT ACK; empty if one of the two does not authenticate.
/// `Err` says what is wrong with it.
pub(super) fn peer_keys(config: &SctpConfig, peer: &PeerParameters<'_>) -> Result<Vec<u8>, &'static [u8]> {
    if !is_offered(config) {
        return Ok(Vec::new());
    }
    let vector = peer_vector(peer).map_err(|()| &b"random number of a wrong length"[..])?;
    // RFC 5061 §6: addresses are changed by those only who authenticate.
    if config.address_changes && peer.changes_addresses && vector.is_empty() {
        return Err(b"ASCONF without AUTH");
    }
    Ok(vector)
}

/// The value of a parameter in a key vector.
fn in_vector(vector: &[u8], wanted: ParameterType) -> &[u8] {
    let mut rest = vector;
    while let Some(([a, b, c, d], behind)) = rest.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([*c, *d])).saturating_sub(4);
        let Some((value, next)) = behind.split_at_checked(len) else { break };
        if u16::from_be_bytes([*a, *b]) == wanted.0 {
            return value;
        }
        rest = next;
    }
    &[]
}

/// The order of two byte vectors as numbers, the shorter of equal ones first (RFC 4895 §6.1).
fn order(one: &[u8], other: &[u8]) -> Ordering {
    let significant = |bytes: &[u8]| bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let (one_value, other_value) = (&one[significant(one)..], &other[significant(other)..]);
    let by_value = one_value.len().cmp(&other_value.len()).then_with(|| one_value.cmp(other_value));
    by_value.then(one.len().cmp(&other.len()))
}

/// The association shared key of an endpoint pair shared key (RFC 4895 §6.1).
fn association_key(shared: &[u8], own: &[u8], peer: &[u8]) -> Vec<u8> {
    let (first, second) = if order(own, peer) == Ordering::Greater { (peer, own) } else { (own, peer) };
    [shared, first, second].concat()
}

impl Auth {
    /// What is known before the peer has spoken.
    pub(super) fn new(config: &SctpConfig, random: Random) -> Self {
        let accepted = accepted(config);
        Self {
            random,
            peer_vector: Vec::new(),
            keys: BTreeMap::new(),
            key: config.authentication.as_ref().map_or(0, |it| it.key),
            algorithm: HmacAlgorithm::Sha1,
            accepted,
            demanded: demanded(config),
            required: ChunkSet::default(),
            tally: Tally::default(),
        }
    }

    /// Makes the keys, once the peer's key vector is known. An empty one stands for a peer that does not authenticate.
    pub(super) fn agree(&mut self, config: &SctpConfig, peer_vector: &[u8]) {
        self.peer_vector = peer_vector.to_vec();
        self.keys.clear();
        let offered = in_vector(peer_vector, ParameterType::HMAC_ALGORITHMS).as_chunks::<2>().0;
        let mut known =
            offered.iter().filter_map(|pair| HmacAlgorithm::from_number(u16::from_be_bytes(*pair)));
        // RFC 4895 §6.1: the first one listed that is known.
        let Some(algorithm) = known.next() else { return };
        self.algorithm = algorithm;
        self.required = ChunkSet::of(in_vector(peer_vector, ParameterType::CHUNK_LIST).iter().copied());
        ALWAYS.into_iter().for_each(|kind| self.required.add(kind));
        let (chunks, algorithms) = values(config);
        let own = key_vector(&self.random, (!chunks.is_empty()).then_some(&chunks), &algorithms);
        let configured = config.authentication.iter().flat_map(|it| &it.keys);
        self.keys = configured.map(|(id, key)| (*id, association_key(key, &own, peer_vector))).collect();
        if self.keys.is_empty() {
            self.key = 0; // RFC 4895 §6.2
            self.keys.insert(0, association_key(&[], &own, peer_vector));
        }
    }

    /// Whether both sides authenticate.
    pub(super) fn is_agreed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether chunks of this type are taken only authenticated.
    pub(super) fn demands(&self, kind: ChunkType) -> bool {
        self.is_agreed() && self.demanded.contains(kind)
    }

    /// Bytes that packets with user data must leave free.
    pub(super) fn room_beside_data(&self) -> u32 {
        self.code_room(&BESIDE_DATA)
    }

    /// Bytes of the code in front of chunks of these types.
    pub(super) fn code_room(&self, kinds: &[ChunkType]) -> u32 {
        let needed = self.is_agreed() && kinds.iter().any(|kind| self.required.contains(*kind));
        if needed { (HEAD_LEN + self.algorithm.code_len()) as u32 } else { 0 }
    }

    /// Sends with another of the shared keys from now on; says whether there is such a one.
    pub(super) fn choose_key(&mut self, key: u16) -> bool {
        let known = self.keys.contains_key(&key);
        if known {
            self.key = key;
        }
        known
    }

    /// Puts an AUTH chunk in front of the chunks of a packet, if the peer demands it of one of them (RFC 4895 §6.2).
    pub(super) fn authenticate(&self, builder: &mut Builder) {
        let Some(key) = self.keys.get(&self.key) else { return };
        if !builder.kinds().any(|kind| self.required.contains(kind)) {
            return;
        }
        let code_len = self.algorithm.code_len();
        let mut chunk = Vec::with_capacity(HEAD_LEN + code_len);
        let zeros = [0; HmacAlgorithm::CODE_LEN_MAX];
        let (key_id, algorithm) = (self.key, self.algorithm.number());
        Chunk::Auth { key: key_id, algorithm, hmac: &zeros[..code_len] }.emit(&mut chunk);
        // A cookie makes the association whose keys the rest is signed with: it stands in front, unless it has to be signed
        // itself (RFC 4895 §7).
        let signs_cookie = self.required.contains(ChunkType::COOKIE_ECHO);
        let skip = if signs_cookie { 0 } else { builder.cookie_len() };
        let mut mac = Mac::new(self.algorithm, key);
        mac.add(&chunk);
        builder.feed(skip, &mut mac);
        self.tally.hmac(chunk.len() + builder.len_behind(skip));
        chunk[HEAD_LEN..HEAD_LEN + code_len].copy_from_slice(&mac.finish());
        builder.insert(skip, &chunk);
    }

    /// Judges an AUTH chunk by what follows it in its packet (RFC 4895 §6.3).
    pub(super) fn check(&self, chunk: &[u8], walker: &Walker<'_>) -> Verdict {
        let Ok((Chunk::Auth { key, algorithm, hmac }, _)) = Chunk::parse(chunk) else {
            return Verdict::Wrong;
        };
        let known = HmacAlgorithm::from_number(algorithm).filter(|it| self.accepted.contains(it));
        let Some(known) = known else { return Verdict::UnknownAlgorithm(algorithm) };
        let Some(key) = self.keys.get(&key).filter(|_| hmac.len() == known.code_len()) else {
            return Verdict::Wrong;
        };
        let mut mac = Mac::new(known, key);
        mac.add(&chunk[..HEAD_LEN]);
        mac.add_zeros(hmac.len() as u32);
        mac.add(&chunk[HEAD_LEN + hmac.len()..]);
        walker.feed(&mut mac);
        self.tally.hmac(chunk.len() + walker.left());
        if mac.finish().as_slice() == hmac { Verdict::Right } else { Verdict::Wrong }
    }
}

/// What an AUTH chunk proves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// What follows comes from who has the key.
    Right,
    /// Nothing: all that follows is discarded.
    Wrong,
    /// Nothing, and the algorithm was not offered.
    UnknownAlgorithm(u16),
}

/// An AUTH chunk in front of a COOKIE ECHO, with what follows it.
pub(super) struct Signature<'p> {
    chunk: Cow<'p, [u8]>,
    signed: Walker<'p>,
}

impl<'p> Signature<'p> {
    /// Takes the AUTH chunk that comes next, if it is one.
    pub(super) fn take(walker: &mut Walker<'p>) -> Option<Self> {
        walker.peek().filter(|(kind, _)| *kind == ChunkType::AUTH)?;
        let Piece::Control(_, chunk) = walker.next()? else { return None };
        Some(Self { chunk, signed: walker.clone() })
    }
}

impl SctpEndpoint {
    /// The random number of an INIT or INIT ACK whose sender authenticates (RFC 4895 §6.1).
    pub(super) fn draw_random(&mut self, config: &SctpConfig) -> Option<Random> {
        is_offered(config).then(|| {
            let mut random = Random::default();
            self.rng.fill_bytes(&mut random);
            random
        })
    }

    /// Whether a cookie may be taken: by the keys of the association that it is for, or of the one that it would make
    /// (RFC 4895 §6.3).
    pub(super) fn is_authentic(
        &mut self,
        found: Option<u32>,
        cookie: &Cookie,
        signature: Option<&Signature<'_>>,
    ) -> bool {
        let judge = |auth: &Auth| match signature {
            Some(Signature { chunk, signed }) => auth.check(chunk, signed) == Verdict::Right,
            None => !auth.demands(ChunkType::COOKIE_ECHO),
        };
        let association = found.and_then(|index| self.at(index));
        if let Some(auth) = association.as_ref().and_then(|it| it.auth.as_ref()).filter(|it| it.is_agreed()) {
            return judge(auth);
        }
        let config = match association {
            Some(association) => Arc::clone(&association.config),
            None => match self.listeners.get(&cookie.local_port) {
                Some(listener) => Arc::clone(&listener.config),
                None => return false,
            },
        };
        let Some((random, vector)) = cookie.keys.as_ref().filter(|_| is_offered(&config)) else {
            return signature.is_none();
        };
        let mut auth = Auth::new(&config, *random);
        auth.tally = self.tally.clone();
        auth.agree(&config, vector);
        judge(&auth)
    }

    /// Authenticates with another of the shared keys from now on; says whether the association has it.
    pub fn set_active_key(&mut self, id: AssociationId, key: u16) -> bool {
        self.change(id, |association| association.auth.as_mut().is_some_and(|auth| auth.choose_key(key)))
            .unwrap_or(false)
    }
}

impl Association {
    /// Counts its cryptography with its endpoint's.
    pub(super) fn share(&mut self, tally: &Tally) {
        if let Some(auth) = &mut self.auth {
            auth.tally = tally.clone();
        }
    }

    /// Whether both sides authenticate.
    pub(super) fn authenticates(&self) -> bool {
        self.auth.as_ref().is_some_and(|auth| auth.is_agreed())
    }

    /// Takes the peer's part of the keys, and leaves room for codes.
    pub(super) fn agree_on_keys(&mut self, peer_vector: &[u8]) {
        let Some(auth) = &mut self.auth else { return };
        let before = auth.room_beside_data();
        auth.agree(&self.config, peer_vector);
        let room = auth.room_beside_data();
        if room != before {
            self.set_packet_room(self.pmdcs + before - room);
        }
    }

    /// Whether a chunk of this type is discarded because nobody has signed it (RFC 4895 §6.3).
    #[inline]
    pub(super) fn distrusts(&self, kind: ChunkType, authenticated: bool) -> bool {
        !authenticated && self.auth.as_ref().is_some_and(|auth| auth.demands(kind))
    }

    /// Takes an AUTH chunk; what follows it counts as authenticated, or is discarded.
    pub(super) fn on_auth(&mut self, at: usize, chunk: &[u8], walker: &mut Walker<'_>) {
        let Some(auth) = &self.auth else { return };
        // RFC 4895 §5.1: there is one in a packet.
        let verdict = if walker.authenticated { Verdict::Wrong } else { auth.check(chunk, walker) };
        match verdict {
            Verdict::Right => walker.authenticated = true,
            Verdict::Wrong | Verdict::UnknownAlgorithm(_) => {
                walker.drop_rest();
                self.stats.unauthentic += 1;
            }
        }
        if let Verdict::UnknownAlgorithm(number) = verdict {
            let information = &number.to_be_bytes();
            self.queue_error(at, &Cause::Other { code: code::UNSUPPORTED_HMAC, information });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 4895 6.1-g
    #[test]
    fn key_vectors_are_ordered_as_numbers() {
        assert_eq!(order(&[1, 2], &[1, 3]), Ordering::Less);
        assert_eq!(order(&[2], &[1, 3]), Ordering::Less, "2 < 259");
        assert_eq!(order(&[0, 0, 2], &[1]), Ordering::Greater);
        assert_eq!(order(&[0, 5], &[5]), Ordering::Greater, "equal numbers: the shorter first");
        assert_eq!(order(&[5], &[5]), Ordering::Equal);
        assert_eq!(association_key(b"k", &[2], &[1, 3]), b"k\x02\x01\x03");
        assert_eq!(association_key(b"", &[1, 3], &[2]), b"\x02\x01\x03");
    }

    // Holds: RFC 4895 6.1-f
    #[test]
    fn a_key_vector_has_headers_and_no_padding() {
        let vector = key_vector(&[9; 32], Some(&[0, 193, 128]), &[0, 1]);
        let mut expected = vec![0x80, 2, 0, 36];
        expected.extend([9; 32]);
        expected.extend([0x80, 3, 0, 7, 0, 193, 128]);
        expected.extend([0x80, 4, 0, 6, 0, 1]);
        assert_eq!(vector, expected);
        assert_eq!(in_vector(&vector, ParameterType::CHUNK_LIST), [0, 193, 128]);
        assert_eq!(in_vector(&vector, ParameterType::HMAC_ALGORITHMS), [0, 1]);
        assert_eq!(
            key_vector(&[9; 32], None, &[0, 1])[36..40],
            [0x80, 4, 0, 6],
            "what was not sent is left out"
        );
    }
}
