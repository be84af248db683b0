//! Address changes of this side (RFC 5061 §5.1, §5.3): requests go to the peer one chunk at a time, until it has
//! answered.
//!
//! ```text
//!            asked for                        sent, T-4 runs             acknowledged
//! addition   known to nobody         sources of no packet but ASCONF     one of `locals`
//! deletion   still one of `locals`       source of no packet             none of `locals`
//! ```

use std::collections::VecDeque;
use std::net::IpAddr;

use sim_core::SimTime;
use wire::account::Reason;
use wire::sctp::{AddressRequest, Cause, Chunk, Parameter, ParameterList, ParameterType, Parameters, code};

use super::association::Association;
use super::control::{CONTROL_MAX, Control, Detour};
use super::cookie::Addresses;
use super::event::AddressChange;
use super::state::{CloseReason, State};
use super::tsn;

/// What an association knows of changes, once both sides can make them.
#[derive(Debug)]
pub(super) struct Asconf {
    /// Serial number of the next chunk.
    next_serial: u32,
    next_correlation: u32,
    /// Requests that no chunk has taken yet.
    queued: VecDeque<AddressRequest>,
    outstanding: Option<Outstanding>,
    /// T-4 RTO.
    pub(super) t4: Option<SimTime>,
    /// Own addresses that work no longer and could not be deleted, for want of another.
    lost: Addresses,
    /// Own addresses that were added of late, until when an ABORT may answer a packet that was sent from there before
    /// they were the association's.
    fresh: Vec<(IpAddr, SimTime)>,
    /// The peer does not understand the chunk (RFC 5061 §5.1 A9), additions and deletions, or set primary (F3).
    refuses_all: bool,
    refuses_addresses: bool,
    refuses_primary: bool,
    /// Serial number of the peer's last chunk that was carried out.
    pub(super) peer_serial: u32,
    /// Answers to the chunks of the peer's last packets, by serial number.
    pub(super) answers: VecDeque<(u32, Vec<u8>)>,
    /// Answers to the packet in hand.
    pub(super) reply: Vec<u8>,
}

/// A chunk that is not acknowledged.
#[derive(Debug)]
struct Outstanding {
    serial: u32,
    chunk: Vec<u8>,
    requests: Vec<AddressRequest>,
    /// The path that it took last.
    path: usize,
}

impl Asconf {
    /// RFC 5061 §5.1 A2, §5.2: serial numbers begin with the initial TSNs.
    pub(super) fn new(own_initial_tsn: u32, peer_initial_tsn: u32) -> Self {
        Self {
            next_serial: own_initial_tsn,
            next_correlation: 1,
            queued: VecDeque::new(),
            outstanding: None,
            t4: None,
            lost: Addresses::new(),
            fresh: Vec::new(),
            refuses_all: false,
            refuses_addresses: false,
            refuses_primary: false,
            peer_serial: peer_initial_tsn.wrapping_sub(1),
            answers: VecDeque::new(),
            reply: Vec::new(),
        }
    }

    fn ask(&mut self, kind: ParameterType, address: IpAddr) {
        let refused = match kind {
            ParameterType::SET_PRIMARY => self.refuses_primary,
            _ => self.refuses_addresses,
        };
        if self.refuses_all || refused || self.queued.len() >= REQUESTS_MAX {
            return;
        }
        self.queued.push_back(AddressRequest { kind, correlation: self.next_correlation, address });
        self.next_correlation = self.next_correlation.wrapping_add(1);
    }

    fn requests(&self) -> impl Iterator<Item = &AddressRequest> {
        let outstanding = self.outstanding.iter().flat_map(|outstanding| &outstanding.requests);
        outstanding.chain(&self.queued)
    }

    /// Whether the address is asked to be deleted, or was lost: nothing is sent from it (RFC 5061 §5.3 F4).
    pub(super) fn is_going(&self, address: IpAddr) -> bool {
        let goes = |it: &AddressRequest| it.kind == ParameterType::DELETE_ADDRESS && it.address == address;
        self.requests().any(goes) || self.lost.contains(&address)
    }

    fn is_coming(&self, address: IpAddr) -> bool {
        self.requests().any(|it| it.kind == ParameterType::ADD_ADDRESS && it.address == address)
    }
}

