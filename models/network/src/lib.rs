//! Links, queues, shared segments, routing and forwarding.
