//! Figures: lines with intervals, distributions, stacked bars and time series.
//!
//! A request of the manifest becomes a [`figure::Figure`] in the units of the data, that a drawing of
//! lines, areas and letters, and that SVG, PNG or a part of the report page.

mod axis;
mod bars;
mod defaults;
mod dodag;
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
mod timeline;

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

/// One file with a figure, not drawn yet: drawing takes its time, and needs no other figure.
#[derive(Debug)]
pub struct Drawing {
    scene: std::sync::Arc<Scene>,
    path: String,
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Svg,
    #[cfg(feature = "raster")]
    Png,
}

impl Drawing {
    /// Draws the figure.
    pub fn draw(&self) -> OutputFile {
        let bytes = match self.format {
            Format::Svg => svg::svg(&self.scene, Theme::Paper).into_bytes(),
            #[cfg(feature = "raster")]
            Format::Png => raster::png(&self.scene),
        };
        OutputFile { path: self.path.clone(), bytes }
    }
}

impl Results {
    /// The figures as `plots/*.svg` and, with the feature `raster`, `plots/*.png`. A figure that cannot
    /// be drawn (it names an unknown axis, say) is left out; the report page says why.
    pub fn drawings(&self) -> Vec<Drawing> {
        let mut drawings = Vec::new();
        for plot in self.plots().into_iter().flatten() {
            let scene = std::sync::Arc::new(plot.scene);
            let path = |extension: &str| format!("plots/{}.{extension}", plot.name);
            #[cfg(feature = "raster")]
            drawings.push(Drawing { scene: scene.clone(), path: path("png"), format: Format::Png });
            drawings.push(Drawing { scene, path: path("svg"), format: Format::Svg });
        }
        drawings
    }

    /// All figures, drawn one after the other.
    pub fn plot_files(&self) -> Vec<OutputFile> {
        self.drawings().iter().map(Drawing::draw).collect()
    }

    /// The figures that the scenario asks for, or the usual ones; for each that cannot be drawn, the reason.
    pub(crate) fn plots(&self) -> Vec<Result<Plot, String>> {
        let mut plots = self.requested_plots();
        let power = (plots.len()..).zip(defaults::power(self));
        plots.extend(power.map(|(index, request)| plot(self, index, &request)).filter(Result::is_ok));
        plots.extend(dodag::plots(self).into_iter().map(Ok));
        plots
    }

    fn requested_plots(&self) -> Vec<Result<Plot, String>> {
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
    if request.series.as_deref() == Some(timeline::SERIES) {
        let name = format!("{number:02}-radio-time-line");
        return Ok(Plot { name, scene: timeline::scene(results, request).map_err(at)? });
    }
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
