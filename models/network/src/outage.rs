//! Faults: links and nodes that go down and come back, settings that change at a time.

use sim_core::random::Streams;
use sim_core::{DataRate, SimDuration};

use crate::drop_cause::DropCause;
use crate::link::{Impairments, LinkError, LossConfig};
use crate::network::Network;
use crate::node::NodeId;
use crate::observer::Observer;
use crate::port::{Attachment, Port, PortId};

impl<O: Observer> Network<O> {
    /// Declares that links or nodes may fail in this run, so that arrivals are checked against outages.
    pub fn expect_outages(&mut self) {
        self.voidable = true;
    }

    /// Takes the link of `port` down in the direction that leaves by it, or brings it back.
    ///
    /// Frames that wait or are under way are lost; routes are found anew.
    pub fn set_port_down(&mut self, port: PortId, down: bool) {
        self.voidable = true;
        let node = self.port_infos[port.index()].node;
        let now = self.now();
        let state = self.state_mut(port);
        if state.down == down {
            return;
        }
        state.down = down;
        if down {
            state.epoch += 1;
            self.flush(node, port);
            self.clear_neighbours(node, port, DropCause::LinkDown);
            self.silence_radio(port, DropCause::LinkDown);
            self.stop_rpl(port);
            self.stop_discovery(port);
        } else if self.nodes[node.index()].up {
            self.wake_radio(port);
            self.start_discovery_at(port);
            self.start_rpl_at(port);
        }
        let hot = &mut self.ports[port.index()];
        hot.busy_until = hot.busy_until.min(now);
        hot.slow = true;
        self.forget_routes();
    }

    /// Takes a node down, with every link that leaves it, or brings it back.
    pub fn set_node_down(&mut self, node: NodeId, down: bool) {
        let hot = &mut self.nodes[node.index()];
        if hot.up != down {
            return;
        }
        hot.up = !down;
        self.voidable = true;
        for port in self.node_infos[node.index()].port_ids() {
            if down {
                self.state_mut(port).epoch += 1;
                self.ports[port.index()].slow = true;
                self.flush(node, port);
                self.clear_neighbours(node, port, DropCause::NodeDown);
                self.silence_radio(port, DropCause::NodeDown);
                self.stop_rpl(port);
                self.stop_discovery(port);
                let now = self.now();
                let hot = &mut self.ports[port.index()];
                hot.busy_until = hot.busy_until.min(now);
            } else if self.is_port_up(port) {
                self.wake_radio(port);
                self.start_discovery_at(port);
                self.start_rpl_at(port);
            }
        }
        self.forget_routes();
    }

    /// Changes the rate of a link direction for frames taken from now on.
    pub fn set_rate(&mut self, port: PortId, rate: DataRate) {
        let gone = self.fifo_busy(port);
        let Port { frames, bytes, .. } = self.ports[port.index()];
        let state = self.state_mut(port);
        state.busy += gone;
        state.busy_counted = (frames - state.unsent_frames, bytes - state.unsent_bytes);
        self.ports[port.index()].rate = rate;
    }

    /// Changes the propagation delay of a link direction for frames taken from now on. A shorter delay
    /// lets later frames overtake earlier ones, as when a path changes.
    pub fn set_delay(&mut self, port: PortId, delay: SimDuration) {
        self.ports[port.index()].delay = delay;
    }

    /// Changes which frames a link direction loses (or, for a station, its segment), from now on. The draws are those that the direction
    /// would have had from the start, so that a rise of the loss keeps what was lost before it.
    ///
    /// # Errors
    ///
    /// When the loss model's parameters do not fit together.
    pub fn set_loss(&mut self, port: PortId, loss: &LossConfig, streams: &Streams) -> Result<(), LinkError> {
        let number = match self.port_infos[port.index()].attachment {
            Attachment::Link(number) => number,
            Attachment::Segment(index) => {
                let segment = &mut self.segments[index as usize];
                segment.loss = loss.build(streams, &segment.name)?;
                return Ok(());
            }
            Attachment::Radio(_) | Attachment::Detached => return Ok(()),
        };
        let number = number as usize;
        let side = usize::from(self.links[number].ends[1] == port);
        let way = crate::builder::way_name(self.link_names.get(number), side);
        let loss = loss.build(streams, &way)?;
        let state = self.state_mut(port);
        match &mut state.impairments {
            Some(impairments) => impairments.loss = loss,
            None => state.impairments = Some(Box::new(Impairments::with_loss(loss))),
        }
        self.ports[port.index()].slow = true;
        Ok(())
    }
}
