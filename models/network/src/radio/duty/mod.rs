//! Receivers that sleep: what differs from one way to save energy to another.
//!
//! A radio that sleeps listens for moments that are known ahead ([`Rhythm`]). It takes no event for them: whoever sends looks
//! which sleeping radios in reach listen while its frame is in the air, and only those wake up. What the moments take is
//! accounted in closed form when the radio's state changes or is asked for.
//!
//! ```text
//!           a frame starts in reach              a look, or a frame's start, was noticed
//!  Sleep ------------------------------> Look -------------------------------------------> awake (Listen)
//!    ^                                     | nothing noticed                                  |
//!    +-------------------------------------+--------------- Doze, rest, a frame for another --+
//! ```
//!
//! `RadioDuty` is what a way to save energy may decide; its defaults are those of a radio that is always on, with
//! unslotted CSMA-CA.

pub mod polling;
mod sleep;
pub mod strobing;
pub mod tsch;

use sim_core::{SimDuration, SimTime};
use wire::ieee802154::FrameVersion;

use super::access::RadioPlace;
use super::air::TransmissionId;
use super::mac::{Content, Outgoing, ack_wait};
use super::phy::Phy;
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::observer::Observer;
use crate::power::rhythm::Rhythm;

/// How the radios of a medium save energy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DutyCycle {
    /// Not at all: they listen whenever they do not send.
    #[default]
    AlwaysOn,
    /// ContikiMAC (Dunkels, "The ContikiMAC Radio Duty Cycling Protocol", SICS T2011:13).
    ContikiMac(strobing::contikimac::Settings),
    /// X-MAC (Buettner et al., SenSys 2006).
    XMac(strobing::xmac::Settings),
    /// Radios of nodes that do not pass packets on sleep, and ask their parent for frames (IEEE 802.15.4 clause 6.7.3).
    Polling(polling::Settings),
    /// Time-slotted channel hopping (IEEE 802.15.4 clause 6.2.6).
    Tsch(tsch::Settings),
}

/// What one radio keeps of its way to save energy.
#[derive(Debug)]
pub(super) enum Duty {
    AlwaysOn,
    Strobing(Box<strobing::Node>),
    Child(Box<polling::Child>),
    Parent(Box<polling::Parent>),
    Tsch(Box<tsch::Node>),
}

/// A frame that a radio has taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// The radio that sent it.
    pub(super) from: u32,
    /// Whether it was for this radio, or for all.
    pub(super) for_me: bool,
    pub(super) content: Content,
    /// Whether the sender says that more follows.
    pub(super) pending: bool,
}

/// One way to let radios sleep: what it does where others do otherwise.
pub(super) trait RadioDuty<O: Observer> {
    /// The radio has power: from now on it is awake.
    fn start(&self, _net: &mut Network<O>, _place: RadioPlace) {}

    /// There is a first frame in the queue to be sent.
    fn send(&self, net: &mut Network<O>, place: RadioPlace) {
        net.contend(place);
    }

    /// The time that it has planned to send at has come.
    fn on_attempt(&self, _net: &mut Network<O>, _place: RadioPlace) {}

    /// The time of what it does by itself has come.
    fn on_timer(&self, _net: &mut Network<O>, _place: RadioPlace) {}

    /// The radio has listened for a moment while something was in the air.
    fn on_look(&self, _net: &mut Network<O>, _place: RadioPlace) {}

    /// How long it waits after a frame for the end of its acknowledgement, known to come or not.
    fn patience(&self, net: &Network<O>, place: RadioPlace, _comes: bool) -> SimDuration {
        ack_wait(net.media[place.medium].phy)
    }

    /// The first frame was confirmed, or needs no confirmation; the receiver may have said that it has more.
    fn confirmed(&self, net: &mut Network<O>, place: RadioPlace, _pending: bool) {
        net.finish_frame(place, Ok(()));
    }

    /// The first frame was not confirmed in time.
    fn unconfirmed(&self, net: &mut Network<O>, place: RadioPlace) {
        let medium = &net.media[place.medium];
        let tries = medium.macs[place.radio as usize].queue.front().map_or(0, |first| first.tries);
        if tries > medium.settings.retries_max {
            return self.give_up(net, place, DropCause::Retries);
        }
        net.contend(place);
    }

    /// The first frame cannot be sent.
    fn give_up(&self, net: &mut Network<O>, place: RadioPlace, cause: DropCause) {
        net.finish_frame(place, Err(cause));
    }

    /// The first frame, which is for all radios in reach, ends.
    fn sent_to_all(
        &self,
        net: &mut Network<O>,
        place: RadioPlace,
        transmission: TransmissionId,
        outgoing: Outgoing,
    ) {
        net.broadcast_once(place, transmission, &outgoing);
        net.finish_frame(place, Ok(()));
    }

    /// Nothing is left to be sent.
    fn rest(&self, _net: &mut Network<O>, _place: RadioPlace) {}

    /// The radio has taken in a frame, its acknowledgement is on its way.
    fn heard(&self, _net: &mut Network<O>, _place: RadioPlace, _heard: Heard) {}
}

