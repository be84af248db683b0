//! What the hosts' random streams are for. Numbers are part of every recorded result: add, never
//! renumber. (The network's are below 32.)

use sim_core::random::Purpose;

/// When a flow starts.
pub const START: Purpose = Purpose::new(32);
/// When a workload generates its messages.
pub const ARRIVAL: Purpose = Purpose::new(33);
/// How large the messages are.
pub const SIZE: Purpose = Purpose::new(34);
/// A host's transports: ports, initial sequence numbers, secrets.
pub const TRANSPORT: Purpose = Purpose::new(35);
/// How long a server takes to answer.
pub const PROCESSING: Purpose = Purpose::new(36);
/// A session protocol at one end of a flow: message IDs, tokens, timeouts.
pub const SESSION: Purpose = Purpose::new(48);
/// The addresses, ports and numbers that an attacker invents.
pub const FORGERY: Purpose = Purpose::new(52);
