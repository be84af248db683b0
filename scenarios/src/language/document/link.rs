//! Links: what joins two nodes, each direction with its own queue and impairments.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Corruption, Jitter, Loss, Queue, RateTrace, Reordering, TextList};
use crate::language::quantity::{Duration, Fraction, Rate, Size};

/// Declares a settings object with the entries that all kinds of link share.
///
/// serde's `flatten` would do the same and lose the place of every mistake.
macro_rules! with_direction_entries {
    ($(#[$meta:meta])* $name:ident { $($(#[$entry_meta:meta])* $entry:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$entry_meta])* pub $entry: $kind,)*
            /// The data rate: "10 Mbit/s", more than 0; default 100 Mbit/s.
            pub rate: Option<Rate>,
            /// The time that a frame travels: "20 ms"; default 0.
            pub delay: Option<Duration>,
            /// What waits when the link is busy: "64 packets", "32 KB" or an object; default "1000 packets".
            pub queue: Option<Queue>,
            /// Which frames are lost on the way: "1 %" or an object; default none.
            pub loss: Option<Loss>,
            /// By how much the delay varies: {"uniform": "5 ms"}; default not at all.
            pub jitter: Option<Jitter>,
            /// True if jitter may let a frame overtake an earlier one; default false: order is kept.
            pub overtake: Option<bool>,
            /// Which frames are held back on purpose so that later ones overtake them; default none.
            pub reorder: Option<Reordering>,
            /// The probability that a frame arrives twice: "0.1 %"; default 0.
            pub duplicate: Option<Fraction>,
            /// How frames are damaged: {"packet": "0.1 %"} or {"bit-error": 1e-6}; default not at all.
            pub corrupt: Option<Corruption>,
            /// A rate that varies over time instead of `rate`: moments at which one packet may leave.
            pub trace: Option<RateTrace>,
        }

        impl $name {
            /// The entries that belong to one direction.
            pub fn direction(&self) -> DirectionSettings {
                DirectionSettings {
                    rate: self.rate,
                    delay: self.delay,
                    queue: self.queue.clone(),
                    loss: self.loss.clone(),
                    jitter: self.jitter,
                    overtake: self.overtake,
                    reorder: self.reorder,
                    duplicate: self.duplicate,
                    corrupt: self.corrupt,
                    trace: self.trace.clone(),
                }
            }
        }
    };
}

with_direction_entries! {
    /// What holds in one direction only.
    DirectionSettings {}
}

with_direction_entries! {
    /// A link between two nodes. Its entries hold in both directions; `forward` and `backward` override them.
    LinkSettings {
        /// The name, for faults and results; default `a-b` from the names of its ends, then `a-b#2`.
        name: Option<String>,
        /// The two ends: ["a", "b"], or "a/eth0" to name an interface. `a[*]` makes one link for each node of the
        /// group.
        between: TextList,
        /// The largest IP packet: "1500 B" (default), "68 B" to "65535 B".
        mtu: Option<Size>,
        /// What a frame adds to a packet: "ethernet" (14 + 4 bytes, at least 64; default), "ppp" (2 bytes), "none".
        framing: Framing,
        /// What the link costs a route, 1 to 65535; default 1.
        cost: Option<u16>,
        /// True if the link is down until a fault brings it up; default false.
        down: bool,
        /// What differs from the first end to the second.
        forward: DirectionSettings,
        /// What differs from the second end to the first.
        backward: DirectionSettings,
    }
}

with_direction_entries! {
    /// The links that a topology makes. `forward` runs from the lower number, or from the outside inwards.
    LinkTemplate {
        /// The largest IP packet: "1500 B" (default), "68 B" to "65535 B".
        mtu: Option<Size>,
        /// What a frame adds to a packet: "ethernet" (14 + 4 bytes, at least 64; default), "ppp" (2 bytes), "none".
        framing: Framing,
        /// What the link costs a route, 1 to 65535; default 1.
        cost: Option<u16>,
        /// What differs from the first end to the second.
        forward: DirectionSettings,
        /// What differs from the second end to the first.
        backward: DirectionSettings,
    }
}

impl DirectionSettings {
    /// These settings, and those of `general` where these say nothing.
    #[must_use]
    pub fn or(&self, general: &Self) -> Self {
        // A rate given for one direction replaces a general trace, and the other way round.
        let own_pace = self.rate.is_some() || self.trace.is_some();
        Self {
            rate: if own_pace { self.rate } else { general.rate },
            trace: if own_pace { self.trace.clone() } else { general.trace.clone() },
            delay: self.delay.or(general.delay),
            queue: self.queue.clone().or_else(|| general.queue.clone()),
            loss: self.loss.clone().or_else(|| general.loss.clone()),
            jitter: self.jitter.or(general.jitter),
            overtake: self.overtake.or(general.overtake),
            reorder: self.reorder.or(general.reorder),
            duplicate: self.duplicate.or(general.duplicate),
            corrupt: self.corrupt.or(general.corrupt),
        }
    }
}

/// What a frame adds to a packet.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// Ethernet: 14 bytes of header, 4 of check sequence, padded to 64 (IEEE 802.3 clause 3).
    #[default]
    Ethernet,
    /// PPP with compressed address and control: 2 bytes of protocol number (RFC 1661).
    Ppp,
    /// Nothing: the packet alone.
    None,
}
