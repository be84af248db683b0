//! Random bytes as TCP headers with their options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::checksum::Sum;
use wire::tcp::{self, Header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let mut out = vec![0; header.len()];
        header.emit(&mut out, Sum::ZERO);
        assert!(tcp::verify(&out, Sum::ZERO));
        assert_eq!(Header::parse(&out), Ok(header));
    }
});
