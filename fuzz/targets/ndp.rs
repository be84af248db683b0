//! Random bytes as neighbour discovery with its options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::checksum::Sum;
use wire::ndp::Message;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::parse(bytes) {
        let mut out = vec![0; message.len()];
        message.emit(&mut out, Sum::ZERO);
        assert_eq!(Message::parse(&out), Ok(message));
    }
});