impl Association {
    /// Addresses may change, if both sides say so and authenticate (RFC 5061 §4.2.7).
    pub(super) fn agree_on_changes(&mut self, peer_changes: bool, peer_initial_tsn: u32) {
        let agreed = self.config.address_changes && peer_changes && self.authenticates();
        let make = || Box::new(Asconf::new(self.local_initial_tsn, peer_initial_tsn));
        self.asconf = agreed.then(make);
    }

    /// This side has another address.
    pub(super) fn on_own_address(&mut self, now: SimTime, address: IpAddr) {
        let Some(asconf) = &mut self.asconf else { return };
        if let Some(place) = asconf.lost.iter().position(|lost| *lost == address) {
            asconf.lost.remove(place); // It is back before anybody could be told that it was gone.
            self.choose_sources();
            return;
        }
        let known = self.locals.contains(&address) && !asconf.is_going(address);
        if known || asconf.is_coming(address) {
            return;
        }
        asconf.ask(ParameterType::ADD_ADDRESS, address);
        let lost = std::mem::take(&mut asconf.lost);
        if !lost.is_empty() {
            // RFC 5061 §5.3.2: the only one has changed.
            asconf.ask(ParameterType::SET_PRIMARY, address);
            lost.iter().for_each(|lost| asconf.ask(ParameterType::DELETE_ADDRESS, *lost));
        }
        self.send_asconf(now);
    }

    /// An address of this side works no longer.
    pub(super) fn on_own_address_gone(&mut self, now: SimTime, address: IpAddr) {
        let Some(asconf) = &mut self.asconf else { return };
        // What was not even asked for is not asked for any more.
        asconf.queued.retain(|it| it.address != address || it.kind == ParameterType::DELETE_ADDRESS);
        if asconf.is_going(address) || !(self.locals.contains(&address) || asconf.is_coming(address)) {
            return;
        }
        // RFC 5061 §5.3 F5: the last one stays until there is another.
        let others = self.locals.iter().filter(|it| it.is_ipv4() == address.is_ipv4());
        if others.into_iter().any(|other| *other != address && !asconf.is_going(*other)) {
            asconf.ask(ParameterType::DELETE_ADDRESS, address);
        } else {
            asconf.lost.push(address);
        }
        self.choose_sources();
        self.send_asconf(now);
    }

    /// RFC 5061 §5.1.1 C4: the states in which addresses change.
    pub(super) fn may_change_addresses(&self) -> bool {
        self.state.sends_data() || self.state == State::ShutdownSent
    }

    /// The peer is asked to send to this address of this side.
    pub(super) fn ask_for_primary(&mut self, now: SimTime, address: IpAddr) -> bool {
        let Some(asconf) = self.asconf.as_mut().filter(|_| self.locals.contains(&address)) else {
            return false;
        };
        asconf.ask(ParameterType::SET_PRIMARY, address);
        self.send_asconf(now);
        true
    }

    /// Sends what is asked for, unless a chunk is outstanding (RFC 5061 §5.1 A1 to A4).
    fn send_asconf(&mut self, now: SimTime) {
        let changes = self.may_change_addresses();
        let Some(asconf) = self.asconf.as_mut().filter(|it| changes && it.outstanding.is_none()) else {
            return;
        };
        if asconf.queued.is_empty() {
            return;
        }
        // An address that the peer knows, for it to find the association by (RFC 5061 §5.3.2): one that it knows still
        // when the chunk comes again, if there is one.
        let stays = self.locals.iter().find(|local| !asconf.is_going(**local));
        let Some(known) = stays.or(self.locals.first()).copied() else { return };
        let requests: Vec<AddressRequest> = asconf.queued.drain(..).collect();
        let mut list = ParameterList::new();
        list.push(&Parameter::Address(known));
        requests.iter().for_each(|request| {
            list.push(&Parameter::AddressRequest(*request));
        });
        let serial = asconf.next_serial;
        asconf.next_serial = serial.wrapping_add(1);
        let mut chunk = Vec::new();
        Chunk::Asconf { serial, parameters: list.parameters() }.emit(&mut chunk);
        asconf.outstanding = Some(Outstanding { serial, chunk, requests, path: 0 });
        self.choose_sources();
        self.send_outstanding(now, None);
    }

