//! Random texts as profiles of parts in a file beside the scenario, of every kind. What is accepted has to carry a run to
//! its end, where its account has to balance.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scenarios::language::{Files, Overrides, Plan};
use scenarios::run::{RunOptions, run};

/// The same text whatever file is asked for.
struct OneText<'a>(&'a str);

impl Files for OneText<'_> {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
}

/// The kind, and a node that is made of it.
const NODES: [(&str, &str); 5] = [
    ("board", r#""hardware": "mine", "battery": "lipo-1000""#),
    ("battery", r#""hardware": "nrf52840-dk", "battery": "mine""#),
    ("radio", r#""hardware": "nrf52840-dk", "interfaces": { "out": { "radio": "mine" } }, "battery": "lipo-1000""#),
    ("mcu", r#""hardware": "of-mine", "battery": "lipo-1000""#),
    ("sensor", r#""hardware": "nrf52840-dk", "sensors": ["mine"], "battery": "lipo-1000""#),
];

const BOARD: &str = r#""board": { "of-mine": { "about": "", "voltage": { "typical": "3 V", "source": "-" },
    "mcu": "mine", "radio": "nrf52840" } }"#;

fuzz_target!(|text: &str| {
    let files = OneText(text);
    for (kind, node) in NODES {
        let board = if kind == "mcu" { format!(", {BOARD}") } else { String::new() };
        let end = if kind == "radio" { "a/out" } else { "a" };
        let scenario = format!(
            r#"{{ "name": "profile", "duration": "1 s", "drain": "0 s",
                  "profiles": {{ "{kind}": {{ "mine": "part.json" }}{board} }},
                  "nodes": {{ "a": {{ {node} }}, "b": {{}} }},
                  "links": [ {{ "between": ["{end}", "b"], "rate": "250 kbit/s" }} ],
                  "traffic": [ {{ "from": "a", "to": "b", "over": "udp",
                    "workload": {{ "periodic": {{ "message": "64 B", "every": "300 ms" }} }} }} ] }}"#
        );
        match Plan::parse(scenario.as_bytes(), &Overrides::default(), &files) {
            Ok(plan) => {
                let report = run(&plan, &plan.point(0), 0, RunOptions::default(), &files);
                assert!(report.outcome.is_ok(), "what was checked is run");
            }
            Err(diagnostics) => assert!(!diagnostics.is_empty(), "a refusal says why"),
        }
    }
});
