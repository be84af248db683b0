//! `--pcap`, judged by Wireshark. Skipped where `tshark` is not installed, except under continuous integration
//! (`CI=true`).

use std::path::Path;
use std::process::Command;

use crate::harness::{Place, column, scenario};

/// Frames that Wireshark finds fault with: cut, malformed, an expert's error, or a wrong checksum.
const BAD: &str = "_ws.malformed || _ws.short || _ws.expert.severity >= 0x00800000 \
    || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0";

/// Checksums are not looked at unless asked for.
const PREFERENCES: [&str; 4] = [
    "ip.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    // The context of header compression that a radio medium's network has.
    "6lowpan.context0:fd00:0:1::/64",
];

#[test]
fn wireshark_reads_every_capture_without_fault() {
    let place = Place::new("captures");
    place.run(&["run", &scenario("two-transports"), "--pcap"]).expect(0);
    let links = place.text("out/two-transports/links.csv");
    let (runs, sent) = (column(&links, "run"), column(&links, "frames_sent"));
    if !tshark_is_installed() {
        return;
    }
    let captures = place.files("out/two-transports/capture");
    assert_eq!(captures.len(), 12);
    for name in captures.keys() {
        let file = place.path.join("out/two-transports/capture").join(name);
        let run = name.trim_end_matches(".pcapng");
        let faulty = frames(&file, BAD);
        assert!(faulty.is_empty(), "Wireshark finds fault in {name}, frames {faulty:?}");
        let of_run = runs.iter().zip(&sent).filter(|(one, _)| **one == run);
        let sent: usize = of_run.map(|(_, cell)| cell.parse::<usize>().unwrap()).sum();
        assert_eq!(frames(&file, "frame").len(), sent, "{name} holds every frame that was sent");
    }
    let tcp = place.path.join("out/two-transports/capture/p0000-r00.pcapng");
    // A handshake has one SYN without an ACK.
    assert_eq!(frames(&tcp, "tcp.flags.syn == 1 && tcp.flags.ack == 0").len(), 1);
}

#[test]
fn wireshark_reads_radio_frames_down_to_udp() {
    let place = Place::new("radio-captures");
    place.run(&["run", "lowpan-fragments", "--pcap", "--replications", "1", "--quiet"]);
    if !tshark_is_installed() {
        return;
    }
    let captures = place.files("out/lowpan-fragments/capture");
    assert_eq!(captures.len(), 15);
    for name in captures.keys() {
        let file = place.path.join("out/lowpan-fragments/capture").join(name);
        // It looks for something behind an acknowledgment of fragments, behind which nothing stands (RFC 8931 §5.2), and puts
        // fragments of packets together whose tags, which have eight bits, have come round.
        let recovered = "(6lowpan.rfrag.ack_bitmask || 6lowpan.rfrag.sequence)";
        let bad = format!("({BAD}) && !{recovered} || wpan.fcs_ok == 0");
        let faulty = frames(&file, &bad);
        assert!(faulty.is_empty(), "Wireshark finds fault in {name}, frames {faulty:?}");
        assert!(!frames(&file, "udp && wpan").is_empty(), "{name} dissects down to UDP");
    }
    // 600 messages in twelve fragments each, which tshark puts together where none is lost.
    let long = place.path.join("out/lowpan-fragments/capture/p0012-r00.pcapng");
    assert_eq!(frames(&long, "6lowpan.frag.offset || 6lowpan.frag.size").len(), 600 * 12);
}

#[test]
fn wireshark_opens_protected_frames_with_the_key_alone() {
    let place = Place::new("security-captures");
    place.run(&["run", "frame-security", "--pcap", "--replications", "1", "--quiet"]);
    if !tshark_is_installed() {
        return;
    }
    let captures = place.files("out/frame-security/capture");
    assert_eq!(captures.len(), 12);
    let key = "uat:ieee802154_keys:\"000102030405060708090a0b0c0d0e0f\",\"1\",\"No hash\"";
    for (number, name) in captures.keys().enumerate() {
        let file = place.path.join("out/frame-security/capture").join(name);
        let faulty = frames_with(&file, &format!("{BAD} || wpan.fcs_ok == 0"), &[key]);
        assert!(faulty.is_empty(), "Wireshark finds fault in {name}, frames {faulty:?}");
        // 600 messages: who has the key sees their UDP headers, and the checksums are right. Without it Wireshark can
        // check no integrity code, and shows nothing that is protected; the first two points have level 0.
        assert_eq!(frames_with(&file, "udp", &[key]).len(), 600, "{name}");
        let without = frames(&file, "udp").len();
        assert_eq!(without, if number < 2 { 600 } else { 0 }, "{name} without the key");
    }
}

/// Numbers of the frames that `filter` selects.
fn frames(file: &Path, filter: &str) -> Vec<usize> {
    frames_with(file, filter, &[])
}

/// The same with more preferences.
fn frames_with(file: &Path, filter: &str, preferences: &[&str]) -> Vec<usize> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-2", "-r"]).arg(file).args(["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    // Wireshark guesses what IEEE 802.15.4 carries, and takes some first fragments for ZigBee.
    command.args(["--disable-protocol", "zbee_nwk"]);
    for preference in PREFERENCES.iter().chain(preferences) {
        command.args(["-o", preference]);
    }
    let output = command.output().expect("tshark answered before");
    assert!(output.status.success(), "{filter}: {}", String::from_utf8_lossy(&output.stderr));
    let numbers = String::from_utf8(output.stdout).expect("numbers are text");
    numbers.lines().map(|line| line.trim().parse().expect("each line is a number")).collect()
}

fn tshark_is_installed() -> bool {
    if Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "tshark has to be installed under CI");
    println!("skipped: tshark is not installed");
    false
}
