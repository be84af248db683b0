//! Sequence diagrams: who sent what to whom, when, and what became of it.

mod plan;
mod svg;
mod text;

pub use svg::draw_svg;
pub use text::{Style, draw};

/// One thing that happened, with nodes by their index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TraceItem {
    /// A message on its way from one node to another.
    Message {
        /// When it left, in nanoseconds since the start.
        sent: u64,
        /// When it arrived, in nanoseconds since the start; nothing if it never did.
        arrived: Option<u64>,
        /// Index of the sender.
        from: usize,
        /// Index of the receiver.
        to: usize,
        /// What it is, such as `SYN`.
        label: String,
        /// What became of it, where that needs a word: `lost`, `queue full`.
        fate: Option<String>,
    },
    /// Something that happened at a node: a timer expired, a state changed.
    Note {
        /// When, in nanoseconds since the start.
        at: u64,
        /// Index of the node.
        node: usize,
        /// What.
        text: String,
    },
}
