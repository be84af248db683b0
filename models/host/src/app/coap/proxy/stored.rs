//! Responses that a proxy keeps, and when they may be used again (RFC 7252 §5.6).

use std::net::SocketAddr;

use session::body::{Body, Label};
use session::coap::Response;
use sim_core::SimTime;
use wire::coap::{Code, OptionNumber, Options};

use super::relay::Moment;
use crate::flow::Workload;

/// What two requests have in common that share a response: target, method, and all options that are cache keys.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key(pub(super) SocketAddr, pub(super) u8, pub(super) Vec<u8>);

/// A response that may be used again.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) response: Response,
    pub(super) since: SimTime,
    pub(super) max_age: u32,
}

impl Stored {
    /// The response to a request with these options, if it is not too old.
    pub(super) fn fresh(&self, moment: &Moment<'_>, label: Label, options: &Options) -> Option<Response> {
        let age = moment.now.saturating_since(self.since).as_nanos() / 1_000_000_000;
        let left = u64::from(self.max_age).checked_sub(age).filter(|&left| left > 0)?;
        let mut response = self.relabelled(moment, label);
        response.options.remove(OptionNumber::MAX_AGE);
        // Not longer than the server said, with the time in the cache taken off (§5.7.1).
        response.options.push_uint(OptionNumber::MAX_AGE, left as u32);
        let own = response.options.get(OptionNumber::ETAG).map(<[u8]>::to_vec);
        if own.is_some_and(|own| options.all(OptionNumber::ETAG).any(|known| known == own)) {
            (response.code, response.body) = (Code::VALID, Body::default());
        }
        Some(response)
    }

    /// The response as one to the message `label`, which pays for it.
    pub(super) fn relabelled(&self, moment: &Moment<'_>, label: Label) -> Response {
        let mut response = Response { label, ..self.response.clone() };
        let flow = label.flow.index().and_then(|index| moment.flows.get(index));
        let states = flow.is_some_and(|flow| matches!(flow.workload, Workload::Poll { states: true, .. }));
        for run in &mut response.body.runs {
            run.flow = label.flow;
            if !states {
                (run.message, run.generated) = (label.message, label.generated);
            }
        }
        response
    }
}
