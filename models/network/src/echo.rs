//! Answers to echo requests (RFC 792, RFC 1122 §3.2.2.6; RFC 4443 §4.2).

use wire::account::{Account, Protocol, Reason};
use wire::checksum::pseudo_header;
use wire::ip::IpProtocol;
use wire::ip_view::HeaderView;
use wire::packet::Packet;
use wire::payload::Payload;
use wire::{icmp, icmpv6};

use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;

impl<O: Observer> Network<O> {
    /// Answers `packet`, which reached `node` and whose headers start with the internet header, if it is
    /// an echo request to an address of the node's; says whether it was one.
    #[cold]
    pub fn answer_echo(&mut self, node: NodeId, packet: &Packet) -> bool {
        let bytes = packet.to_vec();
        let Ok(view) = HeaderView::new(&bytes) else { return false };
        let (source, destination) = (view.source(), view.destination());
        let Some((asked, header_len)) = view.upper_layer(&bytes) else { return false };
        let Some(message) = bytes.get(header_len..) else { return false };
        let mut answer = [0; icmp::HEADER_LEN];
        let (protocol, body, sound) = match asked {
            IpProtocol::ICMP => {
                let Ok(icmp::Header::EchoRequest(echo)) = icmp::Header::parse(message) else { return false };
                let body = Payload::from_bytes(&message[icmp::HEADER_LEN..]);
                icmp::Header::EchoReply(echo).emit(&mut answer, body.sum());
                let sound = icmp::verify(&message[..icmp::HEADER_LEN], body.sum());
                (Protocol::Icmp, body, sound)
            }
            IpProtocol::ICMPV6 => {
                let Ok(icmpv6::Header::EchoRequest(echo)) = icmpv6::Header::parse(message) else {
                    return false;
                };
                let body = Payload::from_bytes(&message[icmpv6::HEADER_LEN..]);
                let length = message.len() as u32;
                let asked = pseudo_header(source, destination, IpProtocol::ICMPV6, length) + body.sum();
                let rest = pseudo_header(destination, source, IpProtocol::ICMPV6, length) + body.sum();
                icmpv6::Header::EchoReply(echo).emit(&mut answer, rest);
                (Protocol::Icmpv6, body, icmpv6::verify(&message[..icmpv6::HEADER_LEN], asked))
            }
            _ => return false,
        };
        // A request to a group is not answered, nor one with a wrong checksum.
        if sound && self.owned_port(node, destination).is_some() {
            let mut account = Account::new(packet.account.flow, Reason::Control);
            account.push_header(protocol, answer.len());
            account.runs = packet.account.runs.clone();
            wire::account::fit_runs(&mut account.runs, body.len());
            let mut reply = Packet::new(body, account);
            reply.push_header(answer.len()).copy_from_slice(&answer);
            self.send_control(node, reply, destination, source);
        }
        true
    }
}
