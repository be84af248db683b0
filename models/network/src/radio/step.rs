//! What a radio's events are about.

/// A step of a radio's medium access control.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RadioStep {
    /// The look at the channel is over.
    Assess,
    /// The radio has turned: its frame starts.
    Begin,
    /// Its frame ends.
    End,
    /// It has turned: its acknowledgement starts.
    AckBegin,
    /// Its acknowledgement ends.
    AckEnd,
    /// The acknowledgement that it waits for is overdue.
    AckWait,
    /// Fragments of a packet have waited too long for the others.
    Reassembly,
    /// An acknowledgement of fragments is overdue, or others have waited too long.
    Recovery,
    /// A sleeping radio has listened for a moment while something was in the air.
    Look,
    /// The radio may fall asleep.
    Doze,
    /// It is time to send, after the manner of radios that sleep.
    Attempt,
    /// It is time for what the medium access control does by itself.
    Timer,
}

impl RadioStep {
    const ALL: [Self; 12] = [
        Self::Assess,
        Self::Begin,
        Self::End,
        Self::AckBegin,
        Self::AckEnd,
        Self::AckWait,
        Self::Reassembly,
        Self::Recovery,
        Self::Look,
        Self::Doze,
        Self::Attempt,
        Self::Timer,
    ];

    /// The step in four bits.
    pub(crate) const fn number(self) -> u32 {
        self as u32
    }

    /// The step of that number.
    ///
    /// # Panics
    ///
    /// If no step has it.
    pub(crate) fn of_number(number: u32) -> Self {
        Self::ALL[number as usize]
    }
}
