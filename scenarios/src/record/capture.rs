//! A capture of every link, as Wireshark reads it.

use network::drop_cause::DropCause;
use network::network::Network;
use network::observer::Observer;
use network::port::{Attachment, PortId};
use sim_core::SimTime;
use wire::capture::{CaptureError, CaptureWriter, CapturedFrame, LinkType};
use wire::packet::Packet;

/// Frames as they left, in the order in which they were taken.
#[derive(Debug, Default)]
pub(crate) struct CaptureLog {
    frames: Vec<Frame>,
}

#[derive(Debug)]
struct Frame {
    at: SimTime,
    port: PortId,
    bytes: Vec<u8>,
    comment: Option<DropCause>,
}

impl CaptureLog {
    pub(crate) fn on_sent(&mut self, port: PortId, packet: &Packet, departs: SimTime) {
        self.frames.push(Frame { at: departs, port, bytes: packet.to_vec(), comment: None });
    }

    /// A frame that was lost has been sent: the last one of its port gets the comment. One that a queue
    /// refused has not: it is written with the time of the refusal.
    pub(crate) fn on_dropped(
        &mut self,
        now: SimTime,
        port: Option<PortId>,
        packet: &Packet,
        cause: DropCause,
    ) {
        let Some(port) = port else { return };
        let sent = matches!(cause, DropCause::Loss | DropCause::Retries);
        let last = self.frames.iter_mut().rev().find(|frame| frame.port == port);
        match last {
            Some(frame) if sent => frame.comment = Some(cause),
            _ => self.frames.push(Frame { at: now, port, bytes: packet.to_vec(), comment: Some(cause) }),
        }
    }

    /// The whole capture as pcapng: an interface for each port with frames, in order of ports; frames in
    /// order of time.
    pub(crate) fn write<O: Observer>(mut self, network: &Network<O>) -> Result<Vec<u8>, CaptureError> {
        let mut writer = CaptureWriter::new(Vec::new())?;
        let mut ports: Vec<PortId> = self.frames.iter().map(|frame| frame.port).collect();
        ports.sort_unstable();
        ports.dedup();
        let mut interfaces = Vec::with_capacity(ports.len());
        for &port in &ports {
            let info = network.port_info(port);
            let name = format!("{}/{}", network.node_name(info.node), network.port_name(port));
            let link_type = match info.attachment {
                Attachment::Segment(_) => LinkType::Ethernet,
                Attachment::Radio(_) => LinkType::Ieee802154,
                Attachment::Link(_) | Attachment::Detached => LinkType::Raw,
            };
            interfaces.push(writer.add_interface(&name, link_type)?);
        }
        self.frames.sort_by_key(|frame| frame.at);
        for frame in &mut self.frames {
            if let Attachment::Radio(_) = network.port_info(frame.port).attachment {
                let check = wire::ieee802154::fcs(&frame.bytes);
                frame.bytes.extend(check.to_le_bytes());
            }
        }
        for frame in &self.frames {
            let place = ports.binary_search(&frame.port).expect("the list of ports was made from the frames");
            let comment = frame.comment.map(|cause| format!("dropped: {}", cause.name()));
            let captured = CapturedFrame {
                at: frame.at,
                bytes: &frame.bytes,
                original_len: frame.bytes.len(),
                comment: comment.as_deref(),
            };
            writer.write_frame(interfaces[place], captured)?;
        }
        Ok(writer.into_inner())
    }
}
