//! Time, events, random streams and digest of a deterministic simulation.
//!
//! This crate knows nothing of networks: it says *when* something happens, in which *order*, with what
//! *chance*, and lets two runs be compared.
//!
//! | module | holds |
//! |---|---|
//! | [`time`] | [`SimTime`] and [`SimDuration`], whole nanoseconds |
//! | [`quantity`] | [`ByteCount`], [`DataRate`], [`Probability`] |
//! | [`electric`] | currents, voltages, charges, energies |
//! | [`event`] | [`Event`], its [`EventKey`], and the [`Origin`] that numbers what it schedules |
//! | [`queue`] | [`EventQueue`], the radix wheel that keeps the pending events |
//! | [`engine`] | [`Scheduler`] with its [`Limits`], and [`Alarm`] for timers that move |
//! | [`random`] | [`RunSeed`], [`Streams`], [`Purpose`], [`CounterStream`] |
//! | [`idle_list`] | [`IdleVec`] and [`IdleQueue`], lists that take little memory while they are empty |
//! | [`idle_rng`] | [`IdleRng`], a generator that takes little memory |
//! | [`draw`] | distributions drawn from any generator, the same on every platform |
//! | [`small_map`] | [`SmallMap`], an ordered map that takes little memory while it holds little |
//! | [`math`] | `ln`, `exp` and the like, the same on every platform |
//! | [`digest`] | the fold, digests of headers and payloads, and the [`Chain`] of a place |
//!
//! # The order of events
//!
//! Events are ordered by `(time, origin, number)`. The origin is the rank of the entity that scheduled
//! the event; the number is that entity's own count of the events it scheduled. So of two events due
//! together, the lower origin's goes first, and of one origin's, the one it scheduled first. The order is
//! total, and depends neither on the order of insertion nor on how a world might be divided.
//!
//! # The guarantee of the digest
//!
//! Each place (a link direction, a node) keeps one [`Chain`] and folds in what it sees. Equal digests
//! mean that every place saw the same headers, the same payloads and the same times in the same order,
//! but for accidents of a probability near 2^-64; nothing is promised against someone who looks for two
//! inputs with one digest. How the places' happenings interleave is not in it, so the digest does not
//! change with the number of threads. All integers are read as little-endian.
//!
//! # Determinism
//!
//! Nothing here reads a clock, iterates over a hashed collection, or calls the platform's mathematical
//! library. Known-answer tests pin each stream, draw and digest: a recorded result stays repeatable.

pub mod digest;
pub mod draw;
pub mod electric;
pub mod engine;
pub mod event;
pub mod idle_heap;
pub mod idle_list;
pub mod idle_rng;
pub mod math;
pub mod quantity;
pub mod queue;
pub mod random;
pub mod small_map;
pub mod time;

pub use digest::Chain;
pub use engine::{Alarm, LimitExceeded, Limits, Scheduler};
pub use event::{Event, EventKey, Origin};
pub use idle_heap::IdleHeap;
pub use idle_list::{IdleQueue, IdleVec};
pub use idle_rng::IdleRng;
pub use quantity::{ByteCount, DataRate, Probability};
pub use queue::EventQueue;
pub use random::{CounterStream, Purpose, RunSeed, Streams};
pub use small_map::SmallMap;
pub use time::{SimDuration, SimTime};
