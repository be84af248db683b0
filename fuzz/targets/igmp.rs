//! Random bytes as IGMP messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::igmp::Message;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::parse(bytes) {
        let mut out = [0; 8];
        message.emit(&mut out);
        assert_eq!(Message::parse(&out), Ok(message));
    }
});
