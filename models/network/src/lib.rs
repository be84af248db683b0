//! Links, queues, shared segments, routing and forwarding.
//!
//! The world is flat vectors of nodes and ports with ids. A *port* is an interface of a node together
//! with the link direction that leaves by it: its queue, its loss state and its counters belong to the
//! sending side. Forwarding is a pipeline: ingress ([`forward`]), route ([`route`]), egress
//! (`transmit`). One event moves a packet over one hop.

pub mod accounts;
pub mod address;
pub mod builder;
pub mod drop_cause;
mod echo;
pub mod event;
pub mod forward;
mod fragment;
mod group;
pub mod impairment;
pub mod link;
mod membership;
mod name_list;
pub mod nd;
pub mod neighbour;
pub mod network;
pub mod node;
pub mod observer;
pub mod outage;
pub mod outside;
pub mod pool;
pub mod port;
pub mod power;
pub mod purpose;
pub mod queue;
pub mod radio;
pub mod report;
mod resolution;
pub mod route;
pub mod rpl;
pub mod segment;
mod topology;
mod transmit;
