//! The text of a scenario file as a tree whose values know their place.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use serde_json::{Map, Value};

use super::diagnostic::{Diagnostic, Finding, Mark};
use super::path::{Path, Segment};

/// The largest scenario file, in bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The deepest nesting of lists and objects.
pub const NESTING_MAX: usize = 64;

/// A scenario file that is well-formed JSON: its text, its value and the places of all values.
#[derive(Clone, Debug)]
pub struct Source {
    text: String,
    line_starts: Vec<usize>,
    tree: Tree,
    value: Value,
}

/// The place of a value and of what is inside it.
#[derive(Clone, Debug)]
struct Tree {
    span: Range<usize>,
    inside: Inside,
}

#[derive(Clone, Debug)]
enum Inside {
    Scalar,
    List(Vec<Tree>),
    Object(Vec<(String, Range<usize>, Tree)>),
}

impl Source {
    /// Reads a text. Comments are allowed, every other departure from JSON (RFC 8259) is an error.
    ///
    /// # Errors
    /// What keeps the text from being JSON: it is too large, not UTF-8, nested too deeply, cut off or malformed,
    /// or it holds a key twice or a number that no machine number can hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        let text = decode(bytes).map_err(|error| vec![*error])?;
        let line_starts = line_starts(text);
        let place = |span: Range<usize>, finding: Finding| place(text, &line_starts, span, finding);
        if let Some((at, finding)) = nesting_error(text) {
            return Err(vec![place(at..at + 1, finding)]);
        }
        let parsed = jsonc_parser::parse_to_ast(text, &ast_options(), &PARSE_OPTIONS);
        let root = match parsed {
            Ok(result) => result.value,
            Err(error) => {
                let (span, finding) = syntax_error(text, &error);
                return Err(vec![place(span, finding)]);
            }
        };
        let Some(root) = root else {
            let finding = Finding::error(Path::root(), "the file is empty").expected("a scenario: `{ … }`");
            return Err(vec![place(0..0, finding)]);
        };
        let mut errors = Vec::new();
        let (tree, value) = convert(&root, &Path::root(), &mut errors);
        if !errors.is_empty() {
            return Err(errors.into_iter().map(|(span, finding)| place(span, finding)).collect());
        }
        if !value.is_object() {
            let finding = Finding::error(Path::root(), "a scenario is an object").expected("`{ … }`");
            return Err(vec![place(tree.span.clone(), finding)]);
        }
        Ok(Self { text: text.to_owned(), line_starts, tree, value })
    }

    /// The text as it was given, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole value, parameters not yet replaced.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Ties a finding to its place in the text; what is not in the text is placed at what should hold it.
    pub(crate) fn locate(&self, finding: Finding) -> Diagnostic {
        let mut tree = &self.tree;
        // A missing entry is marked at the opening brace: underlining a whole section would hide the rest.
        let mut span = tree.span.start..(tree.span.start + 1).min(tree.span.end);
        let mut found_all = true;
        for segment in finding.path.segments() {
            let step = match (segment, &tree.inside) {
                (Segment::Index(index), Inside::List(items)) => {
                    items.get(*index).map(|item| (item, item.span.clone()))
                }
                (Segment::Key(key), Inside::Object(entries)) => {
                    entries.iter().find(|(name, _, _)| name == key).map(|(_, key, item)| (item, key.clone()))
                }
                _ => None,
            };
            let Some((item, key)) = step else {
                found_all = false;
                break;
            };
            tree = item;
            span = key;
        }
        let scalar = matches!(tree.inside, Inside::Scalar);
        if found_all && finding.mark == Mark::Value && (scalar || self.is_one_line(&tree.span)) {
            span = tree.span.clone();
        }
        place(&self.text, &self.line_starts, span, finding)
    }

    fn is_one_line(&self, span: &Range<usize>) -> bool {
        self.text.get(span.clone()).is_some_and(|text| !text.contains('\n'))
    }
}

fn place(text: &str, line_starts: &[usize], span: Range<usize>, finding: Finding) -> Diagnostic {
    let start = span.start.min(text.len());
    let line = line_starts.partition_point(|&first| first <= start).max(1);
    let before = text.get(line_starts[line - 1]..start).unwrap_or("");
    Diagnostic {
        severity: finding.severity,
        path: finding.path.to_string(),
        span: start..span.end.clamp(start, text.len()),
        line,
        column: before.chars().count() + 1,
        message: finding.message,
        expected: finding.expected,
        help: finding.help,
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn decode(bytes: &[u8]) -> Result<&str, Box<Diagnostic>> {
    let at_start = |message: String, help: &str| {
        Box::new(place("", &[0], 0..0, Finding::error(Path::root(), message).help(help)))
    };
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", bytes.len());
        return Err(at_start(message, "describe large networks by a rule under `topology` and a `count`"));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("");
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or(0);
        let message = format!("the file is not UTF-8 text: byte 0x{byte:02x} at offset {}", good.len());
        let finding = Finding::error(Path::root(), message).help("save the file as UTF-8");
        Box::new(place(good, &line_starts(good), good.len()..good.len(), finding))
    })
}

