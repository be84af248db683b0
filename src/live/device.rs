//! What joins an interface to the outside: a TUN device or sockets. Opening them, and what to do where that is not allowed.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use scenarios::outside::{Joint, Outlet};
use sim_core::SimTime;
use tun_rs::{DeviceBuilder, SyncDevice};

use super::gateway::Gateway;
use crate::failure::{Failure, reason};

/// What joins an interface to the outside.
pub(super) enum Device {
    /// The kernel, by a TUN device.
    Tun(SyncDevice),
    /// Sockets of programs.
    Sockets(Box<Gateway>),
}

impl Device {
    /// Opens what joins an outlet; `seed` is for what a gateway draws.
    pub(super) fn open(outlet: &Outlet, seed: u64) -> Result<Self, Failure> {
        match &outlet.joint {
            Joint::Tun(tun) => open(outlet, tun).map(Self::Tun),
            Joint::Sockets(bindings) => {
                Gateway::open(outlet, bindings, seed).map(|gateway| Self::Sockets(Box::new(gateway)))
            }
        }
    }

    /// Reads what there is for the simulation, up to `limit` packets, and hands each to `take`.
    pub(super) fn read(
        &mut self,
        now: SimTime,
        limit: usize,
        buffer: &mut [u8],
        mut take: impl FnMut(Vec<u8>),
    ) -> io::Result<()> {
        match self {
            Self::Tun(device) => {
                for _ in 0..limit {
                    match device.recv(buffer) {
                        Ok(length) => take(buffer[..length].to_vec()),
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
            }
            Self::Sockets(gateway) => {
                gateway.turn(now);
                std::iter::from_fn(|| gateway.next_packet()).take(limit).for_each(take);
            }
        }
        Ok(())
    }

    /// Hands a packet from the simulation to whom it is for; says whether it was taken.
    pub(super) fn write(&mut self, now: SimTime, bytes: &[u8]) -> bool {
        match self {
            Self::Tun(device) => loop {
                match device.send(bytes) {
                    Ok(_) => return true,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // A device that is down or full, or a packet that the kernel finds malformed: it is lost.
                    Err(_) => return false,
                }
            },
            Self::Sockets(gateway) => gateway.take(now, bytes),
        }
    }

    /// When it has to be looked at, even if nothing comes.
    pub(super) fn next_timeout(&self) -> Option<SimTime> {
        match self {
            Self::Tun(_) => None,
            Self::Sockets(gateway) => gateway.next_timeout(),
        }
    }

    /// What to wait for.
    pub(super) fn watch<'a>(&'a self, descriptors: &mut Vec<PollFd<'a>>) {
        match self {
            Self::Tun(device) => descriptors.push(PollFd::new(device, PollFlags::IN)),
            Self::Sockets(gateway) => gateway.watch(descriptors),
        }
    }
}

/// Opens the device of an outlet, and makes it with the outlet's addresses where it does not exist.
fn open(outlet: &Outlet, tun: &str) -> Result<SyncDevice, Failure> {
    let made = Path::new("/sys/class/net").join(tun).exists();
    let device = if made { attach(tun) } else { make(outlet, tun) };
    let device = device.and_then(|device| device.set_nonblocking(true).map(|()| device));
    device.map_err(|error| Failure::Input(explain(outlet, tun, made, &error)))
}

/// A device that somebody has made, with addresses, for whoever may use it.
fn attach(tun: &str) -> io::Result<SyncDevice> {
    DeviceBuilder::new().name(tun).inherit_enable_state().build_sync()
}

/// A device that lives as long as this process.
fn make(outlet: &Outlet, tun: &str) -> io::Result<SyncDevice> {
    let mut builder = DeviceBuilder::new().name(tun).mtu(outlet.mtu);
    builder = builder.with(|options| {
        options.tx_queue_len(QUEUE_LEN);
    });
    for &(address, length) in &outlet.addresses {
        builder = match address {
            IpAddr::V4(address) => builder.ipv4(address, length, None),
            IpAddr::V6(address) => builder.ipv6(address, length),
        };
    }
    let device = builder.build_sync()?;
    for &(address, _) in &outlet.addresses {
        wait_until_usable(address)?;
    }
    Ok(device)
}

/// Waits until the kernel uses an address of the device: an IPv6 address is tentative (RFC 4862, section 5.4) until the kernel
/// gets round to it, and a connection begun before that would come from another address, to which nothing can be answered.
fn wait_until_usable(address: IpAddr) -> io::Result<()> {
    for _ in 0..TRIES {
        match UdpSocket::bind((address, 0)) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => sleep(BETWEEN_TRIES),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "the kernel does not use its address {address}; has another device got it?"
    )))
}

fn explain(outlet: &Outlet, tun: &str, made: bool, error: &io::Error) -> String {
    let what = format!("cannot open the TUN device {tun} of {}: {}", outlet.name, reason(error));
    let advice = match error.kind() {
        ErrorKind::PermissionDenied if made => {
            "the device belongs to another user; run as root, or as the user that it was made for".to_owned()
        }
        ErrorKind::PermissionDenied => {
            let addresses: String = outlet
                .addresses
                .iter()
                .map(|(address, length)| format!("\n  ip address add {address}/{length} dev {tun}"))
                .collect();
            format!(
                "run as root, or give the program the right (setcap cap_net_admin+ep netjoule), or have the device \
                 made for you by root:\n  ip tuntap add dev {tun} mode tun user YOU{addresses}\n  ip link set {tun} \
                 up mtu {}\nor let `sockets` take the device's place in the scenario",
                outlet.mtu
            )
        }
        ErrorKind::NotFound => {
            "the kernel has no TUN devices here; load its module (modprobe tun)".to_owned()
        }
        ErrorKind::ResourceBusy => "another program uses it; is a second `netjoule live` running?".to_owned(),
        _ => return what,
    };
    format!("{what}; {advice}")
}

/// How often to look whether an address is usable: for ten seconds, where a kernel that looks for duplicates takes one.
const TRIES: u32 = 5000;
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// Packets that the kernel keeps while the simulation is busy: half a megabyte of small ones.
const QUEUE_LEN: u32 = 2000;
