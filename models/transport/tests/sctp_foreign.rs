//! What foreign software sends and this laboratory would not: faults that came to light against usrsctp.

mod sctp_lab;

use sctp_lab::chunks::said;
use sctp_lab::craft::{Insight, bytes, give_from, initiation, packet};
use sctp_lab::{Lab, Link, address, at, kinds};
use transport::sctp::{MessageOptions, Reconfiguration, SctpConfig, State};
use wire::sctp::{Chunk, CommonHeader, Parameter, ParameterList, Sack};

#[test]
fn no_acknowledgement_of_new_tsns_goes_before_the_answer_that_brings_them() {
    let able = SctpConfig {
        heartbeat_interval: None,
        reconfiguration: Some(Reconfiguration::default()),
        ..SctpConfig::default()
    };
    let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
    lab.record = true;
    let id = lab.connect(1, able.clone(), able);
    lab.run_until(at(100));
    let insight = Insight::of(&lab);
    lab.links[0].down = Some((at(100), at(10_000_000)));
    lab.say(0, id, 0, 100, &MessageOptions::default());
    lab.sent.clear();
    // The request stands in front of the SACK for the last data, in one packet: when it is read they are outstanding still.
    let mut list = ParameterList::new();
    list.push(&Parameter::TsnReset { request: insight.peer_tsn });
    let mut chunks = bytes(&[Chunk::ReConfig(list.parameters())]);
    Sack::emit(&mut chunks, insight.tsn, 50_000, &[], &[]);
    insight.tell_with(&mut lab, insight.header.verification_tag, chunks);
    // RFC 6525 §5.2.4: the reset is performed, and the peer hears of it before anything of the new TSNs.
    let next = 1_u32 << 31;
    let answer =
        format!("RE-CONFIG result 1 next {}", insight.peer_tsn.wrapping_add(next).wrapping_sub(insight.tsn));
    assert_eq!(said(&lab, 0, insight.tsn), [answer, "SACK".to_owned()]);
}

// Holds: RFC 9260 5.1.2-a
#[test]
fn a_host_with_several_addresses_may_answer_from_another_one() {
    let quiet = SctpConfig { heartbeat_interval: None, ..SctpConfig::default() };
    for (listed, tag_is_right, counts) in [(true, true, true), (true, false, false), (false, true, false)] {
        let mut lab = Lab::new(1, [Link::clean(10), Link::clean(10)]);
        lab.record = true;
        let id = lab.connect(2, quiet.clone(), quiet.clone());
        let insight = Insight::of(&lab);
        lab.sent.clear();
        let mut list = ParameterList::new();
        if listed {
            list.push(&Parameter::Address(address(1, 1)));
            list.push(&Parameter::Address(address(1, 0)));
        }
        list.push(&Parameter::StateCookie(b"cookie"));
        let tag = insight.header.verification_tag ^ u32::from(!tag_is_right);
        let header = CommonHeader { verification_tag: tag, ..insight.header };
        let chunks = bytes(&[Chunk::InitAck(initiation(78, list.parameters()))]);
        give_from(&mut lab, 0, address(1, 1), packet(header, chunks));
        lab.drain(0);
        let state = if counts { State::CookieEchoed } else { State::CookieWait };
        assert_eq!(lab.ends[0].state(id), Some(state), "{listed} {tag_is_right}");
        assert_eq!(lab.ends[0].paths(id).len(), if counts { 2 } else { 1 });
        // The cookie goes to where the INIT went; what belongs to nobody is answered by ABORT (§8.4 rule 8).
        let said: Vec<_> = lab.sent.iter().map(|(_, _, it)| (kinds(it).join("+"), it.destination)).collect();
        let wanted = match (counts, listed) {
            (true, _) => vec![("COOKIE-ECHO".to_owned(), address(1, 0))],
            (false, true) => Vec::new(),
            (false, false) => vec![("ABORT".to_owned(), address(1, 1))],
        };
        assert_eq!(said, wanted);
    }
}
