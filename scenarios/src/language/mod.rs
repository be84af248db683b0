//! The scenario language: from text to a plan of points, or to diagnostics that teach.
//!
//! ```text
//! text ─ Source ──► value with places ─┬─ frame: parameters, sweep, plots, expect ──► Plan, its Points
//!                                      └─ template ─ substitute ─ decode ─ check ─ resolve ──► Scenario
//! ```
//!
//! - [`Source`] reads JSON and remembers where each value stands.
//! - [`document`] has one type for each object of a file; its doc comments are the JSON Schema's descriptions.
//! - [`Plan`] knows the points of the sweep and makes the [`Scenario`] of each: all names are numbers there.
//! - Every mistake is a [`Diagnostic`]; all mistakes of a file come in one go.
//!
//! There are no files and no threads here: what a scenario names beside itself is read through [`Files`].

mod decimal;
mod decode;
mod diagnostic;
pub mod document;
mod metric;
mod nearest;
mod parameter;
mod path;
mod plan;
mod point;
mod quantity;
mod question;
mod render;
mod resolve;
pub mod scenario;
mod schema;
mod shorthand;
mod source;
mod stack;

pub use diagnostic::{Diagnostic, Severity};
pub use metric::{Better, METRICS, Metric, MetricUnit, metric};
pub use path::{Path, Segment};
pub use plan::{Overrides, Plan};
pub use point::{Axis, Point};
pub use quantity::{
    Decibels, Distance, Drift, Duration, Energy, Fraction, Power, PowerLevel, Rate, SignedDuration, Size,
    Speed, Temperature,
};
pub use question::Expected;
pub use render::{render, render_lines};
pub use resolve::{Files, NoFiles};
pub(crate) use resolve::{hexadecimal, read_prefix};
pub use scenario::Scenario;
pub use schema::schema;
pub use source::{FILE_BYTES_MAX, NESTING_MAX, Source};
pub use stack::{Service, Stack, TcpProfile, carried};
