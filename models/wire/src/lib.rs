//! Packets in memory, byte accounts, and every header's codec.

pub mod account;
pub mod checksum;
pub mod crc32c;
pub mod error;
mod inline_options;
pub mod ip;
pub mod ipv4;
pub mod ipv4_options;
pub mod ipv6;
pub mod packet;
pub mod payload;
pub mod stream;
pub mod tcp;
mod tcp_option_values;
pub mod tcp_options;
