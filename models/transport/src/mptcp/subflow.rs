//! What a connection keeps with each subflow's TCP: the options that go out, and those that came in.

use std::collections::VecDeque;

use smallvec::SmallVec;
use wire::mptcp::{
    Capable, CapableFlags, DataSequence, Dss, Join, Mapping, MptcpOption, Stage as CapableStage,
    length_with_padding,
};
use wire::tcp_options::{OptionsView, TcpOptions};

use super::fallback::INFINITE_TRIES;
use crate::tcp::ListenerId;
use crate::tcp::hook::{ReceivedKind, ReceivedSegment, SegmentHook, SegmentKind, Share};

/// Where a subflow stands, and so what its segments carry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Plain TCP: never was multipath, or has fallen back.
    #[default]
    Off,
    /// The first SYN asks for Multipath TCP.
    CapableSyn,
    /// The answer has our key.
    CapableSynAck { key: u64 },
    /// Both keys are told until the peer shows that it has them.
    CapableAck { own: u64, peer: u64 },
    /// A SYN that joins the connection of this token.
    JoinSyn { address_id: u8, token: u32, nonce: u32 },
    /// The answer to one.
    JoinSynAck { address_id: u8, hmac: u64, nonce: u32 },
    /// The proof, until it is acknowledged.
    JoinAck { hmac: [u8; 20] },
    /// Data.
    Open,
}

/// Where a subflow that the peer has opened comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Birth {
    /// A SYN that asks for Multipath TCP, answered with this key; its flags.
    Capable { listener: ListenerId, key: u64, checksum: bool, no_join: bool },
    /// A SYN that does not, or not so that we understand it.
    Plain { listener: ListenerId },
    /// A SYN that joins the connection at this place of the table.
    Join { connection: u32, address_id: u8, backup: bool, own_nonce: u32, peer_nonce: u32 },
}

/// A range of the subflow's stream, and where it lies in the data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OutMap {
    /// Bytes of the subflow's stream before it.
    pub(crate) offset: u64,
    pub(crate) data_sequence: u64,
    pub(crate) len: u16,
    pub(crate) checksum: Option<u16>,
    /// The data was sent on some subflow before.
    pub(crate) again: bool,
}

/// A segment that came, for the connection to look at.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) kind: ReceivedKind,
    pub(crate) offset: u64,
    pub(crate) acknowledged: u64,
    pub(crate) window: u64,
    pub(crate) options: SmallVec<[MptcpOption; 1]>,
}

/// The hook of one subflow.
#[derive(Debug, Default)]
pub(crate) struct Subflow {
    pub(crate) stage: Stage,
    pub(crate) birth: Option<Birth>,
    /// Flags of our MP_CAPABLE.
    pub(crate) checksum: bool,
    /// B flag of our MP_JOIN.
    pub(crate) backup: bool,
    /// Send data sequence numbers of 64 bits.
    pub(crate) long: bool,
    /// The peer sends such, and so gets them back (RFC 8684 §3.3.2).
    pub(crate) long_ack: bool,
    /// The data sequence number that is expected next.
    pub(crate) data_ack: Option<u64>,
    /// The number of our DATA_FIN, until it is acknowledged, with the checksum of its mapping.
    pub(crate) data_fin: Option<(u64, Option<u16>)>,
    /// A mapping of everything that follows, and how often it is still to be sent (RFC 8684 §3.7): segments without data may
    /// be lost, and a peer that waits for it says so by MP_FAIL.
    pub(crate) infinite: Option<(u64, u64, u8)>,
    /// Signals to be sent once each, where there is room.
    pub(crate) once: VecDeque<MptcpOption>,
    /// What goes on a reset.
    pub(crate) farewell: SmallVec<[MptcpOption; 2]>,
    /// The last segment without data told both keys.
    pub(crate) keys_told: bool,
    /// The connection's place in the table, and the subflow's number in it.
    pub(crate) owner: Option<(u32, u8)>,
    /// Mappings of what was written and not yet acknowledged, in the order of the subflow's stream.
    pub(crate) maps: VecDeque<OutMap>,
    pub(crate) inbox: Vec<Received>,
}

impl Subflow {
    fn flags(&self) -> CapableFlags {
        CapableFlags { checksum: self.checksum, hmac_sha256: true, ..CapableFlags::default() }
    }

    fn acknowledgment(&self) -> Option<DataSequence> {
        let number = self.data_ack?;
        let long = self.long || self.long_ack;
        Some(if long { DataSequence::Long(number) } else { DataSequence::Short(number as u32) })
    }

    fn number(&self, data_sequence: u64) -> DataSequence {
        if self.long { DataSequence::Long(data_sequence) } else { DataSequence::Short(data_sequence as u32) }
    }

    /// Bytes of a data sequence signal with these parts.
    fn signal_len(&self, with_mapping: bool) -> usize {
        let ack = match self.acknowledgment() {
            Some(DataSequence::Long(_)) => 8,
            Some(DataSequence::Short(_)) => 4,
            None => 0,
        };
        let mapping = if with_mapping {
            6 + if self.long { 8 } else { 4 } + if self.checksum { 2 } else { 0 }
        } else {
            0
        };
        if ack + mapping == 0 { 0 } else { length_with_padding(4 + ack + mapping) }
    }

