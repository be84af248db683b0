//! A child that has lost its parent looks for another (IEEE 802.15.4-2020 clauses 6.3.1.2 and 6.4.2: active scan, association).
//!
//! ```text
//!             frames that the parent does not confirm              the time is over, beacons were heard
//!  Attached ------------------------------------------> Scanning ---------------------------------------> Asking
//!     ^                                                  ^    | nobody answered                              | confirmed
//!     |                                                  |    v                                              v
//!     |                                                  +- Resting <------ no answer in time -- Fetching <------- Waiting
//!     +---------------------------------------------- the response ----------------+
//! ```
//!
//! Thread has a protocol of its own for that (MLE: a request to all parents, their answers, a request to one of them, its answer);
//! the steps are the same. Every router in reach answers, whether it has a way to anywhere or not, and refuses nobody. The child
//! takes the one that it hears best. It keeps its address.

use sim_core::{SimDuration, SimTime};
use wire::ieee802154::{Address, Addressing, FrameType, Header, PanId, ShortAddress};

use super::super::super::power::Power;
use super::super::super::security::extended;
use super::*;

/// Where a child stands with its parent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Standing {
    /// It has one.
    #[default]
    Attached,
    /// It has none, and a request for beacons waits to be sent, or for its time.
    Resting,
    /// It listens for beacons: the best router so far, and how strong it is.
    Scanning(Option<(Power, u32)>),
    /// A request for association is on its way.
    Asking(u32),
    /// The answer to it is being made.
    Waiting(u32),
    /// The answer has been asked for.
    Fetching(u32),
}

/// A child's search for a parent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attachment {
    pub(super) standing: Standing,
    /// When it goes on, if it waits for a time.
    at: SimTime,
    /// Searches in vain.
    vain: u32,
}

impl Child {
    /// How long it takes until the child asks again: a parent that has not confirmed the last frame is asked soon.
    pub(super) fn pause(&self) -> SimDuration {
        if self.failures > 0 { self.every.min(ASK_AGAIN) } else { self.every }
    }
}

impl<O: Observer> Network<O> {
    /// A frame to a child's parent was given up.
    pub(super) fn miss_parent(&mut self, place: RadioPlace, to: Option<u32>, cause: DropCause) {
        let now = self.now();
        let Some(own) = child(self, place) else { return };
        if to.is_none() || to != own.parent || cause != DropCause::Retries {
            return;
        }
        own.failures = own.failures.saturating_add(1);
        let is_lost = own.failures >= own.lost_after;
        let at = now + own.pause();
        if own.poll_at > at {
            own.poll_at = at;
            self.schedule_radio(at, place, RadioStep::Timer);
        }
        if is_lost {
            self.leave_parent(place);
        }
    }

    /// A child begins to look for a parent, unless it does already.
    pub(super) fn leave_parent(&mut self, place: RadioPlace) {
        let Some(own) = child(self, place) else { return };
        if matches!(own.attachment.standing, Standing::Attached) {
            own.attachment = Attachment { standing: Standing::Resting, ..Attachment::default() };
            self.ask_for_beacons(place);
        }
    }

    fn ask_for_beacons(&mut self, place: RadioPlace) {
        let addressing = Addressing::to(PanId::BROADCAST, Address::BROADCAST);
        let header = Header::command(addressing, false);
        self.send_openly(place, header, &[BEACON_REQUEST], Content::BeaconRequest);
    }

    /// The next search follows after a pause that grows.
    fn attach_later(&mut self, place: RadioPlace) {
        let now = self.now();
        let mac = &mut self.media[place.medium].macs[place.radio as usize];
        let Duty::Child(own) = &mac.duty else { return };
        let span = SEARCH_PAUSE * (1 << own.attachment.vain.min(SEARCH_DOUBLINGS));
        let pause = span / 2 + mac.draw_part(span / 2);
        if let Duty::Child(own) = &mut mac.duty {
            let vain = own.attachment.vain.saturating_add(1);
            own.attachment = Attachment { standing: Standing::Resting, at: now + pause, vain };
        }
        self.schedule_radio(now + pause, place, RadioStep::Timer);
        self.sleep_if_free(place);
    }

