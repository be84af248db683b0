//! Settings with a short form, a text or a number, beside the long form, an object.

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A setting that a text, a number or a truth value can stand for.
///
/// serde's untagged enums would do the same and lose the place of every mistake inside the long form.
pub(crate) trait Shorthand: Sized {
    /// The long form.
    type Long: for<'de> Deserialize<'de> + JsonSchema;

    /// What may stand here, for messages.
    const EXPECTED: &'static str;

    /// What the short form looks like, for the JSON Schema.
    const SHORT: &'static [&'static str];

    /// Reads the short form.
    fn from_short(text: &str) -> Result<Self, String>;

    /// Takes the long form, unless its entries contradict each other.
    fn from_long(long: Self::Long) -> Result<Self, String>;
}

/// A setting that is always a text.
pub(crate) trait TextForm: Sized {
    /// What may stand here, for messages.
    const EXPECTED: &'static str;

    /// What the text looks like, for the JSON Schema.
    const EXAMPLES: &'static [&'static str];

    /// Reads the text.
    fn read(text: &str) -> Result<Self, String>;
}

/// Reads a setting that has only a text form.
pub(crate) fn text<'de, T: TextForm, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(TextVisitor(PhantomData))
}

/// The schema of a text.
pub(crate) fn text_schema<T: TextForm>() -> Schema {
    let examples: Vec<&str> = T::EXAMPLES.to_vec();
    json_schema!({ "type": "string", "examples": examples })
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: TextForm> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }
}

/// Reads a setting in its short or its long form.
pub(crate) fn short_or_long<'de, T: Shorthand, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(ShorthandVisitor(PhantomData))
}

/// The schema of both forms.
pub(crate) fn short_or_long_schema<T: Shorthand>(generator: &mut SchemaGenerator) -> Schema {
    let long = generator.subschema_for::<T::Long>();
    let examples: Vec<&str> = T::SHORT.to_vec();
    json_schema!({ "anyOf": [{ "type": ["string", "number"], "examples": examples }, long] })
}

struct ShorthandVisitor<T>(PhantomData<T>);

impl<'de, T: Shorthand> Visitor<'de> for ShorthandVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_short(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::Long::deserialize(MapAccessDeserializer::new(map))
            .and_then(|long| T::from_long(long).map_err(A::Error::custom))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::Long::deserialize(SeqAccessDeserializer::new(list))
            .and_then(|long| T::from_long(long).map_err(A::Error::custom))
    }
}

/// Gives a type with a short form its `Deserialize` and its schema.
macro_rules! shorthand {
    ($($name:ident),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::language::shorthand::short_or_long(deserializer)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::language::shorthand::short_or_long_schema::<Self>(generator)
            }
        }
    )*};
}

/// Gives a type that is always a text its `Deserialize` and its schema.
macro_rules! text_form {
    ($($name:ident),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::language::shorthand::text(deserializer)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::language::shorthand::text_schema::<Self>()
            }
        }
    )*};
}

pub(crate) use {shorthand, text_form};
