//! Names stored once.

use std::collections::BTreeMap;

/// A set of texts, each with a small number in order of first use.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: Vec<String>,
    numbers: BTreeMap<String, u32>,
}

/// The number of a text in [`Names`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NameId(u32);

impl Names {
    /// The number of `text`, which is stored if it is new.
    pub(crate) fn insert(&mut self, text: &str) -> NameId {
        if let Some(number) = self.numbers.get(text) {
            return NameId(*number);
        }
        let number = u32::try_from(self.texts.len()).expect("files hold fewer than 2^32 names");
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        NameId(number)
    }

    /// The text with this number.
    pub fn text(&self, id: NameId) -> &str {
        self.texts.get(id.0 as usize).map_or("", String::as_str)
    }
}
