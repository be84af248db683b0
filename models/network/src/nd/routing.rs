//! What a node does as a router (RFC 6775 §6 to §8): it answers solicitations, keeps registrations, and asks the border router
//! about addresses, or is that itself.

use std::cmp::Ordering;
use std::net::Ipv6Addr;

use sim_core::{SimDuration, SimTime};
use wire::duplicate_address::Message;
use wire::ndp_lowpan::{AddressRegistration, Status, radio_address};
use wire::ndp_options::{NdpOption, NdpOptions};

use super::host::TRIES_MAX;
use super::information::minutes;
use super::node::{Heard, News, Node};
use super::registrar::{Applicant, Entry, Question, TENTATIVE_LIFETIME};
use super::registry::Verdict;
use crate::rpl::sequence::Sequence;

impl Node {
    /// From now on the node speaks as a router.
    pub(super) fn begin_router(&mut self, now: SimTime) {
        self.active = true;
        self.advertise_soon(now);
    }

    /// What it says is new: it tells so up to three times (RFC 6775 §8.1.5).
    pub(super) fn advertise_soon(&mut self, now: SimTime) {
        self.advertisements_left = ADVERTISEMENTS_MAX;
        let pause = self.below(RA_DELAY_MAX);
        self.advertise_at = Some(now + pause);
    }

    /// Does what is due for the node as a router.
    pub(super) fn handle_router_timeout(&mut self, now: SimTime) {
        if !self.active {
            return;
        }
        if self.advertise_at.is_some_and(|at| at <= now) {
            self.advertise(now);
        }
        let due: Vec<_> = self.replies.extract_if(.., |_, (at, _)| *at <= now).collect();
        for (address, (_, link)) in due {
            self.send_router_advertisements(now, Some((address, link)));
        }
        while let Some((address, entry)) = self.registrar.pop_due(now) {
            self.handle_entry(now, address, entry);
        }
    }

    fn advertise(&mut self, now: SimTime) {
        let longest = self.settings.advertise_every;
        if !self.routed {
            self.advertise_at = Some(now + RA_DELAY_MAX);
            return;
        }
        self.send_router_advertisements(now, None);
        self.advertisements_left = self.advertisements_left.saturating_sub(1);
        // `MinRtrAdvInterval` is a third of the longest (RFC 4861 §6.2.1).
        let spread = self.below(longest - longest / 3);
        let pause = longest / 3 + spread;
        let pause = if self.advertisements_left > 0 { pause.min(RAS_APART + spread / 100) } else { pause };
        self.advertise_at = Some(now + pause.max(RAS_APART));
    }

    /// A node asks for routers: it alone is answered, a little later (RFC 6775 §6.3). The neighbour cache stays as it is.
    pub(super) fn on_router_solicitation(
        &mut self,
        now: SimTime,
        heard: &Heard<'_>,
        options: NdpOptions<'_>,
    ) {
        let link = options.iter().find_map(|option| match option {
            NdpOption::SourceLinkLayer(data) => radio_address(data),
            _ => None,
        });
        let Some(link) = link else {
            self.counts.malformed += 1;
            return;
        };
        if self.active && self.routed && self.replies.len() < REPLIES_MAX {
            let at = now + self.below(RA_DELAY_MAX);
            self.replies.entry(heard.source).or_insert((at, link));
        }
    }

    pub(super) fn on_neighbor_solicitation(
        &mut self,
        now: SimTime,
        heard: &Heard<'_>,
        target: Ipv6Addr,
        options: NdpOptions<'_>,
    ) {
        let link = options.iter().find_map(|option| match option {
            NdpOption::SourceLinkLayer(data) => radio_address(data),
            _ => None,
        });
        let option = options.iter().find_map(|option| match option {
            NdpOption::AddressRegistration(registration) => Some(registration),
            _ => None,
        });
        // One of a length that is not known is no such option: the solicitation is ignored with it (RFC 6775 §6.5).
        let is_odd = |option: NdpOption<'_>| matches!(option, NdpOption::Unknown { kind: 33, .. });
        let too_long = option.is_some_and(|option| !self.is_extended() && option.rovr.eui64().is_none());
        if option.is_some_and(|option| option.status != Status::SUCCESS)
            || too_long
            || options.iter().any(is_odd)
        {
            self.counts.malformed += 1;
            return;
        }
        let Some((registration, link)) = option.zip(link) else {
            let is_own = target == self.link_local() || Some(target) == self.own && self.may_use(now, target);
            if let Some(link) = link.filter(|_| is_own) {
                self.send_own(target, heard.source, link);
            }
            return;
        };
        if self.active {
            let transaction = registration.transaction.filter(|_| self.is_extended());
            let address = if transaction.is_some() { target } else { heard.source };
            let registration = AddressRegistration { transaction, ..registration };
            let applicant = Applicant { source: heard.source, link, registration };
            self.on_registration(now, address, applicant);
        }
    }

