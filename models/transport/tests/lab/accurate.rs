//! Scripts of accurate ECN.

use transport::tcp::{EcnFeedback, TcpConfig};
use wire::ip::Ecn;
use wire::tcp::TcpFlags;
use wire::tcp_options::{AccEcnCounters, AccEcnOrder, TcpOption, TcpOptions};

use super::peer::{Said, Scripted};

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;

pub(crate) fn accurate() -> TcpConfig {
    TcpConfig { ecn: EcnFeedback::Accurate, timestamps: false, ..TcpConfig::default() }
}

pub(crate) fn classic() -> TcpConfig {
    TcpConfig { ecn: EcnFeedback::Classic, ..accurate() }
}

pub(crate) fn ace(flags: TcpFlags) -> u8 {
    (flags.bits() >> 6 & 7) as u8
}

/// `flags` with the three bits AE, CWR and ECE.
pub(crate) fn with(flags: TcpFlags, bits: u8) -> TcpFlags {
    flags | TcpFlags::from_bits(u16::from(bits) << 6)
}

pub(crate) fn counters(options: &TcpOptions) -> Option<AccEcnCounters> {
    options.iter().find_map(|option| match option {
        TcpOption::AccEcn(counters) => Some(counters),
        _ => None,
    })
}

pub(crate) fn list(counters: &[u32]) -> TcpOptions {
    let mut options = TcpOptions::EMPTY;
    let counters = AccEcnCounters::new(AccEcnOrder::Zero, counters).expect("at most three");
    options.try_push(TcpOption::AccEcn(counters)).expect("11 bytes fit");
    options
}

/// A client in AccECN mode, established at 100 ms by a SYN-ACK with these flags that arrived with this mark.
pub(crate) fn client(bits: u8, mark: Ecn, config: TcpConfig) -> Scripted {
    let mut it = Scripted::connecting(config);
    it.run_until(100);
    it.said.clear();
    it.mark = mark;
    it.syn(with(SYN | ACK, bits), 1, true);
    it.mark = Ecn::NotEct;
    it
}

/// A server in AccECN mode whose SYN-ACK is acknowledged at 100 ms by a pure acknowledgment with this ACE field.
pub(crate) fn server(bits: u8) -> Scripted {
    let mut it = Scripted::listening(accurate());
    it.syn(with(SYN, 0b111), 0, true);
    it.run_until(100);
    it.said.clear();
    it.tell_with(with(ACK, bits), 1, 1, 0, list(&[1, 0, 1]));
    it
}

pub(crate) fn last(it: &Scripted) -> &Said {
    it.said.last().expect("something was sent")
}

/// The peer's segment with data, which arrives with this mark.
pub(crate) fn data(it: &mut Scripted, mark: Ecn, seq: u32, len: u32) {
    it.mark = mark;
    it.tell(with(ACK, 5), seq, 1, len);
    it.mark = Ecn::NotEct;
}
