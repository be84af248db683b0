//! A part of a node: the states that it can be in, and the ways between them.

use sim_core::SimDuration;
use sim_core::electric::Current;

/// A part of one device, by number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartId(pub u8);

/// A state of one part, by number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StateId(pub u8);

impl StateId {
    /// Without supply: every part has this state, and draws nothing in it.
    pub const UNPOWERED: Self = Self(0);
}

/// One state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// The name in result files.
    pub name: String,
    /// What the part typically draws in this state.
    pub typical: Current,
    /// What it draws at most; the typical value where the source gives no other.
    pub maximum: Current,
}

/// A way from one state to another that takes time; it is a state itself while it lasts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// The state that is left.
    pub from: StateId,
    /// The state that is reached.
    pub to: StateId,
    /// The state that stands for the way.
    pub through: StateId,
    /// How long it takes.
    pub time: SimDuration,
}

/// What kind of part it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PartKind {
    /// A radio or modem.
    Radio,
    /// A processor.
    Mcu,
    /// A sensor or other load.
    Sensor,
    /// A voltage regulator: what it draws for itself.
    Regulator,
    /// The battery itself: what it loses without any load.
    Battery,
}

/// A part as its profile describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PartSpec {
    /// The name in result files, such as "radio".
    pub name: String,
    /// What kind of part it is.
    pub kind: PartKind,
    /// The states; the first is [`StateId::UNPOWERED`].
    pub states: Vec<State>,
    /// The ways that take time.
    pub transitions: Vec<Transition>,
    /// The state that the part rests in between its activities.
    pub rest: StateId,
    /// A state that it stays in for a while after each activity, before it rests.
    pub tail: Option<(StateId, SimDuration)>,
}

impl PartSpec {
    /// A part with no other state than being without supply.
    pub fn new(name: &str, kind: PartKind) -> Self {
        let unpowered =
            State { name: "unpowered".to_owned(), typical: Current::ZERO, maximum: Current::ZERO };
        Self {
            name: name.to_owned(),
            kind,
            states: vec![unpowered],
            transitions: Vec::new(),
            rest: StateId::UNPOWERED,
            tail: None,
        }
    }

    /// Adds a state and returns its number.
    ///
    /// # Panics
    /// With more than 255 states.
    pub fn add_state(&mut self, name: &str, typical: Current, maximum: Current) -> StateId {
        let id = u8::try_from(self.states.len()).expect("a part has at most 255 states");
        self.states.push(State { name: name.to_owned(), typical, maximum });
        StateId(id)
    }

    /// The state called `name`.
    pub fn state(&self, name: &str) -> Option<StateId> {
        self.states.iter().position(|state| state.name == name).map(|index| StateId(index as u8))
    }

    /// The way from one state to another, if it takes time.
    #[inline]
    pub fn transition(&self, from: StateId, to: StateId) -> Option<&Transition> {
        self.transitions.iter().find(|way| way.to == to && way.from == from)
    }

    /// The longest way from one state to another: so far back an activity that is told of now may begin.
    pub fn longest_way(&self) -> SimDuration {
        self.transitions.iter().map(|way| way.time).max().unwrap_or(SimDuration::ZERO)
    }

    /// What the part typically draws in a state.
    #[inline]
    pub fn current(&self, state: StateId) -> Current {
        self.states[usize::from(state.0)].typical
    }
}
