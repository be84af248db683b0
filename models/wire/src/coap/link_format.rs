//! Links to resources, as `/.well-known/core` lists them (RFC 6690 §2).

use std::fmt::Write;

/// A link: its target and what is said about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link<'a> {
    /// The target between angle brackets.
    pub target: &'a str,
    params: &'a str,
}

/// An attribute of a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkParam<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value without quotes; none where the name stands alone.
    pub value: Option<&'a str>,
}

/// The links of a document, as far as it follows the format.
#[derive(Clone, Debug)]
pub struct Links<'a> {
    rest: &'a str,
}

impl<'a> Links<'a> {
    /// Reads the links of `document`.
    pub fn new(document: &'a str) -> Self {
        Self { rest: document }
    }
}

impl<'a> Iterator for Links<'a> {
    type Item = Link<'a>;

    fn next(&mut self) -> Option<Link<'a>> {
        let open = self.rest.trim_start_matches([' ', '\n', '\r', '\t', ',']).strip_prefix('<')?;
        let (target, after) = open.split_once('>')?;
        let end = unquoted(after, ',').unwrap_or(after.len());
        let (params, rest) = after.split_at(end);
        self.rest = rest;
        Some(Link { target, params })
    }
}

impl<'a> Link<'a> {
    /// What is said about the target, in order.
    pub fn params(&self) -> impl Iterator<Item = LinkParam<'a>> + use<'a> {
        let mut rest = self.params;
        std::iter::from_fn(move || {
            let text = rest.trim_start().strip_prefix(';')?;
            let end = unquoted(text, ';').unwrap_or(text.len());
            let (param, after) = text.split_at(end);
            rest = after;
            let (name, value) = match param.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().trim_matches('"'))),
                None => (param, None),
            };
            Some(LinkParam { name: name.trim(), value })
        })
    }

    /// Whether a filter such as `rt=temp*` or `href=/sensors*` selects the link (RFC 6690 §4.1).
    pub fn matches(&self, filter: &str) -> bool {
        let Some((name, wanted)) = filter.split_once('=') else { return true };
        let fits = |value: &str| match wanted.strip_suffix('*') {
            Some(prefix) => value.starts_with(prefix),
            None => value == wanted,
        };
        if name == "href" {
            return fits(self.target);
        }
        let lists = ["rt", "if", "rel"].contains(&name);
        self.params().filter(|param| param.name == name).any(|param| match param.value {
            Some(value) if lists => value.split(' ').any(fits),
            Some(value) => fits(value),
            None => wanted.is_empty(),
        })
    }
}

/// Writes links one after the other: a target, and its attributes with values that are quoted.
pub fn emit_links<'a>(links: impl IntoIterator<Item = (&'a str, &'a [(&'a str, String)])>) -> String {
    let mut out = String::new();
    for (target, params) in links {
        if !out.is_empty() {
            out.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(out, "<{target}>");
        for (name, value) in params {
            let numeric = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let _ = match (value.as_str(), numeric) {
                ("", _) => write!(out, ";{name}"),
                (value, true) => write!(out, ";{name}={value}"),
                (value, false) => write!(out, ";{name}=\"{value}\""),
            };
        }
    }
    out
}

/// The first `wanted` outside of quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let here = !quoted && letter == wanted;
        (quoted, escaped) = match letter {
            '"' if !escaped => (!quoted, false),
            '\\' => (quoted, quoted && !escaped),
            _ => (quoted, false),
        };
        here.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6690 §5.
    const EXAMPLE: &str = "</sensors>;ct=40;title=\"Sensor Index\",\
        </sensors/temp>;rt=\"temperature-c\";if=\"sensor\",\
        </sensors/light>;rt=\"light-lux core.s,t\";if=\"sensor\",\
        <http://www.example.com/sensors/t123>;anchor=\"/sensors/temp\";rel=\"describedby\"";

    // Holds: RFC 6690 2-a
    #[test]
    fn the_example_is_read() {
        let links: Vec<_> = Links::new(EXAMPLE).collect();
        let targets: Vec<&str> = links.iter().map(|link| link.target).collect();
        assert_eq!(
            targets,
            ["/sensors", "/sensors/temp", "/sensors/light", "http://www.example.com/sensors/t123"]
        );
        let params: Vec<_> = links[0].params().collect();
        assert_eq!(params[0], LinkParam { name: "ct", value: Some("40") });
        assert_eq!(params[1], LinkParam { name: "title", value: Some("Sensor Index") });
    }

    // Holds: RFC 6690 2.1-a, 4.1-a
    #[test]
    fn filters_select_by_value_prefix_and_target() {
        let selected = |filter: &str| -> Vec<&str> {
            Links::new(EXAMPLE).filter(|link| link.matches(filter)).map(|link| link.target).collect()
        };
        assert_eq!(selected("rt=light-lux"), ["/sensors/light"]);
        assert_eq!(selected("if=sensor").len(), 2);
        assert_eq!(selected("rt=temp*"), ["/sensors/temp"]);
        assert_eq!(selected("href=/sensors*").len(), 3);
        assert_eq!(selected("rt=nothing"), [""; 0]);
    }

    // Holds: RFC 6690 2-a
    #[test]
    fn what_is_written_is_read_again() {
        let params = [("rt", "test".to_owned()), ("sz", "100000".to_owned()), ("obs", String::new())];
        let document = emit_links([("/large", &params[..]), ("/store", &[][..])]);
        assert_eq!(document, "</large>;rt=\"test\";sz=100000;obs,</store>");
        assert_eq!(Links::new(&document).count(), 2);
    }
}
