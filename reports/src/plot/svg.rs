//! A drawing as SVG.

use std::fmt::Write;

use super::font::FAMILIES;
use super::palette::Ink;
use super::scene::{Anchor, Scene, Shape, Spot};
use crate::quantity::fixed;

/// Where the SVG will be shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Theme {
    /// A file of its own, dark on white.
    Paper,
    /// Inside a page whose style sheet sets the colours as variables.
    Page,
}

/// Writes `scene` as one `<svg>` element.
pub(crate) fn svg(scene: &Scene, theme: Theme) -> String {
    let (width, height) = (number(scene.width), number(scene.height));
    let mut text = String::new();
    let description = escaped(&scene.description);
    let size = match theme {
        Theme::Paper => format!(" width=\"{width}\" height=\"{height}\""),
        Theme::Page => String::new(),
    };
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\"{size} viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"{description}\" font-family=\"{FAMILIES}\">"
    );
    if theme == Theme::Paper {
        let _ = writeln!(
            text,
            "<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
            Ink::Paper.colour().1
        );
    }
    for shape in &scene.shapes {
        write_shape(&mut text, shape, theme);
    }
    text.push_str("</svg>\n");
    text
}

fn write_shape(out: &mut String, shape: &Shape, theme: Theme) {
    let _ = match shape {
        Shape::Line { spots, ink, width, dash } => {
            let dash: Vec<String> = dash.iter().map(|length| number(*length)).collect();
            let dash = if dash.is_empty() {
                dash.concat()
            } else {
                format!(" stroke-dasharray=\"{}\"", dash.join(" "))
            };
            writeln!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dash}/>",
                path(spots),
                colour(*ink, theme),
                number(*width),
            )
        }
        Shape::Area { spots, ink, title } => {
            let (path, colour) = (path(spots), colour(*ink, theme));
            writeln!(out, "<path d=\"{path}Z\" fill=\"{colour}\"{}", closing("path", title))
        }
        Shape::Disc { at, radius, ink, title } => {
            let (x, y, radius) = (number(at.0), number(at.1), number(*radius));
            let (colour, closing) = (colour(*ink, theme), closing("circle", title));
            writeln!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\"{closing}")
        }
        Shape::Text { at, text, size, anchor, bold, ink, upright } => {
            let (x, y) = (number(at.0), number(at.1));
            let turn = if *upright { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let (size, colour, text) = (number(*size), colour(*ink, theme), escaped(text));
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{weight} fill=\"{colour}\"{turn}>{text}</text>"
            )
        }
        Shape::Open(series) => writeln!(out, "<g data-series=\"{series}\">"),
        Shape::Close => writeln!(out, "</g>"),
    };
}

/// The end of an element, with its title inside where it has one.
fn closing(element: &str, title: &str) -> String {
    if title.is_empty() { "/>".to_owned() } else { format!("><title>{}</title></{element}>", escaped(title)) }
}

fn path(spots: &[Spot]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in spots.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", number(*x), number(*y));
    }
    path
}

fn colour(ink: Ink, theme: Theme) -> String {
    let (name, paper, _) = ink.colour();
    match theme {
        Theme::Paper => paper.to_owned(),
        Theme::Page => format!("var(--{name})"),
    }
}

/// A coordinate with at most two decimals.
fn number(value: f64) -> String {
    let text = fixed(value, 2);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text for XML and HTML: markup characters escaped, control characters blanked.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::palette::Marker;

    #[test]
    fn shapes_become_elements() {
        let mut scene = Scene::new(80.0, 40.5, "a \"small\" one".to_owned());
        scene.line(vec![(1.0, 2.345), (3.0, -0.001)], Ink::Series(1), 1.5, &[4.0, 2.0]);
        scene.shapes.push(Shape::Open(0));
        scene.marker((9.0, 9.0), Marker::Disc, Ink::Series(0), "x < y".to_owned());
        scene.shapes.push(Shape::Close);
        scene.upright((5.0, 6.0), "a & b", 11.0, Ink::Text);
        insta::assert_snapshot!(svg(&scene, Theme::Paper), @r##"
            <svg xmlns="http://www.w3.org/2000/svg" width="80" height="40.5" viewBox="0 0 80 40.5" role="img" aria-label="a &quot;small&quot; one" font-family="Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif">
            <rect width="80" height="40.5" fill="#ffffff"/>
            <path d="M1 2.35L3 0" fill="none" stroke="#c0400f" stroke-width="1.5" stroke-linejoin="round" stroke-dasharray="4 2"/>
            <g data-series="0">
            <circle cx="9" cy="9" r="4.7" fill="#ffffff"/>
            <circle cx="9" cy="9" r="3.7" fill="#0b2e6b"><title>x &lt; y</title></circle>
            </g>
            <text x="5" y="6" font-size="11" text-anchor="middle" fill="#1a1c1f" transform="rotate(-90 5 6)">a &amp; b</text>
            </svg>
            "##);
    }

    #[test]
    fn a_page_sets_the_colours() {
        let mut scene = Scene::new(8.0, 4.0, String::new());
        scene.rectangle((0.0, 0.0), (1.0, 2.0), Ink::Part(0, 3), String::new());
        insta::assert_snapshot!(svg(&scene, Theme::Page), @r#"
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4" role="img" aria-label="" font-family="Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif">
            <path d="M0 0L1 0L1 2L0 2Z" fill="var(--p0)"/>
            </svg>
            "#);
    }

    #[test]
    fn text_cannot_leave_its_element() {
        assert_eq!(escaped("<script>'\"&\u{0}\u{1b}"), "&lt;script&gt;&#39;&quot;&amp;  ");
    }
}