    fn on_registration(&mut self, now: SimTime, address: Ipv6Addr, applicant: Applicant) {
        if let Some(status) = self.objection(now, address, &applicant) {
            return self.refuse(address, &applicant, status);
        }
        if applicant.registration.transaction.is_some() && self.lacks_source(address, &applicant) {
            // The node believes to be registered: it is told that it is not (RFC 8505 §5.6).
            return self.send_answer(applicant.source, &applicant, Status::REMOVED, false);
        }
        let known = self.registrar.get(address).copied();
        let own = applicant.registration;
        if let Some(known) = known {
            let theirs = known.applicant.registration;
            if theirs.rovr != own.rovr {
                if known.registered {
                    self.refuse(address, &applicant, Status::DUPLICATE_ADDRESS);
                }
                // A tentative one is to be decided first; the node asks again (RFC 6775 §8.2).
                return;
            }
            let counters = theirs.transaction.zip(own.transaction);
            let order = counters.and_then(|(known, new)| Sequence(new.id).compare(Sequence(known.id)));
            if order == Some(Ordering::Less) {
                return self.refuse(address, &applicant, Status::MOVED);
            }
        }
        if own.lifetime == 0 {
            if self.registrar.remove(address).is_some_and(|entry| entry.registered) {
                self.tell(News::Gone { address });
            }
            self.send_answer(address, &applicant, Status::SUCCESS, true);
            self.report(now, address, &applicant);
            return;
        }
        match known {
            Some(entry) if entry.registered => self.renew_entry(now, address, applicant),
            // The question is under way already.
            Some(_) => {}
            None if self.registrar.is_full() => {
                self.refuse(address, &applicant, Status::NEIGHBOR_CACHE_FULL);
            }
            None => self.take_in(now, address, applicant),
        }
    }

    /// What is wrong with a registration by itself.
    fn objection(&self, now: SimTime, address: Ipv6Addr, applicant: &Applicant) -> Option<Status> {
        let extended = applicant.registration.transaction.is_some();
        if extended && !applicant.source.is_unicast_link_local() {
            return Some(Status::INVALID_SOURCE_ADDRESS);
        }
        if address == self.link_local() || Some(address) == self.own {
            return Some(Status::DUPLICATE_ADDRESS);
        }
        if extended && !self.information.covers(now, address) {
            return Some(Status::TOPOLOGICALLY_INCORRECT);
        }
        let source = self.registrar.get(applicant.source);
        let is_taken =
            source.is_some_and(|entry| entry.applicant.registration.rovr != applicant.registration.rovr);
        (extended && applicant.source != address && is_taken).then_some(Status::DUPLICATE_SOURCE_ADDRESS)
    }

    /// Whether a registration comes from an address that is not registered itself.
    fn lacks_source(&self, address: Ipv6Addr, applicant: &Applicant) -> bool {
        applicant.source != address && self.has_registered(applicant.source).is_none()
    }

    fn refuse(&mut self, address: Ipv6Addr, applicant: &Applicant, status: Status) {
        match status {
            Status::NEIGHBOR_CACHE_FULL | Status::REGISTRY_SATURATED => self.counts.full += 1,
            Status::DUPLICATE_ADDRESS | Status::DUPLICATE_SOURCE_ADDRESS => self.counts.duplicates += 1,
            _ => {}
        }
        self.send_answer(address, applicant, status, true);
    }