    /// Sends the outstanding chunk, the first time or again on another path than `avoid`, and starts T-4.
    fn send_outstanding(&mut self, now: SimTime, avoid: Option<usize>) {
        self.choose_sources();
        let path = self.best_path(avoid);
        let from = self.asconf_source(self.paths[path].remote);
        let Some(asconf) = &mut self.asconf else { return };
        let Some(outstanding) = &mut asconf.outstanding else { return };
        outstanding.path = path;
        let chunks = outstanding.chunk.clone();
        asconf.t4 = Some(now + self.paths[path].rto(&self.config));
        self.stats.asconfs_sent += 1;
        if self.control.len() >= CONTROL_MAX {
            return; // T-4 brings it again.
        }
        self.control.push_back(Control {
            path,
            chunks,
            tag: self.peer_tag,
            reason: Reason::Control,
            resends: avoid.is_some(),
            bundles: false,
            detour: Detour { from, to: None },
        });
    }

    /// Where an ASCONF is sent from: an address that stays (RFC 5061 §5.3 F6), or else one that is asked to be added
    /// (F1).
    pub(super) fn asconf_source(&self, remote: IpAddr) -> Option<IpAddr> {
        let asconf = self.asconf.as_ref()?;
        let fits = |address: &IpAddr| address.is_ipv4() == remote.is_ipv4();
        if self.locals.iter().any(|local| fits(local) && !asconf.is_going(*local)) {
            return None;
        }
        let mut coming = asconf.requests().filter(|it| it.kind == ParameterType::ADD_ADDRESS);
        coming.find(|it| fits(&it.address)).map(|it| it.address)
    }

    /// The chunk that is not answered yet.
    pub(super) fn outstanding_asconf(&self) -> Option<&[u8]> {
        self.asconf.as_ref()?.outstanding.as_ref().map(|outstanding| &outstanding.chunk[..])
    }

    /// Whether this side has no address now that it may send data from (RFC 5061 §5.3 F1, F4).
    pub(super) fn is_between_addresses(&self) -> bool {
        let Some(asconf) = self.asconf.as_ref().filter(|asconf| asconf.outstanding.is_some()) else {
            return false;
        };
        // In other states there will be no answer, and the old addresses are all there is (§5.1.1 C4).
        self.may_change_addresses()
            && !self.locals.is_empty()
            && self.locals.iter().all(|local| asconf.is_going(*local))
    }

    /// The sources of all paths, by the addresses that may be used.
    fn choose_sources(&mut self) {
        let Some(asconf) = &self.asconf else { return };
        let usable = self.locals.iter().copied().filter(|local| !asconf.is_going(*local));
        let usable: Addresses = usable.collect();
        if usable.is_empty() {
            return;
        }
        for path in &mut self.paths {
            path.local = super::association::local_for(&usable, path.remote);
        }
    }

    /// RFC 5061 §5.1 B1 to B5.
    pub(super) fn on_t4(&mut self, now: SimTime) {
        let Some(path) = self.asconf.as_ref().and_then(|it| it.outstanding.as_ref()).map(|it| it.path) else {
            return;
        };
        self.stats.control_expiries += 1;
        self.record_error(now, path);
        if !self.may_change_addresses() {
            return; // RFC 5061 §5.1.1 C4
        }
        self.paths[path].rtt.back_off();
        self.send_outstanding(now, Some(path));
    }

    /// Takes an answer (RFC 5061 §5.1 A5 to A8, §5.3 F0 to F3, F10).
    pub(super) fn on_asconf_ack(&mut self, now: SimTime, serial: u32, parameters: Parameters<'_>) {
        let Some(asconf) = &mut self.asconf else { return };
        let Some(outstanding) = asconf.outstanding.take_if(|it| it.serial == serial) else {
            if !tsn::precedes32(serial, asconf.next_serial) {
                // F0: an answer to what was not asked.
                let cause = Cause::Other { code: code::ILLEGAL_ASCONF_ACK, information: &[] };
                self.abort(&cause, CloseReason::Violation);
            }
            return;
        };
        asconf.t4 = None;
        self.clear_errors(now, outstanding.path);
        let mut failing = false;
        let mut moved = false;
        for request in &outstanding.requests {
            let done = match response(parameters, request.correlation) {
                Some(Ok(())) => true,
                Some(Err(causes)) => {
                    failing = true;
                    self.note_refusal(request, causes);
                    false
                }
                None => !failing, // A7, A8
            };
            moved |= done && self.settle(now, request);
            if !done {
                self.changes.addresses.push((request.address, AddressChange::Refused));
            }
        }
        self.choose_sources();
        if moved {
            self.begin_anew(now);
        }
        self.send_asconf(now);
    }

