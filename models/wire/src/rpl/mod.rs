//! RPL, the routing protocol for networks of small devices (RFC 6550): its control messages, the option that travels
//! with every packet (RFC 6553) and the source routes of the non-storing mode (RFC 6554).

mod message;
mod option;
mod packet_information;
mod source_route;

pub use message::{Dao, DaoAck, Dio, Dis, Message, ModeOfOperation, parse, to_bytes};
pub use option::{
    DodagConfiguration, EtxMetric, PrefixInformation, RplOption, RplOptions, SolicitedInformation, Target,
    TransitInformation,
};
pub use packet_information::PacketInformation;
pub use source_route::SourceRoute;

/// The ICMPv6 type of all control messages (RFC 6550 §6).
pub const ICMPV6_TYPE: u8 = 155;
/// The rank that says that a node is no parent any more (RFC 6550 §17).
pub const INFINITE_RANK: u16 = 0xFFFF;
