//! Random bytes as Ethernet headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::ethernet::Header;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let mut out = [0; 14];
        header.emit(&mut out);
        assert_eq!(out, bytes[..14]);
    }
});
