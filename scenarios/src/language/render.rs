//! Diagnostics for people: the line of the file, underlined, with what to do about it.

use std::fmt::{self, Display, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::diagnostic::{Diagnostic, Severity};

/// A diagnostic together with the file that it is about.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
    has_place: bool,
}

/// Draws diagnostics with the lines of `text` that they are about; `color` adds colours of a terminal.
pub fn render(diagnostics: &[Diagnostic], file: &str, text: &str, color: bool) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
    let mut drawn = String::new();
    for diagnostic in diagnostics {
        let report = Report {
            diagnostic,
            source: NamedSource::new(file, text.to_owned()),
            has_place: !diagnostic.path.starts_with("--") && !text.is_empty(),
        };
        if handler.render_report(&mut drawn, &report).is_err() {
            // Drawing may refuse a place; the message must not be lost with it.
            drawn.push_str(&diagnostic.one_line(file));
        }
        drawn.push('\n');
    }
    drawn
}

/// Writes diagnostics one a line: `file:line:col: error: path: message`.
pub fn render_lines(diagnostics: &[Diagnostic], file: &str) -> String {
    diagnostics.iter().fold(String::new(), |mut lines, diagnostic| {
        writeln!(lines, "{}", diagnostic.one_line(file)).expect("a text takes all that is written");
        lines
    })
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.diagnostic)
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.diagnostic.path.is_empty() {
            write!(f, "{}: ", self.diagnostic.path)?;
        }
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.has_place.then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span.clone();
        let label = match &self.diagnostic.expected {
            Some(expected) => format!("expected {expected}"),
            None => "here".to_owned(),
        };
        let length = span.end - span.start;
        let one = LabeledSpan::new_primary_with_span(Some(label), (span.start, length));
        self.has_place.then(|| Box::new(std::iter::once(one)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

/// Wide enough for a message and its path, narrow enough for a terminal.
const WIDTH: usize = 110;
