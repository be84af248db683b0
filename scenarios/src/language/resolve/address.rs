//! Addresses that the file gives: readable, distinct, and alike on one link.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Resolver, section};
use crate::language::document::{InterfaceSettings, IpVersion};
use crate::language::path::Path;
use crate::language::scenario::{Address, Attachment, InterfaceId, InterfaceName, Scenario};

impl Resolver<'_> {
    /// Reads the addresses of a declared interface of `count` like nodes.
    pub(super) fn read_addresses(
        &mut self,
        settings: &InterfaceSettings,
        path: &Path,
        count: u32,
        scenario: &Scenario,
    ) -> Vec<Address> {
        let mut addresses = Vec::new();
        for (path, text) in settings.address.located(path) {
            match read_address(text).and_then(|address| check_version(address, scenario.ip)) {
                Err((message, help)) => self.error_with_help(path, message, help),
                Ok(_) if count > 1 => {
                    let message = format!("one address for {count} nodes");
                    self.error_with_help(path, message, "leave `address` out, and each node gets its own");
                }
                Ok(address) => addresses.push(address),
            }
        }
        addresses
    }

    /// Finds addresses that are given twice, and neighbours that do not see each other.
    pub(super) fn addresses(&mut self, scenario: &Scenario) {
        let mut owners: BTreeMap<IpAddr, InterfaceId> = BTreeMap::new();
        for (&interface, addresses) in &scenario.addresses {
            for address in addresses {
                if let Some(first) = owners.insert(address.ip, interface) {
                    let owner = scenario.node_name(scenario.interface(first).node);
                    let message = format!("the address {} belongs to `{owner}` already", address.ip);
                    self.error(address_path(scenario, interface), message);
                }
            }
        }
        for link in &scenario.links {
            let [a, b] = link.ends;
            self.check_neighbours(scenario, a, b);
        }
        let mut firsts: BTreeMap<u32, InterfaceId> = BTreeMap::new();
        for &interface in scenario.addresses.keys() {
            if let Attachment::Medium(medium) = scenario.interface(interface).attached {
                match firsts.get(&medium.0) {
                    Some(&first) => self.check_neighbours(scenario, first, interface),
                    None => {
                        firsts.insert(medium.0, interface);
                    }
                }
            }
        }
    }

    fn check_neighbours(&mut self, scenario: &Scenario, a: InterfaceId, b: InterfaceId) {
        for version in [true, false] {
            let of = |interface: InterfaceId| {
                scenario
                    .addresses_of(interface)
                    .iter()
                    .copied()
                    .find(|address| address.ip.is_ipv4() == version)
            };
            let (Some(one), Some(other)) = (of(a), of(b)) else { continue };
            let others = scenario.addresses_of(b);
            let shared =
                scenario.addresses_of(a).iter().any(|x| others.iter().any(|y| x.shares_prefix_with(*y)));
            if !shared {
                let name = scenario.node_name(scenario.interface(a).node);
                let message = format!("{other} is not in the prefix of its neighbour `{name}`, {one}");
                self.error_with_help(
                    address_path(scenario, b),
                    message,
                    "neighbours share a prefix of one length",
                );
            }
        }
    }
}

fn address_path(scenario: &Scenario, interface: InterfaceId) -> Path {
    let interface = scenario.interface(interface);
    let group = scenario.group_of(interface.node);
    let name = match interface.name {
        InterfaceName::Declared(at) => group.interface_names[usize::from(at)].clone(),
        InterfaceName::Automatic(number) => format!("eth{number}"),
    };
    section("nodes").key(&group.name).key("interfaces").key(name).key("address")
}

/// Reads "10.1.0.2/24", or says what is wrong with it and how to mend it.
pub(crate) fn read_prefix(text: &str) -> Result<Address, (String, String)> {
    let shown = crate::language::quantity::shorten(text);
    let Some((ip, prefix)) = text.split_once('/') else {
        let help = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => format!("write \"{text}/24\""),
            Ok(IpAddr::V6(_)) => format!("write \"{text}/64\""),
            Err(_) => "an address reads \"10.1.0.2/24\" or \"fd00::2/64\"".to_owned(),
        };
        return Err((format!("\"{shown}\" lacks the length of its prefix"), help));
    };
    let ip: IpAddr = ip.trim().parse().map_err(|_| {
        let message = format!("\"{shown}\" is not an IP address");
        (message, "an address reads \"10.1.0.2/24\" or \"fd00::2/64\"".to_owned())
    })?;
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    match prefix.trim().parse::<u8>() {
        Ok(prefix) if prefix <= longest => Ok(Address { ip, prefix }),
        Ok(_) | Err(_) => {
            let message = format!("\"{shown}\" has no possible length of prefix");
            Err((message, format!("the length is 0 to {longest}")))
        }
    }
}

fn read_address(text: &str) -> Result<Address, (String, String)> {
    let address = read_prefix(text)?;
    let refuse =
        |what: &str| Err((format!("{address} is {what}"), "choose an address of one host".to_owned()));
    if address.ip.is_multicast() {
        return refuse("a multicast address: no interface has it alone");
    }
    if address.ip.is_unspecified() || address.ip.is_loopback() {
        return refuse("reserved: no interface on a network has it");
    }
    if let IpAddr::V4(ip) = address.ip
        && address.prefix < 31
    {
        // RFC 3021 lifts the rule for prefixes of 31 bits, and a prefix of 32 has no other address.
        let hosts = u32::MAX >> address.prefix;
        if ip.to_bits() & hosts == 0 {
            return refuse("the address of the network itself");
        }
        if ip.to_bits() & hosts == hosts {
            return refuse("the broadcast address of its network");
        }
    }
    Ok(address)
}

fn check_version(address: Address, ip: IpVersion) -> Result<Address, (String, String)> {
    match (ip, address.ip) {
        (IpVersion::V4, IpAddr::V6(_)) => Err((
            format!("{address} in a scenario with IPv4 only"),
            "set `\"ip\": \"v6\"` or `\"dual\"`".to_owned(),
        )),
        (IpVersion::V6, IpAddr::V4(_)) => Err((
            format!("{address} in a scenario with IPv6 only"),
            "set `\"ip\": \"v4\"` or `\"dual\"`".to_owned(),
        )),
        (IpVersion::Dual, _) | (IpVersion::V4, IpAddr::V4(_)) | (IpVersion::V6, IpAddr::V6(_)) => Ok(address),
    }
}