/// The first bracket that opens more than [`NESTING_MAX`] levels: found without recursion, before the parser.
fn nesting_error(text: &str) -> Option<(usize, Finding)> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += text.get(at..).and_then(|rest| rest.find('\n')).unwrap_or(bytes.len());
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at += text.get(at..).and_then(|rest| rest.find("*/")).unwrap_or(bytes.len());
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > NESTING_MAX {
                    let message = format!("lists and objects are nested more than {NESTING_MAX} deep");
                    return Some((at, Finding::error(Path::root(), message)));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn syntax_error(text: &str, error: &jsonc_parser::errors::ParseError) -> (Range<usize>, Finding) {
    use jsonc_parser::ParseStringErrorKind as StringKind;
    use jsonc_parser::errors::ParseErrorKind as Kind;
    let range = error.range();
    let message = error.kind().to_string();
    let mut finding = Finding::error(Path::root(), lower_first(&message));
    let help = match error.kind() {
        Kind::UnterminatedObject => {
            Some("the file ends before this `{` is closed: it is cut off, or a `}` is missing")
        }
        Kind::UnterminatedArray => {
            Some("the file ends before this `[` is closed: it is cut off, or a `]` is missing")
        }
        Kind::String(StringKind::UnterminatedStringLiteral) => {
            Some("a text ends with `\"` on the line where it began")
        }
        Kind::TrailingCommasNotAllowed => Some("take the comma before the closing bracket away"),
        Kind::SingleQuotedStringsNotAllowed => Some("texts and keys stand in double quotes"),
        Kind::ExpectedComma => Some("entries are separated by `,`"),
        Kind::ExpectedStringObjectProperty => Some("keys stand in double quotes: `\"rate\": …`"),
        Kind::MultipleRootJsonValues => Some("a file holds one scenario; is there a `}` too many above?"),
        Kind::ExpectedColonAfterObjectKey => Some("a key is followed by `:` and its value"),
        Kind::UnexpectedWord => {
            Some("texts stand in double quotes; other words are `true`, `false` and `null`")
        }
        _ => None,
    };
    if let Some(help) = help {
        finding = finding.help(help);
    }
    let mut end = range.end.min(text.len());
    if let Some(line) = text.get(range.start..end).and_then(|inside| inside.find('\n')) {
        end = range.start + line;
    }
    (range.start.min(text.len())..end.max(range.start.min(text.len())), finding)
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}

fn convert(value: &ast::Value<'_>, path: &Path, errors: &mut Vec<(Range<usize>, Finding)>) -> (Tree, Value) {
    let span = value.range().start..value.range().end;
    let (inside, value) = match value {
        ast::Value::StringLit(text) => (Inside::Scalar, Value::String(text.value.clone().into_owned())),
        ast::Value::BooleanLit(bool) => (Inside::Scalar, Value::Bool(bool.value)),
        ast::Value::NullKeyword(_) => (Inside::Scalar, Value::Null),
        ast::Value::NumberLit(number) => (Inside::Scalar, convert_number(number.value, &span, path, errors)),
        ast::Value::Array(array) => {
            let items = array.elements.iter().enumerate();
            let (trees, values) = items.map(|(at, item)| convert(item, &path.index(at), errors)).unzip();
            (Inside::List(trees), Value::Array(values))
        }
        ast::Value::Object(object) => {
            let (mut trees, mut values) = (Vec::new(), Map::new());
            for entry in &object.properties {
                let name = entry.name.as_str();
                let key_range = match &entry.name {
                    ast::ObjectPropName::String(text) => text.range,
                    ast::ObjectPropName::Word(word) => word.range,
                };
                let key = key_range.start..key_range.end;
                let (tree, value) = convert(&entry.value, &path.key(name), errors);
                if values.insert(name.to_owned(), value).is_some() {
                    let message = format!("`{name}` is given twice in this object");
                    errors.push((key.clone(), Finding::error(path.key(name), message)));
                }
                trees.push((name.to_owned(), key, tree));
            }
            (Inside::Object(trees), Value::Object(values))
        }
    };
    (Tree { span, inside }, value)
}

fn convert_number(
    text: &str,
    span: &Range<usize>,
    path: &Path,
    errors: &mut Vec<(Range<usize>, Finding)>,
) -> Value {
    if let Ok(number) = text.parse::<serde_json::Number>() {
        return Value::Number(number);
    }
    let shown: String = text.chars().take(24).collect();
    let message = format!("the number {shown} is too large for any quantity, or not written as in JSON");
    errors.push((span.clone(), Finding::error(path.clone(), message)));
    Value::Null
}

fn ast_options() -> jsonc_parser::CollectOptions {
    jsonc_parser::CollectOptions { comments: jsonc_parser::CommentCollectionStrategy::Off, tokens: false }
}

/// JSON with comments and nothing else: other tools must be able to read a scenario.
const PARSE_OPTIONS: jsonc_parser::ParseOptions = jsonc_parser::ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};
