//! Why a value cannot be read, with the parts of the message kept apart.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};
use serde_json::Value;

use crate::language::diagnostic::Finding;
use crate::language::nearest::{list, suggestion};
use crate::language::path::{Path, Segment};

/// A mistake and the way to it, innermost step first while it travels out.
#[derive(Clone, Debug)]
pub(super) struct DecodeError {
    steps: Vec<Segment>,
    problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// An object has an entry that it may not have.
    UnknownField { field: String, known: &'static [&'static str] },
    /// An object lacks an entry.
    MissingField(&'static str),
    /// A name is none of those that may stand here.
    UnknownVariant { variant: String, known: &'static [&'static str] },
    /// The value is of another kind than expected.
    WrongType { expected: String },
    /// Anything else, in words.
    Other(String),
}

impl DecodeError {
    /// Notes that the mistake lies inside the entry that `step` leads to.
    pub(super) fn inside(mut self, step: Segment) -> Self {
        self.steps.push(step);
        self
    }

    /// The path of the mistaken value (of the object, for a field) and the problem.
    pub(super) fn into_parts(mut self) -> (Path, Problem) {
        self.steps.reverse();
        (Path::from(self.steps), self.problem)
    }

    fn new(problem: Problem) -> Self {
        Self { steps: Vec::new(), problem }
    }
}

impl Problem {
    /// The finding for this problem with the value at `path`.
    pub(super) fn finding(&self, path: Path, value: Option<&Value>) -> Finding {
        match self {
            Self::UnknownField { field, known } => {
                let text = format!("unknown entry `{field}`");
                let finding = Finding::error(path.key(field.clone()), text).at_key();
                finding.maybe_help(suggestion(field, known.iter().copied()))
            }
            Self::MissingField(field) => Finding::error(path, format!("the entry `{field}` is missing"))
                .help(format!("add `\"{field}\": …`")),
            Self::UnknownVariant { variant, known } => {
                let at = match value {
                    Some(Value::Object(_)) => path.key(variant.clone()),
                    _ => path,
                };
                let finding = Finding::error(at, format!("`{variant}` is not known here")).at_key();
                let near = suggestion(variant, known.iter().copied()).filter(|text| text.starts_with("did"));
                let finding = Finding { mark: crate::language::diagnostic::Mark::Value, ..finding };
                let finding =
                    if matches!(value, Some(Value::Object(_))) { finding.at_key() } else { finding };
                finding.expected(format!("one of {}", list(known))).maybe_help(near)
            }
            Self::WrongType { expected } => {
                let found = value.map_or_else(|| "nothing".to_owned(), describe);
                Finding::error(path, format!("{found} cannot stand here")).expected(expected.clone())
            }
            Self::Other(message) => split_message(path, message),
        }
    }
}

/// Messages of quantities read "what is wrong, did you mean …?, expected …".
fn split_message(path: Path, message: &str) -> Finding {
    let (message, expected) = match message.split_once(", expected ") {
        Some((message, expected)) => (message, Some(expected)),
        None => (message, None),
    };
    let (message, help) = match message.split_once(", did you mean ") {
        Some((message, near)) => (message, Some(format!("did you mean {near}"))),
        None => (message, None),
    };
    let finding = Finding::error(path, message).maybe_help(help);
    match expected {
        Some(expected) => finding.expected(expected),
        None => finding,
    }
}

/// A value in a reader's words.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{}\"", crate::language::quantity::shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// serde's words for Rust's types, in a reader's words.
fn translate(expected: &str) -> String {
    if expected.starts_with("struct ") || expected == "a map" {
        return "an object `{ … }`".to_owned();
    }
    if let Some(count) =
        expected.strip_prefix("a tuple of size ").or(expected.strip_prefix("an array of length "))
    {
        return format!("a list of {count} elements");
    }
    match expected {
        "a sequence" => "a list `[ … ]`".to_owned(),
        "a string" | "str" => "a text".to_owned(),
        "a boolean" | "bool" => "`true` or `false`".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number from 0".to_owned(),
        "f64" => "a number".to_owned(),
        "IP address" => "an IP address such as \"10.1.0.2\" or \"fd00::2\"".to_owned(),
        other => other.to_owned(),
    }
}

impl Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Other(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Problem::WrongType { expected: translate(&expected.to_string()) })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Problem::WrongType { expected: translate(&expected.to_string()) })
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = translate(&expected.to_string());
        Self::new(Problem::Other(format!(
            "a list of {length} elements cannot stand here, expected {expected}"
        )))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownVariant { variant: variant.to_owned(), known })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(Problem::UnknownField { field: field.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::MissingField(field))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.problem)
    }
}

impl std::error::Error for DecodeError {}
