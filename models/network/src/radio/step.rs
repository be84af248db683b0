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
}

impl RadioStep {
    const ALL: [Self; 7] =
        [Self::Assess, Self::Begin, Self::End, Self::AckBegin, Self::AckEnd, Self::AckWait, Self::Reassembly];

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
