//! One text, or a list of texts.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Names or addresses: `"a"` or `["a", "b"]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TextList {
    texts: Vec<String>,
    /// True if the file has brackets, so that a path needs an index.
    bracketed: bool,
}

impl TextList {
    /// The texts with the path of each, where `path` leads to the whole.
    pub(crate) fn located(&self, path: &crate::language::Path) -> Vec<(crate::language::Path, &str)> {
        let place = |index: usize| if self.bracketed { path.index(index) } else { path.clone() };
        self.texts.iter().enumerate().map(|(index, text)| (place(index), text.as_str())).collect()
    }

    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// True for an empty list.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

struct TextListVisitor;

impl<'de> Visitor<'de> for TextListVisitor {
    type Value = TextList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TextList, E> {
        Ok(TextList { texts: vec![text.to_owned()], bracketed: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<TextList, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(TextList { texts, bracketed: true })
    }
}

impl<'de> Deserialize<'de> for TextList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextListVisitor)
    }
}

impl JsonSchema for TextList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}
