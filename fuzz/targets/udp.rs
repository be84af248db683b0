//! Random bytes as UDP headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::checksum::Sum;
use wire::udp::Header;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let mut out = [0; 8];
        header.emit(&mut out, Sum::ZERO);
        assert_eq!(Header::parse(&out), Ok(header));
    }
});
