//! Parameters: `$x` for a whole value, `${x}` inside a text, `$$` for a dollar sign.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diagnostic::Finding;
use super::nearest::suggestion;
use super::path::Path;

/// The values of all parameters at one point; none of them refers to another.
pub(crate) type Values = BTreeMap<String, Value>;

/// A text, taken apart.
enum Template<'a> {
    /// `$x`: the value itself.
    Whole(&'a str),
    /// Literal texts and names in turn.
    Parts(Vec<Part<'a>>),
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Replaces parameters everywhere inside `value`.
pub(crate) fn substitute(value: &mut Value, path: &Path, values: &Values, findings: &mut Vec<Finding>) {
    match value {
        Value::String(text) => {
            if text.contains('$')
                && let Some(replaced) = replace(text, path, values, findings)
            {
                *value = replaced;
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                substitute(item, &path.index(index), values, findings);
            }
        }
        Value::Object(entries) => {
            for (key, inside) in entries.iter_mut() {
                substitute(inside, &path.key(key.clone()), values, findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces parameters inside the values of parameters, each `raw` value with its place in the file.
///
/// A parameter that refers to itself, by itself or through others, is reported and left out.
pub(crate) fn resolve(raw: &BTreeMap<String, (Value, Path)>, findings: &mut Vec<Finding>) -> Values {
    let mut values = Values::new();
    let mut left: BTreeMap<&str, BTreeSet<String>> = raw
        .iter()
        .map(|(name, (value, _))| {
            let mut names = BTreeSet::new();
            collect_names(value, &mut names);
            // Names that do not exist are reported by `replace`; they must not look like a cycle.
            names.retain(|other| raw.contains_key(other));
            (name.as_str(), names)
        })
        .collect();
    while !left.is_empty() {
        let ready: Vec<&str> = left
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| values.contains_key(need)))
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            break;
        }
        for name in ready {
            left.remove(name);
            let (value, path) = &raw[name];
            let mut value = value.clone();
            substitute(&mut value, path, &values, findings);
            values.insert(name.to_owned(), value);
        }
    }
    for (name, needs) in &left {
        let (value, path) = &raw[*name];
        let waiting: Vec<&str> =
            needs.iter().map(String::as_str).filter(|need| left.contains_key(need)).collect();
        let message =
            format!("the value of `{name}` depends on itself, through {}", super::nearest::list(&waiting));
        findings.push(Finding::error(path.clone(), message).help("give one of them a value without `$`"));
        values.insert((*name).to_owned(), value.clone());
    }
    values
}

/// Adds the names of all parameters that `value` refers to.
pub(crate) fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains('$') => match parse(text) {
            Ok(Template::Whole(name)) => {
                names.insert(name.to_owned());
            }
            Ok(Template::Parts(parts)) => names.extend(parts.iter().filter_map(|part| match part {
                Part::Name(name) => Some((*name).to_owned()),
                Part::Text(_) => None,
            })),
            Err(_) => {}
        },
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Object(entries) => entries.values().for_each(|inside| collect_names(inside, names)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text of a value in tables, file names and `${x}`: a text without quotes, all else as JSON.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// True for what a parameter may be called: letters, digits, `-` and `_`, beginning with a letter or `_`.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn replace(text: &str, path: &Path, values: &Values, findings: &mut Vec<Finding>) -> Option<Value> {
    let template = match parse(text) {
        Ok(template) => template,
        Err(help) => {
            let finding = Finding::error(path.clone(), "a `$` that refers to no parameter").help(help);
            findings.push(finding);
            return None;
        }
    };
    match template {
        Template::Whole(name) => match values.get(name) {
            Some(value) => Some(value.clone()),
            None => {
                findings.push(unknown(name, path, values));
                None
            }
        },
        Template::Parts(parts) => {
            let mut whole = String::new();
            for part in parts {
                match part {
                    Part::Text(text) => whole.push_str(text),
                    Part::Name(name) => match values.get(name) {
                        Some(value @ (Value::Array(_) | Value::Object(_))) => {
                            let kind = if value.is_array() { "a list" } else { "an object" };
                            let message = format!("`{name}` is {kind} and cannot stand inside a text");
                            findings.push(
                                Finding::error(path.clone(), message).help(format!("write \"${name}\"")),
                            );
                            return None;
                        }
                        Some(value) if whole.len() < REPLACED_BYTES_MAX => whole.push_str(&text_of(value)),
                        Some(_) => {
                            let message = format!("the text has more than {REPLACED_BYTES_MAX} bytes");
                            findings.push(Finding::error(path.clone(), message));
                            return None;
                        }
                        None => {
                            findings.push(unknown(name, path, values));
                            return None;
                        }
                    },
                }
            }
            Some(Value::String(whole))
        }
    }
}

fn unknown(name: &str, path: &Path, values: &Values) -> Finding {
    let finding = Finding::error(path.clone(), format!("there is no parameter `{name}`"));
    let near = suggestion(name, values.keys().map(String::as_str));
    finding.help(near.unwrap_or_else(|| format!("give it a value: \"parameters\": {{ \"{name}\": … }}")))
}

fn parse(text: &str) -> Result<Template<'_>, String> {
    if let Some(name) = text.strip_prefix('$')
        && is_name(name)
    {
        return Ok(Template::Whole(name));
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        parts.push(Part::Text(&rest[..at]));
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            parts.push(Part::Text("$"));
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        match name {
            Some((name, after)) if is_name(name) => {
                parts.push(Part::Name(name));
                rest = after;
            }
            _ => {
                let bare: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                    .collect();
                return Err(match is_name(&bare) {
                    true => format!("inside a text a parameter stands in braces: `${{{bare}}}`"),
                    false => "`$$` is a dollar sign, `${name}` a parameter".to_owned(),
                });
            }
        }
    }
    parts.push(Part::Text(rest));
    Ok(Template::Parts(parts))
}

/// Parameters inside parameters can double a text at each step.
const REPLACED_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn replaced(text: &str, values: Value) -> (Value, Vec<Finding>) {
        let values: Values = values.as_object().expect("an object").clone().into_iter().collect();
        let (mut value, mut findings) = (json!(text), Vec::new());
        substitute(&mut value, &Path::root(), &values, &mut findings);
        (value, findings)
    }

    #[test]
    fn a_name_alone_keeps_the_kind_of_its_value() {
        assert_eq!(replaced("$n", json!({ "n": 3 })), (json!(3), vec![]));
    }

    #[test]
    fn a_name_in_braces_becomes_text() {
        assert_eq!(replaced("coap/${t}", json!({ "t": "udp" })).0, json!("coap/udp"));
        assert_eq!(replaced("${n} ms", json!({ "n": 20 })).0, json!("20 ms"));
        assert_eq!(replaced("5 $$", json!({})).0, json!("5 $"));
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest() {
        let (_, findings) = replaced("$los", json!({ "loss": 1 }));
        assert_eq!(findings[0].help.as_deref(), Some("did you mean `loss`?"));
    }

    #[test]
    fn a_name_without_braces_inside_a_text_is_taught() {
        let (_, findings) = replaced("coap/$t", json!({ "t": "udp" }));
        assert!(findings[0].help.as_deref().is_some_and(|help| help.contains("`${t}`")));
    }

    #[test]
    fn parameters_may_refer_to_each_other_but_not_in_a_circle() {
        let place = |value: Value| (value, Path::root());
        let raw = [
            ("a", json!("$b")),
            ("b", json!("${c} ms")),
            ("c", json!(7)),
            ("d", json!("$e")),
            ("e", json!("$d")),
        ];
        let raw = raw.into_iter().map(|(name, value)| (name.to_owned(), place(value))).collect();
        let mut findings = Vec::new();
        let values = resolve(&raw, &mut findings);
        assert_eq!(values["a"], json!("7 ms"));
        assert_eq!(findings.len(), 2, "d and e: {findings:?}");
    }
}
