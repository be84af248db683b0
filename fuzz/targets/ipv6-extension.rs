//! Random bytes as chains of IPv6 extension headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::ip::IpProtocol;
use wire::ipv6_extension::{Chain, Extension, UpperLayer};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let kind = IpProtocol(*kind);
    assert!(Chain::new(kind, bytes).count() <= bytes.len() / 8 + 2);
    if let Ok(Some(extension)) = Extension::parse(kind, bytes) {
        let mut out = vec![0; extension.len()];
        extension.emit(&mut out);
        assert_eq!(Extension::parse(kind, &out), Ok(Some(extension)));
    }
    if let Ok(upper) = UpperLayer::find(kind, bytes) {
        assert!(upper.offset <= bytes.len());
    }
});
