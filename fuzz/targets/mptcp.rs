//! Multipath TCP's options: no bytes may panic, and what is accepted survives emit and parse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::mptcp::MptcpOption;
use wire::tcp_options::TcpOptions;

fuzz_target!(|bytes: &[u8]| {
    let data = &bytes[..bytes.len().min(38)];
    if let Ok(option) = MptcpOption::parse(data) {
        assert_eq!(MptcpOption::parse(option.emit().as_slice()), Ok(option));
        let mut options = TcpOptions::EMPTY;
        assert!(options.try_push_mptcp(&option).is_ok() || option.padded_len() > TcpOptions::LEN_MAX);
    }
});
