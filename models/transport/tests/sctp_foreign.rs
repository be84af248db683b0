//! What foreign software sends and this laboratory would not: faults that came to light against usrsctp.

mod sctp_lab;

use sctp_lab::chunks::said;
use sctp_lab::craft::{Insight, bytes};
use sctp_lab::{Lab, Link, at};
use transport::sctp::{MessageOptions, Reconfiguration, SctpConfig};
use wire::sctp::{Chunk, Parameter, ParameterList, Sack};

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
