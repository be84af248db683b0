//! Random bytes as scenario files, from text to the first points of the plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scenarios::language::{NoFiles, Overrides, Plan, render};

fuzz_target!(|bytes: &[u8]| {
    match Plan::parse(bytes, &Overrides::default(), &NoFiles) {
        Ok(plan) => {
            for number in 0..plan.point_count().min(3) {
                let _ = plan.scenario(&plan.point(number), &NoFiles);
            }
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "a refusal says why");
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            assert!(!render(&diagnostics, "fuzz.json", text, false).is_empty());
        }
    }
});
