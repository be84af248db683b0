//! The controllers there are, by name, and one of them in a connection.

use sim_core::{DataRate, SimTime};

use super::{Acknowledged, Congestion, CongestionControl, Coupled, Coupling, Cubic, Delivery, Reno};

/// Which controller a connection uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Algorithm {
    /// RFC 5681 with appropriate byte counting (RFC 3465).
    #[default]
    Reno,
    /// RFC 9438.
    Cubic,
    /// One of those that couple a connection's subflows.
    Coupled(Coupling),
}

impl Algorithm {
    /// The name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reno => "reno",
            Self::Cubic => "cubic",
            Self::Coupled(Coupling::Lia) => "lia",
            Self::Coupled(Coupling::Olia) => "olia",
            Self::Coupled(Coupling::Balia) => "balia",
        }
    }

    /// Whether it has to know of a connection's other subflows.
    pub fn is_coupled(self) -> bool {
        match self {
            Self::Reno | Self::Cubic => false,
            Self::Coupled(_) => true,
        }
    }
}

/// Any of the controllers, without allocation.
#[derive(Clone, Debug)]
pub enum Controller {
    /// RFC 5681.
    Reno(Reno),
    /// RFC 9438.
    Cubic(Cubic),
    /// LIA, OLIA or BALIA.
    Coupled(Coupled),
}

impl Controller {
    /// A controller that starts with `initial_window` bytes and full segments of `segment_size` bytes.
    pub fn new(algorithm: Algorithm, segment_size: u32, initial_window: u64) -> Self {
        match algorithm {
            Algorithm::Reno => Self::Reno(Reno::new(segment_size, initial_window)),
            Algorithm::Cubic => Self::Cubic(Cubic::new(segment_size, initial_window)),
            Algorithm::Coupled(coupling) => {
                Self::Coupled(Coupled::new(coupling, segment_size, initial_window))
            }
        }
    }
}

macro_rules! delegate {
    ($self:ident, $inner:ident => $call:expr) => {
        match $self {
            Self::Reno($inner) => $call,
            Self::Cubic($inner) => $call,
            Self::Coupled($inner) => $call,
        }
    };
}

impl CongestionControl for Controller {
    #[inline]
    fn window(&self) -> u64 {
        delegate!(self, inner => inner.window())
    }

    #[inline]
    fn ssthresh(&self) -> u64 {
        delegate!(self, inner => inner.ssthresh())
    }

    #[inline]
    fn on_acknowledged(&mut self, ack: &Acknowledged<'_>) {
        delegate!(self, inner => inner.on_acknowledged(ack))
    }

    fn measures_delivery(&self) -> bool {
        delegate!(self, inner => inner.measures_delivery())
    }

    fn on_delivered(&mut self, delivery: &Delivery) {
        delegate!(self, inner => inner.on_delivered(delivery))
    }

    #[inline]
    fn pacing_rate(&self) -> Option<DataRate> {
        delegate!(self, inner => inner.pacing_rate())
    }

    fn on_congestion(&mut self, now: SimTime, in_flight: u64, cause: Congestion) {
        delegate!(self, inner => inner.on_congestion(now, in_flight, cause))
    }

    fn on_timeout(&mut self, now: SimTime, in_flight: u64, first: bool) {
        delegate!(self, inner => inner.on_timeout(now, in_flight, first))
    }

    fn on_recovered(&mut self, window: u64) {
        delegate!(self, inner => inner.on_recovered(window))
    }

    fn on_undo(&mut self, before: &Self) {
        match (self, before) {
            (Self::Reno(inner), Self::Reno(before)) => inner.on_undo(before),
            (Self::Cubic(inner), Self::Cubic(before)) => inner.on_undo(before),
            (Self::Coupled(inner), Self::Coupled(before)) => inner.on_undo(before),
            // A connection keeps its controller.
            (Self::Reno(_) | Self::Cubic(_) | Self::Coupled(_), _) => {}
        }
    }

    fn on_idle(&mut self, now: SimTime) {
        delegate!(self, inner => inner.on_idle(now))
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        delegate!(self, inner => inner.on_segment_size(segment_size))
    }
}
