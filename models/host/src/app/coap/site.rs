//! The resources of a server and their states: real bytes, whoever asks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use session::body::{Body, Label};
use session::coap::Response;
use sim_core::random::Streams;
use sim_core::{SimDuration, SimTime, digest};
use wire::account::{Protocol, Reason, Run, Runs};
use wire::coap::{Code, Links, OptionNumber, Options, emit_links};
use wire::payload::{Payload, Slice};

use super::resource::{Content, LINK_FORMAT, OCTETS, Resource};
use crate::purpose;
use crate::workload::Span;

/// The resources and their states.
#[derive(Debug, Default)]
pub(super) struct Site {
    places: Vec<Place>,
    /// What was made below a resource by POST.
    made: BTreeMap<String, Payload>,
    made_so_far: u32,
    rng: Option<Box<ChaCha8Rng>>,
}

/// A resource where it stands.
#[derive(Debug)]
struct Place {
    resource: Resource,
    held: Held,
    clock: Option<StateClock>,
}

/// What a resource holds.
#[derive(Clone, Debug)]
enum Held {
    /// What it said at first.
    Original,
    /// What was put there, and its Content-Format where the request said one.
    Put(Payload, Option<u16>),
    /// Nothing: it was deleted, or never written.
    Nothing,
}

/// The states of a resource that changes by itself. The world outside goes on while a server is down.
#[derive(Debug)]
struct StateClock {
    state: State,
    next: SimTime,
    every: Span,
    rng: Box<ChaCha8Rng>,
}

/// One state of a resource.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct State {
    /// How many came before it.
    pub(super) number: u32,
    /// When it began.
    pub(super) since: SimTime,
}

/// A request as far as a resource is concerned.
pub(super) struct Asked<'a> {
    pub(super) method: Code,
    pub(super) options: &'a Options,
    pub(super) body: &'a Body,
    pub(super) label: Label,
    /// Whether the asker's flow measures states, not exchanges.
    pub(super) states: bool,
}

impl Site {
    /// The resources of the server called `name`, at the start of the run.
    pub(super) fn new(resources: &[Resource], name: &str, streams: &Streams) -> Self {
        let place = |resource: &Resource| {
            let clock = resource.changes.map(|every| {
                let name = format!("{name}/{}", resource.path);
                let mut rng = Box::new(streams.stream(&name, purpose::ARRIVAL));
                let next = SimTime::ZERO.saturating_add(every.draw(&mut rng));
                StateClock { state: State::default(), next, every, rng }
            });
            let held = first(&resource.content);
            Place { resource: resource.clone(), held, clock }
        };
        Self { places: resources.iter().map(place).collect(), ..Self::default() }
    }

    /// Forgets what was written to it.
    pub(super) fn lose_volatile_state(&mut self) {
        self.made.clear();
        self.places.iter_mut().for_each(|place| place.held = first(&place.resource.content));
    }

    /// The paths of the resources that change by themselves.
    pub(super) fn changing(&self) -> impl Iterator<Item = &str> {
        self.places.iter().filter(|place| place.clock.is_some()).map(|place| &*place.resource.path)
    }

    /// When the resource at `path` changes next.
    pub(super) fn next_change(&self, path: &str) -> Option<SimTime> {
        self.place(path)?.clock.as_ref().map(|clock| clock.next)
    }

    /// Goes on to the next state of the resource at `path`, if that is due by `now`.
    pub(super) fn advance(&mut self, path: &str, now: SimTime) -> Option<State> {
        let clock = self.places.iter_mut().find(|it| *it.resource.path == *path)?.clock.as_mut()?;
        (clock.next <= now).then(|| clock.step())
    }

    /// What the observers of `path` are told of its state.
    pub(super) fn notification(&self, path: &str) -> Option<Response> {
        let place = self.place(path)?;
        let state = place.clock.as_ref()?.state;
        let answer = place.read(&Options::new()).unwrap_or_else(Answer::of);
        Some(
            answer.response(
                Label { generated: state.since, message: state.number, ..Label::NONE },
                Some(state),
            ),
        )
    }

    /// Answers a request at `now`, and says how long that takes.
    pub(super) fn answer(
        &mut self,
        now: SimTime,
        streams: &Streams,
        name: &str,
        asked: &Asked<'_>,
    ) -> (Response, SimDuration) {
        let path = asked.options.path();
        let at = self.places.iter().position(|place| *place.resource.path == *path);
        let Some(at) = at else {
            let answer = self.answer_elsewhere(&path, asked).unwrap_or_else(Answer::of);
            return (answer.response(asked.label, None), SimDuration::ZERO);
        };
        let new = || Box::new(streams.stream(name, purpose::PROCESSING));
        let processing = self.places[at].resource.processing.draw(self.rng.get_or_insert_with(new));
        let place = &mut self.places[at];
        if let Some(clock) = &mut place.clock {
            while clock.next <= now {
                clock.step();
            }
        }
        let answer = match asked.method {
            Code::GET | Code::FETCH => place.read(asked.options),
            Code::POST if place.resource.writable => self.make(&path, asked),
            _ => place.write(asked),
        };
        let state = self.places[at].clock.as_ref().map(|clock| clock.state).filter(|_| asked.states);
        (answer.unwrap_or_else(Answer::of).response(asked.label, state), processing)
    }

