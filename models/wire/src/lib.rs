//! Packets in memory, byte accounts, and every header's codec.

pub mod account;
pub mod arp;
pub mod checksum;
pub mod crc32c;
pub mod error;
pub mod ethernet;
pub mod fragment;
pub mod icmp;
pub mod icmpv6;
mod inline_options;
pub mod ip;
pub mod ip_view;
pub mod ipv4;
pub mod ipv4_options;
pub mod ipv6;
pub mod ipv6_extension;
pub mod ipv6_options;
pub mod packet;
pub mod payload;
pub mod stream;
pub mod tcp;
mod tcp_option_values;
pub mod tcp_options;
pub mod udp;
