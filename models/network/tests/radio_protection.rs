//! Frames of the medium access control's own on a medium whose frames are protected: their sizes, and that their codes are right.

mod lab;

use lab::radio::*;
use lab::*;
use network::radio::duty::{DutyCycle, polling, strobing, tsch};
use network::radio::medium::RadioMediumSpec;
use network::radio::position::Position;
use network::radio::security::RadioSecurity;
use sim_core::SimDuration;
use wire::ieee802154::protection::{Key, Nonce, unseal};
use wire::ieee802154::{Address, ExtendedAddress, FCS_LEN, FrameType, Header, KeyIdentifier, SecurityLevel};

const KEY: Key = Key::new([7; 16]);

fn field(duty: DutyCycle, level: SecurityLevel) -> RadioLab {
    let security = RadioSecurity { level, identifier: KeyIdentifier::Index(1), key: KEY };
    let spec = RadioMediumSpec { duty, security: Some(security), ..spec(equal(3, 60.0)) };
    radio_lab_with(spec, &[Position::default(); 3], 2, 2)
}

/// All frames that were sent, as bytes.
fn sent(lab: &Lab<Tap>) -> Vec<Vec<u8>> {
    let sent = lab.net.observer.0.iter().filter_map(|seen| match seen {
        Seen::Sent { bytes, .. } => Some(bytes.clone()),
        Seen::Arrived { .. } | Seen::Dropped { .. } => None,
    });
    sent.collect()
}

/// Opens a frame, of which `legible` bytes behind the header are not encrypted: its content, if the code is right.
fn opened(frame: &[u8], legible: usize) -> Option<Vec<u8>> {
    let (header, rest) = Header::parse(frame).ok()?;
    let security = header.security?;
    let source = match header.addressing.source()? {
        Address::Extended(source) => source,
        Address::Short(source) => {
            let [high, low] = source.0.to_be_bytes();
            ExtendedAddress([0x02, b'n', b'j', 0, 0, 0, high, low])
        }
    };
    let nonce = Nonce::new(source, security.frame_counter?, security.level);
    let (open, rest) = frame.split_at(frame.len() - rest.len() + legible);
    let (payload, mic) = rest.split_at(rest.len() - security.level.mic_len());
    let mut payload = payload.to_vec();
    unseal(security.level, KEY, nonce, open, &mut payload, mic).then_some(payload)
}

#[test]
fn strobes_are_as_long_as_a_frame_without_payload() {
    for (level, len) in [(SecurityLevel::EncryptedMic32, 21), (SecurityLevel::Mic64, 25)] {
        let duty = DutyCycle::XMac(strobing::xmac::Settings::default());
        let RadioLab { builder, nodes, .. } = field(duty, level);
        let mut lab = Lab::tapped(builder);
        for second in 0..5 {
            lab.send_at(ms(1_013 * second), nodes[0], packet(&address(1), &address(3), 100));
        }
        lab.run_until(ms(10_000));
        assert_eq!(lab.packets(nodes[2]).len(), 5);
        // Header 9, auxiliary header 6, code, check sequence.
        let strobes: Vec<Vec<u8>> =
            sent(&lab).into_iter().filter(|bytes| bytes.len() + FCS_LEN == len).collect();
        assert!(strobes.len() > 20, "{}", strobes.len());
        assert!(strobes.iter().all(|strobe| opened(strobe, 0) == Some(Vec::new())));
    }
}

