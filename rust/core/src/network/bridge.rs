//! A network's bridge on the host.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use rocker_sys::netlink::{Address, Config, Route};
use rocker_sys::nft::Nft;

use super::{docker, sysctl, table};
use crate::protocol::{Bridge, Cidr, check_link_name, check_table};
use crate::{Error, Kind, Result};

/// Makes the bridge and its elements in the table, or the parent in its place; what is there already stays and is completed.
/// All or nothing.
///
/// `proc` is a procfs. Forwarding is switched on for the families of its addresses.
pub fn make(proc: BorrowedFd<'_>, bridge: &Bridge, table: &str) -> Result<()> {
    bridge.check()?;
    check_table(table)?;
    let mut route = super::route()?;
    if let Some(parent) = &bridge.parent {
        return super::parent::ensure(&mut route, bridge, parent).map(drop);
    }
    let made = add_link(&mut route, bridge)?;
    match complete(proc, &mut route, bridge, table) {
        Ok(()) => Ok(()),
        Err(error) => {
            if made {
                let _ = remove(&bridge.name, table);
            }
            Err(error)
        }
    }
}

/// Makes sure, at little cost, that the bridge is there with its elements; returns its index.
pub fn ensure(
    proc: BorrowedFd<'_>,
    (route, nft): (&mut Route, &mut Nft),
    bridge: &Bridge,
    table: &str,
) -> Result<u32> {
    let find = |route: &mut Route| {
        let link = route.link(&bridge.name);
        link.map_err(|errno| Error::at("look for the bridge", &bridge.name, errno))
    };
    if let Some(link) = find(route)?
        && link.flags & nix::libc::IFF_UP as u32 != 0
        && table::knows(nft, table, &bridge.name)
    {
        return Ok(link.index);
    }
    make(proc, bridge, table)?;
    let link = find(route)?;
    Ok(link.ok_or_else(|| Error::at("look for the bridge", &bridge.name, Errno::ENODEV))?.index)
}

/// Removes the bridge and its elements; the table goes with the last bridge. What is not there is no failure.
pub fn remove(bridge: &str, table: &str) -> Result<()> {
    check_link_name(bridge)?;
    check_table(table)?;
    match super::route()?.delete(bridge) {
        Ok(()) | Err(Errno::ENODEV) => {}
        Err(errno) => return Err(Error::at("remove the bridge", bridge, errno)),
    }
    let mut nft = nft()?;
    docker::forget(&mut nft, bridge);
    table::remove_network(&mut nft, table, bridge)
}

/// Removes a parent that was a network's own. One that is not there is no failure.
pub fn remove_parent(name: &str) -> Result<()> {
    check_link_name(name)?;
    match super::route()?.delete(name) {
        Ok(()) | Err(Errno::ENODEV) => Ok(()),
        Err(errno) => Err(Error::at("remove the parent interface", name, errno)),
    }
}

/// The networks that this namespace's addresses and routes name: what a new one must not overlap.
pub fn host_networks() -> Result<Vec<Cidr>> {
    let fail = |errno| Error::sys("list addresses and routes", errno);
    let mut route = super::route()?;
    let addresses = route.addresses().map_err(fail)?.into_iter().map(|(_, address)| address);
    let all = addresses.chain(route.routes().map_err(fail)?);
    let mut found: Vec<Cidr> = Vec::new();
    for network in all.map(network_of).map(Cidr) {
        if !found.contains(&network) {
            found.push(network);
        }
    }
    Ok(found)
}

/// Names of this namespace's links.
pub fn links() -> Result<Vec<String>> {
    let links = super::route()?.links().map_err(|errno| Error::sys("list links", errno))?;
    Ok(links.into_iter().map(|link| link.name).collect())
}

/// A socket of nf_tables in the calling thread's network namespace.
///
/// Whoever closes one while something that was removed waits for its grace period waits along, 5 to 15 ms
/// (`nft_rcv_nl_event`): it is closed where nobody waits for the closer.
pub fn nft() -> Result<Nft> {
    Nft::open().map_err(|errno| {
        Error::sys("open nfnetlink", errno).hint("the kernel needs CONFIG_NF_TABLES (module nf_tables)")
    })
}

/// Makes the link where none has the name. Whether it was made.
fn add_link(route: &mut Route, bridge: &Bridge) -> Result<bool> {
    let mtu = bridge.mtu.filter(|mtu| *mtu != 0);
    match route.add_bridge(&bridge.name, hardware_address(bridge), mtu) {
        Ok(()) => Ok(true),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno @ Errno::EOPNOTSUPP) => Err(Error::at("make the bridge", &bridge.name, errno)
            .hint("the kernel needs CONFIG_BRIDGE (module bridge)")),
        Err(errno @ Errno::EINVAL) => Err(Error::at("make the bridge", &bridge.name, errno)
            .kind(Kind::Invalid)
            .hint("an MTU is 68 to 65535 bytes, or 1280 with IPv6")),
        Err(errno) => Err(Error::at("make the bridge", &bridge.name, errno)),
    }
}

fn complete(proc: BorrowedFd<'_>, route: &mut Route, bridge: &Bridge, table: &str) -> Result<()> {
    let name = &bridge.name;
    let fail = |errno| match errno {
        Errno::EADDRNOTAVAIL | Errno::EINVAL => Error::at("give the bridge its addresses", name, errno)
            .kind(Kind::Invalid)
            .hint("IPv6 must not be switched off on the host for a network with IPv6"),
        _ => Error::at("set the bridge up", name, errno),
    };
    let link = route.link(name).map_err(fail)?.ok_or_else(|| fail(Errno::ENODEV))?;
    let has = |six: bool| bridge.addresses.iter().any(|Cidr(one)| one.address.is_ipv6() == six);
    // Before it is up: a container's advertisement must change nothing on the host, and a network without IPv6 has none,
    // link-local addresses included.
    sysctl::set_if_there(proc, &format!("ipv6/conf/{name}/accept_ra"), "0")?;
    sysctl::set_if_there(proc, &format!("ipv6/conf/{name}/disable_ipv6"), if has(true) { "0" } else { "1" })?;
    // The host's 127.0.0.1 reaches a published port by the bridge; the table's `guard` keeps the other way shut.
    sysctl::set(proc, &format!("ipv4/conf/{name}/route_localnet"), "1")?;
    let mut nft = nft()?;
    table::add_network(&mut nft, table, bridge)?;
    docker::let_through(&mut nft, name)?;
    let mut config = Config::default();
    for Cidr(address) in &bridge.addresses {
        config.address(link.index, *address);
    }
    config.up(link.index);
    route.apply(config).map_err(fail)?;
    for six in [false, true].into_iter().filter(|six| has(*six)) {
        sysctl::forward(proc, six)?;
    }
    Ok(())
}

/// From its first address of IPv4, as Docker derives those of containers, else from its name.
fn hardware_address(bridge: &Bridge) -> [u8; 6] {
    let four = bridge.addresses.iter().find_map(|Cidr(one)| match one.address {
        IpAddr::V4(address) => Some(address.octets()),
        IpAddr::V6(_) => None,
    });
    let [a, b, c, d] = four.unwrap_or_else(|| {
        let hash = bridge.name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193) // FNV-1a
        });
        hash.to_be_bytes()
    });
    [0x02, 0x42, a, b, c, d]
}

/// The network that an address is in.
pub(super) fn network_of(Address { address, prefix }: Address) -> Address {
    let address = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    };
    Address { address, prefix }
}
