//! What changes or breaks while a scenario runs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Loss;
use crate::language::quantity::{Duration, Rate};
use crate::language::shorthand::{Shorthand, shorthand};

/// One change at one time; give exactly one of `link`, `node` and `interface`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultSettings {
    /// When it happens: "60 s".
    pub at: Duration,
    /// The link, by its name.
    #[serde(default)]
    pub link: Option<String>,
    /// The node, or the group `a[*]`.
    #[serde(default)]
    pub node: Option<String>,
    /// The interface, as "node/interface".
    #[serde(default)]
    pub interface: Option<String>,
    /// What changes: {"down": true}, {"loss": "5 %"}, or "reboot" for a node.
    pub set: FaultChange,
    /// When all is as before; default: never.
    #[serde(default)]
    pub until: Option<Duration>,
}

/// What a fault changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultChange {
    /// Whether the link, node or interface is down.
    pub down: Option<bool>,
    /// The loss of the link, in both directions.
    pub loss: Option<Loss>,
    /// The rate of the link, in both directions.
    pub rate: Option<Rate>,
    /// The delay of the link, in both directions.
    pub delay: Option<Duration>,
    /// The node is switched off and on again.
    pub reboot: Option<Reboot>,
    /// Whether the interface has left its network.
    pub detached: Option<bool>,
    /// Whether the interface's addresses are for use only when nothing else is left.
    pub backup: Option<bool>,
    /// The node's programs are killed.
    pub abort: bool,
}

/// What a fault changes; "reboot" to switch a node off and on at once, "abort" to kill its programs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ChangeObject {
    /// Whether the link, node or interface is down.
    pub down: Option<bool>,
    /// The loss of the link, in both directions: "5 %" or an object.
    pub loss: Option<Loss>,
    /// The rate of the link, in both directions: "1 Mbit/s", more than 0.
    pub rate: Option<Rate>,
    /// The delay of the link, in both directions: "100 ms".
    pub delay: Option<Duration>,
    /// Switches a node off and on again: it loses what it does not keep in permanent memory.
    pub reboot: Option<Reboot>,
    /// Whether an interface has left its network: it is down, and its addresses are gone, which the node's transports know
    /// at once.
    pub detached: Option<bool>,
    /// Whether Multipath TCP is to use an interface's addresses only when nothing else is left (MP_PRIO).
    pub backup: Option<bool>,
    /// Kills a node's programs: their connections end at once, with what each transport says then.
    pub abort: bool,
}

/// A node that is switched off and on again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Reboot {
    /// How long it stays off: "2 s"; default 0.
    pub off_time: Duration,
}

impl Shorthand for FaultChange {
    type Long = ChangeObject;

    const EXPECTED: &'static str = "an object such as { \"down\": true }, \"reboot\" or \"abort\"";
    const SHORT: &'static [&'static str] = &["reboot", "abort"];

    fn from_short(text: &str) -> Result<Self, String> {
        match text {
            "reboot" => Ok(Self { reboot: Some(Reboot::default()), ..Self::default() }),
            "abort" => Ok(Self { abort: true, ..Self::default() }),
            _ => Err(format!("`{text}` is nothing that can be set, expected {}", Self::EXPECTED)),
        }
    }

    fn from_long(long: ChangeObject) -> Result<Self, String> {
        let ChangeObject { down, loss, rate, delay, reboot, detached, backup, abort } = long;
        Ok(Self { down, loss, rate, delay, reboot, detached, backup, abort })
    }
}

shorthand!(FaultChange);
