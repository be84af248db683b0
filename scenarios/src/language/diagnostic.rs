//! What is wrong with a scenario file, and where.

use std::fmt;
use std::ops::Range;

use super::path::Path;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The scenario cannot be run.
    Error,
    /// The scenario can be run, but probably does not say what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One mistake in a scenario file, tied to its place in the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The place as a JSON path, `links[0].rate`; empty for the whole file; `--set` for the command line.
    pub path: String,
    /// The place in bytes of the text.
    pub span: Range<usize>,
    /// Line of the start of `span`, from 1.
    pub line: usize,
    /// Column of the start of `span` in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would have been right there.
    pub expected: Option<String>,
    /// How to mend it: the nearest valid name, or the rule behind the refusal.
    pub help: Option<String>,
}

impl Diagnostic {
    /// The diagnostic on one line, for editors and scripts: `file:line:col: error: path: message`.
    pub fn one_line(&self, file: &str) -> String {
        let mut text = format!("{file}:{}:{}: {}: ", self.line, self.column, self.severity);
        if !self.path.is_empty() {
            text.push_str(&self.path);
            text.push_str(": ");
        }
        text.push_str(&self.message);
        if let Some(expected) = &self.expected {
            text.push_str(&format!(", expected {expected}"));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!(" ({help})"));
        }
        text.replace('\n', " ")
    }
}

/// Which part of an entry a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Mark {
    /// The value.
    Value,
    /// The key that the value stands under.
    Key,
}

/// A mistake that is not yet tied to the text: the checks know paths only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) path: Path,
    pub(crate) mark: Mark,
    pub(crate) message: String,
    pub(crate) expected: Option<String>,
    pub(crate) help: Option<String>,
}

impl Finding {
    /// An error at the value that `path` leads to.
    pub(crate) fn error(path: Path, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path,
            mark: Mark::Value,
            message: message.into(),
            expected: None,
            help: None,
        }
    }

    /// A warning at the value that `path` leads to.
    pub(crate) fn warning(path: Path, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, message) }
    }

    /// Moves the finding to the key of its value.
    pub(crate) fn at_key(self) -> Self {
        Self { mark: Mark::Key, ..self }
    }

    /// Says what would have been right.
    pub(crate) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    /// Says how to mend it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Says how to mend it, where there is something to say.
    pub(crate) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help: help.or(self.help), ..self }
    }
}
