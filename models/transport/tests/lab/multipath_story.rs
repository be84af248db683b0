//! What the scripted tests of Multipath TCP have in common: pairs that write down what they send, and how it is read and changed.

use std::net::IpAddr;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim_core::SimTime;
use transport::endpoint::Transmit;
use transport::mptcp::{MptcpConfig, PathManager, SubflowStats};
use wire::mptcp::{MptcpOption, Subtype};
use wire::tcp::TcpFlags;
use wire::tcp_options::{TcpOption, TcpOptions};

use super::multipath::{Pair, options_of, rewrite};
use super::script::header;
use super::{Path, Stream};

pub(crate) fn streams(count: [u32; 2]) -> [Stream; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    [Stream::new(&mut rng, 0, count[0], 1000), Stream::new(&mut rng, 1, count[1], 1000)]
}

pub(crate) fn endpoints() -> MptcpConfig {
    MptcpConfig { path_manager: PathManager::Endpoints, ..MptcpConfig::default() }
}

/// As [`endpoints`], and nobody announces an address.
pub(crate) fn quiet_endpoints() -> MptcpConfig {
    MptcpConfig { announce: false, ..endpoints() }
}

/// A pair with so many paths that writes down what it sends.
pub(crate) fn pair_over(paths: usize, client: &MptcpConfig, server: &MptcpConfig) -> Pair {
    let path =
        |number: u64| [Path { rate: Some(10_000_000), queue: 100_000, ..Path::clean(10 + 20 * number) }; 2];
    let paths: Vec<_> = (0..paths as u64).map(path).collect();
    let mut run = Pair::with(4, &paths, client, server);
    run.lab.record = true;
    run
}

/// A pair with two paths, both sides alike, that writes down what it sends.
pub(crate) fn pair(config: &MptcpConfig) -> Pair {
    pair_over(2, config, config)
}

/// Runs for a while, both users doing what they do.
pub(crate) fn until(run: &mut Pair, streams: &mut [Stream; 2], end: SimTime) {
    while run.lab.step(end) {
        run.tend(streams, "script");
    }
    run.lab.run_until(end);
}

/// Segments of a side with an option of this kind: when, from where, and the option.
pub(crate) fn said(run: &Pair, side: usize, subtype: Subtype) -> Vec<(SimTime, IpAddr, MptcpOption)> {
    let by = run.lab.sent.iter().filter(|(_, sender, _)| *sender == side);
    let all = by.flat_map(|(at, _, transmit)| {
        options_of(transmit).into_iter().map(|option| (*at, transmit.source, option))
    });
    all.filter(|(_, _, option)| option.subtype() == subtype).collect()
}

/// Segments of a side, with their options of Multipath TCP.
pub(crate) fn segments(run: &Pair, side: usize) -> Vec<(&Transmit, Vec<MptcpOption>)> {
    let by = run.lab.sent.iter().filter(|(_, sender, _)| *sender == side);
    by.map(|(_, _, transmit)| (transmit, options_of(transmit))).collect()
}

pub(crate) fn subflows(run: &Pair, side: usize) -> Vec<SubflowStats> {
    run.stats[side].as_ref().expect("it is connected").subflows.clone()
}

/// Subflows of a side that carry data, by their local addresses.
pub(crate) fn working(run: &Pair, side: usize) -> Vec<IpAddr> {
    let ready = subflows(run, side).into_iter().filter(|subflow| subflow.ready && !subflow.over);
    ready.map(|subflow| subflow.local.ip()).collect()
}

pub(crate) fn is_syn(transmit: &Transmit) -> bool {
    header(transmit).flags.contains(TcpFlags::SYN)
}

/// Appends an option to a segment, as somebody on the way might.
pub(crate) fn append(transmit: &mut Transmit, option: &MptcpOption) {
    rewrite(transmit, |head, _| head.options.try_push_mptcp(option).expect("there is room"));
}

/// Replaces each option that `change` has something else for.
pub(crate) fn exchange(transmit: &mut Transmit, change: impl Fn(MptcpOption) -> MptcpOption) {
    rewrite(transmit, |head, _| {
        let mut options = TcpOptions::EMPTY;
        for option in &head.options {
            match option {
                TcpOption::Mptcp(data) => {
                    let option = change(MptcpOption::parse(data).expect("it was sent"));
                    options.try_push_mptcp(&option).expect("it is as long as before");
                }
                other => options.try_push(other).expect("it was there"),
            }
        }
        head.options = options;
    });
}
