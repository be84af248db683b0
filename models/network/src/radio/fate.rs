//! What became of a frame at a radio that it was for.

use std::collections::BTreeMap;

macro_rules! fates {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What became of a transmission, or of a frame, at one radio that it was for: exactly one of these.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Fate { $($(#[$doc])* $variant,)* }

        impl Fate {
            /// Every fate.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The fate in words, for result files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

fates! {
    /// Every bit was right; of a frame that is a part of a packet, the other parts came too.
    Received = "received";
    /// Every bit was right, but the same frame had come before: its acknowledgement was lost.
    Duplicate = "duplicate";
    /// Other frames in the air spoilt it, or kept the receiver busy.
    Collision = "collision";
    /// Noise alone spoilt it.
    Noise = "noise";
    /// The signal was too weak to be noticed.
    BelowSensitivity = "below sensitivity";
    /// The receiver was sending, or turning to or from it.
    HalfDuplex = "half duplex";
    /// The receiver's radio was off for a part of the frame, or tuned to another channel.
    RadioOff = "radio off";
    /// It was not put on the air: the sender's queue was full.
    QueueFull = "queue full";
    /// It was not put on the air: the channel was busy each time.
    ChannelAccess = "channel access failed";
    /// None of its transmissions was received.
    Retries = "retries spent";
    /// The sleeping radio that it waited for did not ask for it in time.
    NotAskedFor = "not asked for";
    /// Its sender lost its power or its link.
    SenderFailed = "sender failed";
    /// It was received in vain: the rest of its packet did not come, or there was no room to put it together.
    Reassembly = "reassembly";
    /// It waits still, at the end of the run.
    Waiting = "waiting";
}

/// What a frame was.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FrameKind {
    /// It carried data to one radio.
    Unicast,
    /// It carried data to all radios.
    Broadcast,
    /// It confirmed a frame.
    Acknowledgement,
    /// A frame with a packet, or a part of one, to one radio: counted once, however often it was sent.
    Frame,
}

impl FrameKind {
    /// The kind in result files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Broadcast => "broadcast",
            Self::Acknowledgement => "acknowledgement",
            Self::Frame => "frame",
        }
    }
}

/// Fates of frames, by kind, sender and receiver.
#[derive(Clone, Debug, Default)]
pub struct FateTable(BTreeMap<(u32, u32, FrameKind), [u64; Fate::ALL.len()]>);

impl FateTable {
    pub(super) fn add(&mut self, sender: u32, receiver: u32, kind: FrameKind, fate: Fate) {
        self.0.entry((sender, receiver, kind)).or_default()[fate as usize] += 1;
    }

    /// One of the frames that had one fate has another in the end.
    pub(super) fn revise(&mut self, sender: u32, receiver: u32, kind: FrameKind, was: Fate, is: Fate) {
        let Some(counts) = self.0.get_mut(&(sender, receiver, kind)) else { return };
        if let Some(fewer) = counts[was as usize].checked_sub(1) {
            counts[was as usize] = fewer;
            counts[is as usize] += 1;
        }
    }

    /// Every line: the radios of sender and receiver, the kind, the fate, and how many frames had it; above 0.
    pub fn lines(&self) -> impl Iterator<Item = (u32, u32, FrameKind, Fate, u64)> + '_ {
        self.0.iter().flat_map(|(&(sender, receiver, kind), counts)| {
            let counts = Fate::ALL.iter().zip(counts).filter(|&(_, &count)| count > 0);
            counts.map(move |(&fate, &count)| (sender, receiver, kind, fate, count))
        })
    }

    /// Frames of a kind with that fate, over all links.
    pub fn total(&self, kind: FrameKind, fate: Fate) -> u64 {
        self.0.iter().filter(|((.., of), _)| *of == kind).map(|(_, counts)| counts[fate as usize]).sum()
    }
}
