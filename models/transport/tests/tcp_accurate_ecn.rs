//! Accurate ECN (RFC 9768) behind the handshake: counters, acknowledgments, options, and paths that change what they should not.

mod lab;

use lab::accurate::{ACK, accurate, ace, client, counters, data, last, with};
use lab::peer::MSS;
use lab::script::{change, established, header, write};
use lab::{Lab, Path};
use sim_core::{SimDuration, SimTime};
use transport::congestion::Algorithm;
use transport::endpoint::Transmit;
use transport::tcp::{EcnFeedback, TcpConfig};
use wire::ip::Ecn;
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOption, TcpOptions};

// Holds: RFC 9768 3.2-c, 3.2.2-c, 3.2.2.5.1-a, 3.2.2.5.1-b, 3.1.5-n.
#[test]
fn every_acknowledgment_tells_the_latest_count() {
    let mut it = client(0b010, Ecn::NotEct, accurate());
    it.said.clear();
    data(&mut it, Ecn::Ect0, 1, 100);
    assert!(it.said.is_empty(), "delayed");
    data(&mut it, Ecn::Ce, 101, 100);
    assert_eq!((it.said.len(), ace(last(&it).header.flags)), (1, 6), "at once");
    data(&mut it, Ecn::Ce, 201, 100);
    assert_eq!(it.said.len(), 1);
    data(&mut it, Ecn::Ce, 301, 100);
    assert_eq!((it.said.len(), ace(last(&it).header.flags)), (2, 8 % 8), "after two");
    data(&mut it, Ecn::Ect1, 401, 100);
    it.write(50);
    assert_eq!((last(&it).len, ace(last(&it).header.flags)), (50, 0), "on data too");
    let told = counters(&last(&it).header.options).unwrap();
    assert_eq!((told.ect0_bytes(), told.ce_bytes(), told.ect1_bytes()), (Some(101), Some(300), Some(101)));
    // What is sent again tells the count of now.
    data(&mut it, Ecn::Ce, 501, 100);
    it.wait(SimDuration::from_secs(2));
    let again = it.said.iter().rfind(|said| said.len == 50).unwrap();
    assert_eq!(ace(again.header.flags), 9 % 8);
}

// Holds: RFC 9768 3.2-a.
#[test]
fn what_is_not_acceptable_is_not_counted() {
    let mut it = client(0b010, Ecn::NotEct, accurate());
    it.mark = Ecn::Ce;
    it.tell(with(ACK, 5), 500_000, 1, 100);
    it.tell(with(ACK, 5), 1, 90_000, 100);
    assert_eq!(it.stats().ecn.marked_received, 0);
    it.tell(with(ACK, 5), 1, 1, 0);
    assert_eq!(it.stats().ecn.marked_received, 1, "a pure acknowledgment counts");
}

// Holds: RFC 9768 3.2.3.3-a.
#[test]
fn two_sack_blocks_go_before_counters() {
    let config = TcpConfig { timestamps: true, ..accurate() };
    let mut lab = Lab::new(1, [Path::clean(50), Path::clean(50)]);
    lab.record = true;
    let [a, _] = established(&mut lab, config.clone(), config);
    lab.paths[0].mark = 300_000;
    lab.paths[0].loss = 200_000;
    let (mut with_both, mut long) = (0, 0);
    for _ in 0..40 {
        lab.ends[0].write(lab.now, a, &wire::payload::Slice::filler(1, 0, 10_000), lab::run_of(0, true));
        lab.drain(0);
        lab.run_until(lab.now + SimDuration::from_millis(120));
    }
    for (_, side, sent) in &lab.sent {
        let options = header(sent).options;
        let blocks = options.iter().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks.as_slice().len()),
            _ => None,
        });
        if *side == 1 && counters(&options).is_some() {
            with_both += u32::from(blocks.is_some());
            long += u32::from(blocks >= Some(2));
        }
    }
    assert!(with_both > 0 && long > 0, "12 + 20 + 8 bytes fit: {with_both}, {long}");
    let least = lab.sent.iter().filter(|sent| sent.1 == 1).filter_map(|sent| {
        header(&sent.2).options.iter().find_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks.as_slice().len()),
            _ => None,
        })
    });
    assert!(least.max() >= Some(2), "counters do not push blocks out");
}

