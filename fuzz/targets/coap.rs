//! Random bytes as CoAP messages, on datagrams and on a stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::coap::{Frame, Head, frame_len};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((head, at)) = Head::parse(bytes, bytes.len()) {
        let out = head.emit(at < bytes.len());
        assert_eq!(Head::parse(&out, out.len() + bytes.len() - at), Ok((head, out.len())));
    }
    if let Ok(Some(len)) = frame_len(bytes) {
        let _ = Frame::parse(bytes, len);
    }
});
