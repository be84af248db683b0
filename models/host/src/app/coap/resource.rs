//! What a server has: its resources as a scenario describes them.

use sim_core::SimDuration;

use crate::workload::Span;

/// A resource of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its path, without a slash in front.
    pub path: Box<str>,
    /// What it says at first.
    pub content: Content,
    /// How long the server takes for a response.
    pub processing: Span,
    /// The time from one state to the next; such a resource can be observed (RFC 7641).
    pub changes: Option<Span>,
    /// Whether PUT, POST and DELETE are allowed.
    pub writable: bool,
    /// The number of its Content-Format (RFC 7252 §12.3).
    pub content_format: u16,
    /// Its Max-Age in seconds, where it is not the default of 60 (RFC 7252 §5.10.5).
    pub max_age: Option<u32>,
    /// Its resource type, the attribute `rt` (RFC 6690 §3.1).
    pub resource_type: Option<Box<str>>,
    /// Its interface description, the attribute `if` (RFC 6690 §3.2).
    pub interface: Option<Box<str>>,
}

/// What a resource says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing: it does not exist until it is written.
    Nothing,
    /// A text.
    Text(Box<str>),
    /// So many bytes of a pattern; a new state begins it at another place.
    Bytes(u32),
    /// The number of its state, in decimal digits.
    Count,
}

impl Resource {
    /// A resource at `path` that is only read, at once.
    pub fn new(path: &str, content: Content) -> Self {
        let content_format = match content {
            Content::Text(_) | Content::Count => TEXT,
            Content::Nothing | Content::Bytes(_) => OCTETS,
        };
        Self {
            path: path.into(),
            content,
            processing: Span::Constant(SimDuration::ZERO),
            changes: None,
            writable: false,
            content_format,
            max_age: None,
            resource_type: None,
            interface: None,
        }
    }

    /// The resources of a server that a scenario says nothing about: one for each thing that a client may try.
    pub fn usual() -> Vec<Self> {
        let text = |path, text: &str| Self::new(path, Content::Text(text.into()));
        vec![
            Self { writable: true, resource_type: Some("test".into()), ..text("test", "a test resource") },
            // Long enough for an empty acknowledgement before the response.
            Self {
                processing: Span::Constant(SimDuration::from_secs(1)),
                ..text("separate", "a separate response")
            },
            Self::new("large", Content::Bytes(100_000)),
            Self {
                changes: Some(Span::Constant(SimDuration::from_secs(2))),
                ..Self::new("observe", Content::Count)
            },
            Self { writable: true, ..Self::new("store", Content::Nothing) },
        ]
    }
}

/// text/plain; charset=utf-8.
pub(super) const TEXT: u16 = 0;
/// application/link-format.
pub(super) const LINK_FORMAT: u16 = 40;
/// application/octet-stream.
pub(super) const OCTETS: u16 = 42;
