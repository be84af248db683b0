//! Time, events, random streams and digest of a deterministic simulation.
