//! Which senders of an entry of traffic send to which of its receivers.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::shorthand::{Shorthand, shorthand};

/// Which senders send to which receivers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pairs {
    /// Every sender to every receiver.
    #[default]
    All,
    /// The first sender to the first receiver, and so on.
    OneByOne(OneByOne),
    /// Pairs drawn at random.
    Random(RandomPairs),
}

/// Which senders send to which receivers; "all" is every sender to every receiver.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PairsObject {
    /// The first sender to the first receiver, and so on; "one-by-one" if there is a flow for each pair.
    OneByOne(OneByOne),
    /// Pairs drawn at random, the same in every run.
    Random(RandomPairs),
}

/// The first sender to the first receiver, the second to the second, and so on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OneByOne {
    /// How many flows are dealt over the pairs in turn, at least 1; default: one for each pair.
    #[schemars(range(min = 1))]
    pub flows: Option<u64>,
}

/// Pairs drawn at random, each pair of nodes alike likely.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RandomPairs {
    /// How many flows there are, at least 1; a pair may come twice.
    #[schemars(range(min = 1))]
    pub flows: u64,
    /// How many links the shortest way between the two has: 10; default: any number.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub hops: Option<u32>,
    /// True if the receiver's number must be above the sender's, as along a chain in one direction; default false.
    #[serde(default)]
    pub onward: bool,
    /// Which draw of this kind: the same number draws the same pairs in every run; default 1.
    #[serde(default = "one")]
    pub seed: u64,
}

impl Shorthand for Pairs {
    type Long = PairsObject;

    const EXPECTED: &'static str =
        "\"all\", \"one-by-one\" or an object such as { \"random\": { \"flows\": 10 } }";
    const SHORT: &'static [&'static str] = &["all", "one-by-one"];

    fn from_short(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "one-by-one" => Ok(Self::OneByOne(OneByOne::default())),
            _ => Err(format!("`{text}` pairs nobody, expected {}", Self::EXPECTED)),
        }
    }

    fn from_long(long: PairsObject) -> Result<Self, String> {
        Ok(match long {
            PairsObject::OneByOne(dealt) => Self::OneByOne(dealt),
            PairsObject::Random(random) => Self::Random(random),
        })
    }
}

shorthand!(Pairs);

fn one() -> u64 {
    1
}