    /// The list of resources, and what was made below them.
    fn answer_elsewhere(&mut self, path: &str, asked: &Asked<'_>) -> Result<Answer, Code> {
        match (path, asked.method) {
            (WELL_KNOWN, Code::GET) => {
                let list = Payload::from_bytes(self.links(asked.options).into_bytes());
                content(asked.options, LINK_FORMAT, list)
            }
            (WELL_KNOWN, _) => Err(Code::METHOD_NOT_ALLOWED),
            (_, Code::GET) => {
                content(asked.options, OCTETS, self.made.get(path).ok_or(Code::NOT_FOUND)?.clone())
            }
            (_, Code::DELETE) if self.made.remove(path).is_some() => Ok(Answer::of(Code::DELETED)),
            (_, Code::PUT) if self.made.contains_key(path) => {
                self.made.insert(path.to_owned(), asked.body.payload.clone());
                Ok(Answer::of(Code::CHANGED))
            }
            _ if self.made.contains_key(path) => Err(Code::METHOD_NOT_ALLOWED),
            _ => Err(Code::NOT_FOUND),
        }
    }

    /// A new resource below `path` (RFC 7252 §5.8.2).
    fn make(&mut self, path: &str, asked: &Asked<'_>) -> Result<Answer, Code> {
        if self.made.len() >= MADE_MAX {
            self.made.pop_first();
        }
        self.made_so_far = self.made_so_far.wrapping_add(1);
        let path = format!("{path}/{}", self.made_so_far);
        let mut answer = Answer::of(Code::CREATED);
        answer.options.push_path(OptionNumber::LOCATION_PATH, &path);
        self.made.insert(path, asked.body.payload.clone());
        Ok(answer)
    }

    /// The list of resources, those that the queries select (RFC 6690 §4.1).
    fn links(&self, request: &Options) -> String {
        let filters: Vec<_> = request.all(OptionNumber::URI_QUERY).map(String::from_utf8_lossy).collect();
        let of = |place: &Place| {
            let Resource { content, resource_type, interface, changes, .. } = &place.resource;
            let mut attributes = Vec::new();
            attributes.extend(resource_type.iter().map(|name| ("rt", name.to_string())));
            attributes.extend(interface.iter().map(|name| ("if", name.to_string())));
            attributes.push(("ct", place.format().to_string()));
            attributes.extend(changes.is_some().then(|| ("obs", String::new())));
            if let Content::Bytes(len) = content {
                attributes.push(("sz", len.to_string()));
            }
            emit_links([(format!("/{}", place.resource.path).as_str(), attributes.as_slice())])
        };
        let selected = |text: &String| {
            Links::new(text).next().is_some_and(|link| filters.iter().all(|filter| link.matches(filter)))
        };
        self.places.iter().map(of).filter(selected).collect::<Vec<_>>().join(",")
    }

    fn place(&self, path: &str) -> Option<&Place> {
        self.places.iter().find(|place| *place.resource.path == *path)
    }
}

impl Place {
    fn payload(&self) -> Option<Payload> {
        let number = self.clock.as_ref().map_or(0, |clock| clock.state.number);
        match (&self.held, &self.resource.content) {
            (Held::Put(payload, _), _) => Some(payload.clone()),
            (Held::Nothing, _) | (Held::Original, Content::Nothing) => None,
            (Held::Original, Content::Text(text)) => Some(Payload::from_bytes(text.as_bytes())),
            (Held::Original, Content::Count) => Some(Payload::from_bytes(number.to_string().into_bytes())),
            (Held::Original, Content::Bytes(len)) => Some(pattern(number, *len)),
        }
    }

    /// The number of the Content-Format of what it holds.
    fn format(&self) -> u16 {
        match &self.held {
            Held::Put(_, Some(format)) => *format,
            Held::Put(_, None) | Held::Original | Held::Nothing => self.resource.content_format,
        }
    }

    fn read(&self, request: &Options) -> Result<Answer, Code> {
        let payload = self.payload().ok_or(Code::NOT_FOUND)?;
        let mut answer = content(request, self.format(), payload)?;
        if let Some(age) = self.resource.max_age {
            answer.options.push_uint(OptionNumber::MAX_AGE, age);
        }
        if self.clock.is_some() {
            // The endpoint takes this as leave to observe.
            answer.options.push(OptionNumber::OBSERVE, b"");
        }
        Ok(answer)
    }

