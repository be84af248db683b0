//! Sleepy children that ask an always-on parent for frames, as Thread's sleepy end devices do (IEEE 802.15.4-2020 clause
//! 6.7.3, indirect transmission; Thread 1.1, chapter 4).
//!
//! A child sends whenever it likes. What is for it waits at its parent, until it asks (a data request, whose acknowledgement
//! says whether there is something) or until the time is over. The first parent of a child is the router that the fewest
//! transmissions reach; one that confirms nothing any more is left for another (`attach`). A frame for all radios does not wait,
//! and sleeping children miss it.

mod attach;

use std::collections::BTreeSet;

use sim_core::{SimDuration, SimTime};
use wire::account::{Account, FlowId, Reason};
use wire::ieee802154::{Address, Addressing, Header};

use self::attach::{Attachment, Standing};
use super::super::access::{FRAME_PENDING, Frames, RadioPlace};
use super::super::air::TransmissionId;
use super::super::mac::{Content, Outgoing, Phase};
use super::super::phy::Phy;
use super::super::step::RadioStep;
use super::{Duty, Heard, RadioDuty};
use crate::drop_cause::DropCause;
use crate::network::Network;
use crate::observer::Observer;

/// Settings of polling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How often a child asks.
    pub every: SimDuration,
    /// How long a frame waits for being asked for: 7.68 s (`macTransactionPersistenceTime`, 500 superframes of 15.36 ms).
    pub timeout: SimDuration,
    /// After how many frames in a row that its parent has not confirmed, each sent as often as it may be, a child looks for another:
    /// 4 (Thread's `FAILED_CHILD_TRANSMISSIONS`).
    pub lost_after: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: SimDuration::from_secs(1), timeout: SimDuration::from_millis(7_680), lost_after: 4 }
    }
}

/// A radio that asks.
#[derive(Debug)]
pub(in super::super) struct Child {
    every: SimDuration,
    first: SimDuration,
    lost_after: u8,
    /// The radio that it asks; none if it reaches no router.
    pub(in super::super) parent: Option<u32>,
    /// The transmissions that a frame between the two is expected to take, when they met.
    pub(in super::super) cost: u32,
    /// Whether its parent has said that there is something.
    pub(super) expects: bool,
    /// When it asks next.
    poll_at: SimTime,
    /// Frames in a row that its parent has not confirmed.
    failures: u8,
    attachment: Attachment,
}

impl Child {
    pub(super) fn new(settings: Settings, draw: u64) -> Self {
        let first = (u128::from(draw) * u128::from(settings.every.as_nanos())) >> 64;
        Self {
            every: settings.every,
            first: SimDuration::from_nanos(first as u64),
            lost_after: settings.lost_after,
            parent: None,
            cost: 1,
            expects: false,
            poll_at: SimTime::ZERO,
            failures: 0,
            attachment: Attachment::default(),
        }
    }

    /// Whether it listens though it has nothing to send.
    pub(super) fn listens(&self) -> bool {
        self.expects || matches!(self.attachment.standing, Standing::Scanning(_))
    }

    pub(super) fn forget(&mut self) {
        (self.expects, self.failures) = (false, 0);
        self.attachment = Attachment::default();
    }
}

/// A radio that is asked.
#[derive(Debug)]
pub(in super::super) struct Parent {
    timeout: SimDuration,
    waiting: Vec<Outgoing>,
    /// The radios that have it for a parent.
    pub(in super::super) children: BTreeSet<u32>,
}

impl Parent {
    pub(super) fn new(settings: Settings) -> Self {
        Self { timeout: settings.timeout, waiting: Vec::new(), children: BTreeSet::new() }
    }

    /// The frames that wait for being asked for.
    pub(in super::super) fn waiting(&self) -> &[Outgoing] {
        &self.waiting
    }

    pub(super) fn forget(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.waiting)
    }
}

/// The manner of a child.
pub(super) struct OfChild;

impl<O: Observer> RadioDuty<O> for OfChild {
    fn start(&self, net: &mut Network<O>, place: RadioPlace) {
        let now = net.now();
        let Some(child) = child(net, place) else { return };
        let at = now + child.first;
        child.poll_at = at;
        net.sleep(place);
        net.schedule_radio(at, place, RadioStep::Timer);
    }

    fn on_timer(&self, net: &mut Network<O>, place: RadioPlace) {
        let now = net.now();
        let Some(own) = child(net, place) else { return };
        if own.poll_at == now {
            let at = now + own.pause();
            own.poll_at = at;
            let is_attached = matches!(own.attachment.standing, Standing::Attached);
            let (asks, is_alone) = (is_attached && !own.expects, own.parent.is_none());
            net.schedule_radio(at, place, RadioStep::Timer);
            if is_alone {
                net.leave_parent(place);
            } else if asks {
                net.ask_parent(place);
            }
        }
        net.attach_in_time(place);
    }

