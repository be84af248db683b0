//! Recordings of what came from outside during a live run, and their replay.
//!
//! A recording is a line that says what it is, a line of JSON that says of which run, and then records, in the order in
//! which they happened: `P`, time (8 bytes, ns), outlet (2), length (4), the packet; at the end `E` and the time (8 bytes).
//! Numbers have their lowest byte first. Without the end (the program was killed) it ends with the last whole record.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use scenarios::outside::{Departure, Entry, Outlet, OutletId, Outside, Turn};
use serde::{Deserialize, Serialize};
use sim_core::{SimDuration, SimTime};

use crate::failure::{Failure, reason};
use crate::identity::Identity;

/// Of which run a recording is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Header {
    /// The name of the scenario.
    name: String,
    /// The digest of the scenario file and of the files that it names, in hexadecimal.
    scenario_hash: String,
    /// The number that all random numbers come from.
    seed: u64,
    /// Parameters that the command line gave a value.
    set: BTreeMap<String, String>,
    /// The interfaces that were joined to the outside.
    outlets: Vec<String>,
}

impl Header {
    /// The header for a run of a scenario.
    pub(crate) fn of(identity: &Identity, outlets: &[Outlet]) -> Self {
        Self {
            name: identity.name.clone(),
            scenario_hash: identity.scenario_hash.clone(),
            seed: identity.seed,
            set: identity.set.clone(),
            outlets: outlets.iter().map(|outlet| outlet.name.clone()).collect(),
        }
    }

    /// In which respect a run is not the recorded one.
    fn difference(&self, run: &Self) -> Option<String> {
        let shown = |set: &BTreeMap<String, String>| {
            let all: Vec<String> =
                set.iter().map(|(name, value)| format!("--set {name}={value:?}")).collect();
            if all.is_empty() { "no --set".to_owned() } else { all.join(" ") }
        };
        if self.name != run.name {
            Some(format!("it is of the scenario {}, not of {}", self.name, run.name))
        } else if self.scenario_hash != run.scenario_hash {
            Some("the scenario file has changed since".to_owned())
        } else if self.set != run.set {
            Some(format!("it was made with {}, not with {}", shown(&self.set), shown(&run.set)))
        } else if self.seed != run.seed {
            Some(format!("it was made with --seed {}, not {}", self.seed, run.seed))
        } else {
            None
        }
    }
}

/// Writes a recording while the run goes on.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    out: BufWriter<File>,
    /// The first failure; what comes after it is not written.
    failure: Option<io::Error>,
}

impl Recorder {
    /// Begins a recording.
    pub(crate) fn create(path: &Path, header: &Header) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Failure::writing(path, &error))?;
        let mut recorder = Self { path: path.to_path_buf(), out: BufWriter::new(file), failure: None };
        let text = serde_json::to_vec(header)
            .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))?;
        recorder.write(&[MAGIC, &text, b"\n"]);
        recorder.flush();
        Ok(recorder)
    }

    /// Records that a packet came in.
    pub(crate) fn entry(&mut self, entry: &Entry) {
        let length = entry.bytes.len() as u32;
        let (at, outlet) = (entry.at.as_nanos().to_le_bytes(), entry.outlet.0.to_le_bytes());
        self.write(&[b"P", &at, &outlet, &length.to_le_bytes(), &entry.bytes]);
    }

    /// Records the end of the run.
    pub(crate) fn end(&mut self, at: SimTime) {
        self.write(&[b"E", &at.as_nanos().to_le_bytes()]);
    }

    /// Hands what was recorded to the file system.
    pub(crate) fn flush(&mut self) {
        if self.failure.is_none() {
            self.failure = self.out.flush().err();
        }
    }

    /// Ends the recording and says whether all of it could be written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush();
        self.failure.map_or(Ok(()), |error| Err(Failure::writing(&self.path, &error)))
    }

    fn write(&mut self, parts: &[&[u8]]) {
        if self.failure.is_none() {
            self.failure = parts.iter().try_for_each(|part| self.out.write_all(part)).err();
        }
    }
}

/// A recording, to be run again.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    header: Header,
    entries: VecDeque<Entry>,
    end: SimTime,
}

