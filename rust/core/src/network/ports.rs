//! Published ports: held on the host by a socket, led to the container by elements of the table's maps.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use rocker_sys::netlink::conntrack;
use rocker_sys::nft::{Element, Family, Nft, Transaction};
use rocker_sys::port;

use super::holder;
use super::table::{self, PortMaps};
use crate::protocol::{Cidr, Endpoint, Port, Protocol};
use crate::{Error, Kind, Result};

/// Ports of the host that nobody else can take while this lives.
#[derive(Debug, Default)]
pub struct Held {
    /// With the real ports where any was asked for.
    pub ports: Vec<Port>,
    /// Bound, and of no use but that: what comes is led to the container before it gets here. None where the kernel
    /// lacks the protocol's sockets.
    sockets: Vec<Option<OwnedFd>>,
}

/// An element and the map or set that it belongs to.
pub type Placed = (&'static str, Element);

impl Held {
    /// Binds all of them, or none and says who has the one that is not free. `proc` and `run` (the run root) are where
    /// that is looked up.
    pub fn take(wanted: &[Port], proc: BorrowedFd<'_>, run: BorrowedFd<'_>) -> Result<Self> {
        let mut held = Self::default();
        for port in wanted {
            let (real, socket) =
                held.take_one(*port).map_err(|errno| explain(port, errno, &held, proc, run))?;
            held.ports.push(real);
            held.sockets.push(socket);
        }
        Ok(held)
    }

    /// Lets go of the ports, but not of their numbers.
    pub fn release(&mut self) {
        self.sockets.clear();
    }

    fn take_one(&self, port: Port) -> nix::Result<(Port, Option<OwnedFd>)> {
        if port.host_port != 0 {
            return Ok((port, bind(port)?));
        }
        // The same port for IPv4 and IPv6 where that can be had, as people expect.
        let same =
            |other: &&Port| (other.protocol, other.container_port) == (port.protocol, port.container_port);
        if let Some(other) = self.ports.iter().rev().find(same) {
            let port = Port { host_port: other.host_port, ..port };
            if let Ok(socket) = bind(port) {
                return Ok((port, socket));
            }
        }
        let socket = bind(port)?;
        let host_port = match &socket {
            Some(socket) => port::of(socket)?,
            None => return Err(Errno::EPROTONOSUPPORT),
        };
        Ok((Port { host_port, ..port }, socket))
    }
}

fn bind(port: Port) -> nix::Result<Option<OwnedFd>> {
    let address = SocketAddr::new(port.host_ip, port.host_port);
    match port::hold(port.protocol as i32, address) {
        Ok(socket) => Ok(Some(socket)),
        // Without the module sctp there are no sockets, and nobody who could take the port.
        Err(Errno::EPROTONOSUPPORT | Errno::ESOCKTNOSUPPORT) if port.protocol == Protocol::Sctp => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn explain(port: &Port, errno: Errno, held: &Held, proc: BorrowedFd<'_>, run: BorrowedFd<'_>) -> Error {
    let (ip, number) = (port.host_ip, port.host_port);
    let family = if ip.is_ipv4() { 4 } else { 6 };
    let listen = format!("listen {}{family} {ip}:{number}: bind:", port.protocol.name());
    let error = Error::sys("publish a port", errno);
    match errno {
        Errno::EADDRINUSE if number == 0 => error
            .kind(Kind::NoSpace)
            .message(format!("no {} port of {ip} is free", port.protocol.name()))
            .hint("the range is net.ipv4.ip_local_port_range"),
        Errno::EADDRINUSE => {
            let allocated = format!("Bind for {ip}:{number} failed: port is already allocated");
            let error = error.kind(Kind::Conflict);
            if held.ports.iter().any(|other| holder::clashes(other, port)) {
                return error.message(allocated).hint("the same port is published twice");
            }
            match holder::find(port, proc, run) {
                Some(who @ (holder::Holder::Container(_) | holder::Holder::Shim(_))) => {
                    error.message(allocated).hint(who.to_string())
                }
                Some(who) => error.message(format!("{listen} address already in use")).hint(who.to_string()),
                None => error
                    .message(format!("{listen} address already in use"))
                    .hint("its holder is in another network or pid namespace, or does not listen"),
            }
        }
        Errno::EADDRNOTAVAIL => error
            .kind(Kind::Invalid)
            .message(format!("{listen} cannot assign requested address"))
            .hint(format!("{ip} is no address of this host")),
        Errno::EPROTONOSUPPORT => error
            .kind(Kind::Unsupported)
            .message(format!("no {} port can be chosen", port.protocol.name()))
            .hint("the kernel lacks its sockets: name the port of the host"),
        Errno::EMFILE | Errno::ENFILE => {
            error.hint("each published port takes a file descriptor: publish fewer, or raise ulimit -n")
        }
        _ => error,
    }
}

/// The elements that lead these ports to a container with these endpoints: to its first address of the family in a
/// bridge that has a way out. Without one of IPv6 the host's ports of IPv6 lead nowhere.
pub fn elements<'e>(ports: &[Port], endpoints: impl Iterator<Item = &'e Endpoint> + Clone) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::new();
    for six in [false, true] {
        let Some(target) = target(endpoints.clone(), six) else { continue };
        let maps = PortMaps::of(six);
        let mut any = false;
        for port in ports.iter().filter(|port| port.host_ip.is_ipv6() == six) {
            let name = if port.host_ip.is_unspecified() { maps.any } else { maps.exact };
            placed.push((name, Element::pair(&key(port), &value(target, port.container_port))));
            any = true;
        }
        if any {
            placed.push((maps.itself, Element::key(&octets(target).repeat(2))));
        }
    }
    placed
}

/// All elements that may lead these ports to one of these addresses: what a shim that was killed can have left.
pub fn candidates(ports: &[Port], addresses: &[IpAddr]) -> Vec<Placed> {
    let mut placed = Vec::new();
    for address in addresses {
        let maps = PortMaps::of(address.is_ipv6());
        for port in ports.iter().filter(|port| port.host_ip.is_ipv6() == address.is_ipv6()) {
            let name = if port.host_ip.is_unspecified() { maps.any } else { maps.exact };
            placed.push((name, Element::pair(&key(port), &value(*address, port.container_port))));
        }
        placed.push((maps.itself, Element::key(&octets(*address).repeat(2))));
    }
    placed
}

/// Where elements lead.
pub fn targets(placed: &[Placed]) -> Vec<IpAddr> {
    let address = |(_, element): &Placed| {
        let data = element.data.as_deref()?;
        match data.len() {
            8 => <[u8; 4]>::try_from(&data[..4]).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(data.get(..16)?).ok().map(IpAddr::from),
        }
    };
    placed.iter().filter_map(address).collect()
}

fn target<'e>(endpoints: impl Iterator<Item = &'e Endpoint> + Clone, six: bool) -> Option<IpAddr> {
    let of = |endpoint: &Endpoint| {
        endpoint.addresses.iter().map(|Cidr(one)| one.address).find(|address| address.is_ipv6() == six)
    };
    let out = endpoints.filter(|endpoint| !endpoint.bridge.internal && endpoint.bridge.parent.is_none());
    let leads = |endpoint: &&Endpoint| endpoint.gateways.iter().any(|gateway| gateway.is_ipv6() == six);
    out.clone().filter(leads).find_map(of).or_else(|| out.clone().find_map(of))
}