/// What makes a sleeping radio that listens for a moment stay awake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sense {
    /// Energy on the channel at the end of the moment.
    Energy,
    /// The start of a frame within the moment.
    Frame,
}

/// A radio that is always on.
struct AlwaysOn;

impl<O: Observer> RadioDuty<O> for AlwaysOn {}

impl DutyCycle {
    /// What a radio starts with. `part` of its period is when it first listens.
    pub(super) fn of_radio(self, phy: Phy, radio: u32, sleeps: bool, draw: u64) -> Duty {
        match self {
            Self::AlwaysOn => Duty::AlwaysOn,
            Self::ContikiMac(settings) => {
                Duty::Strobing(Box::new(strobing::Node::new(settings.plan(phy), sleeps, draw)))
            }
            Self::XMac(settings) => {
                Duty::Strobing(Box::new(strobing::Node::new(settings.plan(phy), sleeps, draw)))
            }
            Self::Polling(settings) if sleeps => Duty::Child(Box::new(polling::Child::new(settings, draw))),
            Self::Polling(settings) => Duty::Parent(Box::new(polling::Parent::new(settings))),
            Self::Tsch(settings) => Duty::Tsch(Box::new(tsch::Node::new(settings, radio, draw))),
        }
    }
}

impl Duty {
    fn manner<'a, O: Observer + 'a>(&self) -> &'a dyn RadioDuty<O> {
        match self {
            Self::AlwaysOn => &AlwaysOn,
            Self::Strobing(_) => &strobing::Strobing,
            Self::Child(_) => &polling::OfChild,
            Self::Parent(_) => &polling::OfParent,
            Self::Tsch(_) => &tsch::Tsch,
        }
    }

    /// When the radio listens while it sleeps.
    pub(super) fn rhythm(&self) -> Rhythm {
        match self {
            Self::Strobing(node) => node.rhythm(),
            Self::Tsch(node) => node.rhythm(),
            Self::AlwaysOn | Self::Child(_) | Self::Parent(_) => Rhythm::Silent,
        }
    }

    /// What it notices then.
    fn sense(&self) -> Sense {
        match self {
            Self::Strobing(node) => node.sense(),
            Self::AlwaysOn | Self::Child(_) | Self::Parent(_) | Self::Tsch(_) => Sense::Frame,
        }
    }

    /// Whether the radio sleeps at all.
    pub(super) fn sleeps(&self) -> bool {
        match self {
            Self::AlwaysOn | Self::Parent(_) => false,
            Self::Strobing(node) => node.sleeps,
            Self::Child(_) => true,
            Self::Tsch(node) => node.may_sleep(),
        }
    }

    /// Whether it may sleep at some time.
    pub(super) fn ever_sleeps(&self) -> bool {
        self.sleeps() || matches!(self, Self::Tsch(_))
    }

    /// The channel that a sleeping radio listens on at a time, if it changes.
    fn channel_at(&self, time: SimTime) -> Option<u8> {
        match self {
            Self::Tsch(node) => node.channel_at(time),
            Self::AlwaysOn | Self::Strobing(_) | Self::Child(_) | Self::Parent(_) => None,
        }
    }

    /// The number of the slot that a time is in; 0 where there are no slots.
    pub(super) fn slot_at(&self, time: SimTime) -> u64 {
        match self {
            Self::Tsch(node) => node.slot_at(time),
            Self::AlwaysOn | Self::Strobing(_) | Self::Child(_) | Self::Parent(_) => 0,
        }
    }

    /// Whether a frame that joins others in the queue may be sent before them.
    pub(super) fn overtakes(&self) -> bool {
        matches!(self, Self::Tsch(_))
    }

    /// The edition whose headers frames of data have: slots need the latest (RFC 8180 §4.4).
    pub(super) fn version(&self) -> FrameVersion {
        if matches!(self, Self::Tsch(_)) { FrameVersion::V2015 } else { FrameVersion::V2003 }
    }

    /// Whether a frame says that another follows.
    pub(super) fn announces_more(&self) -> bool {
        matches!(self, Self::Strobing(_))
    }

    /// A frame of the radio's starts.
    pub(super) fn begins(&mut self, now: SimTime) {
        if let Self::Strobing(node) = self {
            node.begins(now);
        }
    }

    /// The radio loses its power: it forgets what it has learnt, and gives out what it kept for others.
    pub(super) fn lose_power(&mut self) -> Vec<Outgoing> {
        match self {
            Self::AlwaysOn => Vec::new(),
            Self::Strobing(node) => {
                node.forget();
                Vec::new()
            }
            Self::Child(child) => {
                child.forget();
                Vec::new()
            }
            Self::Parent(parent) => parent.forget(),
            Self::Tsch(node) => {
                node.forget();
                Vec::new()
            }
        }
    }
}

impl<O: Observer> Network<O> {
    pub(super) fn manner<'a>(&self, place: RadioPlace) -> &'a dyn RadioDuty<O>
    where
        O: 'a,
    {
        self.media[place.medium].macs[place.radio as usize].duty.manner()
    }
}
