//! Places inside a scenario file: `links[0].rate`.

use std::fmt;

/// One step from a value of the file to a value inside it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Segment {
    /// The value under a key of an object.
    Key(String),
    /// An element of a list, counted from 0.
    Index(usize),
}

/// The way from the root of a scenario file to one of its values.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Path(Vec<Segment>);

impl Path {
    /// The whole file.
    pub fn root() -> Self {
        Self::default()
    }

    /// The value under `key` of the object at this path.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// Element `index` of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The value that contains this one; the root contains itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// True for the whole file.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// True if this path leads to `other` or to a value inside it.
    pub fn is_inside(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The value that this path leads to inside `value`.
    pub fn lookup<'a>(&self, value: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.get(key.as_str()),
            Segment::Index(index) => value.get(*index),
        })
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl From<Vec<Segment>> for Path {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) && position == 0 => write!(f, "{key}")?,
                Segment::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Segment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_an_expression() {
        let path = Path::root().key("links").index(0).key("rate");
        assert_eq!(path.to_string(), "links[0].rate");
        assert_eq!(Path::root().key("nodes").key("a b").to_string(), "nodes[\"a b\"]");
        assert_eq!(Path::root().to_string(), "");
    }

    #[test]
    fn a_path_is_inside_itself_and_its_parents() {
        let link = Path::root().key("links").index(0);
        assert!(link.key("rate").is_inside(&link));
        assert!(link.is_inside(&link));
        assert!(!link.is_inside(&link.key("rate")));
        assert_eq!(link.key("rate").parent(), link);
    }
}