// Holds: RFC 9768 3.2.3.2.2-c.
#[test]
fn a_client_s_first_data_is_sent_again_without_counters() {
    let mut it = client(0b010, Ecn::NotEct, accurate());
    it.write(100);
    assert!(counters(&last(&it).header.options).is_some());
    it.said.clear();
    it.wait(SimDuration::from_secs(5));
    assert!(it.said.len() > 1);
    assert!(it.said.iter().all(|said| counters(&said.header.options).is_none()));
}

// Holds: RFC 9768 3.1.5-m, 3.2.2.2-b.
#[test]
fn marks_are_answered_once_a_round_trip_and_without_cwr() {
    let mut it = client(0b010, Ecn::NotEct, accurate());
    it.write(40 * MSS);
    let window = it.cwnd();
    it.tell(with(ACK, 6), 1, 1 + 2 * MSS, 0);
    assert_eq!(it.stats().counters.marks_answered, 1);
    let reduced = it.cwnd();
    assert!(reduced < window, "{reduced} of {window}");
    it.tell(with(ACK, 7), 1, 1 + 4 * MSS, 0);
    it.tell(with(ACK, 0), 1, 1 + 6 * MSS, 0);
    assert_eq!(it.stats().counters.marks_answered, 1, "they were on their way");
    it.tell(with(ACK, 0), 1, 1 + 10 * MSS, 0);
    it.tell(with(ACK, 0), 1, 1 + 12 * MSS, 0);
    assert_eq!(it.stats().counters.marks_answered, 1, "nothing new was marked");
    it.tell(with(ACK, 1), 1, 1 + 14 * MSS, 0);
    assert_eq!(it.stats().counters.marks_answered, 2);
    // Between 5 and 6 the field is 0b101 and 0b110, whose bit of CWR is the counter's.
    assert!(it.said.iter().filter(|said| said.len > 0).all(|said| ace(said.header.flags) == 5));
}

/// Bytes that arrived marked and bytes that were reported so, of a transfer by DCTCP of which four acknowledgments in ten are lost.
fn marked_bytes(gateway: Option<lab::Gateway>) -> (f64, f64) {
    let config =
        TcpConfig { ecn: EcnFeedback::Accurate, congestion: Algorithm::Dctcp, ..TcpConfig::default() };
    let mut lab = Lab::new(3, [Path::clean(20), Path::clean(20)]);
    let [a, b] = established(&mut lab, config.clone(), config);
    lab.gateway = gateway;
    lab.paths[0].mark = 100_000;
    lab.paths[1].loss = 400_000;
    for round in 0..400 {
        lab.ends[0].write(lab.now, a, &wire::payload::Slice::filler(1, 0, 40_000), lab::run_of(0, true));
        lab.drain(0);
        lab.run_until(lab.now + SimDuration::from_millis(50));
        lab.ends[1].read(lab.now, b, u32::MAX);
        lab.drain(1);
        if round == 390 {
            lab.paths[1].loss = 0;
        }
    }
    lab.run_until(lab.now + SimDuration::from_secs(5));
    let arrived = lab.ends[1].stats(b).expect("it is in memory").ecn.marked_bytes_received;
    let reported = lab.ends[0].stats(a).expect("it is in memory").ecn.marked_bytes_reported;
    assert!(arrived > 100_000, "{arrived}");
    (f64::from(arrived), reported as f64)
}

// Holds: RFC 9768 3.2.3-d.
#[test]
fn counters_of_bytes_survive_the_loss_of_acknowledgments() {
    let (arrived, reported) = marked_bytes(None);
    assert!((reported / arrived - 1.0).abs() < 0.01, "{reported} of {arrived}");
}

