//! The report page: one HTML file that needs nothing else, on screen, in the dark, and on paper.

mod answer;
mod frames;
mod limits;
mod tables;

use std::fmt::Write;

use crate::OutputFile;
use crate::plot::palette;
use crate::plot::svg::{Theme, escaped, svg};
use crate::quantity::Kind;
use crate::results::Results;

impl Results {
    /// `report.html`: the question, the answer as far as the data carry it, figures, tables, and all that is
    /// needed to repeat the experiment.
    pub fn report_page(&self) -> OutputFile {
        let mut out = String::new();
        head(&mut out, self);
        answer_section(&mut out, self);
        figures(&mut out, self);
        out.push_str("<h2 id=\"summary\">Summary</h2>\n");
        out.push_str("<p class=\"note\">Mean over n runs ± half a 95 % interval; bold is the best mean of the variants.");
        out.push_str(
            " Latencies are those of delivered messages: read them beside the delivered fraction.</p>\n",
        );
        out.push_str(&tables::summary(self));
        battery_lives(&mut out, self);
        folded(&mut out, "Differences, paired by replication", &tables::paired(self));
        outcome(&mut out, self);
        let frames = frames::table(self);
        if !frames.is_empty() {
            folded(
                &mut out,
                "Frames on the air, and what became of them",
                &format!("{}{frames}", frames::NOTE),
            );
        }
        folded(&mut out, "Nodes (means over runs)", &tables::counters(self, &self.nodes));
        folded(&mut out, "Links (means over runs)", &tables::counters(self, &self.links));
        provenance(&mut out, self);
        let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
        OutputFile { path: "report.html".to_owned(), bytes: out.into_bytes() }
    }
}

impl Results {
    /// The answer in a few sentences, as the page has it. Quantities are held together by no-break spaces.
    pub fn answer(&self) -> Vec<String> {
        let mut sentences = answer::sentences(self);
        sentences.extend(limits::sentences(self));
        sentences
    }
}

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

fn head(out: &mut String, results: &Results) {
    let manifest = &results.manifest;
    let name = escaped(&manifest.name);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n<main>\n",
        colours()
    );
    let _ = writeln!(out, "<header>\n<p class=\"kicker\">{name}</p>");
    let question = if manifest.about.is_empty() { name } else { escaped(&manifest.about) };
    let _ = writeln!(out, "<h1>{question}</h1>");
    let runs = results.runs.len();
    let points = results.points.len();
    let _ = writeln!(
        out,
        "<p class=\"note\">{} run{} at {} point{}, seed {}, made with {}</p>\n</header>",
        runs,
        plural(runs),
        points,
        plural(points),
        manifest.seed,
        escaped(&manifest.program)
    );
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The palette as variables: light, dark where the reader wants it, light again on paper.
fn colours() -> String {
    let set = |dark: bool| -> String {
        palette::colours()
            .map(|(name, light, night)| format!("--{name}:{};", if dark { night } else { light }))
            .collect()
    };
    let (light, dark) = (set(false), set(true));
    format!(
        ":root{{color-scheme:light dark;{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )
}

fn answer_section(out: &mut String, results: &Results) {
    let sentences = results.answer();
    if !sentences.is_empty() {
        out.push_str("<section class=\"answer\">\n<h2>Answer</h2>\n<ul>\n");
        for sentence in sentences {
            let _ = writeln!(out, "<li>{}</li>", escaped(&sentence));
        }
        out.push_str(
            "</ul>\n<p class=\"note\">A difference is claimed only where its 95 % interval, paired by ",
        );
        out.push_str(
            "replication, leaves out zero. Each interval is taken alone: of twenty, one may err.</p>\n",
        );
        out.push_str("</section>\n");
    }
    if let Some(note) = results.hardware_note() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(&note));
    }
    if let Some(look_at) = &results.manifest.look_at {
        let _ = writeln!(out, "<h2>What to look at</h2>\n<p>{}</p>", escaped(look_at));
    }
}

/// The life of every battery, with an interval.
fn battery_lives(out: &mut String, results: &Results) {
    let table = tables::lives(results);
    if !table.is_empty() {
        out.push_str("<h2>Battery life</h2>\n<p class=\"note\">Mean over runs at the typical currents of the profiles; ");
        out.push_str("in brackets from the lower end of the 95 % interval at their maximum currents to the upper end at typical ones.");
        out.push_str(" A century stands for every longer life.</p>\n");
        out.push_str(&table);
    }
}

