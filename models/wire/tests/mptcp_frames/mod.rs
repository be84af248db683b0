//! Segments with every option of Multipath TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::checksum::{Sum, pseudo_header};
use wire::ip::IpProtocol;
use wire::mptcp::{
    AddAddress, AddressIds, Capable, CapableFlags, DataSequence, Dss, Join, Mapping, MptcpOption, Reset,
    ResetReason, Stage,
};
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOptions, Timestamps};
use wire::{ipv4, tcp};

use crate::capture_frames::Sample;

const fn sample(name: &'static str, filter: &'static str, make: fn() -> Vec<u8>) -> Sample {
    Sample { name, filter, is_summed: true, make }
}

pub(crate) const MPTCP_PACKETS: &[Sample] = &[
    sample(
        "MP_CAPABLE on a SYN",
        "tcp.options.mptcp.subtype == 0 && tcp.options.mptcp.version == 1 && tcp.flags.syn == 1",
        || segment(TcpFlags::SYN, capable(Stage::Syn), 0),
    ),
    sample("MP_CAPABLE on a SYN-ACK", "tcp.options.mptcp.sendkey == 0x0102030405060708", || {
        segment(TcpFlags::SYN | TcpFlags::ACK, capable(Stage::SynAck { sender_key: KEY }), 0)
    }),
    sample("MP_CAPABLE on an ACK", "tcp.options.mptcp.recvkey == 0x99", || {
        segment(TcpFlags::ACK, capable(Stage::Ack { sender_key: KEY, receiver_key: 0x99 }), 0)
    }),
    sample("MP_CAPABLE with data", "tcp.options.mptcp.subtype == 0 && tcp.len == 10", || {
        let stage = Stage::Data { sender_key: KEY, receiver_key: 0x99, len: 10, checksum: Some(77) };
        segment(TcpFlags::ACK, capable(stage), 10)
    }),
    sample("MP_JOIN on a SYN", "tcp.options.mptcp.subtype == 1 && tcp.options.mptcp.recvtok == 5", || {
        let join = Join::Syn { backup: true, address_id: 3, token: 5, nonce: 6 };
        segment(TcpFlags::SYN, MptcpOption::Join(join), 0)
    }),
    sample("MP_JOIN on a SYN-ACK", "tcp.options.mptcp.sendtrunchmac == 0x0102030405060708", || {
        let join = Join::SynAck { backup: false, address_id: 3, hmac: KEY, nonce: 6 };
        segment(TcpFlags::SYN | TcpFlags::ACK, MptcpOption::Join(join), 0)
    }),
    sample("MP_JOIN on an ACK", "tcp.options.mptcp.sendhmac", || {
        segment(TcpFlags::ACK, MptcpOption::Join(Join::Ack { hmac: [9; 20] }), 0)
    }),
    sample(
        "DSS, all of it",
        "tcp.options.mptcp.rawdataseqno == 0x0102030405060708 && tcp.option_len == 28",
        || {
            let mapping = Mapping {
                data_sequence: DataSequence::Long(KEY),
                subflow_sequence: 1,
                len: 10,
                checksum: Some(3),
            };
            dss(Some(DataSequence::Long(KEY)), Some(mapping), false, 10)
        },
    ),
    sample("DSS, short", "tcp.options.mptcp.rawdataack == 7 && tcp.options.mptcp.datalvllen == 10", || {
        let mapping =
            Mapping { data_sequence: DataSequence::Short(4), subflow_sequence: 1, len: 10, checksum: None };
        dss(Some(DataSequence::Short(7)), Some(mapping), false, 10)
    }),
    sample("a DATA_ACK alone", "tcp.options.mptcp.dataackpresent.flag == 1 && tcp.len == 0", || {
        dss(Some(DataSequence::Short(7)), None, false, 0)
    }),
    sample("a DATA_FIN", "tcp.options.mptcp.datafin.flag == 1", || {
        let mapping =
            Mapping { data_sequence: DataSequence::Long(KEY), subflow_sequence: 0, len: 1, checksum: None };
        dss(Some(DataSequence::Short(7)), Some(mapping), true, 0)
    }),
    sample(
        "ADD_ADDR",
        "tcp.options.mptcp.ipv4 == 10.0.0.9 && tcp.options.mptcp.addaddrtrunchmac == 4",
        || add(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), None, Some(4)),
    ),
    sample("ADD_ADDR with a port", "tcp.options.mptcp.port == 99", || {
        add(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), Some(99), Some(4))
    }),
    sample("the echo of ADD_ADDR", "tcp.options.mptcp.echo == 1", || {
        add(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), None, None)
    }),
    sample("ADD_ADDR over version 6", "tcp.options.mptcp.ipv6 == ::1", || {
        add(IpAddr::V6(Ipv6Addr::LOCALHOST), Some(99), Some(4))
    }),
    sample("REMOVE_ADDR", "tcp.options.mptcp.subtype == 4 && tcp.options.mptcp.addrid == 2", || {
        let ids = AddressIds::new(&[2, 5]).expect("two ids fit");
        segment(TcpFlags::ACK, MptcpOption::RemoveAddress(ids), 0)
    }),
    sample("MP_PRIO", "tcp.options.mptcp.subtype == 5", || {
        segment(TcpFlags::ACK, MptcpOption::Priority { backup: true }, 0)
    }),
    sample("MP_FAIL", "tcp.options.mptcp.subtype == 6", || {
        segment(TcpFlags::ACK, MptcpOption::Fail { data_sequence: KEY }, 0)
    }),
    sample("MP_FASTCLOSE", "tcp.options.mptcp.subtype == 7", || {
        segment(TcpFlags::ACK, MptcpOption::FastClose { receiver_key: KEY }, 0)
    }),
    sample("MP_TCPRST", "tcp.options.mptcp.subtype == 8 && tcp.flags.reset == 1", || {
        let reset = Reset::new(ResetReason::TOO_MUCH_OUTSTANDING_DATA, true);
        segment(TcpFlags::RST | TcpFlags::ACK, MptcpOption::Reset(reset), 0)
    }),
];

