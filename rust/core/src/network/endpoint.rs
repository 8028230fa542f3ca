//! A container's link into a bridge, or on a link of the host.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use rocker_sys::clone::exit_now;
use rocker_sys::netlink::{Address, Config, LOOPBACK, Link, Route, Veth};
use rocker_sys::nft::Nft;

use super::{bridge, parent, sysctl};
use crate::protocol::{Cidr, Endpoint, EndpointState};
use crate::{Error, Kind, Result};

/// How long the link of a container's last run may take to go from its parent, with its hardware address.
const GONE: Duration = Duration::from_secs(5);

/// A container's network namespace, and the way into it and back.
#[derive(Debug)]
pub struct Inside {
    /// The container's.
    pub namespace: OwnedFd,
    home: OwnedFd,
}

impl Inside {
    /// The namespace of a container; that of the calling thread is where it returns to.
    pub fn new(namespace: OwnedFd) -> Result<Self> {
        let home = Route::open().and_then(|route| route.namespace());
        Ok(Self { namespace, home: home.map_err(|errno| Error::sys("find the network namespace", errno))? })
    }

    /// Does something in the container's namespace; what it opens there stays there.
    ///
    /// A process that cannot return ends: one in the wrong namespace would do to the one what is meant for the other.
    pub fn visit<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        setns(&self.namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| Error::sys("enter the container's network namespace", errno))?;
        let done = act();
        if setns(&self.home, CloneFlags::CLONE_NEWNET).is_err() {
            exit_now(1);
        }
        done
    }
}

/// Connects a container with a bridge, which is made where it is not there: a pair of links made in place, addresses,
/// routes. Where a parent is in its place, the container gets a link on it. `hairpin`: whether it publishes ports, by which
/// it may meet itself. `nft`: see [`super::nft`].
///
/// On failure nothing is left.
pub fn attach(
    proc: BorrowedFd<'_>,
    nft: &mut Nft,
    inside: &Inside,
    endpoint: &Endpoint,
    table: &str,
    link: &str,
    hairpin: bool,
) -> Result<EndpointState> {
    let mut route = super::route()?;
    if let Some(parent) = &endpoint.bridge.parent {
        parent::add(&mut route, inside, endpoint, parent)?;
        if let Err(error) = configure(proc, inside, endpoint) {
            let _ = detach(inside, endpoint, link);
            return Err(error);
        }
        return Ok(state_of(endpoint, link));
    }
    let master = bridge::ensure(proc, (&mut route, nft), &endpoint.bridge, table)?;
    let veth = Veth {
        name: link,
        master,
        peer: &endpoint.interface,
        namespace: inside.namespace.as_fd(),
        mac: endpoint.mac.map(|mac| mac.0),
        mtu: endpoint.bridge.mtu.filter(|mtu| *mtu != 0),
    };
    route.add_veth(&veth).map_err(|errno| explain(endpoint, errno))?;
    let done = set_port(&mut route, endpoint, link, hairpin).and_then(|()| configure(proc, inside, endpoint));
    if let Err(error) = done {
        let _ = route.delete(link);
        return Err(error);
    }
    // The bridge has its carrier from its ports.
    let index = carry(&mut route, link);
    if let (Some(index), Some(mac)) = (index, endpoint.mac) {
        // Its address may have been another's a moment ago, whose namespace has not ended yet: the hardware address that
        // follows from it leads here from now on. Nor can a neighbour draw it to itself by frames that bear it.
        let _ = route.pin(index, mac.0);
    }
    carry(&mut route, &endpoint.bridge.name);
    Ok(state_of(endpoint, link))
}

/// What is told of an endpoint, `link` being the name of its end on the host, empty where it has none.
pub fn state_of(endpoint: &Endpoint, link: &str) -> EndpointState {
    EndpointState {
        network: endpoint.network.clone(),
        interface: endpoint.interface.clone(),
        link: link.to_owned(),
        addresses: endpoint.addresses.clone(),
        mac: endpoint.mac,
    }
}

/// Disconnects a container that goes on. One that ends loses its links with its namespace, and nobody waits for that.
pub fn detach(inside: &Inside, endpoint: &Endpoint, link: &str) -> Result<()> {
    cut(Some(inside), &state_of(endpoint, link))
}

/// Removes the link of an endpoint: its end on the host, or, where it has none, the one in the namespace, if that is there.
pub fn cut(inside: Option<&Inside>, endpoint: &EndpointState) -> Result<()> {
    let remove = |name: &str| match super::route()?.delete(name) {
        Ok(()) | Err(Errno::ENODEV) => Ok(()),
        Err(errno) => Err(Error::at("remove the link", name, errno)),
    };
    match inside {
        _ if !endpoint.link.is_empty() => remove(&endpoint.link),
        Some(inside) => inside.visit(|| remove(&endpoint.interface)),
        None => Ok(()),
    }
}

fn set_port(route: &mut Route, endpoint: &Endpoint, link: &str, hairpin: bool) -> Result<()> {
    if endpoint.bridge.icc && !hairpin {
        return Ok(());
    }
    let fail = |errno| Error::at("set the bridge's port", link, errno);
    let end = route.link(link).map_err(fail)?.ok_or_else(|| fail(Errno::ENODEV))?;
    route.set_port(end.index, !endpoint.bridge.icc, hairpin).map_err(fail)
}