fn key(port: &Port) -> Vec<u8> {
    let mut key = vec![port.protocol as u8, 0, 0, 0];
    if !port.host_ip.is_unspecified() {
        key.extend(octets(port.host_ip));
    }
    key.extend(port.host_port.to_be_bytes());
    key.extend([0, 0]);
    key
}

fn value(address: IpAddr, port: u16) -> Vec<u8> {
    let mut value = octets(address);
    value.extend(port.to_be_bytes());
    value.extend([0, 0]);
    value
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Adds the elements; whoever holds the ports may replace what a killed shim has left.
pub fn publish(nft: &mut Nft, table: &str, placed: &[Placed]) -> Result<()> {
    if placed.is_empty() {
        return Ok(());
    }
    let fail = |errno| table::fail("publish ports in the nftables table", table, errno);
    let mut transaction = Transaction::new(Family::Inet);
    add(&mut transaction, table, placed);
    match nft.commit(transaction) {
        Ok(()) => return Ok(()),
        Err(Errno::EBUSY | Errno::EEXIST | Errno::ENOENT) => {}
        Err(errno) => return Err(fail(errno)),
    }
    loop {
        table::ensure(nft, table)?;
        let generation = nft.generation().map_err(fail)?;
        let mut transaction = Transaction::of_generation(Family::Inet, generation);
        for (set, element) in placed {
            let now = nft.value(table, set, &element.key).map_err(fail)?;
            if now.is_some_and(|now| element.data.as_ref().is_some_and(|data| *data != now)) {
                transaction.remove(table, set, &[Element::key(&element.key)]);
            }
        }
        add(&mut transaction, table, placed);
        match nft.commit(transaction) {
            Ok(()) => return Ok(()),
            Err(Errno::ERESTART) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
}

fn add(transaction: &mut Transaction, table: &str, placed: &[Placed]) {
    for (set, elements) in by_set(placed) {
        transaction.add(table, set, &elements);
    }
}

fn by_set(placed: &[Placed]) -> Vec<(&'static str, Vec<Element>)> {
    let mut sets: Vec<(&'static str, Vec<Element>)> = Vec::new();
    for (name, element) in placed {
        match sets.iter_mut().find(|(set, _)| set == name) {
            Some((_, elements)) => elements.push(element.clone()),
            None => sets.push((name, vec![element.clone()])),
        }
    }
    sets
}

/// Has the kernel look anew at what comes for these ports of UDP, which has connections in its memory alone: those that were
/// led to one of these addresses, and those that were led nowhere. One whose client goes on would else never change.
///
/// A kernel without ctnetlink is no failure: they are forgotten after half a minute of silence.
pub fn forget_connections(ports: &[Port], addresses: &[IpAddr]) {
    let numbers: Vec<u16> =
        ports.iter().filter(|port| port.protocol == Protocol::Udp).map(|port| port.host_port).collect();
    if numbers.is_empty() {
        return;
    }
    let addresses: Vec<Vec<u8>> = addresses.iter().map(|address| octets(*address)).collect();
    for family in [nix::libc::AF_INET as u8, nix::libc::AF_INET6 as u8] {
        let _ = conntrack::forget(family, |there, back| {
            let untouched = back.source == there.destination && back.destination == there.source;
            there.protocol == Protocol::Udp as u8
                && numbers.contains(&there.port)
                && (untouched || addresses.contains(&back.source))
        });
    }
}

/// Removes the elements, as far as they are there and still lead where these do: another container may have the port.
pub fn withdraw(nft: &mut Nft, table: &str, placed: &[Placed]) -> Result<()> {
    if placed.is_empty() {
        return Ok(());
    }
    let fail = |errno| table::fail("withdraw ports from the nftables table", table, errno);
    loop {
        let generation = nft.generation().map_err(fail)?;
        let mut transaction = Transaction::of_generation(Family::Inet, generation);
        for (set, element) in placed {
            let now = nft.value(table, set, &element.key).map_err(fail)?;
            if now.is_some_and(|now| element.data.as_ref().is_none_or(|data| *data == now)) {
                transaction.remove(table, set, &[Element::key(&element.key)]);
            }
        }
        match nft.commit(transaction) {
            Ok(()) => return Ok(()),
            Err(Errno::ERESTART) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bridge;
    use super::*;
    use crate::protocol::Bridge;
    use nix::sched::{CloneFlags, unshare};

    const TABLE: &str = "rocker-test";

    /// Runs in a thread of its own, which is in a new network namespace; without the right to make one, not at all.
    fn in_a_namespace(test: impl FnOnce() + Send + 'static) {
        let run = move || {
            if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
                test();
            }
        };
        std::thread::spawn(run).join().unwrap();
    }

    fn placed(text: &str) -> Vec<Placed> {
        let port = |host_ip: &str, host_port| Port {
            protocol: Protocol::Tcp,
            host_ip: host_ip.parse().unwrap(),
            host_port,
            container_port: 80,
        };
        candidates(&[port("0.0.0.0", 8080), port("127.0.0.1", 8081)], &[text.parse().unwrap()])
    }

    fn leads_to(set: &str) -> Vec<Vec<u8>> {
        let elements = bridge::nft().unwrap().elements(TABLE, set).unwrap();
        elements.into_iter().filter_map(|element| Some(element.data?[..4].to_vec())).collect()
    }

    #[test]
    fn what_a_dead_container_left_is_replaced_and_what_another_has_is_kept() {
        in_a_namespace(|| {
            let nft = &mut bridge::nft().unwrap();
            let (dead, new) = (placed("10.0.0.2"), placed("10.0.0.3"));
            publish(nft, TABLE, &dead).unwrap();
            publish(nft, TABLE, &dead).unwrap();
            assert_eq!(leads_to("anywhere4"), [[10, 0, 0, 2]]);
            publish(nft, TABLE, &new).unwrap();
            withdraw(nft, TABLE, &dead).unwrap();
            assert_eq!(
                (leads_to("anywhere4"), leads_to("ports4")),
                (vec![vec![10, 0, 0, 3]], vec![vec![10, 0, 0, 3]])
            );
            assert_eq!(bridge::nft().unwrap().elements(TABLE, "itself4").unwrap().len(), 1);
            withdraw(nft, TABLE, &new).unwrap();
            withdraw(nft, TABLE, &new).unwrap();
            assert!(leads_to("anywhere4").is_empty());
            assert_eq!(targets(&new), ["10.0.0.3".parse::<IpAddr>().unwrap(); 2]);
        });
    }

    #[test]
    fn a_table_goes_with_its_last_bridge_and_comes_back_whole() {
        in_a_namespace(|| {
            let bridge = |name: &str, internal| Bridge {
                name: name.into(),
                addresses: Vec::new(),
                internal,
                masquerade: true,
                icc: true,
                mtu: None,
                host_binding: None,
                parent: None,
            };
            let mut nft = bridge::nft().unwrap();
            table::add_network(&mut nft, TABLE, &bridge("one", false)).unwrap();
            table::add_network(&mut nft, TABLE, &bridge("two", true)).unwrap();
            let count = |nft: &mut rocker_sys::nft::Nft, set| nft.elements(TABLE, set).unwrap().len();
            assert_eq!((count(&mut nft, "bridges"), count(&mut nft, "internal")), (2, 1));
            table::add_network(&mut nft, TABLE, &bridge("two", false)).unwrap();
            assert_eq!((count(&mut nft, "bridges"), count(&mut nft, "internal")), (2, 0));
            assert!(!table::ensure(&mut nft, TABLE).unwrap());
            // A rule that somebody took away: the table is made anew.
            let handle = nft.rules(Family::Inet, TABLE, Some("forward")).unwrap()[0].handle;
            let mut damage = Transaction::new(Family::Inet);
            damage.delete_rule(TABLE, "forward", handle);
            nft.commit(damage).unwrap();
            assert!(table::ensure(&mut nft, TABLE).unwrap());
            table::add_network(&mut nft, TABLE, &bridge("one", false)).unwrap();
            table::remove_network(&mut nft, TABLE, "nosuch").unwrap();
            assert!(table::knows(&mut nft, TABLE, "one"));
            table::remove_network(&mut nft, TABLE, "one").unwrap();
            assert_eq!(nft.table(Family::Inet, TABLE).unwrap(), None);
            table::remove_network(&mut nft, TABLE, "one").unwrap();
        });
    }
}
