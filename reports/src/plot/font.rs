//! The bundled font: text has the same width on every machine.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, ScaleFont};

/// Fonts that a reader's machine may have, those as wide as the bundled one first.
pub(crate) const FAMILIES: &str = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif";

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../fonts/Arimo-Regular.ttf"))
        .expect("the bundled font is sound")
});

static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../fonts/Arimo-Bold.ttf")).expect("the bundled font is sound")
});

/// The bundled font in the wanted weight.
pub(crate) fn face(bold: bool) -> &'static FontRef<'static> {
    if bold { &BOLD } else { &REGULAR }
}

/// The scale at which an em of the font is `size` pixels.
pub(crate) fn scale(bold: bool, size: f32) -> f32 {
    let font = face(bold);
    let em = font.units_per_em().expect("the bundled font has an em");
    size * font.height_unscaled() / em
}

/// How wide `text` is, with an em of `size`.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let font = face(bold).as_scaled(scale(bold, size as f32));
    text.chars().map(|c| f64::from(font.h_advance(font.glyph_id(c)))).sum()
}

/// `text`, shortened to `width_max` with an ellipsis where it is too long.
pub(crate) fn shortened(text: &str, size: f64, bold: bool, width_max: f64) -> String {
    if width(text, size, bold) <= width_max {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() {
        let candidate = format!("{}…", kept.trim_end());
        if width(&candidate, size, bold) <= width_max {
            return candidate;
        }
    }
    String::new()
}

/// `text` in lines of at most `width_max`, at most `lines_max` of them, broken at blanks.
pub(crate) fn wrapped(text: &str, size: f64, bold: bool, width_max: f64, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer {
            Some(longer) if width(&longer, size, bold) <= width_max || lines.len() == lines_max => {
                if let Some(line) = lines.last_mut() {
                    *line = longer;
                }
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| shortened(line, size, bold, width_max)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Advances in Arimo Regular, 2048 units an em: "m" 1706, "s" 1024, a blank 569.
    #[test]
    fn widths_are_those_of_the_font_file() {
        assert!((width("ms", 20.48, false) - 27.30).abs() < 1e-3);
        assert!((width("m s", 20.48, false) - 32.99).abs() < 1e-3);
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        let text = shortened("a very long name of a variant", 12.0, false, 80.0);
        assert!(text.ends_with('…') && width(&text, 12.0, false) <= 80.0, "{text}");
        assert_eq!(shortened("short", 12.0, false, 80.0), "short");
        assert_eq!(shortened("short", 12.0, false, 1.0), "");
    }

    #[test]
    fn text_is_broken_at_blanks() {
        assert_eq!(wrapped("one two three", 10.0, false, 45.0, 9), ["one two", "three"]);
        assert_eq!(wrapped("", 10.0, false, 45.0, 2), Vec::<String>::new());
    }
}
