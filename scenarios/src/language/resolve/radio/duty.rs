//! Receivers that sleep: ranges, and settings of a way to save energy that is not the chosen one.

use network::radio::duty::tsch::SLOTFRAME_MAX;

use crate::language::diagnostic::Finding;
use crate::language::document::{Band, DutyCycleKind, RadioSettings};
use crate::language::path::Path;
use crate::language::quantity::Duration;

/// Checks what `mac` says of sleeping.
pub(super) fn check(settings: &RadioSettings, path: &Path, findings: &mut Vec<Finding>) {
    let mac = settings.mac;
    let mut range = |at: Path, value: Option<Duration>, least: u64, most: u64, expected: &str| {
        if let Some(value) = value.filter(|value| !(least..=most).contains(&value.as_nanos())) {
            let message = format!("{value} is no time for this");
            findings.push(Finding::error(at, message).expected(expected));
        }
    };
    if let Some(options) = mac.contikimac {
        let at = path.key("contikimac");
        range(at.key("every"), options.every, 15 * MILLISECOND, 10 * SECOND, "\"15 ms\" to \"10 s\"");
    }
    if let Some(options) = mac.x_mac {
        let at = path.key("x-mac");
        range(at.key("every"), options.every, 15 * MILLISECOND, 10 * SECOND, "\"15 ms\" to \"10 s\"");
        let least = match settings.band {
            Band::Ghz2450 => 1_700_000,
            Band::Mhz868 => 4_200_000,
        };
        let most = options.every.map_or(500 * MILLISECOND, |every| every.as_nanos()).saturating_sub(1);
        let expected = format!("\"{} ms\" or more, less than `every`", least as f64 / MILLISECOND as f64);
        range(at.key("listen"), options.listen, least, most, &expected);
    }
    if let Some(options) = mac.polling {
        let at = path.key("polling");
        range(at.key("every"), options.every, 50 * MILLISECOND, 86_400 * SECOND, "\"50 ms\" to \"24 h\"");
        range(at.key("timeout"), options.timeout, 1, 86_400 * SECOND, "more than 0, at most \"24 h\"");
    }
    if let Some(options) = mac.tsch {
        let at = path.key("tsch");
        let expected = "\"100 ms\" to \"1 h\"";
        range(at.key("beacon-every"), options.beacon_every, 100 * MILLISECOND, 3_600 * SECOND, expected);
        range(at.key("keep-alive"), options.keep_alive, SECOND, 3_600 * SECOND, "\"1 s\" to \"1 h\"");
        let lengths = [
            ("slotframe", options.slotframe),
            ("beacon-slotframe", options.beacon_slotframe),
            ("common-slotframe", options.common_slotframe),
            ("unicast-slotframe", options.unicast_slotframe),
        ];
        for (name, slots) in lengths {
            if let Some(slots) = slots.filter(|slots| !(1..=SLOTFRAME_MAX).contains(slots)) {
                let finding = Finding::error(at.key(name), format!("a slotframe of {slots} slots"));
                findings.push(finding.expected(format!("1 to {SLOTFRAME_MAX}")));
            }
        }
        if let Some(drift) = options.drift_ppm.filter(|&drift| drift > DRIFT_MAX) {
            let finding = Finding::error(at.key("drift-ppm"), format!("no clock is off by {drift} ppm"));
            findings.push(finding.expected(format!("0 to {DRIFT_MAX}")));
        }
    }
    if mac.polling.is_some_and(|options| options.lost_after == Some(0)) {
        let at = path.key("polling").key("lost-after");
        findings.push(Finding::error(at, "a parent is lost before it was there").expected("1 to 255"));
    }
    if mac.duty_cycle == DutyCycleKind::Tsch && settings.band != Band::Ghz2450 {
        let finding =
            Finding::error(path.key("duty-cycle"), "a slot of 10 ms has no room for this band's frames");
        findings.push(finding.help("TSCH is for \"2.4 GHz\""));
    }
    if mac.duty_cycle != DutyCycleKind::AlwaysOn && mac.acknowledgements == Some(false) {
        let message = "a sleeping receiver has to confirm what it got";
        findings.push(Finding::error(path.key("acknowledgements"), message).expected("true"));
    }
}

const DRIFT_MAX: u32 = 1000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
