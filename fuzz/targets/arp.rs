//! Random bytes as ARP packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::arp::Packet;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(packet) = Packet::parse(bytes) {
        let mut out = [0; 28];
        packet.emit(&mut out);
        assert_eq!(Packet::parse(&out), Ok(packet));
    }
});