    fn confirmed(&self, net: &mut Network<O>, place: RadioPlace, pending: bool) {
        let front = net.media[place.medium].macs[place.radio as usize].queue.front().copied();
        if let (Some(child), Some(front)) = (child(net, place), front) {
            if front.content == Content::DataRequest {
                child.expects = pending;
            }
            if front.to.is_some() && front.to == child.parent {
                // It is there after all.
                child.failures = 0;
                if matches!(child.attachment.standing, Standing::Resting) {
                    child.attachment = Attachment::default();
                }
            }
        }
        net.attach_confirmed(place, front.map(|front| front.content));
        net.finish_frame(place, Ok(()));
    }

    fn give_up(&self, net: &mut Network<O>, place: RadioPlace, cause: DropCause) {
        let front = net.media[place.medium].macs[place.radio as usize].queue.front().copied();
        net.finish_frame(place, Err(cause));
        if let Some(front) = front {
            net.attach_failed(place, front.content);
            net.miss_parent(place, front.to, cause);
        }
    }

    fn sent_to_all(
        &self,
        net: &mut Network<O>,
        place: RadioPlace,
        transmission: TransmissionId,
        outgoing: Outgoing,
    ) {
        net.broadcast_once(place, transmission, &outgoing);
        net.attach_confirmed(place, Some(outgoing.content));
        net.finish_frame(place, Ok(()));
    }

    fn rest(&self, net: &mut Network<O>, place: RadioPlace) {
        let now = net.now();
        if let Some(Standing::Scanning(_)) = child(net, place).map(|child| child.attachment.standing) {
            return;
        }
        if child(net, place).is_some_and(|child| child.expects) {
            let wait = frame_wait(net.media[place.medium].phy);
            return net.plan_doze(place, now + wait);
        }
        net.sleep_if_free(place);
    }

    fn heard(&self, net: &mut Network<O>, place: RadioPlace, heard: Heard) {
        if !heard.for_me || net.hear_while_attaching(place, heard) {
            return;
        }
        let now = net.now();
        let until = net.media[place.medium].macs[place.radio as usize].engaged_until.max(now);
        if let Some(child) = child(net, place) {
            child.expects = false;
        }
        net.plan_doze(place, until);
        if heard.pending {
            net.ask_parent(place);
        }
    }
}

/// The manner of a parent.
pub(super) struct OfParent;

impl<O: Observer> RadioDuty<O> for OfParent {
    fn on_timer(&self, net: &mut Network<O>, place: RadioPlace) {
        let now = net.now();
        let (port, node) = (net.radio_port(place), net.radio_node(place));
        let Some(parent) = parent(net, place) else { return };
        let overdue =
            |outgoing: &mut Outgoing| outgoing.content.held_until().is_some_and(|until| until <= now);
        let overdue: Vec<Outgoing> = parent.waiting.extract_if(.., overdue).collect();
        for outgoing in overdue {
            net.note_lost(place, &outgoing, DropCause::NotAskedFor);
            net.discard(node, Some(port), outgoing.id, DropCause::NotAskedFor);
        }
    }

    fn give_up(&self, net: &mut Network<O>, place: RadioPlace, cause: DropCause) {
        let now = net.now();
        let mac = &mut net.media[place.medium].macs[place.radio as usize];
        let is_held = |first: &Outgoing| first.content.held_until().is_some_and(|until| until > now);
        let asked = mac.queue.front().copied().filter(is_held);
        let Some(asked) = asked else { return net.finish_frame(place, Err(cause)) };
        // It waits for the next request, with the number that it has (clause 6.7.3).
        mac.queue.pop_front();
        mac.phase = Phase::Idle;
        let more = !mac.queue.is_empty();
        if let Duty::Parent(parent) = &mut mac.duty {
            parent.waiting.insert(0, Outgoing { tries: 1, ..asked });
        }
        if more {
            net.contend(place);
        }
    }

    fn heard(&self, net: &mut Network<O>, place: RadioPlace, heard: Heard) {
        match heard.content {
            Content::DataRequest => net.send_held(place, heard.from),
            Content::BeaconRequest => net.answer_with_beacon(place),
            Content::AssociationRequest => net.hold_response(place, heard.from),
            Content::Packet
            | Content::Asked(_)
            | Content::Strobe
            | Content::AssociationResponse(_)
            | Content::Beacon
            | Content::KeepAlive => {}
        }
    }
}

impl<O: Observer> Network<O> {
    /// Whether what `place` sends to a radio has to wait until that asks for it.
    pub(in super::super) fn fetches(&self, place: RadioPlace, to: u32) -> bool {
        let macs = &self.media[place.medium].macs;
        matches!(macs[place.radio as usize].duty, Duty::Parent(_))
            && matches!(macs[to as usize].duty, Duty::Child(_))
    }

    /// Whether something waits at `place` for a radio.
    pub(in super::super) fn has_for(&self, place: RadioPlace, child: u32) -> bool {
        match &self.media[place.medium].macs[place.radio as usize].duty {
            Duty::Parent(parent) => parent.waiting.iter().any(|outgoing| outgoing.to == Some(child)),
            Duty::AlwaysOn | Duty::Strobing(_) | Duty::Child(_) | Duty::Tsch(_) => false,
        }
    }

