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

/// The convention of <https://no-color.org>.
fn refuses_colors() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Columns of a text that nobody looks at in a terminal.
const WIDTH: usize = 100;

/// Below this a table is not worth folding.
const WIDTH_MIN: usize = 40;
