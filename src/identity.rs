//! What makes two sweeps the same, so that one may go on with the runs of the other.

use std::collections::BTreeMap;
use std::path::Path;

use scenarios::language::Overrides;
use serde::{Deserialize, Serialize};

use crate::scenario_file::Scenario;

/// Everything that decides the bytes of the results.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Identity {
    /// The program and its version.
    pub(crate) program: String,
    /// The name of the scenario.
    pub(crate) name: String,
    /// The digest of the scenario file and of the files that it names, in hexadecimal.
    pub(crate) scenario_hash: String,
    /// The number that all random numbers come from.
    pub(crate) seed: u64,
    /// How often each point is repeated.
    pub(crate) replications: u64,
    /// Parameters that the command line gave a value.
    #[serde(default)]
    pub(crate) set: BTreeMap<String, String>,
    /// Whether the command line asked for captures.
    #[serde(default)]
    pub(crate) pcap: bool,
}

impl Identity {
    /// The identity of a sweep over `scenario`.
    pub(crate) fn of(scenario: &Scenario, overrides: &Overrides, pcap: bool) -> Self {
        Self {
            program: PROGRAM.to_owned(),
            name: scenario.plan.name.clone(),
            scenario_hash: format!("{:016x}", scenario.hash),
            seed: scenario.plan.seed,
            replications: scenario.plan.replications,
            set: overrides.set.iter().cloned().collect(),
            pcap,
        }
    }

    /// Reads an identity, or the manifest of a finished sweep, which has all of its entries. `None` where the file is
    /// absent or something else.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let identity: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        identity.program.starts_with("netjoule ").then_some(identity)
    }

    /// In which respect a sweep that was begun as `self` is not the one now asked for as `now`; `None` if it is.
    pub(crate) fn difference(&self, now: &Self) -> Option<String> {
        let assignments = |set: &BTreeMap<String, String>| {
            let all: Vec<String> =
                set.iter().map(|(name, value)| format!("--set {name}={value:?}")).collect();
            if all.is_empty() { "no --set".to_owned() } else { all.join(" ") }
        };
        let captured = |pcap: bool| if pcap { "with --pcap" } else { "without --pcap" };
        if self.name != now.name {
            Some(format!("it belongs to the scenario {}, not to {}", self.name, now.name))
        } else if self.program != now.program {
            Some(format!("it was begun by {}, and this is {}", self.program, now.program))
        } else if self.scenario_hash != now.scenario_hash {
            Some("the scenario file has changed since".to_owned())
        } else if self.set != now.set {
            Some(format!("it was begun with {}, not with {}", assignments(&self.set), assignments(&now.set)))
        } else if self.seed != now.seed {
            Some(format!("it was begun with seed {}, not {}", self.seed, now.seed))
        } else if self.replications != now.replications {
            Some(format!("it was begun with {} replications, not {}", self.replications, now.replications))
        } else if self.pcap != now.pcap {
            Some(format!("it was begun {}, not {}", captured(self.pcap), captured(now.pcap)))
        } else {
            None
        }
    }
}

/// The program and its version, as the manifest writes them.
pub(crate) const PROGRAM: &str = concat!("netjoule ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            program: PROGRAM.to_owned(),
            name: "a".to_owned(),
            scenario_hash: "00".to_owned(),
            seed: 1,
            replications: 2,
            set: BTreeMap::new(),
            pcap: false,
        }
    }

    #[test]
    fn a_sweep_is_itself() {
        assert_eq!(identity().difference(&identity()), None);
    }

    #[test]
    fn each_entry_makes_a_difference() {
        let others = [
            Identity { program: "netjoule 0.0.0".to_owned(), ..identity() },
            Identity { name: "b".to_owned(), ..identity() },
            Identity { scenario_hash: "01".to_owned(), ..identity() },
            Identity { seed: 2, ..identity() },
            Identity { replications: 3, ..identity() },
            Identity { set: BTreeMap::from([("x".to_owned(), "1".to_owned())]), ..identity() },
            Identity { pcap: true, ..identity() },
        ];
        for other in others {
            assert!(other.difference(&identity()).is_some(), "{other:?}");
        }
    }
}
