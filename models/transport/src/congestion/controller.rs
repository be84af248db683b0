//! The controllers there are, by name, and one of them in a connection.

use sim_core::{DataRate, SimDuration, SimTime};

use super::{
    Acknowledged, Bbr, Congestion, CongestionControl, Coupled, Coupling, Cubic, Dctcp, Delivery, Ledbat,
    Lost, Reno, Vegas, Westwood,
};

/// Which controller a connection uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Algorithm {
    /// RFC 5681 with appropriate byte counting (RFC 3465).
    #[default]
    Reno,
    /// RFC 9438.
    Cubic,
    /// Brakmo and Peterson, 1995.
    Vegas,
    /// Westwood+ (Grieco and Mascolo, 2004).
    Westwood,
    /// LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus).
    Ledbat,
    /// RFC 8257.
    Dctcp,
    /// BBRv3 (draft-ietf-ccwg-bbr).
    Bbr,
    /// One of those that couple a connection's subflows.
    Coupled(Coupling),
}

impl Algorithm {
    /// Every controller of a connection with one path.
    pub const ALL: [Self; 7] =
        [Self::Reno, Self::Cubic, Self::Vegas, Self::Westwood, Self::Ledbat, Self::Dctcp, Self::Bbr];

    /// The name in scenarios and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reno => "reno",
            Self::Cubic => "cubic",
            Self::Vegas => "vegas",
            Self::Westwood => "westwood",
            Self::Ledbat => "ledbat",
            Self::Dctcp => "dctcp",
            Self::Bbr => "bbr",
            Self::Coupled(Coupling::Lia) => "lia",
            Self::Coupled(Coupling::Olia) => "olia",
            Self::Coupled(Coupling::Balia) => "balia",
        }
    }

    /// Whether it has to know of a connection's other subflows.
    pub fn is_coupled(self) -> bool {
        match self {
            Self::Coupled(_) => true,
            Self::Reno
            | Self::Cubic
            | Self::Vegas
            | Self::Westwood
            | Self::Ledbat
            | Self::Dctcp
            | Self::Bbr => false,
        }
    }
}

/// Any of the controllers; those with much state are allocated, so that the others leave a connection small.
#[derive(Clone, Debug)]
pub enum Controller {
    /// RFC 5681 with appropriate byte counting (RFC 3465).
    Reno(Reno),
    /// RFC 9438.
    Cubic(Cubic),
    /// Brakmo and Peterson, 1995.
    Vegas(Box<Vegas>),
    /// Westwood+ (Grieco and Mascolo, 2004).
    Westwood(Box<Westwood>),
    /// LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus).
    Ledbat(Box<Ledbat>),
    /// RFC 8257.
    Dctcp(Box<Dctcp>),
    /// BBRv3 (draft-ietf-ccwg-bbr).
    Bbr(Box<Bbr>),
    /// LIA, OLIA or BALIA.
    Coupled(Coupled),
}

impl Controller {
    /// A controller that starts with `initial_window` bytes and full segments of `segment_size` bytes.
    pub fn new(algorithm: Algorithm, segment_size: u32, initial_window: u64) -> Self {
        let (size, window) = (segment_size, initial_window);
        match algorithm {
            Algorithm::Reno => Self::Reno(Reno::new(size, window)),
            Algorithm::Cubic => Self::Cubic(Cubic::new(size, window)),
            Algorithm::Vegas => Self::Vegas(Box::new(Vegas::new(size, window))),
            Algorithm::Westwood => Self::Westwood(Box::new(Westwood::new(size, window))),
            Algorithm::Ledbat => Self::Ledbat(Box::new(Ledbat::new(size, window))),
            Algorithm::Dctcp => Self::Dctcp(Box::new(Dctcp::new(size, window))),
            Algorithm::Bbr => Self::Bbr(Box::new(Bbr::new(size, window))),
            Algorithm::Coupled(coupling) => Self::Coupled(Coupled::new(coupling, size, window)),
        }
    }

    /// Lets CUBIC leave slow start by HyStart++ (RFC 9406); the others have rules of their own.
    pub fn use_hystart(&mut self) {
        match self {
            Self::Cubic(cubic) => cubic.use_hystart(),
            Self::Reno(_)
            | Self::Vegas(_)
            | Self::Westwood(_)
            | Self::Ledbat(_)
            | Self::Dctcp(_)
            | Self::Bbr(_)
            | Self::Coupled(_) => {}
        }
    }

    /// Takes CUBIC's fast convergence away (RFC 9438 §4.7); the others have none.
    pub fn converge_slowly(&mut self) {
        match self {
            Self::Cubic(cubic) => cubic.converge_slowly(),
            Self::Reno(_)
            | Self::Vegas(_)
            | Self::Westwood(_)
            | Self::Ledbat(_)
            | Self::Dctcp(_)
            | Self::Bbr(_)
            | Self::Coupled(_) => {}
        }
    }
}

macro_rules! delegate {
    ($self:ident, $inner:ident => $call:expr) => {
        match $self {
            Self::Reno($inner) => $call,
            Self::Cubic($inner) => $call,
            Self::Vegas($inner) => $call,
            Self::Westwood($inner) => $call,
            Self::Ledbat($inner) => $call,
            Self::Dctcp($inner) => $call,
            Self::Bbr($inner) => $call,
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

    fn on_established(&mut self, now: SimTime, srtt: Option<SimDuration>, seed: u64) {
        delegate!(self, inner => inner.on_established(now, srtt, seed))
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

    fn on_sent(&mut self, now: SimTime, in_flight: u64, application_limited: bool) {
        delegate!(self, inner => inner.on_sent(now, in_flight, application_limited))
    }

    fn on_lost(&mut self, now: SimTime, lost: &Lost) {
        delegate!(self, inner => inner.on_lost(now, lost))
    }

    fn limits_itself(&self) -> bool {
        delegate!(self, inner => inner.limits_itself())
    }

    fn governs_recovery(&self) -> bool {
        delegate!(self, inner => inner.governs_recovery())
    }

    fn answers_marks(&self) -> bool {
        delegate!(self, inner => inner.answers_marks())
    }

    fn on_recovery_ended(&mut self) {
        delegate!(self, inner => inner.on_recovery_ended())
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
            (Self::Vegas(inner), Self::Vegas(before)) => inner.on_undo(before),
            (Self::Westwood(inner), Self::Westwood(before)) => inner.on_undo(before),
            (Self::Ledbat(inner), Self::Ledbat(before)) => inner.on_undo(before),
            (Self::Dctcp(inner), Self::Dctcp(before)) => inner.on_undo(before),
            (Self::Bbr(inner), Self::Bbr(before)) => inner.on_undo(before),
            (Self::Coupled(inner), Self::Coupled(before)) => inner.on_undo(before),
            // A connection keeps its controller.
            (
                Self::Reno(_)
                | Self::Cubic(_)
                | Self::Vegas(_)
                | Self::Westwood(_)
                | Self::Ledbat(_)
                | Self::Dctcp(_)
                | Self::Bbr(_)
                | Self::Coupled(_),
                _,
            ) => {}
        }
    }

    fn set_window(&mut self, window: u64, ssthresh: u64) {
        delegate!(self, inner => inner.set_window(window, ssthresh))
    }

    fn on_idle(&mut self, now: SimTime) {
        delegate!(self, inner => inner.on_idle(now))
    }

    fn on_segment_size(&mut self, segment_size: u32) {
        delegate!(self, inner => inner.on_segment_size(segment_size))
    }
}
