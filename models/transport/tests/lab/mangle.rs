//! A box on the path that changes what it should leave alone of ECN.

use std::cell::Cell;
use std::rc::Rc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wire::ip::Ecn;
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOption, TcpOptions};

use super::Gateway;
use super::script::{change, header};

/// What it does to the packets of a direction.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Nothing,
    /// The ECN field becomes this where it was not 0.
    Field(Ecn),
    /// The ECN field becomes this whatever it was.
    Any(Ecn),
    /// AE, CWR and ECE become zero behind the handshake.
    Zero,
    /// They become anything, in one segment of eight.
    Random,
    /// Options of accurate ECN vanish.
    Strip,
}

const KINDS: [Kind; 8] = [
    Kind::Nothing,
    Kind::Field(Ecn::NotEct),
    Kind::Field(Ecn::Ce),
    Kind::Field(Ecn::Ect1),
    Kind::Any(Ecn::Ect0),
    Kind::Zero,
    Kind::Random,
    Kind::Strip,
];

/// A box that does one thing in each direction, and how many packets it has changed.
pub(crate) fn mangler(seed: u64) -> (Gateway, Rc<Cell<u64>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0ec0);
    let kinds = [0, 1].map(|_| KINDS[rng.next_u32() as usize % KINDS.len()]);
    let count = Rc::new(Cell::new(0));
    let changed = Rc::clone(&count);
    let gateway = move |side: usize, _path: usize, transmit: &mut transport::endpoint::Transmit| {
        let head = header(transmit);
        let before = (transmit.traffic_class, head.flags, head.options);
        let field = Ecn::from_traffic_class(transmit.traffic_class);
        let opening = head.flags.contains(TcpFlags::SYN);
        let mut set = |mark: Ecn| transmit.traffic_class = transmit.traffic_class & 0xfc | mark as u8;
        match kinds[side] {
            Kind::Nothing => {}
            Kind::Field(mark) if field != Ecn::NotEct => set(mark),
            Kind::Field(_) => {}
            Kind::Any(mark) => set(mark),
            Kind::Zero if !opening => {
                change(transmit, |head| head.flags = head.flags.without(MARKS));
            }
            Kind::Random if !opening && rng.next_u32().is_multiple_of(8) => {
                let bits = TcpFlags::from_bits(rng.next_u32() as u16 & MARKS.bits());
                change(transmit, |head| head.flags = head.flags.without(MARKS) | bits);
            }
            Kind::Zero | Kind::Random => {}
            Kind::Strip => {
                let mut rest = TcpOptions::EMPTY;
                for option in head.options.iter().filter(|it| !matches!(it, TcpOption::AccEcn(_))) {
                    rest.try_push(option).expect("they came from a list");
                }
                if rest.iter().count() < head.options.iter().count() {
                    change(transmit, |head| head.options = rest);
                }
            }
        }
        let head = header(transmit);
        changed.set(changed.get() + u64::from(before != (transmit.traffic_class, head.flags, head.options)));
    };
    (Box::new(gateway), count)
}

const MARKS: TcpFlags =
    TcpFlags::from_bits(TcpFlags::AE.bits() | TcpFlags::CWR.bits() | TcpFlags::ECE.bits());