    /// The mapping that covers the byte at `offset`.
    fn map_at(&self, offset: u64) -> Option<&OutMap> {
        // What is sent for the first time was mapped last.
        let len = self.maps.len();
        for map in (len.saturating_sub(NEAR)..len).rev().filter_map(|index| self.maps.get(index)) {
            if map.offset <= offset {
                return Some(map).filter(|map| offset < map.offset + u64::from(map.len));
            }
        }
        let index = self.maps.partition_point(|map| map.offset + u64::from(map.len) <= offset);
        self.maps.get(index).filter(|map| map.offset <= offset)
    }

    /// Forgets mappings of what the peer has acknowledged on the subflow.
    pub(crate) fn release(&mut self, acknowledged: u64) {
        while self.maps.front().is_some_and(|map| map.offset + u64::from(map.len) <= acknowledged) {
            self.maps.pop_front();
        }
    }

    fn on_data(&mut self, offset: u64, options: &mut TcpOptions) -> Share {
        let Some(map) = self.map_at(offset).copied() else {
            // A FIN, or what was written after falling back.
            self.push_signal(options);
            return Share::ALL;
        };
        // SACK blocks were told to leave the room.
        let _no_room = match self.stage {
            Stage::CapableAck { own, peer } if map.offset == 0 => {
                options.try_push_mptcp(&MptcpOption::Capable(Capable {
                    flags: self.flags(),
                    stage: CapableStage::Data {
                        sender_key: own,
                        receiver_key: peer,
                        len: map.len,
                        checksum: map.checksum,
                    },
                }))
            }
            _ => options.try_push_dss(&Dss {
                data_fin: false,
                data_ack: self.acknowledgment(),
                mapping: Some(Mapping {
                    data_sequence: self.number(map.data_sequence),
                    subflow_sequence: (map.offset as u32).wrapping_add(1),
                    len: map.len,
                    checksum: map.checksum,
                }),
            }),
        };
        let left = map.offset + u64::from(map.len) - offset;
        Share { bytes: left as u32, again: map.again }
    }

    /// DATA_ACK, and DATA_FIN while that is due.
    fn push_signal(&mut self, options: &mut TcpOptions) {
        let mapping = self.data_fin.map(|(number, checksum)| Mapping {
            data_sequence: self.number(number),
            subflow_sequence: 0,
            len: 1,
            checksum,
        });
        let signal = Dss { data_fin: mapping.is_some(), data_ack: self.acknowledgment(), mapping };
        if signal.data_ack.is_none() && signal.mapping.is_none() {
            return;
        }
        if options.try_push_dss(&signal).is_err() {
            let _no_room = options.try_push_dss(&Dss { data_fin: false, mapping: None, ..signal });
        }
    }

    fn on_acknowledgment(&mut self, options: &mut TcpOptions) {
        match self.stage {
            // Both do not fit: they take turns.
            Stage::CapableAck { .. } if self.data_fin.is_some() && self.keys_told => {
                self.keys_told = false;
                self.push_signal(options);
            }
            Stage::CapableAck { own, peer } => {
                self.keys_told = true;
                let stage = CapableStage::Ack { sender_key: own, receiver_key: peer };
                let option = MptcpOption::Capable(Capable { flags: self.flags(), stage });
                let _no_room = options.try_push_mptcp(&option);
            }
            Stage::JoinAck { hmac } => {
                let _no_room = options.try_push_mptcp(&MptcpOption::Join(Join::Ack { hmac }));
            }
            Stage::Open => {
                if let Some(signal) = self.once.pop_front() {
                    // SACK blocks leave the room that is asked for, so that all fit beside timestamps.
                    let _no_room = options.try_push_mptcp(&signal);
                }
                self.push_signal(options);
            }
            // Before it is open a subflow has nothing to say, and after falling back neither.
            Stage::Off
            | Stage::CapableSyn
            | Stage::CapableSynAck { .. }
            | Stage::JoinSyn { .. }
            | Stage::JoinSynAck { .. } => {}
        }
    }

    fn on_syn(&self, before: u8) -> Option<MptcpOption> {
        match self.stage {
            // RFC 8684 §3.1: in the end without the option, which something on the way may not like.
            Stage::CapableSyn if before < SYN_TRIES => {
                Some(MptcpOption::Capable(Capable { flags: self.flags(), stage: CapableStage::Syn }))
            }
            Stage::CapableSynAck { key } => {
                let stage = CapableStage::SynAck { sender_key: key };
                Some(MptcpOption::Capable(Capable { flags: self.flags(), stage }))
            }
            Stage::JoinSyn { address_id, token, nonce } => {
                Some(MptcpOption::Join(Join::Syn { backup: self.backup, address_id, token, nonce }))
            }
            Stage::JoinSynAck { address_id, hmac, nonce } => {
                Some(MptcpOption::Join(Join::SynAck { backup: self.backup, address_id, hmac, nonce }))
            }
            Stage::Off
            | Stage::CapableSyn
            | Stage::CapableAck { .. }
            | Stage::JoinAck { .. }
            | Stage::Open => None,
        }
    }

