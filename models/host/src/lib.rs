//! Hosts: interfaces, stacks of protocols, applications, and the world they live in.
//!
//! A [`world::World`] joins a network to the hosts on it and moves time on. A [`host::Host`] passes packets
//! to its protocols and their events to its applications, then arms one wake-up. Applications speak to a
//! [`stack::Stack`], which is the same face for every transport.

pub mod app;
pub mod clock;
pub mod fault;
pub mod flow;
pub mod host;
mod input;
pub mod latencies;
pub mod measure;
pub mod output;
pub mod outside;
pub mod purpose;
mod reassembly;
pub mod sample;
pub mod stack;
pub mod workload;
pub mod world;