    /// An address that is new here: the border router is asked first, unless it is one of this link alone (RFC 8505 §5.6).
    fn take_in(&mut self, now: SimTime, address: Ipv6Addr, applicant: Applicant) {
        if !self.asks_about(address) {
            return self.accept(now, address, applicant, None);
        }
        match self.judge_here(now, address, &applicant) {
            Some(Status::SUCCESS) => self.accept(now, address, applicant, None),
            Some(status) => self.refuse(address, &applicant, status),
            None => {
                let until = now + TENTATIVE_LIFETIME;
                self.registrar.set(address, Entry { applicant, registered: false, until, question: None });
                self.put_question(now, address, 1);
            }
        }
    }

    fn accept(&mut self, now: SimTime, address: Ipv6Addr, applicant: Applicant, question: Option<Question>) {
        let registration = applicant.registration;
        let until = now + minutes(registration.lifetime);
        self.registrar.set(address, Entry { applicant, registered: true, until, question });
        self.send_answer(address, &applicant, Status::SUCCESS, true);
        self.tell_registered(address, &applicant);
    }

    fn tell_registered(&mut self, address: Ipv6Addr, applicant: &Applicant) {
        let registration = applicant.registration;
        let routed = registration.transaction.filter(|transaction| transaction.routed);
        let (link, lifetime) = (applicant.link, registration.lifetime);
        let routed = routed.map(|transaction| transaction.id);
        self.tell(News::Registered { address, link, lifetime, routed });
    }

    /// A registration is renewed: the node is answered at once, the border router told besides (RFC 6775 §8.2, RFC 8505 §5.7).
    fn renew_entry(&mut self, now: SimTime, address: Ipv6Addr, applicant: Applicant) {
        self.counts.renewed += 1;
        self.accept(now, address, applicant, None);
        self.report(now, address, &applicant);
    }

    /// Tells the border router how a registration stands.
    fn report(&mut self, now: SimTime, address: Ipv6Addr, applicant: &Applicant) {
        if !self.asks_about(address) || self.judge_here(now, address, applicant).is_some() {
            return;
        }
        match self.registrar.get(address) {
            Some(_) => self.put_question(now, address, 1),
            None => self.send_request(address, applicant, false),
        }
    }

    fn asks_about(&self, address: Ipv6Addr) -> bool {
        self.settings.detects_duplicates && !address.is_unicast_link_local()
    }

    /// What the border router says, if this node is the one that keeps the registry.
    fn judge_here(&mut self, now: SimTime, address: Ipv6Addr, applicant: &Applicant) -> Option<Status> {
        let own = self.own.filter(|&own| self.information.registrar() == Some(own))?;
        let Verdict { status, left } =
            self.registry.judge(now, own, &request(address, &applicant.registration));
        self.tell_left(own, address, &applicant.registration, left);
        Some(status)
    }

    /// Asks the border router about an entry for the `tries`-th time.
    fn put_question(&mut self, now: SimTime, address: Ipv6Addr, tries: u8) {
        let Some(entry) = self.registrar.get(address).copied() else { return };
        let due = now + self.patience(tries);
        self.registrar.set(address, Entry { question: Some(Question { tries, due }), ..entry });
        self.send_request(address, &entry.applicant, tries > 1);
    }

    fn send_request(&mut self, address: Ipv6Addr, applicant: &Applicant, repeats: bool) {
        if let Some((own, border)) = self.own.zip(self.information.registrar()) {
            self.send_duplicate_address(own, border, &request(address, &applicant.registration), repeats);
        }
    }

    fn handle_entry(&mut self, now: SimTime, address: Ipv6Addr, entry: Entry) {
        if entry.until <= now {
            self.registrar.remove(address);
            if entry.registered {
                self.counts.expired += 1;
                self.tell(News::Gone { address });
            }
            return;
        }
        match entry.question.filter(|question| question.due <= now) {
            Some(question) if question.tries < TRIES_MAX => {
                self.put_question(now, address, question.tries + 1)
            }
            Some(_) if entry.registered => self.registrar.set(address, Entry { question: None, ..entry }),
            // The border router does not answer: the node is let in (RFC 6775 §8.2.6).
            Some(_) => {
                self.counts.unconfirmed += 1;
                self.accept(now, address, entry.applicant, None);
            }
            None => self.registrar.set(address, entry),
        }
    }

