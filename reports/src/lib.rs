//! Statistics, tables, plots, sequence diagrams and the report page.
//!
//! Goes from the bytes of result files to the bytes of tables, plots and a page. It opens no file, reads
//! no clock and knows nothing of the simulator: the manifest among the files names the axes, the metrics
//! and the plots.
//!
//! ```text
//! manifest.json, runs.csv, … ─▶ Results ─┬─▶ summary_files()  summary.csv, paired.csv
//!                                        ├─▶ plot_files()     plots/*.svg, plots/*.png
//!                                        ├─▶ report_page()    report.html
//!                                        └─▶ table::summary() text for a terminal
//! trace items ───────────────────────────▶ sequence::draw()   text, or SVG
//! ```
//!
//! # What the numbers mean
//! A value of `summary.csv` is the mean over replications with a 95 % interval (Student t). Variants are
//! compared pair by pair, replication with replication, since those met the same losses. Where the interval
//! of a difference includes zero, the words are "no difference seen". Undefined values are left out, and
//! the count beside each mean says of how many.

pub mod life;
mod plot;
pub mod quantity;
pub mod results;
pub mod sequence;
pub mod statistics;
pub mod summary;
pub mod table;

mod page;
#[cfg(test)]
mod robustness;
#[cfg(test)]
mod sample;

pub use plot::Drawing;
pub use results::{ReadError, Results};

/// A file to be written into the results folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutputFile {
    /// Path inside the folder, with `/` between its parts.
    pub path: String,
    /// The contents.
    pub bytes: Vec<u8>,
}
