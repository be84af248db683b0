//! Figures: lines with intervals, distributions, stacked bars and time series.
//!
//! A request of the manifest becomes a [`figure::Figure`] in the units of the data, that a drawing of
//! lines, areas and letters, and that SVG, PNG or a part of the report page.

mod axis;
mod bars;
mod defaults;
mod ecdf;
mod figure;
pub(crate) mod font;
mod layout;
mod lines;
mod marks;
pub(crate) mod palette;
#[cfg(feature = "raster")]
mod raster;
pub(crate) mod scene;
mod select;
mod series;
pub(crate) mod svg;

use crate::OutputFile;
use crate::results::{PlotRequest, Results};
use scene::Scene;
use svg::Theme;

/// A figure, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    /// File name without extension.
    pub(crate) name: String,
    /// The drawing.
    pub(crate) scene: Scene,
}

impl Results {
    /// The figures as `plots/*.svg` and, with the feature `raster`, `plots/*.png`. A figure that cannot
    /// be drawn (it names an unknown axis, say) is left out; the report page says why.
    pub fn plot_files(&self) -> Vec<OutputFile> {
        let mut files = Vec::new();
        for plot in self.plots().into_iter().flatten() {
            let path = format!("plots/{}", plot.name);
            let bytes = svg::svg(&plot.scene, Theme::Paper).into_bytes();
            files.push(OutputFile { path: format!("{path}.svg"), bytes });
            #[cfg(feature = "raster")]
            files.push(OutputFile { path: format!("{path}.png"), bytes: raster::png(&plot.scene) });
        }
        files
    }

    /// The figures that the scenario asks for, or the usual ones; for each that cannot be drawn, the reason.
    pub(crate) fn plots(&self) -> Vec<Result<Plot, String>> {
        let requests = &self.manifest.plots;
        if requests.is_empty() {
            // Of the usual figures, those that these results cannot fill are not missed.
            let drawn = defaults::requests(self).into_iter().enumerate();
            return drawn.map(|(index, request)| plot(self, index, &request)).filter(Result::is_ok).collect();
        }
        requests.iter().enumerate().map(|(index, request)| plot(self, index, request)).collect()
    }
}

fn plot(results: &Results, index: usize, request: &PlotRequest) -> Result<Plot, String> {
    let number = index + 1;
    let at = |problem: String| format!("plot {number}: {problem}");
    let (name, figure) = match request {
        PlotRequest { x: Some(x), y: Some(y), .. } => {
            (format!("{y}-over-{x}"), lines::figure(results, request, x, y))
        }
        PlotRequest { ecdf: Some(what), .. } => {
            (format!("{what}-ecdf"), ecdf::figure(results, request, what))
        }
        PlotRequest { bars: Some(what), .. } => {
            let stack = request.stack.as_deref().unwrap_or("layer");
            (format!("{what}-by-{stack}"), bars::figure(results, request, what))
        }
        PlotRequest { series: Some(name), .. } => {
            (format!("{name}-over-time"), series::figure(results, request, name))
        }
        PlotRequest { .. } => {
            (String::new(), Err("it names neither x and y, ecdf, bars nor series".to_owned()))
        }
    };
    let figure = figure.map_err(at)?;
    Ok(Plot { name: format!("{number:02}-{}", file_name(&name)), scene: layout::layout(&figure) })
}

/// Letters, digits, dots and dashes: a name that every file system takes.
fn file_name(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    text.chars().take(60).map(safe).collect()
}

/// `text` with a capital first letter.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
