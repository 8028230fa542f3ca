//! A link of the host on which containers have links of their own, macvlan or ipvlan, in the place of a bridge.

use nix::errno::Errno;
use rocker_sys::netlink::{Child, IpvlanFlag, MacvlanMode, Route, Upper};
use std::os::fd::AsFd;

use super::Inside;
use crate::protocol::{Bridge, Endpoint, OwnParent, Parent, ParentKind, ParentMode};
use crate::{Error, Kind, Result};

/// Makes sure that the parent is there and up, and makes it where it is the network's own; returns its index.
pub fn ensure(route: &mut Route, bridge: &Bridge, parent: &Parent) -> Result<u32> {
    let name = &bridge.name;
    let fail = |errno| Error::at("look for the parent interface", name, errno);
    if let Some(link) = route.link(name).map_err(fail)? {
        if parent.own.is_some() && link.flags & nix::libc::IFF_UP as u32 == 0 {
            route
                .set_up(link.index)
                .map_err(|errno| Error::at("set up the parent interface", name, errno))?;
        }
        return Ok(link.index);
    }
    let Some(own) = &parent.own else {
        return Err(Error::new(
            Kind::NotFound,
            format!("the requested parent interface {name} was not found on the host"),
        )
        .hint("`ip link` lists the host's links"));
    };
    make(route, name, own)?;
    let link = route.link(name).map_err(fail)?.ok_or_else(|| fail(Errno::ENODEV))?;
    let up = route.set_up(link.index);
    if let Err(errno) = up {
        let _ = route.delete(name);
        return Err(Error::at("set up the parent interface", name, errno));
    }
    Ok(link.index)
}

fn make(route: &mut Route, name: &str, own: &OwnParent) -> Result<()> {
    let made = match own {
        OwnParent::Dummy => route.add_dummy(name),
        OwnParent::Vlan { link, id } => {
            let found = route.link(link).map_err(|errno| Error::at("look for the link", link, errno))?;
            let below = found.ok_or_else(|| {
                Error::new(Kind::NotFound, format!("-o parent interface was not found on the host: {link}"))
            })?;
            route.add_vlan(name, below.index, *id)
        }
    };
    match (made, own) {
        // Another container of the network was faster.
        (Ok(()) | Err(Errno::EEXIST), _) => Ok(()),
        (Err(errno @ Errno::EOPNOTSUPP), OwnParent::Dummy) => {
            Err(Error::at("make the parent interface", name, errno).kind(Kind::Unsupported).hint(
                "a network without a parent needs CONFIG_DUMMY (module dummy): name a link by -o parent=",
            ))
        }
        (Err(errno @ Errno::EOPNOTSUPP), OwnParent::Vlan { .. }) => {
            Err(Error::at("make the parent interface", name, errno)
                .kind(Kind::Unsupported)
                .hint("a VLAN needs CONFIG_VLAN_8021Q (module 8021q)"))
        }
        (Err(errno), _) => Err(Error::at("make the parent interface", name, errno)),
    }
}

/// Gives a container its link on the parent, in place: in its namespace, with its name.
pub fn add(route: &mut Route, inside: &Inside, endpoint: &Endpoint, parent: &Parent) -> Result<()> {
    let child = Child {
        kind: kind_of(parent),
        parent: ensure(route, &endpoint.bridge, parent)?,
        name: &endpoint.interface,
        namespace: inside.namespace.as_fd(),
        mac: endpoint.mac.map(|mac| mac.0).filter(|_| parent.kind == ParentKind::Macvlan),
        mtu: endpoint.bridge.mtu.filter(|mtu| *mtu != 0),
    };
    route.add_child(&child).map_err(|errno| explain(endpoint, parent, errno))
}

fn kind_of(parent: &Parent) -> Upper {
    match (parent.kind, parent.mode) {
        (ParentKind::Macvlan, ParentMode::Bridge) => Upper::Macvlan(MacvlanMode::Bridge),
        (ParentKind::Macvlan, ParentMode::Private) => Upper::Macvlan(MacvlanMode::Private),
        (ParentKind::Macvlan, ParentMode::Vepa) => Upper::Macvlan(MacvlanMode::Vepa),
        (ParentKind::Macvlan, ParentMode::Passthru) => Upper::Macvlan(MacvlanMode::Passthru),
        (ParentKind::Ipvlan, ParentMode::Private) => Upper::Ipvlan(IpvlanFlag::Private),
        (ParentKind::Ipvlan, ParentMode::Vepa) => Upper::Ipvlan(IpvlanFlag::Vepa),
        (ParentKind::Ipvlan, _) => Upper::Ipvlan(IpvlanFlag::Bridge),
    }
}

fn explain(endpoint: &Endpoint, parent: &Parent, errno: Errno) -> Error {
    let kind = parent.kind.name();
    let link = &endpoint.bridge.name;
    let error = Error::at(format!("make a {kind} link on"), link, errno);
    match errno {
        Errno::EOPNOTSUPP => error
            .kind(Kind::Unsupported)
            .hint(format!("the kernel needs CONFIG_{} (module {kind})", kind.to_uppercase())),
        Errno::EBUSY => error.kind(Kind::Conflict).hint(format!(
            "{link} is a port of a bridge, has links of the other kind, or one in the mode passthru"
        )),
        Errno::EEXIST => {
            Error::new(Kind::Conflict, format!("the container has a link {} already", endpoint.interface))
        }
        Errno::EINVAL => error
            .kind(Kind::Invalid)
            .hint(format!("an MTU is at most that of {link}, and {link} is Ethernet")),
        _ => error,
    }
}
