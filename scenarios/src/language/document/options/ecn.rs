//! Whether congestion is notified explicitly, and how the receiver tells of it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// `false`, `true` (RFC 3168) or `"accurate"` (RFC 9768).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ecn {
    /// Data is not sent as ECN-capable.
    Off,
    /// Marks are told of once a round trip.
    Classic,
    /// Marks are counted.
    Accurate,
}

struct EcnVisitor;

impl Visitor<'_> for EcnVisitor {
    type Value = Ecn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, `false` or \"accurate\"")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Ecn, E> {
        Ok(if on { Ecn::Classic } else { Ecn::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ecn, E> {
        match text {
            "accurate" => Ok(Ecn::Accurate),
            _ => Err(E::unknown_variant(text, &["accurate", "true", "false"])),
        }
    }
}

impl<'de> Deserialize<'de> for Ecn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EcnVisitor)
    }
}

impl JsonSchema for Ecn {
    fn schema_name() -> Cow<'static, str> {
        "Ecn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [true, false, "accurate"] })
    }
}