    /// Keeps frames for a child: all of them, or none.
    pub(in super::super) fn hold(&mut self, place: RadioPlace, frames: Frames, child: u32) {
        let now = self.now();
        let (port, node) = (self.radio_port(place), self.radio_node(place));
        let limit = self.queue_limits[self.port_infos[port.index()].queue_limit as usize];
        let Some(parent) = parent(self, place) else { return };
        let until = now + parent.timeout;
        let own =
            parent.waiting.iter().filter(|outgoing| outgoing.to == Some(child)).map(|outgoing| outgoing.id);
        let ids: Vec<_> = own.chain(frames.iter().copied()).collect();
        let bytes: usize = ids.iter().map(|&id| self.packets[id].len() + wire::ieee802154::FCS_LEN).sum();
        if !limit.holds(ids.len(), sim_core::ByteCount::from_bytes(bytes as u64)) {
            for id in frames {
                let refused = Outgoing::new(id, Some(child), Content::Asked(until));
                self.note_lost(place, &refused, DropCause::QueueFull);
                self.discard(node, Some(port), id, DropCause::QueueFull);
            }
            return;
        }
        let Some(parent) = self::parent(self, place) else { return };
        let held = frames.into_iter().map(|id| Outgoing::new(id, Some(child), Content::Asked(until)));
        parent.waiting.extend(held);
        self.schedule_radio(until, place, RadioStep::Timer);
    }

    /// Sends the first frame that waits for a child.
    fn send_held(&mut self, place: RadioPlace, child: u32) {
        let Some(parent) = parent(self, place) else { return };
        let Some(at) = parent.waiting.iter().position(|outgoing| outgoing.to == Some(child)) else { return };
        let outgoing = parent.waiting.remove(at);
        let was_sent = outgoing.tries > 0;
        if was_sent {
            self.reopen_frame(place, outgoing.id);
        }
        let header = self.packets[outgoing.id].header_mut();
        if let Some(control) = header.first_mut() {
            *control &= !FRAME_PENDING;
        }
        if self.has_for(place, child)
            && let Some(control) = self.packets[outgoing.id].header_mut().first_mut()
        {
            *control |= FRAME_PENDING;
        }
        if was_sent {
            self.seal_frame(place, outgoing.id);
        }
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let idle = mac.queue.is_empty();
        // What is being sent goes first.
        mac.queue.insert(usize::from(!idle), outgoing);
        if idle {
            self.contend(place);
        }
    }

    /// A child asks its parent, unless it is about to.
    fn ask_parent(&mut self, place: RadioPlace) {
        let Some(parent) = child(self, place).and_then(|child| child.parent) else { return };
        let own = self.media[place.medium].address(place.radio);
        self.request_data(place, parent, own);
    }

    /// Asks for what waits for the address `own`.
    fn request_data(&mut self, place: RadioPlace, parent: u32, own: Address) {
        let medium = &self.media[place.medium];
        let mac = &medium.macs[place.radio as usize];
        if mac.queue.iter().any(|outgoing| outgoing.content == Content::DataRequest) {
            return;
        }
        let addressing = Addressing::within(medium.pan, medium.address(parent), own);
        let header = Header::command(addressing, true);
        self.send_command(place, header, &[DATA_REQUEST], Some(parent), Content::DataRequest);
    }

    /// Queues a frame of the medium access control's own, protected where the medium's are.
    fn send_command(
        &mut self,
        place: RadioPlace,
        header: Header,
        behind: &[u8],
        to: Option<u32>,
        content: Content,
    ) {
        let account = Account::new(FlowId::NONE, Reason::Control);
        let id = self.protected_control(place, header, behind, account);
        self.queue_control(place, Outgoing::new(id, to, content), false);
    }

    /// Queues a frame of the same kind that is for whoever has no key.
    fn send_openly(&mut self, place: RadioPlace, header: Header, behind: &[u8], content: Content) {
        let id = self.control_packet(header, behind, Account::new(FlowId::NONE, Reason::Control));
        self.queue_control(place, Outgoing::new(id, None, content), false);
    }
}

fn child<O: Observer>(net: &mut Network<O>, place: RadioPlace) -> Option<&mut Child> {
    match &mut net.media[place.medium].macs[place.radio as usize].duty {
        Duty::Child(child) => Some(child),
        Duty::AlwaysOn | Duty::Strobing(_) | Duty::Parent(_) | Duty::Tsch(_) => None,
    }
}

fn parent<O: Observer>(net: &mut Network<O>, place: RadioPlace) -> Option<&mut Parent> {
    match &mut net.media[place.medium].macs[place.radio as usize].duty {
        Duty::Parent(parent) => Some(parent),
        Duty::AlwaysOn | Duty::Strobing(_) | Duty::Child(_) | Duty::Tsch(_) => None,
    }
}

/// `macMaxFrameTotalWaitTime` with the standard's back-offs (clause 8.4.2): 1,220 symbols.
fn frame_wait(phy: Phy) -> SimDuration {
    phy.symbols(1_220)
}

/// The command's number (table 7-49).
const DATA_REQUEST: u8 = 4;
