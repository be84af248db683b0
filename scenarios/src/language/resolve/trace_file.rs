//! The files that a scenario names: traces of rates and of losses.

use super::Resolver;
use crate::language::diagnostic::Finding;
use crate::language::document::{DirectionSettings, Loss, RateTrace, TimeRange, TimeSpanList, TraceFile};
use crate::language::path::Path;
use crate::language::quantity::Duration;

impl Resolver<'_> {
    /// The settings of both directions of a link: each its own, else the general ones. What a file says stands
    /// in the place of the file.
    pub(super) fn directions(
        &mut self,
        general: &DirectionSettings,
        own: [&DirectionSettings; 2],
        path: &Path,
    ) -> [DirectionSettings; 2] {
        [(own[0], "forward"), (own[1], "backward")].map(|(own, side)| {
            let mut settings = own.or(general);
            let place = |is_own, entry| if is_own { path.key(side).key(entry) } else { path.key(entry) };
            if let Some(RateTrace::File(file)) = &settings.trace {
                let path = place(own.trace.is_some(), "trace").key("file");
                if let Some(moments) = self.trace(file, &path, read_moments) {
                    settings.trace = Some(RateTrace::Mahimahi(moments));
                }
            }
            self.load_loss(settings.loss.as_mut(), &place(own.loss.is_some(), "loss"));
            settings
        })
    }

    /// Puts what a file says about losses in its place.
    pub(super) fn load_loss(&mut self, loss: Option<&mut Loss>, path: &Path) {
        let Some(loss) = loss else { return };
        let loaded = match loss {
            Loss::PacketsFile(file) => {
                self.trace(file, &path.key("packets-file"), read_packets).map(Loss::Packets)
            }
            Loss::TraceFile(file) => self.trace(file, &path.key("trace-file"), read_outages).map(Loss::Trace),
            Loss::Random(_) | Loss::GilbertElliott(_) | Loss::Packets(_) | Loss::Trace(_) => None,
        };
        if let Some(loaded) = loaded {
            *loss = loaded;
        }
    }

    pub(super) fn trace<T>(
        &mut self,
        file: &TraceFile,
        path: &Path,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.files.read(&file.0).and_then(|text| parse(&text)) {
            Ok(content) => Some(content),
            Err(reason) => {
                let message = format!("the trace \"{}\" cannot be used: {reason}", file.0);
                let finding = Finding::error(path.clone(), message);
                // Both directions of a link may name one file.
                if !self.findings.contains(&finding) {
                    self.findings.push(finding);
                }
                None
            }
        }
    }
}

/// The moments of a mahimahi trace, in milliseconds: one a line, not descending.
fn read_moments(text: &str) -> Result<Vec<u64>, String> {
    let moments =
        lines(text, |line| line.parse().map_err(|_| "is not a whole number of milliseconds".into()))?;
    misplaced_moment(&moments).map_or(Ok(moments), Err)
}

/// What is wrong with the moments of a rate trace, if anything is.
pub(super) fn misplaced_moment(moments: &[u64]) -> Option<String> {
    if moments.last().is_none_or(|last| *last == 0) {
        return Some("it must end later than 0 ms, since it is repeated from there".to_owned());
    }
    let back = moments.windows(2).position(|pair| pair[0] > pair[1])?;
    Some(format!("its times go back from {} ms to {} ms", moments[back], moments[back + 1]))
}

/// The numbers of frames that are lost: one a line, in any order.
fn read_packets(text: &str) -> Result<Vec<u64>, String> {
    lines(text, |line| match line.parse() {
        Ok(0) | Err(_) => Err("is not the number of a packet, counted from 1".to_owned()),
        Ok(number) => Ok(number),
    })
}

/// Times in which all frames are lost, one span a line: `1 s, 1.2 s`.
fn read_outages(text: &str) -> Result<TimeSpanList, String> {
    let mut last = None;
    lines(text, |line| {
        let (from, until) = line
            .split_once(',')
            .ok_or_else(|| "is not a beginning and an end such as `1 s, 1.2 s`".to_owned())?;
        let time = |text: &str| text.trim().parse::<Duration>().map_err(|error| format!("is wrong: {error}"));
        let range = TimeRange(time(from)?, time(until)?);
        let problem = misplaced_range(range, last);
        last = Some(range);
        problem.map_or(Ok(range), |problem| Err(format!("is wrong: {problem}")))
    })
}

/// What is wrong with a range of time that follows `last`, if anything is.
pub(super) fn misplaced_range(range: TimeRange, last: Option<TimeRange>) -> Option<&'static str> {
    if range.1 <= range.0 {
        Some("the range ends before it begins")
    } else if last.is_some_and(|last| range.0 < last.1) {
        Some("the range begins before the last one ends")
    } else {
        None
    }
}

/// What the lines of a file say; what follows `#` and lines without anything else do not count.
pub(super) fn lines<T>(
    text: &str,
    mut parse: impl FnMut(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default().trim();
        if !content.is_empty() {
            found.push(parse(content).map_err(|problem| format!("line {} {problem}", number + 1))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(from: &str, until: &str) -> TimeRange {
        let time = |text: &str| text.parse().expect("a duration");
        TimeRange(time(from), time(until))
    }

    #[test]
    fn outages_are_read_line_by_line_past_comments() {
        let text = "# a train in two tunnels\r\n1 s, 1.2 s\r\n\n5s,6s # the long one\n6 s, 6500 ms\n";
        let expected = vec![range("1 s", "1.2 s"), range("5 s", "6 s"), range("6 s", "6.5 s")];
        assert_eq!(read_outages(text), Ok(expected));
        assert_eq!(read_outages("# nothing\n"), Ok(Vec::new()));
    }

    #[test]
    fn a_line_that_is_no_outage_is_named() {
        for (text, problem) in [
            ("1 s\n", "line 1 is not a beginning and an end such as `1 s, 1.2 s`"),
            ("\n1 s, 1 s\n", "line 2 is wrong: the range ends before it begins"),
            ("1 s, 3 s\n2 s, 4 s\n", "line 2 is wrong: the range begins before the last one ends"),
        ] {
            assert_eq!(read_outages(text), Err(problem.to_owned()));
        }
        let error = read_outages("1 s, 2 parsec").unwrap_err();
        assert!(error.starts_with("line 1 is wrong: unknown unit `parsec`"), "{error}");
    }

    #[test]
    fn numbers_of_packets_are_counted_from_one() {
        assert_eq!(read_packets("7\n 3 \n# none\n7\n"), Ok(vec![7, 3, 7]));
        for wrong in ["1\n0\n", "1\n-2\n", "1\n3 4\n", "1\n99999999999999999999\n"] {
            let error = read_packets(wrong).unwrap_err();
            assert_eq!(error, "line 2 is not the number of a packet, counted from 1", "{wrong:?}");
        }
    }

    #[test]
    fn moments_do_not_go_back() {
        assert_eq!(read_moments("0\n5\n5\n12\n"), Ok(vec![0, 5, 5, 12]));
        assert!(read_moments("5\n4\n").unwrap_err().contains("go back from 5 ms to 4 ms"));
        assert!(read_moments("0\n").unwrap_err().contains("later than 0 ms"));
        assert!(read_moments("").unwrap_err().contains("later than 0 ms"));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "(?s)([0-9. ,#a-z\n-]{0,40}|.{0,40})") {
            let _ = (read_moments(&text), read_packets(&text));
            if let Ok(ranges) = read_outages(&text) {
                prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            }
        }
    }
}
