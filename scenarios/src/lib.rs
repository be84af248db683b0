//! The scenario language, its diagnostics, the plan of a sweep and one run.

pub mod language;
