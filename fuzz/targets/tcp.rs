//! Random bytes as TCP headers with their options, and the options one by one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::checksum::Sum;
use wire::tcp::{self, Header};
use wire::tcp_options::{TcpOption, TcpOptions};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let mut out = vec![0; header.len()];
        header.emit(&mut out, Sum::ZERO);
        assert!(tcp::verify(&out, Sum::ZERO));
        assert_eq!(Header::parse(&out), Ok(header));
        for option in header.options.iter() {
            let mut alone = TcpOptions::EMPTY;
            alone.try_push(option).expect("it came from a list");
            assert_eq!(alone.iter().next(), Some(option));
            if let TcpOption::AccEcn(counters) = option {
                assert!(matches!(counters.option_len(), 2 | 5 | 8 | 11));
                assert!(counters.option_len() > 2 || counters.ce_bytes().is_none());
            }
        }
    }
});
