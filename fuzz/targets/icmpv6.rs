//! Random bytes as ICMPv6 messages and the rules about answering with one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::checksum::Sum;
use wire::icmpv6::{self, Header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let mut out = [0; 8];
        header.emit(&mut out, Sum::ZERO);
        assert_eq!(Header::parse(&out), Ok(header));
        assert!(!icmpv6::may_report(&header, bytes, icmpv6::Arrival::default()) || bytes.len() >= 40);
    }
});
