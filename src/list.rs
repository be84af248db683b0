//! `netjoule list`: the scenarios that ship with the program.

use scenarios::language::Source;

use crate::shipped::{SHIPPED, Shipped};
use crate::terminal;

/// Prints each scenario's name and question.
pub(crate) fn list() {
    let wide = SHIPPED.iter().map(|shipped| shipped.path.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut folder = "";
    for shipped in SHIPPED {
        if !folder.is_empty() && folder != shipped.folder() {
            text.push('\n');
        }
        folder = shipped.folder();
        text.push_str(&format!("{:wide$}  {}\n", shipped.path, about(*shipped)));
    }
    terminal::print(text);
}

fn about(shipped: Shipped) -> String {
    let source = Source::parse(shipped.text.as_bytes()).ok();
    let about = source.as_ref().and_then(|source| source.value().get("about")?.as_str());
    terminal::one_line(about.unwrap_or_default())
}