    fn write(&mut self, asked: &Asked<'_>) -> Result<Answer, Code> {
        if !self.resource.writable {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        let current = self.payload().map(|payload| etag(&payload));
        let mut wanted = asked.options.all(OptionNumber::IF_MATCH).peekable();
        // An empty If-Match asks that the resource exist (RFC 7252 §5.10.8.1).
        let unmatched = wanted.peek().is_some()
            && !wanted.any(|wanted| current.is_some_and(|current| wanted.is_empty() || wanted == current));
        let unwanted = asked.options.get(OptionNumber::IF_NONE_MATCH).is_some() && current.is_some();
        if unmatched || unwanted {
            return Err(Code::PRECONDITION_FAILED);
        }
        match asked.method {
            Code::PUT => {
                let format = asked.options.get_uint(OptionNumber::CONTENT_FORMAT);
                let format = format.and_then(|format| u16::try_from(format).ok());
                self.held = Held::Put(asked.body.payload.clone(), format);
                Ok(Answer::of(if current.is_some() { Code::CHANGED } else { Code::CREATED }))
            }
            Code::DELETE => {
                self.held = Held::Nothing;
                Ok(Answer::of(Code::DELETED))
            }
            _ => Err(Code::METHOD_NOT_ALLOWED),
        }
    }
}

impl StateClock {
    fn step(&mut self) -> State {
        self.state = State { number: self.state.number + 1, since: self.next };
        // A state lasts a nanosecond at least, or the clock would stand still.
        let span = self.every.draw(&mut self.rng).max(SimDuration::from_nanos(1));
        self.next = self.next.saturating_add(span);
        self.state
    }
}

/// A response before it has a label.
struct Answer {
    code: Code,
    options: Options,
    payload: Payload,
}

impl Answer {
    fn of(code: Code) -> Self {
        Self { code, options: Options::new(), payload: Payload::empty() }
    }

    /// The response to the message `label`, whose payload is what is measured: the message itself, or a state.
    fn response(self, label: Label, state: Option<State>) -> Response {
        let Self { code, options, payload } = self;
        let of = state.map_or(label, |State { number, since }| Label {
            message: number,
            generated: since,
            ..label
        });
        let run = Run { last: true, ..of.run(payload.len(), Protocol::Application, Reason::Data) };
        let runs = if payload.is_empty() { Runs::new() } else { Runs::from_elem(run, 1) };
        Response { code, options, body: Body { payload, runs }, label }
    }
}

fn first(content: &Content) -> Held {
    match content {
        Content::Nothing => Held::Nothing,
        Content::Text(_) | Content::Bytes(_) | Content::Count => Held::Original,
    }
}

/// A representation, or the word that the client's is still valid (RFC 7252 §5.6.2, §5.10.4).
fn content(request: &Options, format: u16, payload: Payload) -> Result<Answer, Code> {
    let format = u32::from(format);
    if request.get_uint(OptionNumber::ACCEPT).is_some_and(|wanted| wanted != format) {
        return Err(Code::NOT_ACCEPTABLE);
    }
    let etag = etag(&payload);
    let mut answer = Answer::of(Code::CONTENT);
    answer.options.push(OptionNumber::ETAG, &etag);
    if request.all(OptionNumber::ETAG).any(|known| known == etag) {
        return Ok(Answer { code: Code::VALID, ..answer });
    }
    answer.options.push_uint(OptionNumber::CONTENT_FORMAT, format);
    Ok(Answer { payload, ..answer })
}

/// What tells two representations apart: their bytes' hash.
fn etag(payload: &Payload) -> [u8; 4] {
    let mut parts = payload.digest().to_be_bytes().to_vec();
    parts.extend(payload.len().to_be_bytes());
    let [a, b, c, d, ..] = digest::bytes_digest(&parts).to_be_bytes();
    [a, b, c, d]
}

/// `len` bytes that tell their places apart, all of them parts of one piece of memory; byte n is (`number` + n) mod 251.
fn pattern(number: u32, len: u32) -> Payload {
    static RING: LazyLock<Slice> =
        LazyLock::new(|| Slice::from_bytes((0..RING_LEN).map(|at| (at % 251) as u8).collect::<Vec<u8>>()));
    let mut payload = Payload::empty();
    let mut start = number % 251;
    while payload.len() < len {
        let end = RING_LEN.min(start + len - payload.len());
        payload.push(RING.slice(start..end));
        start = 0;
    }
    payload
}

/// Where the list of resources is (RFC 6690 §4).
const WELL_KNOWN: &str = ".well-known/core";

/// 251 · 256.
const RING_LEN: u32 = 64_256;

/// The most resources that a server lets be made; the first by name has to go for one more.
const MADE_MAX: usize = 64;
