//! What the network's random streams are for. Numbers are part of every recorded result: add, never
//! renumber.

use sim_core::random::Purpose;

/// Independent loss of frames.
pub const LOSS: Purpose = Purpose::new(1);
/// The state sequence of a bursty loss model.
pub const LOSS_STATE: Purpose = Purpose::new(2);
/// Extra delay of frames.
pub const JITTER: Purpose = Purpose::new(3);
/// Frames that take longer than those behind them.
pub const REORDER: Purpose = Purpose::new(4);
/// Frames that arrive twice.
pub const DUPLICATE: Purpose = Purpose::new(5);
/// Frames that arrive damaged.
pub const CORRUPT: Purpose = Purpose::new(6);
/// Decisions of queue management.
pub const QUEUE: Purpose = Purpose::new(7);
/// Reachable time of neighbours.
pub const NEIGHBOUR: Purpose = Purpose::new(8);
/// What obstacles take from or add to a link between radios.
pub const RADIO_SHADOWING: Purpose = Purpose::new(9);
/// Which frames noise and interference spoil at a radio.
pub const RADIO_RECEPTION: Purpose = Purpose::new(10);
/// Back-offs of a radio, and the first of its numbers.
pub const RADIO_BACKOFF: Purpose = Purpose::new(11);
/// Where a node stands that may stand anywhere.
pub const PLACE: Purpose = Purpose::new(12);
/// A router's part in RPL: when it speaks.
pub const RPL: Purpose = Purpose::new(20);
/// A node's part in neighbour discovery over radios: when it speaks, and what it proves its ownership by.
pub const DISCOVERY: Purpose = Purpose::new(21);
/// When a radio that sleeps first listens.
pub const RADIO_RHYTHM: Purpose = Purpose::new(40);
