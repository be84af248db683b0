//! MP_FAIL on the only subflow, and who waits for what (RFC 8684 §3.7).

mod lab;

use std::cell::Cell;
use std::rc::Rc;

use lab::Stream;
use lab::multipath::{Pair, options_of, rewrite, strip};
use lab::multipath_story::{pair_over, quiet_endpoints, said, segments, streams, until};
use lab::script::{at, header};
use sim_core::SimTime;
use transport::endpoint::Transmit;
use transport::mptcp::{Fallback, MptcpConfig, MptcpEvent, Scheduler};
use wire::mptcp::{DataSequence, Dss, Mapping, MptcpOption, ResetReason, Subtype};
use wire::tcp::TcpFlags;

/// The mapping of a segment.
fn mapping(transmit: &Transmit) -> Option<Mapping> {
    options_of(transmit).iter().find_map(|option| match option {
        MptcpOption::Dss(Dss { mapping, .. }) => *mapping,
        _ => None,
    })
}

/// Whether a segment says that its sender goes on as plain TCP.
fn is_answer(transmit: &Transmit) -> bool {
    mapping(transmit).is_some_and(|mapping| mapping.len == 0)
        || options_of(transmit).iter().any(|option| option.subtype() == Subtype::Fail)
}

/// A pair over one path that looks at checksums. The tenth segment with data of the client is changed on the way, and the first
/// `silent` segments that answer MP_FAIL lose their options.
fn failing(silent: usize) -> (Pair, Rc<Cell<usize>>) {
    let with = MptcpConfig { checksum: true, ..quiet_endpoints() };
    let mut run = pair_over(1, &with, &with);
    let answers = Rc::new(Cell::new(0));
    let (mut data, count) = (0, Rc::clone(&answers));
    run.lab.gateway = Some(Box::new(move |side, _, transmit| {
        if side == 0 && transmit.packet.payload_len() > 0 {
            data += 1;
            if data == 10 {
                rewrite(transmit, |_, data| data[0] ^= 0x20);
            }
        }
        if side == 0 && is_answer(transmit) {
            count.set(count.get() + 1);
            if count.get() <= silent {
                strip(transmit);
            }
        }
    }));
    (run, answers)
}

/// What the server has read when, whatever it is.
#[derive(Debug, Default)]
struct Reader {
    read: u64,
    /// Before it went on as plain TCP.
    before: u64,
    fell_back_at: Option<SimTime>,
    /// What the client has read.
    back: u64,
}

fn serve(run: &mut Pair, both: &mut [Stream; 2], end: SimTime) -> Reader {
    let mut reader = Reader::default();
    run.begin(both);
    while run.lab.step(end) {
        for (side, stream) in both.iter_mut().enumerate() {
            for event in std::mem::take(&mut run.lab.events[side]) {
                if let MptcpEvent::Accepted { id, .. } = event {
                    run.ids[side] = Some(id);
                }
                if side == 1 && matches!(event, MptcpEvent::FellBack { reason: Fallback::Checksum, .. }) {
                    reader.fell_back_at = Some(run.lab.now);
                }
                run.seen[side].push(event);
            }
            let Some(id) = run.ids[side] else { continue };
            let (payload, _) = run.lab.ends[side].read(run.lab.now, id, u32::MAX);
            if side == 0 {
                reader.back += u64::from(payload.len());
            } else {
                reader.read += u64::from(payload.len());
                if reader.fell_back_at.is_none() {
                    reader.before = reader.read;
                }
            }
            stream.write(&mut run.lab, side, id);
            run.lab.drain(side);
        }
    }
    reader
}

/// The mapping of the client's tenth segment with data, and the bytes before it.
fn tenth(run: &Pair) -> (Mapping, u64) {
    let mut before = 0;
    let mut data = segments(run, 0).into_iter().filter(|(transmit, _)| transmit.packet.payload_len() > 0);
    for _ in 0..9 {
        before += u64::from(data.next().expect("nine came before").0.packet.payload_len());
    }
    // The first has MP_CAPABLE.
    (mapping(data.next().expect("it was sent").0).expect("it was mapped"), before)
}

fn low(number: DataSequence) -> u32 {
    match number {
        DataSequence::Short(number) => number,
        DataSequence::Long(number) => number as u32,
    }
}