    /// A segment of a handshake or an ending, or with signals besides those of data.
    fn on_rare_segment(&mut self, kind: SegmentKind, options: &mut TcpOptions) -> Share {
        if let Some((subflow, data_sequence, left)) = self.infinite
            && left > 0
            && matches!(kind, SegmentKind::Ack | SegmentKind::Data { .. })
        {
            let mapping = Mapping {
                data_sequence: self.number(data_sequence),
                subflow_sequence: (subflow as u32).wrapping_add(1),
                len: 0,
                checksum: self.checksum.then_some(0),
            };
            let signal = Dss { data_fin: false, data_ack: None, mapping: Some(mapping) };
            let _no_room = options.try_push_dss(&signal);
            if let Some(signal) = self.once.pop_front() {
                let _no_room = options.try_push_mptcp(&signal);
            }
            self.infinite = Some((subflow, data_sequence, left - 1));
            return Share::ALL;
        }
        match kind {
            SegmentKind::Syn { before } => {
                if let Some(option) = self.on_syn(before) {
                    let _no_room = options.try_push_mptcp(&option);
                }
            }
            SegmentKind::SynAck => {
                if let Some(option) = self.on_syn(0) {
                    let _no_room = options.try_push_mptcp(&option);
                }
            }
            SegmentKind::Ack => self.on_acknowledgment(options),
            SegmentKind::Data { offset } => match self.stage {
                Stage::Off => {}
                Stage::CapableSyn
                | Stage::CapableSynAck { .. }
                | Stage::CapableAck { .. }
                | Stage::JoinSyn { .. }
                | Stage::JoinSynAck { .. }
                | Stage::JoinAck { .. }
                | Stage::Open => return self.on_data(offset, options),
            },
            SegmentKind::Reset => {
                for option in std::mem::take(&mut self.farewell) {
                    let _no_room = options.try_push_mptcp(&option);
                }
            }
        }
        Share::ALL
    }
}

impl SegmentHook for Subflow {
    fn reserve(&self, with_data: bool) -> usize {
        match self.stage {
            Stage::Off => 0,
            Stage::CapableAck { .. } | Stage::JoinAck { .. } => 24,
            Stage::CapableSyn
            | Stage::CapableSynAck { .. }
            | Stage::JoinSyn { .. }
            | Stage::JoinSynAck { .. }
            | Stage::Open => {
                let once = self.once.front().filter(|_| !with_data).map_or(0, MptcpOption::padded_len);
                self.signal_len(with_data || self.data_fin.is_some()) + once
            }
        }
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        self.stage == Stage::Open && self.infinite.is_none() && !self.once.is_empty()
    }

    #[inline]
    fn on_segment(&mut self, kind: SegmentKind, options: &mut TcpOptions) -> Share {
        if matches!(self.stage, Stage::Open) && self.infinite.is_none() {
            match kind {
                SegmentKind::Data { offset } => return self.on_data(offset, options),
                SegmentKind::Ack if self.once.is_empty() => {
                    self.push_signal(options);
                    return Share::ALL;
                }
                SegmentKind::Ack | SegmentKind::Syn { .. } | SegmentKind::SynAck | SegmentKind::Reset => {}
            }
        }
        self.on_rare_segment(kind, options)
    }

    fn on_received(&mut self, segment: &ReceivedSegment<'_>) -> bool {
        if self.stage == Stage::Off && self.birth.is_none() {
            if let Some((_, _, left)) = &mut self.infinite
                && segment
                    .options
                    .mptcp()
                    .any(|data| matches!(MptcpOption::parse(data), Ok(MptcpOption::Fail { .. })))
            {
                *left = INFINITE_TRIES;
            }
            return true;
        }
        let (options, only_data) = match segment.options.usual_signal() {
            Some(signal) => (SmallVec::from_buf([MptcpOption::Dss(signal)]), true),
            None => parse(segment.options),
        };
        self.inbox.push(Received {
            kind: segment.kind,
            offset: segment.offset,
            acknowledged: segment.acknowledged,
            window: segment.window,
            options,
        });
        only_data
    }
}

/// The options that can be read, and whether they are signals of data alone.
fn parse(list: OptionsView<'_>) -> (SmallVec<[MptcpOption; 1]>, bool) {
    let mut options = SmallVec::new();
    let mut only_data = true;
    for data in list.mptcp() {
        if let Ok(option) = MptcpOption::parse(data) {
            only_data &= matches!(option, MptcpOption::Dss(_));
            options.push(option);
        }
    }
    (options, only_data)
}

/// Mappings at the end that are looked at before all are searched.
const NEAR: usize = 4;

/// SYNs that ask for Multipath TCP before one does without.
const SYN_TRIES: u8 = 3;
