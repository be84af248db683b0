//! Printing: text to standard output and standard error, plain where nobody looks.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Prints to standard output. A reader that has left (`netjoule list | head`) is no error.
pub(crate) fn print(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints to standard error.
pub(crate) fn complain(text: impl Display) {
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// Columns of the terminal, or [`WIDTH`] where standard output is none.
pub(crate) fn width() -> usize {
    columns().map_or(WIDTH, |columns| usize::from(columns).max(WIDTH_MIN))
}

#[cfg(unix)]
fn columns() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

#[cfg(not(unix))]
fn columns() -> Option<u16> {
    None
}

/// Whether colours on standard output are wanted.
pub(crate) fn colored_output() -> bool {
    std::io::stdout().is_terminal() && !refuses_colors()
}

/// Whether somebody reads standard error as it is written.
pub(crate) fn is_seen() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

/// Whether colours on standard error are wanted.
pub(crate) fn colored_errors() -> bool {
    std::io::stderr().is_terminal() && !refuses_colors()
}

/// Text of a scenario without control characters, which could move the cursor.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A paragraph in lines of at most `width` columns where that can be done, those after the first set in. No-break
/// spaces hold words together and become spaces.
pub(crate) fn folded(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut columns = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > width {
            lines.push_str("\n  ");
            columns = 2;
        } else if columns > 0 {
            lines.push(' ');
            columns += 1;
        }
        lines.push_str(&word.replace('\u{a0}', " "));
        columns += length;
    }
    lines + "\n"
}

/// The convention of <https://no-color.org>.
fn refuses_colors() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Columns of a text that nobody looks at in a terminal.
const WIDTH: usize = 100;

/// Below this a table is not worth folding.
const WIDTH_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_breaks_between_words_but_not_inside_a_quantity() {
        let text = "udp is lowest, by 3.5\u{a0}ms against the next.";
        assert_eq!(folded(text, 100), "udp is lowest, by 3.5 ms against the next.\n");
        assert_eq!(folded(text, 20), "udp is lowest, by\n  3.5 ms against the\n  next.\n");
        assert_eq!(folded("immeasurable", 4), "immeasurable\n");
    }
}