// Holds: RFC 8684 3.7-n, 3.7-o, 3.7-p.
#[test]
fn what_failed_is_neither_acknowledged_nor_delivered_before_the_peer_is_plain_tcp() {
    // Answers that are lost come again when MP_FAIL does.
    for silent in [0, 1, 4] {
        let (mut run, answers) = failing(silent);
        let mut both = streams([40, 10]);
        let reader = serve(&mut run, &mut both, at(60_000));
        let (failed, before) = tenth(&run);
        assert!(answers.get() > silent, "{silent}: answered at last");
        assert_eq!(reader.before, before, "{silent}: what came before the failure, and no more");
        assert_eq!(reader.read, both[0].all.end(), "{silent}: all of it as plain TCP");
        let fell_back_at = reader.fell_back_at.expect("it is plain TCP");
        let fails = said(&run, 1, Subtype::Fail);
        for (_, _, option) in &fails {
            let MptcpOption::Fail { data_sequence } = option else { continue };
            assert_eq!(*data_sequence as u32, low(failed.data_sequence), "{silent}");
        }
        assert_eq!(fails.len() > 1, silent > 0, "{silent}: {}", fails.len());
        for (sent, side, transmit) in &run.lab.sent {
            let late = *side == 1 && fails[0].0 <= *sent && *sent < fell_back_at;
            for option in options_of(transmit).iter().filter(|_| late) {
                if let MptcpOption::Dss(Dss { data_ack: Some(ack), .. }) = option {
                    assert_eq!(low(*ack), low(failed.data_sequence), "{silent}: at {sent}");
                }
            }
        }
        // It acts retroactively: the same line from the subflow's numbers to the data's, from what was not DATA_ACKed.
        let infinite = segments(&run, 0)
            .into_iter()
            .find_map(|(transmit, _)| mapping(transmit).filter(|mapping| mapping.len == 0));
        let infinite = infinite.expect("it was said");
        let back = low(failed.data_sequence).wrapping_sub(low(infinite.data_sequence));
        assert_eq!(failed.subflow_sequence.wrapping_sub(infinite.subflow_sequence), back, "{silent}");
        assert!(back < 1 << 20, "{silent}: it begins at the failure or before it");
    }
}

// Holds: RFC 8684 3.7-o.
#[test]
fn a_peer_that_never_answers_mp_fail_loses_the_subflow_and_what_failed_with_it() {
    let (mut run, _) = failing(usize::MAX);
    let mut both = streams([40, 30]);
    let reader = serve(&mut run, &mut both, at(300_000));
    let (_, before) = tenth(&run);
    assert_eq!(reader.read, before);
    // The client is plain TCP and DATA_ACKs nothing any more: what is sent again all the same would be read twice.
    assert_eq!(reader.back, both[1].all.end());
    assert_eq!(reader.fell_back_at, None);
    let fails = said(&run, 1, Subtype::Fail);
    assert_eq!(fails.len(), 8, "once, six times more, and on the reset");
    let resets = segments(&run, 1).into_iter().filter(|(transmit, options)| {
        let fail = options.iter().any(|option| option.subtype() == Subtype::Fail);
        let why = options.iter().any(|option| {
            matches!(option, MptcpOption::Reset(it) if it.reason == ResetReason::MIDDLEBOX_INTERFERENCE)
        });
        header(transmit).flags.contains(TcpFlags::RST) && fail && why
    });
    assert_eq!(resets.count(), 1);
}

// Holds: RFC 8684 3.7-j.
#[test]
fn where_the_data_came_on_two_subflows_the_one_that_is_left_is_reset_with_mp_fail() {
    let with = MptcpConfig { checksum: true, scheduler: Scheduler::RoundRobin, ..quiet_endpoints() };
    let mut run = pair_over(2, &with, &with);
    let alter = Rc::new(Cell::new(false));
    let due = Rc::clone(&alter);
    run.lab.gateway = Some(Box::new(move |side, path, transmit| {
        if side == 0 && path == 0 && transmit.packet.payload_len() > 0 && due.take() {
            rewrite(transmit, |_, data| data[0] ^= 0x20);
        }
    }));
    let mut both = streams([3000, 0]);
    run.begin(&mut both);
    until(&mut run, &mut both, at(400));
    let id = run.ids[0].expect("it is connected");
    assert!(run.stats[1].as_ref().is_some_and(|stats| stats.subflows.iter().all(|it| it.bytes_received > 0)));
    run.lab.ends[0].reset_subflow(run.lab.now, id, 1);
    run.lab.drain(0);
    until(&mut run, &mut both, at(600));
    alter.set(true);
    // What is read until then is compared with what was written.
    until(&mut run, &mut both, at(900));
    let failed = segments(&run, 1).into_iter().filter(|(transmit, options)| {
        header(transmit).flags.contains(TcpFlags::RST)
            && options.iter().any(|option| option.subtype() == Subtype::Fail)
    });
    assert_eq!(failed.count(), 1);
    assert!(!alter.get() && !run.has_fallen_back());
}