// Holds: RFC 9768 3.2.3.2.3-b.
#[test]
fn where_options_do_not_arrive_the_flags_alone_tell_of_marks() {
    let strip = |_: usize, _: usize, transmit: &mut Transmit| {
        let kept = header(transmit).options.iter().filter(|it| !matches!(it, TcpOption::AccEcn(_))).fold(
            TcpOptions::EMPTY,
            |mut list, option| {
                list.try_push(option).expect("it came from a list");
                list
            },
        );
        change(transmit, |head| head.options = kept);
    };
    let (arrived, reported) = marked_bytes(Some(Box::new(strip)));
    // Appendix A.2.1 takes the safer guess: never too few.
    assert!(reported >= arrived && reported < 2.0 * arrived, "{reported} of {arrived}");
}

/// A path that changes the ECN field: what arrives as the key is the value.
fn bleach(to: Ecn) -> lab::Gateway {
    Box::new(move |_, _, transmit: &mut Transmit| {
        if Ecn::from_traffic_class(transmit.traffic_class) != Ecn::NotEct {
            transmit.traffic_class = transmit.traffic_class & 0xfc | to as u8;
        }
    })
}

#[test]
fn a_path_that_clears_the_field_leaves_a_transfer_whole() {
    let mut lab = Lab::new(1, [Path::clean(50), Path::clean(50)]);
    lab.gateway = Some(bleach(Ecn::NotEct));
    let [a, b] = established(&mut lab, accurate(), accurate());
    for _ in 0..10 {
        write(&mut lab, 0, a, 50_000);
        lab.run_until(lab.now + SimDuration::from_millis(1000));
        lab.ends[1].read(lab.now, b, u32::MAX);
    }
    assert_eq!(lab.ends[0].stats(a).unwrap().counters.bytes_acknowledged, 500_000);
    assert_eq!(lab.ends[0].stats(a).unwrap().ecn.marked_bytes_reported, 0);
}

// Holds: RFC 9768 3.2.2.3-c.
#[test]
fn a_path_that_marks_everything_is_not_believed_for_long() {
    let mut lab = Lab::new(1, [Path::clean(50), Path::clean(50)]);
    lab.gateway = Some(bleach(Ecn::Ce));
    let [a, b] = established(&mut lab, accurate(), accurate());
    for _ in 0..10 {
        write(&mut lab, 0, a, 100_000);
        lab.run_until(lab.now + SimDuration::from_millis(1000));
        lab.ends[1].read(lab.now, b, u32::MAX);
    }
    let stats = lab.ends[0].stats(a).unwrap();
    assert!(!stats.ecn.capable);
    assert_eq!(stats.counters.bytes_acknowledged, 1_000_000);
    assert!(stats.counters.marks_answered <= 4, "{}", stats.counters.marks_answered);
}

// Holds: RFC 9768 3.2.2.4-a.
#[test]
fn a_path_that_clears_the_flags_ends_ect() {
    let mut lab = Lab::new(1, [Path::clean(50), Path::clean(50)]);
    lab.gateway = Some(Box::new(|_, _, transmit| {
        if !header(transmit).flags.contains(TcpFlags::SYN) {
            let clear = TcpFlags::AE | TcpFlags::CWR | TcpFlags::ECE;
            change(transmit, |head| head.flags = head.flags.without(clear));
        }
    }));
    let [a, b] = established(&mut lab, accurate(), accurate());
    assert!(!lab.ends[1].stats(b).unwrap().ecn.capable, "Table 4");
    write(&mut lab, 0, a, 10_000);
    lab.run_until(SimTime::from_secs(2));
    let stats = lab.ends[0].stats(a).unwrap();
    assert_eq!((stats.ecn.capable, stats.counters.marks_answered), (false, 0));
}

// Holds: RFC 9768 3.2.2.5.1-c.
#[test]
fn acknowledgments_of_marked_acknowledgments_have_no_sack_blocks() {
    let mut it = client(0b010, Ecn::NotEct, accurate());
    data(&mut it, Ecn::NotEct, 501, 100);
    it.said.clear();
    it.mark = Ecn::Ce;
    for _ in 0..3 {
        it.tell(with(ACK, 5), 1, 1, 0);
    }
    assert_eq!(it.said.len(), 1, "one for three");
    assert!(!last(&it).header.options.iter().any(|option| matches!(option, TcpOption::Sack(_))));
}
