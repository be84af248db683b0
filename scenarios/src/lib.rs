//! The scenario language, its diagnostics, the plan of a sweep and one run.
//!
//! ```text
//! text ── language::Plan ── Point ── language::Scenario ── build ── host::World ── run ── RunReport
//! ```
//!
//! There are no files and no threads here: whoever runs a sweep spreads the runs and writes the results.

mod build;
pub mod language;
pub mod outside;
pub mod record;
pub mod results;
pub mod run;
