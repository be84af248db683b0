//! Random bytes as IPv4 and IPv6 headers with their options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::ip::Header;
use wire::ip_view::HeaderView;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let mut out = vec![0; header.len()];
        header.emit(&mut out);
        assert_eq!(Header::parse(&out), Ok(header));
        let view = HeaderView::new(bytes).expect("what parses can be viewed");
        assert_eq!(view.source(), header.source());
        assert_eq!(view.destination(), header.destination());
    }
});