    /// F3: what the peer does not understand is not asked again.
    fn note_refusal(&mut self, request: &AddressRequest, causes: wire::sctp::Causes<'_>) {
        let unknown = causes.iter().flatten().any(|cause| cause.code() == code::UNRECOGNIZED_PARAMETERS);
        let Some(asconf) = self.asconf.as_mut().filter(|_| unknown) else { return };
        let primary = request.kind == ParameterType::SET_PRIMARY;
        asconf.refuses_primary |= primary;
        asconf.refuses_addresses |= !primary;
        asconf.queued.retain(|it| (it.kind == ParameterType::SET_PRIMARY) != primary);
    }

    /// What the peer has agreed to holds from now on; says whether the way of all packets has changed with it.
    fn settle(&mut self, now: SimTime, request: &AddressRequest) -> bool {
        let address = request.address;
        match request.kind {
            ParameterType::ADD_ADDRESS => {
                if !self.locals.contains(&address) {
                    self.locals.push(address);
                }
                // As long as the peer may hold a deleted address (RFC 5061 §5.3): a packet is no longer on its way.
                let rto = self
                    .paths
                    .iter()
                    .map(|path| path.rto(&self.config))
                    .max()
                    .unwrap_or(self.config.rto.initial);
                if let Some(asconf) = &mut self.asconf {
                    asconf.fresh.retain(|(other, until)| *other != address && *until > now);
                    asconf.fresh.push((address, now + rto * 2));
                }
                self.changes.addresses.push((address, AddressChange::OwnAdded));
                false
            }
            ParameterType::DELETE_ADDRESS => {
                self.locals.retain(|local| *local != address);
                self.changes.addresses.push((address, AddressChange::OwnDeleted));
                true
            }
            _ => false,
        }
    }

    /// The way from this side is another one: what was measured on the old one tells nothing about it, and what is
    /// outstanding has gone the old one.
    fn begin_anew(&mut self, now: SimTime) {
        self.mark_in_flight();
        for at in 0..self.paths.len() {
            self.paths[at].begin_anew(&self.config, self.pmdcs);
            self.clear_errors(now, at);
        }
        self.forward_due |= self.out.advanced >= self.out.base; // T3 would have brought it again.
        self.begin_probing(now);
    }

    /// The peer does not know ASCONF (RFC 5061 §5.1 A9).
    pub(super) fn on_unknown_asconf(&mut self) {
        let Some(asconf) = &mut self.asconf else { return };
        asconf.refuses_all = true;
        asconf.queued.clear();
        asconf.t4 = None;
        let outstanding = asconf.outstanding.take();
        let refused = outstanding.iter().flat_map(|it| &it.requests);
        self.changes.addresses.extend(refused.map(|it| (it.address, AddressChange::Refused)));
        self.choose_sources();
    }

    /// Whether an ABORT to this address of this side counts for nothing: while the address is being deleted and from then
    /// on, for it may answer what was sent from there before (RFC 5061 §5.3 F4, §5.3.1). When the address comes back, such
    /// an answer may still be on its way; it has the T bit, for whoever treats a packet as out of the blue knows no tag.
    pub(super) fn ignores_aborts_to(&self, now: SimTime, local: IpAddr, reflected: bool) -> bool {
        let Some(asconf) = &self.asconf else { return false };
        if asconf.is_coming(local)
            || asconf.fresh.iter().any(|(fresh, until)| *fresh == local && *until > now)
        {
            return reflected;
        }
        asconf.is_going(local) || !self.locals.contains(&local)
    }
}

/// What an ASCONF-ACK says about a request, if anything.
fn response(parameters: Parameters<'_>, wanted: u32) -> Option<Result<(), wire::sctp::Causes<'_>>> {
    parameters.iter().flatten().find_map(|parameter| match parameter {
        Parameter::Success { correlation } if correlation == wanted => Some(Ok(())),
        Parameter::ErrorIndication { correlation, causes } if correlation == wanted => Some(Err(causes)),
        _ => None,
    })
}

/// Requests of one chunk at most: each has 28 bytes at most, and IPv4's smallest packet takes them.
const REQUESTS_MAX: usize = 16;
