//! Subflows that are over, and what that means for their connection.

use super::connection::{Connection, Mode, Outside};
use super::event::MptcpEvent;
use crate::tcp::CloseReason;

impl Connection {
    /// A subflow is over: what it had goes elsewhere, or the connection ends with it.
    pub(crate) fn on_path_over(&mut self, outside: &mut Outside<'_>, number: usize, reason: CloseReason) {
        let Some(path) = self.paths.get_mut(number).filter(|path| path.alive) else { return };
        path.alive = false;
        path.maps.clear();
        self.surveyed = None;
        self.withheld.take_if(|withheld| withheld.path == number);
        if path.joining.take().is_some() {
            self.counters.joins_failed += 1;
        }
        match self.mode {
            Mode::Opening => {
                self.report_closed(outside, reason);
                return;
            }
            Mode::Fallback(_, plain) if plain == number => {
                self.report_closed(outside, reason);
                return;
            }
            Mode::Fallback(..) => return,
            Mode::Multipath => {}
        }
        if self.reported {
            return;
        }
        outside.events.push_back(MptcpEvent::SubflowClosed { id: self.id, subflow: number as u8, reason });
        self.reinject(number);
        if self.paths.iter().any(|path| path.alive) {
            return;
        }
        // RFC 8684 §3.3.3: without a subflow it is closed only after a timeout, during which one may be made.
        let done = self.fin_reached && self.fin && self.next == self.output.end() && self.sent.is_empty();
        if done {
            self.report_closed(outside, CloseReason::Normal);
        } else {
            self.lonely_until = Some(outside.now + self.config.lifetime);
            self.data_timeout_at = None;
        }
    }
}
