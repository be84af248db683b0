//! Options on segments that TCP takes for duplicates, or does not take.

mod lab;

use std::net::IpAddr;
use std::sync::Arc;

use lab::Path;
use lab::multipath::{Pair, address, options_of, rewrite, strip};
use lab::multipath_story::{is_syn, pair_over, quiet_endpoints, segments, streams};
use lab::script::{at, header};
use sim_core::SimDuration;
use transport::endpoint::Transmit;
use transport::mptcp::MptcpConfig;
use transport::tcp::{CloseReason, TcpConfig};
use wire::mptcp::{AddAddress, Capable, MptcpOption, Stage};

// Holds: RFC 8684 3-a.
#[test]
fn duplicate_acknowledgments_with_signals_are_no_sign_of_congestion() {
    // Nothing is lost here, and no acknowledgment so late that a probe asks for it.
    let tcp = Arc::new(TcpConfig { ack_delay: SimDuration::ZERO, ..TcpConfig::default() });
    let prompt = MptcpConfig { tcp, ..quiet_endpoints() };
    let mut run = Pair::with(4, &[[Path::clean(10); 2]], &prompt, &prompt);
    run.lab.record = true;
    // Each acknowledgment of the server comes five times, the copies with an address that means nothing.
    let mut streams = streams([400, 0]);
    run.begin(&mut streams);
    let mut copied = 0;
    while run.closed.iter().any(Option::is_none) {
        let before = run.lab.sent.len();
        if !run.lab.step(at(100_000)) {
            break;
        }
        let fresh: Vec<Transmit> = run.lab.sent[before..]
            .iter()
            .filter(|(_, side, it)| *side == 1 && it.packet.payload_len() == 0 && options_of(it).len() == 1)
            .map(|(_, _, it)| it.clone())
            .collect();
        for transmit in fresh {
            if is_syn(&transmit) || header(&transmit).options.as_bytes().len() > 24 || copied > 200 {
                continue;
            }
            for _ in 0..4 {
                let mut copy = transmit.clone();
                let echo =
                    AddAddress { address_id: 9, address: IpAddr::from([9, 9, 9, 9]), port: None, hmac: None };
                rewrite(&mut copy, |head, _| {
                    head.options.try_push_mptcp(&MptcpOption::AddAddress(echo)).expect("there is room");
                });
                let at = run.lab.now + SimDuration::from_millis(10);
                run.lab.fly(at, 1, copy);
                copied += 1;
            }
        }
        run.tend(&mut streams, "duplicates");
    }
    assert!(streams[0].is_complete() && copied > 50, "{copied}");
    let again: Vec<_> = run
        .lab
        .sent
        .iter()
        .filter(|(_, side, it)| *side == 0 && it.packet.account.retransmission)
        .map(|(at, _, it)| (at, header(it).sequence_number, it.packet.payload_len(), options_of(it)))
        .collect();
    assert!(again.is_empty(), "nothing was sent again: {again:?} {:?}", run.lab.now);
}

// Holds: RFC 8684 3-c.
#[test]
fn signals_on_segments_that_tcp_does_not_accept_do_nothing() {
    let mut run = pair_over(2, &quiet_endpoints(), &quiet_endpoints());
    let mut streams = streams([100, 0]);
    run.begin(&mut streams);
    while run.lab.step(at(150)) {
        run.tend(&mut streams, "forged");
    }
    // MP_FASTCLOSE with the right key, but far beyond the window.
    let server_key =
        segments(&run, 1).iter().flat_map(|(_, options)| options.clone()).find_map(|option| match option {
            MptcpOption::Capable(Capable { stage: Stage::SynAck { sender_key }, .. }) => Some(sender_key),
            _ => None,
        });
    let key = server_key.expect("it was sent");
    let last = run.lab.sent.iter().rfind(|(_, side, it)| *side == 0 && it.source == address(0, 0));
    let mut forged = last.expect("the client has sent").2.clone();
    strip(&mut forged);
    rewrite(&mut forged, |head, data| {
        data.clear();
        head.sequence_number = head.sequence_number.wrapping_add(0x4000_0000);
        head.options.try_push_mptcp(&MptcpOption::FastClose { receiver_key: key }).expect("there is room");
    });
    run.lab.fly(run.lab.now, 0, forged);
    run.go(&mut streams, at(100_000), "forged");
    assert!(streams[0].is_complete());
    assert_eq!(run.closed, [Some(CloseReason::Normal); 2]);
}
