//! Random texts as the files that a scenario may name: a trace of the rate, a list of lost packets, a trace of
//! losses. Each is read alone, so that a fault of one does not hide the others.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scenarios::language::{Files, Overrides, Plan};

/// The same text whatever file is asked for.
struct OneText<'a>(&'a str);

impl Files for OneText<'_> {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
}

const LINKS: [&str; 3] = [
    r#""trace": { "file": "rate.trace" }"#,
    r#""rate": "1 Mbit/s", "loss": { "packets-file": "frames.lost" }"#,
    r#""rate": "1 Mbit/s", "loss": { "trace-file": "tunnel.loss" }"#,
];

fuzz_target!(|text: &str| {
    let files = OneText(text);
    for link in LINKS {
        let scenario = format!(
            r#"{{ "name": "trace", "duration": "1 s", "nodes": {{ "a": {{}}, "b": {{}} }},
                  "links": [ {{ "between": ["a", "b"], {link} }} ],
                  "traffic": [ {{ "from": "a", "to": "b", "over": "udp",
                    "workload": {{ "periodic": {{ "message": "64 B", "every": "100 ms" }} }} }} ] }}"#
        );
        match Plan::parse(scenario.as_bytes(), &Overrides::default(), &files) {
            Ok(plan) => assert!(plan.scenario(&plan.point(0), &files).is_ok(), "what was checked is built"),
            Err(diagnostics) => assert!(!diagnostics.is_empty(), "a refusal says why"),
        }
    }
});