    /// The border router's answer about an address (RFC 6775 §8.2.5).
    pub(super) fn on_confirmation(&mut self, now: SimTime, message: &Message) {
        let Some(entry) = self.registrar.get(message.address).copied().filter(|_| self.active) else {
            return;
        };
        let theirs = entry.applicant.registration;
        if theirs.rovr.as_bytes()[..8] != message.rovr.as_bytes()[..8] {
            return;
        }
        if entry.registered {
            return self.on_confirmation_of_registered(message, entry);
        }
        match message.status {
            Status::SUCCESS => self.accept(now, message.address, entry.applicant, None),
            status => {
                self.registrar.remove(message.address);
                self.refuse(message.address, &entry.applicant, status);
            }
        }
    }

    /// Of a registration that stands, only news that the node has moved on are believed (RFC 8505 §5.7).
    fn on_confirmation_of_registered(&mut self, message: &Message, entry: Entry) {
        let known = entry.applicant.registration.transaction.map(|transaction| Sequence(transaction.id));
        let newer = known.zip(message.transaction).and_then(|(known, news)| Sequence(news).compare(known));
        match message.status {
            Status::MOVED if newer == Some(Ordering::Greater) => {
                self.counts.moved += 1;
                self.registrar.remove(message.address);
                self.tell(News::Gone { address: message.address });
                self.send_answer(message.address, &entry.applicant, Status::MOVED, false);
            }
            _ => self.registrar.set(message.address, Entry { question: None, ..entry }),
        }
    }

    /// A router asks about an address (RFC 6775 §8.2.4).
    pub(super) fn on_request(&mut self, now: SimTime, heard: &Heard<'_>, message: &Message) {
        let Some(own) = self.own.filter(|&own| self.information.registrar() == Some(own)) else { return };
        let Verdict { status, left } = self.registry.judge(now, heard.source, message);
        let transaction = message.transaction.filter(|_| self.is_extended());
        let answer = Message { confirms: true, status, transaction, ..*message };
        self.send_duplicate_address(own, heard.source, &answer, false);
        if let Some((router, tid)) = left {
            let moved =
                Message { confirms: true, status: Status::MOVED, transaction: Some(tid.0), ..*message };
            self.tell_moved(own, router, &moved);
        }
    }

    fn tell_left(
        &mut self,
        own: Ipv6Addr,
        address: Ipv6Addr,
        registration: &AddressRegistration,
        left: Option<(Ipv6Addr, Sequence)>,
    ) {
        if let Some((router, tid)) = left {
            let moved = Message {
                confirms: true,
                status: Status::MOVED,
                transaction: Some(tid.0),
                ..request(address, registration)
            };
            self.tell_moved(own, router, &moved);
        }
    }

    /// Tells the router that had an address before that it has not any more.
    fn tell_moved(&mut self, own: Ipv6Addr, router: Ipv6Addr, moved: &Message) {
        if router != own {
            return self.send_duplicate_address(own, router, moved, false);
        }
        if let Some(entry) = self.registrar.get(moved.address).copied().filter(|entry| entry.registered) {
            self.on_confirmation_of_registered(moved, entry);
        }
    }
}

/// What the border router is asked about a registration.
fn request(address: Ipv6Addr, registration: &AddressRegistration) -> Message {
    Message {
        confirms: false,
        status: Status::SUCCESS,
        transaction: registration.transaction.map(|transaction| transaction.id),
        lifetime: registration.lifetime,
        rovr: registration.rovr,
        address,
    }
}

/// `MAX_RA_DELAY_TIME` (RFC 6775 §9).
pub(super) const RA_DELAY_MAX: SimDuration = SimDuration::from_secs(2);
/// `MIN_DELAY_BETWEEN_RAS` (RFC 6775 §9).
const RAS_APART: SimDuration = SimDuration::from_secs(10);
/// `MAX_RTR_ADVERTISEMENTS` (RFC 6775 §9).
const ADVERTISEMENTS_MAX: u8 = 3;
/// Solicitations that wait for their answers.
const REPLIES_MAX: usize = 16;
