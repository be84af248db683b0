//! Transport endpoints without I/O.
