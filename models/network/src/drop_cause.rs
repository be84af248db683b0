//! Why a packet did not go on.

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Why a packet did not go on.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum DropCause { $($(#[$doc])* $variant,)* }

        impl DropCause {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The cause in words, for captures, diagrams and result files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

causes! {
    /// A drop-tail queue was full, or another one's hard limit reached.
    QueueFull = "queue full";
    /// Active queue management dropped it early.
    QueueManaged = "dropped by queue management";
    /// The link lost it.
    Loss = "lost on the link";
    /// The link was or went down.
    LinkDown = "link down";
    /// The node was down.
    NodeDown = "node down";
    /// No route led to its destination.
    NoRoute = "no route";
    /// Its hop limit ran out.
    HopLimit = "hop limit exceeded";
    /// It was larger than a link takes and could not be cut.
    TooBig = "too big for the link";
    /// A header was damaged or malformed.
    Malformed = "malformed";
    /// The next node's link-layer address could not be found.
    Unresolved = "address not resolved";
    /// The node does not forward, and it was not for it.
    NotForMe = "not for this node";
    /// A fragment's datagram was never complete.
    Reassembly = "reassembly timed out";
    /// No protocol or port of the host takes it.
    NoListener = "no listener";
    /// The radio channel was busy each time that it was to be sent.
    ChannelAccess = "channel access failed";
    /// Its receiver confirmed none of the frames it was sent in.
    Retries = "retries spent";
    /// The sleeping radio that it waited for did not ask for it in time.
    NotAskedFor = "not asked for";
    /// Its integrity code was wrong, it was a repetition of an older frame, or it was not protected as it has to be.
    Security = "security check failed";
    /// It left the simulation where nothing outside is joined to it.
    Outside = "nothing outside";
    /// It went against the ranks of RPL a second time: a loop.
    RoutingLoop = "routing loop";
    /// Its source address is not registered with a router, so that it must not be used.
    Unregistered = "address not registered";
}

/// Packets dropped, by cause.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DropCounts([u64; DropCause::ALL.len()]);

impl DropCounts {
    /// Counts one packet.
    pub fn add(&mut self, cause: DropCause) {
        self.0[cause as usize] += 1;
    }

    /// Packets dropped for `cause`.
    pub fn get(&self, cause: DropCause) -> u64 {
        self.0[cause as usize]
    }

    /// Packets dropped in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
