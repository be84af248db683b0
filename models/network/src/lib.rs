//! Links, queues, shared segments, routing and forwarding.

pub mod queue;