/// In the container's namespace: parameters first, because a link that is up has an address of IPv6 already.
fn configure(proc: BorrowedFd<'_>, inside: &Inside, endpoint: &Endpoint) -> Result<()> {
    let name = &endpoint.interface;
    let fail = |errno| match errno {
        Errno::EADDRNOTAVAIL | Errno::EINVAL | Errno::ENETUNREACH | Errno::EHOSTUNREACH => {
            Error::at("set addresses and routes of", name, errno).kind(Kind::Invalid)
        }
        Errno::EADDRINUSE => Error::at("set up", name, errno)
            .kind(Kind::Conflict)
            .hint(format!("another link on {} has its hardware address", endpoint.bridge.name)),
        _ => Error::at("set addresses and routes of", name, errno),
    };
    inside.visit(|| {
        let has_six = endpoint.addresses.iter().any(|Cidr(one)| one.address.is_ipv6());
        sysctl::set_if_there(
            proc,
            &format!("ipv6/conf/{name}/disable_ipv6"),
            if has_six { "0" } else { "1" },
        )?;
        if has_six {
            sysctl::set_if_there(proc, &format!("ipv6/conf/{name}/accept_ra"), "0")?;
        }
        set_sysctls(proc, endpoint)?;
        let mut route = super::route()?;
        let link = route.link(name).map_err(fail)?.ok_or_else(|| fail(Errno::ENODEV))?;
        apply(&mut route, endpoint, &link).map_err(fail)?;
        carry(&mut route, name);
        Ok(())
    })
}

/// A namespace goes some time after its last process: a container that starts again at once meets, on a parent, its own
/// link with its own hardware address.
fn apply(route: &mut Route, endpoint: &Endpoint, link: &Link) -> nix::Result<()> {
    let begun = Instant::now();
    loop {
        match route.apply(plan(endpoint, link)) {
            Err(Errno::EADDRINUSE) if endpoint.bridge.parent.is_some() && begun.elapsed() < GONE => {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

/// Has a link that has just got its carrier pass frames at once: asking for it runs what else waits for the kernel's link
/// watch (`rtnl_getlink`, Linux 6.8), and what is sent before is lost, to be sent again after a second.
///
/// Its index.
fn carry(route: &mut Route, name: &str) -> Option<u32> {
    Some(route.link(name).ok()??.index)
}

/// Adds the default routes by an endpoint whose link is there: those that there are already stay.
pub fn add_gateways(inside: &Inside, endpoint: &Endpoint) -> Result<()> {
    let fail = |errno| Error::at("set routes of", &endpoint.interface, errno);
    inside.visit(|| {
        let mut route = super::route()?;
        let link = route.link(&endpoint.interface).map_err(fail)?.ok_or_else(|| fail(Errno::ENODEV))?;
        let mut config = Config::default();
        gateways(&mut config, endpoint, &link);
        route.apply(config).map_err(fail)
    })
}

fn plan(endpoint: &Endpoint, link: &Link) -> Config {
    let mut config = Config::default();
    config.up(LOOPBACK);
    for Cidr(address) in &endpoint.addresses {
        config.address(link.index, *address);
    }
    config.up(link.index);
    gateways(&mut config, endpoint, link);
    config
}

fn gateways(config: &mut Config, endpoint: &Endpoint, link: &Link) {
    for gateway in &endpoint.gateways {
        let near = endpoint.addresses.iter().any(|Cidr(one)| {
            let network = bridge::network_of(*one);
            network == bridge::network_of(Address { address: *gateway, ..network })
        });
        config.default_route(link.index, *gateway, !near);
    }
}

/// Parameters of this link alone: `net.<family>.(conf|neigh).IFNAME.<name>`.
fn set_sysctls(proc: BorrowedFd<'_>, endpoint: &Endpoint) -> Result<()> {
    for (name, value) in &endpoint.sysctls {
        let parts: Vec<&str> = name.split('.').collect();
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let path = match parts[..] {
            ["net", family @ ("ipv4" | "ipv6" | "mpls"), kind @ ("conf" | "neigh"), "IFNAME", last]
                if plain(last) =>
            {
                format!("{family}/{kind}/{}/{last}", endpoint.interface)
            }
            _ => {
                return Err(Error::invalid(format!(
                    "sysctl `{}` is not the link's own",
                    name.escape_debug()
                ))
                .hint("such as net.ipv4.conf.IFNAME.log_martians"));
            }
        };
        sysctl::set(proc, &path, value)?;
    }
    Ok(())
}

fn explain(endpoint: &Endpoint, errno: Errno) -> Error {
    let network = if endpoint.name.is_empty() { &endpoint.network } else { &endpoint.name };
    match errno {
        Errno::EXFULL => Error::new(
            Kind::NoSpace,
            format!("the network {network} is full: its bridge {} has 1,023 ports", endpoint.bridge.name),
        )
        .hint("make another network, or remove containers of this one"),
        Errno::EEXIST => {
            Error::new(Kind::Conflict, format!("the container has a link {} already", endpoint.interface))
        }
        Errno::EOPNOTSUPP => {
            Error::sys("make a pair of links", errno).hint("the kernel needs CONFIG_VETH (module veth)")
        }
        _ => Error::at("connect the container with the network", network, errno),
    }
}