    /// A step of the search was sent, and confirmed where that was asked for.
    pub(super) fn attach_confirmed(&mut self, place: RadioPlace, content: Option<Content>) {
        let now = self.now();
        let phy = self.media[place.medium].phy;
        let Some(own) = child(self, place) else { return };
        let (standing, wait) = match (content, own.attachment.standing) {
            (Some(Content::BeaconRequest), Standing::Resting) => {
                (Standing::Scanning(None), phy.symbols(SCAN_SYMBOLS))
            }
            (Some(Content::AssociationRequest), Standing::Asking(of)) => {
                (Standing::Waiting(of), phy.symbols(RESPONSE_WAIT_SYMBOLS))
            }
            _ => return,
        };
        (own.attachment.standing, own.attachment.at) = (standing, now + wait);
        self.schedule_radio(now + wait, place, RadioStep::Timer);
    }

    /// A step of the search was given up.
    pub(super) fn attach_failed(&mut self, place: RadioPlace, content: Content) {
        let Some(standing) = child(self, place).map(|own| own.attachment.standing) else { return };
        match (content, standing) {
            (Content::BeaconRequest, Standing::Resting)
            | (Content::AssociationRequest, Standing::Asking(_))
            | (Content::DataRequest, Standing::Fetching(_)) => self.attach_later(place),
            _ => {}
        }
    }

    /// The time of the search's next step may have come.
    pub(super) fn attach_in_time(&mut self, place: RadioPlace) {
        let now = self.now();
        let Some(own) = child(self, place) else { return };
        if own.attachment.at != now {
            return;
        }
        let frame_wait = frame_wait(self.media[place.medium].phy);
        let Some(own) = child(self, place) else { return };
        match own.attachment.standing {
            Standing::Attached | Standing::Asking(_) => {}
            Standing::Resting => self.ask_for_beacons(place),
            Standing::Scanning(None) => self.attach_later(place),
            Standing::Scanning(Some((_, router))) => {
                own.attachment.standing = Standing::Asking(router);
                self.ask_for_association(place, router);
            }
            Standing::Fetching(_) => self.attach_later(place),
            Standing::Waiting(router) => {
                // Once asked for, the answer comes at once or not at all.
                let at = now + ANSWER_TIME + frame_wait;
                (own.attachment.standing, own.attachment.at) = (Standing::Fetching(router), at);
                let own = Address::Extended(extended(self.media[place.medium].address(place.radio)));
                self.request_data(place, router, own);
                self.schedule_radio(at, place, RadioStep::Timer);
            }
        }
    }

    fn ask_for_association(&mut self, place: RadioPlace, router: u32) {
        let medium = &self.media[place.medium];
        // A device without an address of its own has the one that it was made with (clause 7.5.2).
        let own = extended(medium.address(place.radio));
        let addressing = Addressing::of_stranger(medium.pan, medium.address(router), own);
        let header = Header::command(addressing, true);
        let command = [ASSOCIATION_REQUEST, CAPABILITIES];
        self.send_command(place, header, &command, Some(router), Content::AssociationRequest);
    }

    /// A child that looks for a parent has heard a frame; says whether it goes on listening.
    pub(super) fn hear_while_attaching(&mut self, place: RadioPlace, heard: Heard) -> bool {
        let now = self.now();
        let Some(standing) = child(self, place).map(|own| own.attachment.standing) else { return false };
        match (standing, heard.content) {
            (Standing::Scanning(best), Content::Beacon) => {
                let power = self.media[place.medium].air.received_power(heard.from, place.radio, now);
                if best.is_none_or(|(strongest, _)| power > strongest)
                    && let Some(own) = child(self, place)
                {
                    own.attachment.standing = Standing::Scanning(Some((power, heard.from)));
                }
                true
            }
            (Standing::Scanning(_), _) => true,
            (Standing::Waiting(of) | Standing::Fetching(of), Content::AssociationResponse(_))
                if heard.from == of =>
            {
                self.attach(place, of);
                false
            }
            _ => false,
        }
    }

