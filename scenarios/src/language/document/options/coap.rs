//! Settings of CoAP.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::quantity::{Duration, Rate, Size};

/// Settings of CoAP (RFC 7252); what is not given is the RFC's own default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CoapOptions {
    /// True for confirmable requests (default), false for non-confirmable ones (§4.2, §4.3).
    pub confirmable: Option<bool>,
    /// The method: "put" (default for messages), "post" (default of `request-response`), "get" (default of `poll` and
    /// `observe`), "fetch", "patch", "ipatch". A "get" carries no payload: the size of the question does not count.
    pub method: Option<CoapMethod>,
    /// The path of the resource: "sensors/temp" (default); a query may follow: ".well-known/core?rt=temperature".
    pub path: Option<String>,
    /// Bytes of a token (§5.3.1): 4 (default), 0 to 8.
    #[schemars(range(max = 8))]
    pub token_length: Option<u8>,
    /// ACK_TIMEOUT (§4.8): "2 s" (default), at least "1 ms".
    pub ack_timeout: Option<Duration>,
    /// ACK_RANDOM_FACTOR (§4.8): 1.5 (default), 1 to 10.
    #[schemars(range(min = 1, max = 10))]
    pub ack_random_factor: Option<f64>,
    /// How time-outs come about: "default" (§4.2), "cocoa" (draft-ietf-core-cocoa-03) or "fasor" (draft-ietf-core-fasor-02);
    /// the two drafts measure round trips, and never became standards. They take no `ack-timeout`.
    pub congestion: Option<CoapCongestion>,
    /// MAX_RETRANSMIT (§4.8): 4 (default), 0 to 20.
    #[schemars(range(max = 20))]
    pub max_retransmit: Option<u8>,
    /// NSTART (§4.7): how many confirmable requests to one server may be under way, 1 (default) to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub nstart: Option<u16>,
    /// PROBING_RATE (§4.7): how much goes to a server that says nothing, "8 bit/s" (default); "0 bit/s" for no limit.
    pub probing_rate: Option<Rate>,
    /// DEFAULT_LEISURE (§8.2): over which time a server spreads its responses to a group's question, "5 s" (default).
    pub leisure: Option<Duration>,
    /// How long a server waits with its acknowledgement for the response (§5.2.2): "100 ms" (default).
    pub acknowledgement_delay: Option<Duration>,
    /// The largest block of a body (RFC 7959): "1024 B" (default), "16 B" to "1024 B" in powers of two.
    pub block_size: Option<Size>,
    /// The largest message that an end takes over a byte stream (RFC 8323 §5.3.1): "1152 B" (default) to "16 MiB". From
    /// about twice a block on, bodies go in several blocks a message (BERT, §6).
    pub max_message_size: Option<Size>,
    /// The node whose `coap-proxy` the requests go through (RFC 7252 §5.7): "gateway".
    pub proxy: Option<String>,
    /// True if a request that changes something has to show that it is fresh (RFC 9175 §2.4); default false.
    pub echo: Option<bool>,
    /// True if errors say their details in CBOR (RFC 9290), false (default) in plain text.
    pub problem_details: Option<bool>,
    /// True if large bodies go in blocks that do not wait for each other (RFC 9177), in sets of `max-payloads`; default false,
    /// block by block (RFC 7959). Only for non-confirmable requests over UDP.
    pub q_block: Option<bool>,
    /// MAX_PAYLOADS (RFC 9177 §7.2): how many blocks are sent at once, 10 (default), 1 to 1000. Only with `q-block`.
    #[schemars(range(min = 1, max = 1000))]
    pub max_payloads: Option<u16>,
    /// How long an observer is left alone after a non-confirmable notification, to be told the newest state then: "0 s" (default)
    /// for no pause; RFC 7641 §4.5.1 asks for a round trip, or 3 s.
    pub notification_pause: Option<Duration>,
    /// True to do without responses (RFC 7967); default false.
    pub no_response: Option<bool>,
}

/// How CoAP's time-outs come about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum CoapCongestion {
    /// From `ack-timeout` on, doubled each time (RFC 7252 §4.2).
    Default,
    /// Estimates from exchanges with and without retransmissions (draft-ietf-core-cocoa-03).
    Cocoa,
    /// A fast time-out, and a slow one after retransmissions (draft-ietf-core-fasor-02).
    Fasor,
}

/// A method of CoAP.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum CoapMethod {
    /// RFC 7252 §5.8.1.
    Get,
    /// RFC 7252 §5.8.2.
    Post,
    /// RFC 7252 §5.8.3.
    Put,
    /// RFC 8132 §2.
    Fetch,
    /// RFC 8132 §3.
    Patch,
    /// RFC 8132 §3.
    Ipatch,
}
