//! Fragments of DATA chunks, whose TSNs stand in a row (RFC 9260 §6.9).

use wire::account::{Runs, append_run};
use wire::payload::Payload;
use wire::sctp::DataFlags;

use super::event::ReceivedMessage;
use super::inbound::Inbound;

#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) flags: DataFlags,
    pub(super) stream: u16,
    pub(super) ssn: u16,
    pub(super) ppid: u32,
    pub(super) payload: Payload,
    pub(super) runs: Runs,
}

/// The beginning of a message whose fragments come in order: they need not be kept one by one.
#[derive(Debug)]
pub(super) struct Assembly {
    /// The TSN that goes on with it.
    pub(super) next: u64,
    ssn: u16,
    pub(super) message: ReceivedMessage,
}

impl Inbound {
    /// Takes a fragment: behind those of the message under way, or to be joined later.
    pub(super) fn on_fragment(&mut self, tsn: u64, fragment: Fragment) {
        match &mut self.assembly {
            Some(assembly) if assembly.next == tsn && assembly.fits(&fragment) => {
                let mut ends = assembly.push(fragment);
                let kept = &mut self.fragments;
                while !ends
                    && !kept.is_empty()
                    && kept.get(&assembly.next).is_some_and(|fragment| assembly.fits(fragment))
                    && let Some(fragment) = kept.remove(&assembly.next)
                {
                    ends = assembly.push(fragment);
                }
                if ends && let Some(Assembly { ssn, message, .. }) = self.assembly.take() {
                    self.deliver(message, ssn);
                }
            }
            None if fragment.flags.beginning
                && tsn <= self.cumulative
                && self.fragments.range(tsn..).next().is_none_or(|(at, _)| *at != tsn + 1) =>
            {
                let Fragment { flags, stream, ssn, ppid, payload, runs } = fragment;
                let message = ReceivedMessage { stream, unordered: flags.unordered, ppid, payload, runs };
                self.assembly = Some(Assembly { next: tsn + 1, ssn, message });
            }
            Some(_) | None => {
                self.fragments.insert(tsn, fragment);
                self.reassemble(tsn);
            }
        }
    }

    /// Joins the fragments around `tsn` if they are a whole message now (RFC 9260 §6.9).
    fn reassemble(&mut self, tsn: u64) {
        let Some(fragment) = self.fragments.get(&tsn) else { return };
        let (stream, ssn, unordered) = (fragment.stream, fragment.ssn, fragment.flags.unordered);
        let fits = |other: &Fragment| {
            other.stream == stream && other.flags.unordered == unordered && (unordered || other.ssn == ssn)
        };
        // Forwards first: of fragments in order only the last finds the end, so that a long message costs no more
        // than its length.
        let mut last = tsn;
        for (at, fragment) in self.fragments.range(tsn..) {
            if *at > last + 1 || !fits(fragment) {
                return;
            }
            last = *at;
            if fragment.flags.ending {
                break;
            }
        }
        if !self.fragments.get(&last).is_some_and(|fragment| fragment.flags.ending) {
            return;
        }
        let mut first = tsn;
        for (at, fragment) in self.fragments.range(..=tsn).rev() {
            if *at + 1 < first || !fits(fragment) {
                return;
            }
            first = *at;
            if fragment.flags.beginning {
                break;
            }
        }
        if !self.fragments.get(&first).is_some_and(|fragment| fragment.flags.beginning) {
            return;
        }
        self.join(first, last, stream, ssn);
    }

    fn join(&mut self, first: u64, last: u64, stream: u16, ssn: u16) {
        let mut message = ReceivedMessage {
            stream,
            unordered: false,
            ppid: 0,
            payload: Payload::empty(),
            runs: Runs::new(),
        };
        for at in first..=last {
            let Some(fragment) = self.fragments.remove(&at) else { continue };
            if at == first {
                message.ppid = fragment.ppid;
                message.unordered = fragment.flags.unordered;
            }
            append(&mut message, fragment.payload, fragment.runs);
        }
        self.deliver(message, ssn);
    }
}

impl Assembly {
    fn fits(&self, fragment: &Fragment) -> bool {
        let Self { ssn, message, .. } = self;
        !fragment.flags.beginning
            && fragment.stream == message.stream
            && fragment.flags.unordered == message.unordered
            && (message.unordered || fragment.ssn == *ssn)
    }

    /// Adds a fragment; says whether it was the last one.
    fn push(&mut self, fragment: Fragment) -> bool {
        self.next += 1;
        append(&mut self.message, fragment.payload, fragment.runs);
        fragment.flags.ending
    }
}

/// Puts more bytes behind a message.
pub(super) fn append(message: &mut ReceivedMessage, payload: Payload, runs: Runs) {
    message.payload.append(payload);
    for run in runs {
        append_run(&mut message.runs, run);
    }
}
