//! The profiles that ship, listed by `build.rs` from what stands in `profiles/`.

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
