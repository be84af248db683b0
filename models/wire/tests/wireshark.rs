//! One capture with every kind of packet, judged by Wireshark's dissectors.
//!
//! The test is skipped where `tshark` is not installed, except under continuous integration (`CI=true`).

mod capture_frames;
mod mptcp_frames;
mod radio_frames;
mod sctp_frames;

use std::path::Path;
use std::process::Command;

use capture_frames::{ETHERNET_FRAMES, RAW_PACKETS, Sample};
use mptcp_frames::MPTCP_PACKETS;
use radio_frames::RADIO_FRAMES;
use sctp_frames::SCTP_PACKETS;
use sim_core::SimTime;
use wire::capture::{CaptureWriter, CapturedFrame, LinkType};

/// Frames that Wireshark finds fault with: cut, malformed, an expert's error, or a wrong checksum.
const BAD: &str = "_ws.malformed || _ws.short || _ws.expert.severity >= 0x00800000 \
    || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 \
    || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || igmp.checksum.status == 0 \
    || sctp.checksum.status == 0 || wpan.fcs_ok == 0";

/// Checksums are not looked at unless asked for.
const PREFERENCES: [&str; 7] = [
    "ip.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "ip.tso_support:FALSE",
    "tcp.no_subdissector_on_error:FALSE",
    "sctp.checksum:CRC 32c",
    radio_frames::CONTEXT,
];

fn capture(samples: &[Sample], link_type: LinkType) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("memory takes any bytes");
    let interface = writer.add_interface("a-b", link_type).expect("the name is short");
    for (index, sample) in samples.iter().enumerate() {
        let bytes = (sample.make)();
        let at = SimTime::from_millis(index as u64);
        let frame = CapturedFrame { comment: Some(sample.name), ..CapturedFrame::new(at, &bytes) };
        writer.write_frame(interface, frame).expect("the interface is its own");
    }
    writer.into_inner()
}

/// Numbers of the frames that `filter` selects.
fn frames(file: &Path, filter: &str) -> Vec<usize> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-2", "-r"]).arg(file).args(["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    for preference in PREFERENCES {
        command.args(["-o", preference]);
    }
    let output = command.output().expect("tshark answered before");
    assert!(output.status.success(), "{filter}: {}", String::from_utf8_lossy(&output.stderr));
    let numbers = String::from_utf8(output.stdout).expect("numbers are text");
    numbers.lines().map(|line| line.trim().parse().expect("each line is a number")).collect()
}

/// Whether to go on; says why not.
fn tshark_is_installed() -> bool {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "tshark has to be installed under CI");
    println!("skipped: tshark is not installed");
    false
}

fn judge(samples: &[Sample], link_type: LinkType, name: &str) {
    if !tshark_is_installed() {
        return;
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, capture(samples, link_type)).expect("the target folder can be written");
    let faulty: Vec<_> = frames(&file, BAD).into_iter().map(|number| samples[number - 1].name).collect();
    assert!(faulty.is_empty(), "Wireshark finds fault in {}: {faulty:?}", file.display());
    // One filter for all, since each start of the program takes its time.
    let own =
        |(index, sample): (usize, &Sample)| format!("(frame.number == {} && {})", index + 1, sample.filter);
    let filter = samples.iter().enumerate().map(own).collect::<Vec<_>>().join(" || ");
    let seen = frames(&file, &filter);
    for (index, sample) in samples.iter().enumerate() {
        assert!(seen.contains(&(index + 1)), "{} is not seen by {}", sample.name, sample.filter);
    }
}

#[test]
fn wireshark_reads_every_packet_without_fault() {
    judge(RAW_PACKETS, LinkType::Raw, "raw.pcapng");
}

#[test]
fn wireshark_reads_every_sctp_packet_without_fault() {
    judge(SCTP_PACKETS, LinkType::Raw, "sctp.pcapng");
}

#[test]
fn the_sctp_packets_show_every_type_of_chunk_and_parameter() {
    assert_eq!(sctp_frames::shown(), sctp_frames::known());
}

#[test]
fn wireshark_reads_every_option_of_multipath_tcp_without_fault() {
    judge(MPTCP_PACKETS, LinkType::Raw, "mptcp.pcapng");
}

#[test]
fn wireshark_reads_every_ethernet_frame_without_fault() {
    judge(ETHERNET_FRAMES, LinkType::Ethernet, "ethernet.pcapng");
}

#[test]
fn wireshark_reads_every_radio_frame_without_fault() {
    judge(RADIO_FRAMES, LinkType::Ieee802154, "radio.pcapng");
}

#[test]
fn wireshark_notices_a_wrong_bit_in_each_packet() {
    if !tshark_is_installed() {
        return;
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged.pcapng");
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let interface = writer.add_interface("a-b", LinkType::Raw).unwrap();
    let samples: Vec<_> = RAW_PACKETS.iter().chain(SCTP_PACKETS).filter(|sample| sample.is_summed).collect();
    for (index, sample) in samples.iter().enumerate() {
        let mut bytes = (sample.make)();
        // The last byte lies under the innermost checksum.
        *bytes.last_mut().expect("no packet is empty") ^= 0x10;
        writer
            .write_frame(interface, CapturedFrame::new(SimTime::from_millis(index as u64), &bytes))
            .unwrap();
    }
    std::fs::write(&file, writer.into_inner()).unwrap();
    let noticed = frames(&file, BAD);
    for (index, sample) in samples.iter().enumerate() {
        assert!(noticed.contains(&(index + 1)), "a wrong bit in {} passes: the judge is blind", sample.name);
    }
}
