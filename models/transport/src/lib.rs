//! Transport endpoints without I/O.

pub mod endpoint;