const KEY: u64 = 0x0102_0304_0506_0708;

fn capable(stage: Stage) -> MptcpOption {
    let flags = CapableFlags { hmac_sha256: true, ..CapableFlags::default() };
    MptcpOption::Capable(Capable { flags, stage })
}

fn dss(ack: Option<DataSequence>, mapping: Option<Mapping>, data_fin: bool, len: usize) -> Vec<u8> {
    segment(TcpFlags::ACK, MptcpOption::Dss(Dss { data_fin, data_ack: ack, mapping }), len)
}

fn add(address: IpAddr, port: Option<u16>, hmac: Option<u64>) -> Vec<u8> {
    let option = AddAddress { address_id: 2, address, port, hmac };
    segment(TcpFlags::ACK, MptcpOption::AddAddress(option), 0)
}

/// A segment with the option, timestamps where both fit, and `len` bytes of payload.
fn segment(flags: TcpFlags, option: MptcpOption, len: usize) -> Vec<u8> {
    let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let mut options = TcpOptions::with_timestamps(Timestamps { value: 7, echo_reply: 8 });
    if options.try_push_mptcp(&option).is_err() {
        options = TcpOptions::EMPTY;
        options.try_push_mptcp(&option).expect("every option fits into an empty list");
    }
    let header = tcp::Header {
        source_port: 40_001,
        destination_port: 40_000,
        sequence_number: 1000,
        acknowledgment_number: 2000,
        flags,
        window: 1024,
        urgent_pointer: 0,
        options,
    };
    let payload = vec![0x55; len];
    let total = header.len() + len;
    let mut bytes = vec![0; header.len()];
    let pseudo = pseudo_header(a.into(), b.into(), IpProtocol::TCP, total as u32);
    header.emit(&mut bytes, pseudo + Sum::of(&payload));
    bytes.extend(payload);
    let network = ipv4::Header::new(a, b, IpProtocol::TCP, total).expect("the samples are short");
    let mut whole = vec![0; network.len()];
    network.emit(&mut whole);
    whole.extend(bytes);
    whole
}
