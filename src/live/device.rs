//! TUN devices: opening them, and what to do where that is not allowed.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::Path;

use scenarios::outside::Outlet;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::failure::{Failure, reason};

/// Opens the device of an outlet, and makes it with the outlet's addresses where it does not exist.
pub(super) fn open(outlet: &Outlet) -> Result<SyncDevice, Failure> {
    let made = Path::new("/sys/class/net").join(&outlet.tun).exists();
    let device = if made { attach(outlet) } else { make(outlet) };
    let device = device.and_then(|device| device.set_nonblocking(true).map(|()| device));
    device.map_err(|error| Failure::Input(explain(outlet, made, &error)))
}

/// A device that somebody has made, with addresses, for whoever may use it.
fn attach(outlet: &Outlet) -> io::Result<SyncDevice> {
    DeviceBuilder::new().name(&outlet.tun).inherit_enable_state().build_sync()
}

/// A device that lives as long as this process.
fn make(outlet: &Outlet) -> io::Result<SyncDevice> {
    let mut builder = DeviceBuilder::new().name(&outlet.tun).mtu(outlet.mtu);
    builder = builder.with(|options| {
        options.tx_queue_len(QUEUE_LEN);
    });
    for &(address, length) in &outlet.addresses {
        builder = match address {
            IpAddr::V4(address) => builder.ipv4(address, length, None),
            IpAddr::V6(address) => builder.ipv6(address, length),
        };
    }
    builder.build_sync()
}

fn explain(outlet: &Outlet, made: bool, error: &io::Error) -> String {
    let tun = &outlet.tun;
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
                 up mtu {}",
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

/// Packets that the kernel keeps while the simulation is busy: half a megabyte of small ones.
const QUEUE_LEN: u32 = 2000;
