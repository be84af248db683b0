//! From a JSON value to typed settings, with every mistake found.
//!
//! serde stops at the first mistake. Here the offending entry is then taken out of the value and the value is
//! read again, until it reads well or nothing sensible is left: so all mistakes of a file come in one go.

mod error;
mod reader;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::diagnostic::Finding;
use super::path::{Path, Segment};
use error::Problem;
use reader::Reader;

/// What was read, and what had to be left out to read it.
pub(crate) struct Decoded<T> {
    /// The settings without the mistaken entries; `None` if nothing is left.
    pub(crate) value: Option<T>,
    /// One error for each mistaken entry.
    pub(crate) findings: Vec<Finding>,
    removed: Vec<Path>,
}

impl<T> Decoded<T> {
    /// The path in the file of what has `path` in the value as read: elements left out of lists are counted in.
    pub(crate) fn original(&self, path: &Path) -> Path {
        original(&self.removed, path)
    }

    /// True if something inside one of `sections` was left out, so that names may be missing.
    pub(crate) fn lacks_part_of(&self, sections: &[&str]) -> bool {
        self.removed.iter().any(|path| match path.segments().first() {
            Some(Segment::Key(section)) => sections.contains(&section.as_str()),
            Some(Segment::Index(_)) | None => false,
        })
    }
}

/// Reads `value` as a `T`, leaving out what is wrong.
pub(crate) fn decode<T: DeserializeOwned>(mut value: Value) -> Decoded<T> {
    let mut decoded = Decoded { value: None, findings: Vec::new(), removed: Vec::new() };
    for _ in 0..REPAIRS_MAX {
        let error = match T::deserialize(Reader::new(&value)) {
            Ok(settings) => {
                decoded.value = Some(settings);
                return decoded;
            }
            Err(error) => error,
        };
        let (at, problem) = error.into_parts();
        let place = original(&decoded.removed, &at);
        let follows = matches!(&problem, Problem::MissingField(field)
            if decoded.removed.contains(&place.key(*field)))
            || decoded
                .removed
                .iter()
                .any(|gone| gone.parent() == place && matches!(problem, Problem::Other(_)));
        if !follows && decoded.findings.len() < FINDINGS_MAX {
            decoded.findings.push(problem.finding(place.clone(), at.lookup(&value)));
        }
        let take = match &problem {
            Problem::UnknownField { field, .. } => at.key(field.clone()),
            Problem::MissingField(_)
            | Problem::UnknownVariant { .. }
            | Problem::WrongType { .. }
            | Problem::Other(_) => at,
        };
        if take.is_root() || !remove(&mut value, &take) {
            return decoded;
        }
        decoded.removed.push(original(&decoded.removed, &take));
    }
    decoded
}

fn original(removed: &[Path], path: &Path) -> Path {
    let mut place = Path::root();
    for segment in path.segments() {
        match segment {
            Segment::Key(key) => place = place.key(key.clone()),
            Segment::Index(index) => {
                let mut gone: Vec<usize> = removed
                    .iter()
                    .filter(|other| {
                        other.segments().len() == place.segments().len() + 1 && other.parent() == place
                    })
                    .filter_map(|other| match other.segments().last() {
                        Some(Segment::Index(index)) => Some(*index),
                        Some(Segment::Key(_)) | None => None,
                    })
                    .collect();
                gone.sort_unstable();
                let shifted = gone.into_iter().fold(*index, |index, gone| index + usize::from(gone <= index));
                place = place.index(shifted);
            }
        }
    }
    place
}

fn remove(value: &mut Value, path: &Path) -> bool {
    let Some((last, inner)) = path.segments().split_last() else { return false };
    let parent = inner.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key.as_str()),
        Segment::Index(index) => value.get_mut(*index),
    });
    match (parent, last) {
        (Some(Value::Object(entries)), Segment::Key(key)) => entries.shift_remove(key).is_some(),
        (Some(Value::Array(items)), Segment::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

/// Each repair reads the value again: a file with more mistakes than this is shown the first ones.
const REPAIRS_MAX: usize = 200;

/// More findings than this help nobody.
const FINDINGS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        size: u32,
        #[serde(default)]
        weight: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        items: Vec<Item>,
    }

    #[test]
    fn all_mistakes_are_found_at_their_places_in_the_file() {
        let decoded: Decoded<Whole> = decode(json!({
            "items": [{ "size": "x" }, { "size": 1 }, { "size": 2, "wieght": 3 }, { "size": 4, "weight": -1 }]
        }));
        let places: Vec<String> = decoded.findings.iter().map(|finding| finding.path.to_string()).collect();
        assert_eq!(places, ["items[0].size", "items[2].wieght", "items[3].weight"]);
        let whole = decoded.value.as_ref().expect("the rest is well");
        let sizes: Vec<u32> = whole.items.iter().map(|item| item.size + item.weight).collect();
        assert_eq!(sizes, [1, 2, 4]);
        assert_eq!(decoded.original(&Path::root().key("items").index(2)), Path::root().key("items").index(3));
    }

    #[test]
    fn a_list_is_not_taken_for_an_object() {
        let decoded: Decoded<Whole> = decode(json!({ "items": [[1, 2]] }));
        assert_eq!(decoded.findings.len(), 1);
        assert_eq!(decoded.findings[0].path.to_string(), "items[0]");
    }
}