#[test]
fn commands_are_protected_but_for_their_numbers_and_what_is_for_whoever_has_no_key() {
    let RadioLab { builder, nodes, ports } =
        field(DutyCycle::Polling(polling::Settings::default()), SecurityLevel::EncryptedMic32);
    let mut lab = Lab::tapped(builder);
    let port = lab.port(ports[0]);
    lab.at(ms(5_000), move |net| net.set_port_down(port, true));
    lab.send_at(ms(20_000), nodes[1], packet(&address(2), &address(3), 300));
    lab.run_until(ms(30_000));
    assert_eq!(lab.packets(nodes[2]).len(), 1, "the child has another parent");
    let (mut seen, mut fetched) = ([0; 8], 0);
    for frame in sent(&lab) {
        let (header, rest) = Header::parse(&frame).expect("a frame");
        match header.frame_type {
            FrameType::Command if header.security.is_some() => {
                let number = usize::from(rest[0]);
                seen[number] += 1;
                // Capabilities; a short address and a status; nothing.
                let content = opened(&frame, 1).expect("a right code");
                assert_eq!(content.len(), [0, 1, 3, 0, 0][number], "command {number}");
                // Association is between addresses of 64 bits, from no network to one, and so is the question for its answer.
                let stranger = matches!(header.addressing.source(), Some(Address::Extended(_)));
                let header_len = [0, 17, 21, 0, if stranger { 15 } else { 9 }][number];
                // Auxiliary header 6, number, content, code of 4, check sequence.
                assert_eq!(frame.len() + FCS_LEN, header_len + 6 + 1 + content.len() + 4 + FCS_LEN);
                assert!(stranger || number == 4, "command {number}");
                fetched += usize::from(stranger && number == 4);
            }
            FrameType::Command => {
                assert_eq!(rest, [7], "a request for beacons alone is open");
                seen[7] += 1;
            }
            FrameType::Beacon => assert!(header.security.is_none()),
            FrameType::Acknowledgment => assert_eq!(frame.len() + FCS_LEN, 5),
            FrameType::Data => assert!(opened(&frame, 0).is_some_and(|content| !content.is_empty())),
        }
    }
    assert!(seen[1] == 1 && seen[2] == 1 && seen[4] > 10 && seen[7] == 1, "{seen:?}");
    assert_eq!(fetched, 1);
}

/// Opens a frame that was sent by a radio in a slot.
fn opened_in_slot(frame: &[u8], source: u16, slot: u64) -> bool {
    let (header, rest) = Header::parse(frame).expect("a frame");
    let Some(security) = header.security else { return false };
    let [high, low] = source.to_be_bytes();
    let nonce = Nonce::in_slot(ExtendedAddress([0x02, b'n', b'j', 0, 0, 0, high, low]), slot);
    let legible = if header.frame_type == FrameType::Acknowledgment {
        rest.len() - security.level.mic_len()
    } else {
        0
    };
    let (open, rest) = frame.split_at(frame.len() - rest.len() + legible);
    let (payload, mic) = rest.split_at(rest.len() - security.level.mic_len());
    unseal(security.level, KEY, nonce, open, &mut payload.to_vec(), mic)
}

#[test]
fn frames_of_slots_are_sealed_with_the_slots_numbers() {
    // No drift, so that slots follow from the time.
    let settings =
        tsch::Settings { beacon_every: SimDuration::from_secs(2), drift_ppm: 0, ..tsch::Settings::default() };
    let RadioLab { builder, nodes, .. } = field(DutyCycle::Tsch(settings), SecurityLevel::EncryptedMic32);
    let mut lab = Lab::tapped(builder);
    // Two at once collide in the cell that all share, and are sealed anew.
    for second in 0..20 {
        for from in [1, 2] {
            let packet = packet(&address(from + 1), &address(1), 100);
            lab.send_at(ms(60_000 + 1_000 * second), nodes[from], packet);
        }
    }
    lab.run_until(ms(100_000));
    assert_eq!(lab.packets(nodes[0]).len(), 40);
    let unicasts = lab.net.radio_media()[0].report().unicasts;
    assert!(unicasts > 50, "some were repeated: {unicasts}");
    let mut seen = [0; 3];
    for sent in &lab.net.observer.0 {
        let Seen::Sent { at, port, bytes, .. } = sent else { continue };
        let source =
            1 + (0..3).find(|&n| lab.net.radio_media()[0].ports()[n] == *port).expect("a radio") as u16;
        let (header, _) = Header::parse(bytes).expect("a frame");
        assert!(opened_in_slot(bytes, source, at.as_millis() / 10), "{header:?}");
        assert!(!opened_in_slot(bytes, source, at.as_millis() / 10 + 1));
        let security = header.security.expect("it is protected");
        assert_eq!((security.frame_counter, security.len()), (None, 2));
        match header.frame_type {
            FrameType::Beacon => {
                assert_eq!(security.level, SecurityLevel::Mic32, "whoever joins has to read it");
                seen[0] += 1;
            }
            FrameType::Acknowledgment => {
                // Control 2, number, network 2, address 2, time correction 4; auxiliary header 2, code 4; check sequence.
                assert_eq!(bytes.len() + FCS_LEN, 11 + 2 + 4 + FCS_LEN);
                seen[1] += 1;
            }
            FrameType::Data => seen[2] += 1,
            FrameType::Command => panic!("no commands in slots"),
        }
    }
    assert!(seen.iter().all(|&count| count > 35), "{seen:?}");
}
