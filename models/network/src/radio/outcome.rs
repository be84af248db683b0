//! What becomes of a frame as a whole, however often it is sent: received, or lost by one cause.

use sim_core::SimTime;

use super::access::RadioPlace;
use super::duty::Duty;
use super::fate::{Fate, FateTable, FrameKind};
use super::mac::{Content, Outgoing};
use super::medium::RadioMedium;
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::observer::Observer;

impl Outgoing {
    /// Whether it carries a packet or a part of one, not something of the medium access control's own.
    pub(super) fn is_packet(&self) -> bool {
        match self.content {
            Content::Packet | Content::Asked(_) => true,
            Content::Strobe
            | Content::DataRequest
            | Content::BeaconRequest
            | Content::AssociationRequest
            | Content::AssociationResponse(_)
            | Content::Beacon
            | Content::KeepAlive => false,
        }
    }

    /// The radio that it is for, if it carries a packet to one that has not got it yet.
    fn lacking(&self) -> Option<u32> {
        self.to.filter(|_| self.is_packet() && self.fate != Some(Fate::Received))
    }
}

impl Fate {
    /// The fate of a frame that its sender gave up.
    pub(super) fn of_drop(cause: DropCause) -> Self {
        match cause {
            DropCause::QueueFull => Self::QueueFull,
            DropCause::ChannelAccess => Self::ChannelAccess,
            DropCause::Retries => Self::Retries,
            DropCause::NotAskedFor => Self::NotAskedFor,
            DropCause::QueueManaged
            | DropCause::Loss
            | DropCause::LinkDown
            | DropCause::NodeDown
            | DropCause::NoRoute
            | DropCause::HopLimit
            | DropCause::TooBig
            | DropCause::Malformed
            | DropCause::Unresolved
            | DropCause::NotForMe
            | DropCause::Reassembly
            | DropCause::NoListener
            | DropCause::Security
            | DropCause::Outside
            | DropCause::RoutingLoop
            | DropCause::Unregistered => Self::SenderFailed,
        }
    }
}

impl<O: Observer> Network<O> {
    /// A radio was given a frame that it gives up; who has got it all the same has not lost it.
    pub(super) fn note_lost(&mut self, place: RadioPlace, outgoing: &Outgoing, cause: DropCause) {
        self.note_end(place, outgoing, Fate::of_drop(cause));
    }

    /// The work on a frame has ended; a radio that has got it has been noted before.
    pub(super) fn note_end(&mut self, place: RadioPlace, outgoing: &Outgoing, fate: Fate) {
        let now = self.now();
        let medium = &mut self.media[place.medium];
        if let Some(to) = outgoing.lacking() {
            medium.fates.add(place.radio, to, FrameKind::Frame, fate);
        } else if outgoing.to.is_none() && outgoing.is_packet() {
            for other in medium.air.neighbours(place.radio, now) {
                medium.fates.add(place.radio, other, FrameKind::Broadcast, fate);
            }
        }
    }

    /// The first frame of a radio's queue had this fate at the radio that it is for.
    pub(super) fn note_fate(&mut self, place: RadioPlace, to: u32, fate: Fate) {
        let medium = &mut self.media[place.medium];
        let Some(first) = medium.macs[place.radio as usize].queue.front_mut() else { return };
        if first.fate == Some(Fate::Received) || !first.is_packet() {
            return;
        }
        first.fate = Some(fate);
        if fate == Fate::Received {
            medium.fates.add(place.radio, to, FrameKind::Frame, fate);
        }
    }

    /// What a radio received was of no use: it was a part of a packet whose other parts did not come.
    pub(super) fn note_useless(&mut self, place: RadioPlace, from: u32, to_all: bool) {
        let kind = if to_all { FrameKind::Broadcast } else { FrameKind::Frame };
        let fates = &mut self.media[place.medium].fates;
        fates.revise(from, place.radio, kind, Fate::Received, Fate::Reassembly);
    }
}

impl RadioMedium {
    /// What became of all frames up to the end of the run: those that wait still, for one radio each, are listed too.
    pub fn fates_at_end(&self) -> FateTable {
        let mut fates = self.fates().clone();
        for (mac, radio) in self.macs.iter().zip(0..) {
            let held = match &mac.duty {
                Duty::Parent(parent) => parent.waiting(),
                Duty::AlwaysOn | Duty::Strobing(_) | Duty::Child(_) | Duty::Tsch(_) => &[],
            };
            for to in mac.queue.iter().chain(held).filter_map(Outgoing::lacking) {
                fates.add(radio, to, FrameKind::Frame, Fate::Waiting);
            }
        }
        fates
    }

    /// Where a radio is at a time.
    pub fn position(&self, radio: u32, at: SimTime) -> super::position::Position {
        self.air.radio(radio).place_at(at)
    }
}
