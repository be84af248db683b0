//! Resources that every server has, for clients from outside: real bytes, not filler.

use session::body::{Body, Label};
use session::coap::Response;
use sim_core::{SimDuration, SimTime, digest};
use wire::coap::{Code, Links, OptionNumber, Options, emit_links};

/// The resources and their states.
#[derive(Debug, Default)]
pub(super) struct Site {
    stored: Option<Vec<u8>>,
    /// What `/observe` shows: how often it has changed.
    count: u32,
    next_tick: Option<SimTime>,
}

impl Site {
    /// The resource that changes.
    pub(super) const OBSERVED: &str = "observe";

    /// Answers a request, and says how long that takes.
    pub(super) fn answer(
        &mut self,
        method: Code,
        options: &Options,
        body: &Body,
        label: Label,
    ) -> (Response, SimDuration) {
        let path = options.path();
        let mut processing = SimDuration::from_nanos(0);
        let result = match (path.as_str(), method) {
            (".well-known/core", Code::GET) => content(options, LINK_FORMAT, links(options).into_bytes()),
            ("test", Code::GET) => content(options, TEXT, b"a test resource".to_vec()),
            ("test", Code::POST) => Ok(plain(Code::CREATED).with_path("test/1")),
            ("test", Code::PUT) => Ok(plain(Code::CHANGED)),
            ("test", Code::DELETE) => Ok(plain(Code::DELETED)),
            ("separate", Code::GET) => {
                processing = SEPARATE_AFTER;
                content(options, TEXT, b"a separate response".to_vec())
            }
            ("large", Code::GET) => content(options, OCTETS, large()),
            (Self::OBSERVED, Code::GET) => {
                content(options, TEXT, self.count.to_string().into_bytes()).map(Answer::observable)
            }
            ("store", _) => self.store(method, options, body),
            (".well-known/core" | "test" | "separate" | "large" | Self::OBSERVED, _) => {
                Err(Code::METHOD_NOT_ALLOWED)
            }
            _ => Err(Code::NOT_FOUND),
        };
        let Answer { code, options, bytes } = result.unwrap_or_else(plain);
        (Response { code, options, body: Body::from_bytes(bytes, label), label }, processing)
    }

    fn store(&mut self, method: Code, options: &Options, body: &Body) -> Result<Answer, Code> {
        let current = self.stored.as_deref().map(etag);
        let wants_match = options.get(OptionNumber::IF_MATCH).is_some();
        // An empty If-Match asks that the resource exist (RFC 7252 §5.10.8.1).
        let matches = options
            .all(OptionNumber::IF_MATCH)
            .any(|wanted| current.is_some_and(|current| wanted.is_empty() || wanted == current));
        let exists_unwanted = options.get(OptionNumber::IF_NONE_MATCH).is_some() && current.is_some();
        if method != Code::GET && ((wants_match && !matches) || exists_unwanted) {
            return Err(Code::PRECONDITION_FAILED);
        }
        match method {
            Code::GET => {
                let bytes = self.stored.clone().ok_or(Code::NOT_FOUND)?;
                content(options, OCTETS, bytes)
            }
            Code::PUT => {
                let created = self.stored.replace(body.payload.to_vec()).is_none();
                Ok(plain(if created { Code::CREATED } else { Code::CHANGED }))
            }
            Code::DELETE => {
                self.stored = None;
                Ok(plain(Code::DELETED))
            }
            _ => Err(Code::METHOD_NOT_ALLOWED),
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn next_tick(&self) -> Option<SimTime> {
        self.next_tick
    }

    /// Changes `/observe` each two seconds while somebody looks; gives its new state.
    pub(super) fn tick(&mut self, now: SimTime, observed: bool) -> Option<Response> {
        if !observed {
            self.next_tick = None;
            return None;
        }
        let due = *self.next_tick.get_or_insert(now + OBSERVE_EVERY);
        if due > now {
            return None;
        }
        self.next_tick = Some(now + OBSERVE_EVERY);
        self.count += 1;
        let mut options = Options::new();
        options.push_uint(OptionNumber::CONTENT_FORMAT, TEXT);
        let body = Body::from_bytes(self.count.to_string().into_bytes(), Label::NONE);
        Some(Response { code: Code::CONTENT, options, body, label: Label::NONE })
    }
}

/// A response before it has a label.
struct Answer {
    code: Code,
    options: Options,
    bytes: Vec<u8>,
}

impl Answer {
    fn observable(mut self) -> Self {
        self.options.push(OptionNumber::OBSERVE, b"");
        self
    }

    fn with_path(mut self, path: &str) -> Self {
        self.options.push_path(OptionNumber::LOCATION_PATH, path);
        self
    }
}

fn plain(code: Code) -> Answer {
    Answer { code, options: Options::new(), bytes: Vec::new() }
}

/// A representation, or the word that the client's is still valid (RFC 7252 §5.6.2, §5.10.4).
fn content(request: &Options, format: u32, bytes: Vec<u8>) -> Result<Answer, Code> {
    if request.get_uint(OptionNumber::ACCEPT).is_some_and(|wanted| wanted != format) {
        return Err(Code::NOT_ACCEPTABLE);
    }
    let etag = etag(&bytes);
    let mut answer = plain(Code::CONTENT);
    answer.options.push(OptionNumber::ETAG, &etag);
    if request.all(OptionNumber::ETAG).any(|known| known == etag) {
        return Ok(Answer { code: Code::VALID, ..answer });
    }
    answer.options.push_uint(OptionNumber::CONTENT_FORMAT, format);
    Ok(Answer { bytes, ..answer })
}

fn etag(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = digest::bytes_digest(bytes).to_be_bytes();
    [a, b, c, d]
}

/// The list of resources, those that the queries select (RFC 6690 §4.1).
fn links(request: &Options) -> String {
    let attribute = |name: &'static str, value: &str| (name, value.to_owned());
    let large = [attribute("sz", "100000"), attribute("ct", "42")];
    let observed = [attribute("obs", ""), attribute("ct", "0")];
    let text = [attribute("rt", "test"), attribute("ct", "0")];
    let octets = [attribute("ct", "42")];
    let all = emit_links([
        ("/test", &text[..]),
        ("/separate", &text[1..]),
        ("/large", &large[..]),
        ("/observe", &observed[..]),
        ("/store", &octets[..]),
    ]);
    let filters: Vec<_> = request.all(OptionNumber::URI_QUERY).map(String::from_utf8_lossy).collect();
    let selected = |text: &&str| {
        Links::new(text).next().is_some_and(|link| filters.iter().all(|filter| link.matches(filter)))
    };
    // No attribute here has a comma in its value.
    all.split(',').filter(selected).collect::<Vec<_>>().join(",")
}

/// 100,000 bytes that tell their places apart.
fn large() -> Vec<u8> {
    (0..100_000_u32).map(|at| (at % 251) as u8).collect()
}

const TEXT: u32 = 0;
const LINK_FORMAT: u32 = 40;
const OCTETS: u32 = 42;

/// Long enough for an empty acknowledgement before the response.
const SEPARATE_AFTER: SimDuration = SimDuration::from_secs(1);

/// How often `/observe` changes.
const OBSERVE_EVERY: SimDuration = SimDuration::from_secs(2);
