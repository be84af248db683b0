//! Random bytes as multicast listener discovery.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::mld::Message;

fuzz_target!(|bytes: &[u8]| {
    match Message::parse(bytes) {
        Ok(Message::ReportV2(records)) => assert!(records.iter().count() <= bytes.len() / 20),
        Ok(Message::QueryV2(query)) => assert!(query.sources.len() <= bytes.len() / 16),
        Ok(Message::V1(_)) | Err(_) => {}
    }
});