    fn attach(&mut self, place: RadioPlace, router: u32) {
        let now = self.now();
        self.media[place.medium].set_parent(place.radio, router, now);
        if let Some(own) = child(self, place) {
            own.forget();
        }
        self.forget_routes();
        self.on_leaf_moved(place);
    }

    /// A router answers a request for beacons, unless it is about to.
    pub(super) fn answer_with_beacon(&mut self, place: RadioPlace) {
        let medium = &self.media[place.medium];
        let mac = &medium.macs[place.radio as usize];
        if mac.queue.iter().any(|outgoing| outgoing.content == Content::Beacon) {
            return;
        }
        let addressing = Addressing::from(medium.pan, medium.address(place.radio));
        let header = Header { frame_type: FrameType::Beacon, ..Header::data(0, addressing, false) };
        self.send_openly(place, header, &BEACON, Content::Beacon);
    }

    /// A router keeps its answer for a child that has asked for association.
    pub(super) fn hold_response(&mut self, place: RadioPlace, of: u32) {
        let now = self.now();
        let medium = &self.media[place.medium];
        // Between the addresses that both were made with (clause 7.5.3).
        let made = |radio| Address::Extended(extended(medium.address(radio)));
        let addressing = Addressing::within(medium.pan, made(of), made(place.radio));
        let header = Header::command(addressing, true);
        let short = match medium.address(of) {
            Address::Short(address) => address,
            Address::Extended(_) => ShortAddress::NONE,
        };
        let [low, high] = short.0.to_le_bytes();
        let account = Account::new(FlowId::NONE, Reason::Control);
        let id = self.protected_control(place, header, &[ASSOCIATION_RESPONSE, low, high, WELCOME], account);
        let Some(parent) = parent(self, place) else { return };
        let until = now + parent.timeout;
        // One that it has not asked for yet holds no longer.
        let is_old = |outgoing: &mut Outgoing| {
            outgoing.to == Some(of) && matches!(outgoing.content, Content::AssociationResponse(_))
        };
        let old: Vec<Outgoing> = parent.waiting.extract_if(.., is_old).collect();
        // It goes before the frames that wait already: those are for a child that was here before.
        parent.waiting.insert(0, Outgoing::new(id, Some(of), Content::AssociationResponse(until)));
        for outgoing in old {
            drop(self.replace(outgoing.id));
        }
        self.schedule_radio(until, place, RadioStep::Timer);
    }
}

/// Commands' numbers (table 7-49).
const ASSOCIATION_REQUEST: u8 = 1;
const ASSOCIATION_RESPONSE: u8 = 2;
const BEACON_REQUEST: u8 = 7;
/// Capability information (clause 7.5.2): a device that sleeps and wants an address.
const CAPABILITIES: u8 = 0x80;
/// Association status (clause 7.5.3): successful.
const WELCOME: u8 = 0;
/// What follows a beacon's header in a network without superframes (clause 7.3.1): orders 15, association permitted; no guaranteed
/// slots; no addresses pending.
const BEACON: [u8; 4] = [0xFF, 0x8F, 0, 0];
/// `aBaseSuperframeDuration` · (2^3 + 1): a scan of duration 3.
const SCAN_SYMBOLS: u32 = 960 * 9;
/// `macResponseWaitTime`: 32 · `aBaseSuperframeDuration`.
const RESPONSE_WAIT_SYMBOLS: u32 = 32 * 960;
/// For a data request to be sent and confirmed.
const ANSWER_TIME: SimDuration = SimDuration::from_millis(250);
/// After this a parent is asked again that has not confirmed a frame (OpenThread's `MAC_RETX_POLL_PERIOD`).
const ASK_AGAIN: SimDuration = SimDuration::from_secs(1);
/// Between two searches; it doubles up to 64 s.
const SEARCH_PAUSE: SimDuration = SimDuration::from_secs(1);
const SEARCH_DOUBLINGS: u32 = 6;