impl Replay {
    /// Reads a recording.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path)
            .map_err(|error| Failure::Input(format!("cannot read {}: {}", path.display(), reason(&error))))?;
        Self::parse(&bytes).map_err(|what| Failure::Input(format!("{}: {what}", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("this is no recording of `netjoule live`")?;
        let line =
            rest.iter().position(|&byte| byte == b'\n').ok_or("the recording ends within its header")?;
        let header: Header = serde_json::from_slice(&rest[..line])
            .map_err(|error| format!("the recording's header cannot be read: {error}"))?;
        let (entries, end) = parse_records(&rest[line + 1..], header.outlets.len())?;
        Ok(Self { header, entries, end })
    }

    /// Refuses a run that is not the recorded one.
    pub(crate) fn check(&self, identity: &Identity, outlets: &[Outlet]) -> Result<(), Failure> {
        match self.header.difference(&Header::of(identity, outlets)) {
            None => Ok(()),
            Some(difference) => Err(Failure::Input(format!("the recording does not fit: {difference}"))),
        }
    }
}

fn parse_records(mut rest: &[u8], outlets: usize) -> Result<(VecDeque<Entry>, SimTime), String> {
    let mut entries = VecDeque::new();
    let mut last = SimTime::ZERO;
    while let Some((&kind, after)) = rest.split_first() {
        let Some((at, after)) = after.split_first_chunk::<8>() else { break };
        let at = SimTime::from_nanos(u64::from_le_bytes(*at));
        if at < last {
            return Err("the recording goes back in time".to_owned());
        }
        match kind {
            b'E' => return Ok((entries, at)),
            b'P' => {
                let Some((outlet, after)) = after.split_first_chunk::<2>() else { break };
                let Some((length, after)) = after.split_first_chunk::<4>() else { break };
                let Some((packet, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize)
                else {
                    break;
                };
                let outlet = OutletId(u16::from_le_bytes(*outlet));
                if usize::from(outlet.0) >= outlets {
                    return Err(format!("the recording has no interface {}", outlet.0));
                }
                entries.push_back(Entry { at, outlet, bytes: packet.to_vec() });
                rest = after;
            }
            _ => return Err("the recording is damaged".to_owned()),
        }
        last = at;
    }
    Ok((entries, last))
}

impl Outside for Replay {
    fn turn(&mut self, due: Option<SimTime>) -> Turn {
        let Some(next) = self.entries.front() else { return Turn::End(self.end) };
        if due.is_some_and(|due| due < next.at) {
            return Turn::Advance(next.at.saturating_sub(SimDuration::from_nanos(1)));
        }
        let entry = self.entries.pop_front();
        entry.map_or(Turn::End(self.end), Turn::Enter)
    }

    fn take(&mut self, _: Departure) {}
}

const MAGIC: &[u8] = b"netjoule recording 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(records: &[u8]) -> Vec<u8> {
        let header = Header {
            name: "a".to_owned(),
            scenario_hash: "00".to_owned(),
            seed: 1,
            set: BTreeMap::new(),
            outlets: vec!["kernel/nj0".to_owned()],
        };
        [MAGIC, &serde_json::to_vec(&header).unwrap(), b"\n", records].concat()
    }

    fn packet(at: u64, outlet: u16, content: &[u8]) -> Vec<u8> {
        let length = content.len() as u32;
        [b"P", &at.to_le_bytes()[..], &outlet.to_le_bytes(), &length.to_le_bytes(), content].concat()
    }

    #[test]
    fn records_are_read_in_order() {
        let records = [packet(5, 0, b"one"), packet(5, 0, b""), [b"E", &9_u64.to_le_bytes()[..]].concat()];
        let replay = Replay::parse(&bytes(&records.concat())).unwrap();
        assert_eq!(replay.entries.iter().map(|entry| entry.bytes.len()).collect::<Vec<_>>(), [3, 0]);
        assert_eq!(replay.end, SimTime::from_nanos(9));
    }

    #[test]
    fn a_recording_that_was_cut_off_ends_with_its_last_whole_record() {
        let whole = bytes(&[packet(5, 0, b"one"), packet(7, 0, b"two")].concat());
        let replay = Replay::parse(&whole[..whole.len() - 1]).unwrap();
        assert_eq!((replay.entries.len(), replay.end), (1, SimTime::from_nanos(5)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_never_panics() {
        assert!(Replay::parse(b"something else").is_err());
        assert!(Replay::parse(&bytes(&packet(5, 1, b"no such interface"))).is_err());
        assert!(Replay::parse(&bytes(&[packet(5, 0, b""), packet(4, 0, b"")].concat())).is_err());
        let whole = bytes(&[packet(5, 0, b"one"), packet(7, 0, b"two")].concat());
        for cut in 0..whole.len() {
            let _ = Replay::parse(&whole[..cut]);
        }
        for at in MAGIC.len()..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            let _ = Replay::parse(&damaged);
        }
    }
}