fn figures(out: &mut String, results: &Results) {
    let plots = results.plots();
    if plots.is_empty() {
        return;
    }
    out.push_str("<h2>Figures</h2>\n");
    for plot in plots {
        let _ = match plot {
            Ok(plot) => writeln!(
                out,
                "<figure id=\"{}\">\n{}<figcaption><a href=\"plots/{}.svg\">SVG</a></figcaption></figure>",
                escaped(&plot.name),
                svg(&plot.scene, Theme::Page),
                escaped(&plot.name)
            ),
            Err(problem) => writeln!(out, "<p class=\"warning\">Not drawn: {}.</p>", escaped(&problem)),
        };
    }
}

/// A part of the page that opens on demand; nothing where there is no content.
fn folded(out: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(out, "<details>\n<summary>{}</summary>\n{content}</details>", escaped(title));
    }
}

fn outcome(out: &mut String, results: &Results) {
    if !results.manifest.expect.is_empty() {
        let failed = results.manifest.expect.iter().filter(|expectation| !expectation.passed).count();
        let all = results.manifest.expect.len();
        let _ = writeln!(out, "<h2>Expectations</h2>\n<p>{} of {all} passed.</p>", all - failed);
        out.push_str(&tables::expectations(results));
    }
    let failed = results.runs.iter().filter(|run| run.failure.is_some()).count();
    if failed > 0 {
        let _ = writeln!(out, "<h2>Failed runs</h2>\n<p>{failed} of {} runs failed.</p>", results.runs.len());
        out.push_str(&tables::failures(results));
    }
}

fn provenance(out: &mut String, results: &Results) {
    let manifest = &results.manifest;
    let time = |nanos: u64| Kind::Time.show(nanos as f64, None);
    out.push_str("<h2>How to repeat it</h2>\n<dl>\n");
    let mut entry = |name: &str, value: &str| {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
    };
    entry("program", &manifest.program);
    entry("scenario", &manifest.name);
    entry("scenario hash", &manifest.scenario_hash);
    entry("master seed", &manifest.seed.to_string());
    entry("replications", &manifest.replications.to_string());
    entry(
        "traffic",
        &format!("{} after a warm-up of {}", time(manifest.duration_ns), time(manifest.warm_up_ns)),
    );
    entry("drain", &time(manifest.drain_ns));
    for (name, value) in &manifest.fixed {
        entry(name, &value.0);
    }
    out.push_str("</dl>\n");
    folded(out, "Seeds and digests of the runs", &tables::digests(results));
    if !manifest.scenario.is_empty() {
        folded(out, "The scenario", &format!("<pre>{}</pre>\n", escaped(&manifest.scenario)));
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    fn page() -> String {
        String::from_utf8(sample::sweep().report_page().bytes).unwrap()
    }

    #[test]
    fn hostile_text_stays_text() {
        let page = page();
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert_eq!(page.matches("<script").count(), 1, "only the page's own script");
    }

    #[test]
    fn the_page_needs_no_network() {
        let page = page().replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn every_part_is_there() {
        let page = page();
        for part in [
            "<h2>Answer",
            "<h2>What to look at",
            "<h2>Figures",
            "Summary</h2>",
            "1 of 2 passed",
            "1 of 900 runs failed",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<figure").count(), 7);
        assert!(!page.contains("Not drawn"));
    }

    #[test]
    fn frames_of_radios_have_a_column_for_each_fate() {
        let page = page();
        let table = page.split("what became of them</summary>").nth(1).expect("there is a table");
        let headings =
            "<th scope=\"col\">all</th><th scope=\"col\">received</th><th scope=\"col\">retries spent</th>";
        assert!(table.contains(headings));
        // Thirty replications with 90 to 119 frames received, 104.5 in the mean, and three lost each.
        let row = "<td>air</td><td>frame</td><td class=\"n\" data-v=\"107.5\">107.5</td><td class=\"n\" data-v=\"104.5\">104.5</td><td class=\"n\" data-v=\"3\">3</td>";
        assert!(table.contains(row), "{}", &table[..2000]);
    }

    #[test]
    fn the_same_results_give_the_same_page() {
        assert_eq!(sample::sweep().report_page(), sample::sweep().report_page());
    }

    #[test]
    fn a_plot_that_cannot_be_drawn_is_named() {
        let mut results = sample::tiny();
        let request = crate::results::PlotRequest {
            x: Some("<b>".to_owned()),
            y: Some("delivered".to_owned()),
            ..Default::default()
        };
        results.manifest.plots.push(request);
        let page = String::from_utf8(results.report_page().bytes).unwrap();
        assert!(page.contains("Not drawn: plot 1: there is no axis &quot;&lt;b&gt;&quot;."));
    }
}
