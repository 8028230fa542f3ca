//! `rtnetlink(7)`: links, addresses and routes, as far as containers need them.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::wire::{Batch, Message, number, text};
use super::{Attributes, Socket};
use crate::check;

// include/uapi/linux/if_link.h, veth.h, if_bridge.h, rtnetlink.h; libc has not all of them for every C library.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const VETH_INFO_PEER: u16 = 1;
const IFLA_VLAN_ID: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_FLAGS: u16 = 2;
const IPVLAN_MODE_L2: u16 = 0;
const IFLA_BRPORT_MODE: u16 = 4;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const RTEXT_FILTER_SKIP_STATS: u32 = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
const IFA_F_NODAD: u32 = 0x02;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTNH_F_ONLINK: u32 = 4;
const RTPROT_BOOT: u8 = 3;
const RT_TABLE_MAIN: u8 = 254;
const RTN_UNICAST: u8 = 1;

const NDA_LLADDR: u16 = 2;
const NUD_NOARP: u16 = 0x40;
const NTF_MASTER: u8 = 0x04;
const NTF_STICKY: u8 = 0x40;

const CREATE: u16 = (libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
const REPLACE: u16 = (libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE) as u16;
const ACK: u16 = libc::NLM_F_ACK as u16;
const DUMP: u16 = libc::NLM_F_DUMP as u16;

/// Index of `lo`, the first link of every network namespace (`LOOPBACK_IFINDEX`).
pub const LOOPBACK: u32 = 1;

/// A socket of NETLINK_ROUTE in the calling thread's network namespace.
#[derive(Debug)]
pub struct Route(Socket);

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its flags (IFF_UP and others).
    pub flags: u32,
    /// Index of the bridge that it is a port of; 0 without one.
    pub master: u32,
}

/// An address with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub prefix: u8,
}

/// A pair of virtual Ethernet links.
#[derive(Debug)]
pub struct Veth<'a> {
    /// Name of the end in this namespace.
    pub name: &'a str,
    /// Index of the bridge that this end becomes a port of.
    pub master: u32,
    /// Name of the other end.
    pub peer: &'a str,
    /// The namespace in which the other end is born.
    pub namespace: BorrowedFd<'a>,
    /// Hardware address of the other end.
    pub mac: Option<[u8; 6]>,
    /// Bytes in a frame; the kernel's default when None.
    pub mtu: Option<u32>,
}

/// What a link on another one is, and how those of one parent treat each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upper {
    /// With a hardware address of its own (`MACVLAN_MODE_*`).
    Macvlan(MacvlanMode),
    /// With its parent's, in mode `l2` (`IPVLAN_F_*`).
    Ipvlan(IpvlanFlag),
}

/// include/uapi/linux/if_link.h
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacvlanMode {
    /// They do not reach each other.
    Private = 1,
    /// By a switch that sends frames back.
    Vepa = 2,
    /// Directly.
    Bridge = 4,
    /// One alone has the parent.
    Passthru = 8,
}

/// include/uapi/linux/if_link.h
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpvlanFlag {
    /// Directly.
    Bridge = 0,
    /// They do not reach each other.
    Private = 1,
    /// By a switch that sends frames back.
    Vepa = 2,
}

/// A link on a link of this namespace, born in another namespace.
#[derive(Debug)]
pub struct Child<'a> {
    /// What it is.
    pub kind: Upper,
    /// Index of the link below it.
    pub parent: u32,
    /// Its name.
    pub name: &'a str,
    /// The namespace in which it is born.
    pub namespace: BorrowedFd<'a>,
    /// Hardware address; the kernel's choice when None.
    pub mac: Option<[u8; 6]>,
    /// Bytes in a frame; the parent's when None.
    pub mtu: Option<u32>,
}

/// What is set in one message to the kernel: links up, addresses, routes. Adding what is there already is no failure.
#[derive(Debug, Default)]
pub struct Config(Batch);

impl Config {
    /// Sets IFF_UP.
    pub fn up(&mut self, index: u32) -> &mut Self {
        let up = libc::IFF_UP as u32;
        self.0.message(libc::RTM_NEWLINK, ACK, &link_header(index, up, up));
        self
    }

    /// Adds an address. One of IPv6 can be used at once: nobody else is asked for it (IFA_F_NODAD).
    pub fn address(&mut self, index: u32, Address { address, prefix }: Address) -> &mut Self {
        let mut header = [0; 8]; // struct ifaddrmsg: family, prefixlen, flags, scope, index
        header[0] = family(address);
        header[1] = prefix;
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        self.0.message(libc::RTM_NEWADDR, CREATE, &header);
        let bytes = octets(address);
        self.0.attribute(IFA_LOCAL, &bytes).attribute(IFA_ADDRESS, &bytes);
        match address {
            IpAddr::V4(address) if prefix < 31 => {
                let host = u32::MAX >> prefix;
                self.0.attribute(IFA_BROADCAST, &(address.to_bits() | host).to_be_bytes());
            }
            IpAddr::V4(_) => {}
            IpAddr::V6(_) => {
                self.0.u32(IFA_FLAGS, IFA_F_NODAD);
            }
        }
        self
    }

    /// Adds the default route through a gateway on this link; `on_link` when it is in none of the link's networks.
    pub fn default_route(&mut self, index: u32, gateway: IpAddr, on_link: bool) -> &mut Self {
        let mut header = [0; 12]; // struct rtmsg
        header[0] = family(gateway);
        header[4..8].copy_from_slice(&[RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST]);
        if on_link {
            header[8..12].copy_from_slice(&RTNH_F_ONLINK.to_ne_bytes());
        }
        self.0.message(libc::RTM_NEWROUTE, CREATE, &header);
        self.0.attribute(RTA_GATEWAY, &octets(gateway)).u32(RTA_OIF, index);
        self
    }
}

impl Route {
    /// Opens the socket.
    pub fn open() -> nix::Result<Self> {
        Socket::open(SockProtocol::NetlinkRoute).map(Self)
    }

    /// The socket's network namespace as a descriptor (ioctl SIOCGSKNS, Linux 4.9): no `/proc` is needed for it.
    pub fn namespace(&self) -> nix::Result<OwnedFd> {
        const SIOCGSKNS: libc::c_ulong = 0x894c;
        // SAFETY: SIOCGSKNS takes no argument.
        let fd = check(i64::from(unsafe { libc::ioctl(self.0.as_fd().as_raw_fd(), SIOCGSKNS as _) }))?;
        // SAFETY: the kernel has just made this descriptor, close-on-exec, and nothing else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
    }

    /// Sets IFF_UP of the link with this index (RTM_NEWLINK).
    pub fn set_up(&mut self, index: u32) -> nix::Result<()> {
        let mut config = Config::default();
        config.up(index);
        self.apply(config)
    }

    /// Applies all that was asked for; EEXIST is no failure, of others the first is returned.
    pub fn apply(&mut self, config: Config) -> nix::Result<()> {
        let results = self.0.each(config.0)?;
        results.into_iter().find(|one| !matches!(one, Ok(()) | Err(Errno::EEXIST))).unwrap_or(Ok(()))
    }

    /// Makes a bridge that is down. EEXIST where a link has the name.
    pub fn add_bridge(&mut self, name: &str, mac: [u8; 6], mtu: Option<u32>) -> nix::Result<()> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWLINK, CREATE, &link_header(0, 0, 0)).string(IFLA_IFNAME, name);
        // A bridge that was given its address keeps it; another takes the lowest of its ports, and neighbours that
        // know the old one find nobody.
        batch.attribute(IFLA_ADDRESS, &mac);
        if let Some(mtu) = mtu {
            batch.u32(IFLA_MTU, mtu);
        }
        let info = batch.nest(IFLA_LINKINFO);
        batch.attribute(IFLA_INFO_KIND, b"bridge").end(info);
        self.one(batch)
    }

    /// Makes a pair in place: one end here, up and a port of its bridge, the other born in its namespace with its name.
    ///
    /// One queue for each direction spares two grace periods of RCU; so does a link that is never moved or renamed.
    pub fn add_veth(&mut self, veth: &Veth<'_>) -> nix::Result<()> {
        let up = libc::IFF_UP as u32;
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWLINK, CREATE, &link_header(0, up, up)).string(IFLA_IFNAME, veth.name);
        batch.u32(IFLA_MASTER, veth.master);
        sizes(&mut batch, veth.mtu);
        let info = batch.nest(IFLA_LINKINFO);
        batch.attribute(IFLA_INFO_KIND, b"veth");
        let data = batch.nest(IFLA_INFO_DATA);
        let peer = batch.nest(VETH_INFO_PEER);
        batch.raw(&link_header(0, 0, 0)).string(IFLA_IFNAME, veth.peer);
        batch.u32(IFLA_NET_NS_FD, veth.namespace.as_raw_fd() as u32);
        if let Some(mac) = veth.mac {
            batch.attribute(IFLA_ADDRESS, &mac);
        }
        sizes(&mut batch, veth.mtu);
        batch.end(peer).end(data).end(info);
        self.one(batch)
    }

    /// Makes a link on another one in place, in its namespace and with its name; it is down.
    pub fn add_child(&mut self, child: &Child<'_>) -> nix::Result<()> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWLINK, CREATE, &link_header(0, 0, 0)).string(IFLA_IFNAME, child.name);
        batch.u32(IFLA_LINK, child.parent).u32(IFLA_NET_NS_FD, child.namespace.as_raw_fd() as u32);
        if let Some(mac) = child.mac {
            batch.attribute(IFLA_ADDRESS, &mac);
        }
        sizes(&mut batch, child.mtu);
        let info = batch.nest(IFLA_LINKINFO);
        match child.kind {
            Upper::Macvlan(mode) => {
                batch.attribute(IFLA_INFO_KIND, b"macvlan");
                let data = batch.nest(IFLA_INFO_DATA);
                batch.u32(IFLA_MACVLAN_MODE, mode as u32).end(data);
            }
            Upper::Ipvlan(flag) => {
                batch.attribute(IFLA_INFO_KIND, b"ipvlan");
                let data = batch.nest(IFLA_INFO_DATA);
                batch.attribute(IFLA_IPVLAN_MODE, &IPVLAN_MODE_L2.to_ne_bytes());
                batch.attribute(IFLA_IPVLAN_FLAGS, &(flag as u16).to_ne_bytes()).end(data);
            }
        }
        batch.end(info);
        self.one(batch)
    }

    /// Makes the link of a VLAN of another link; it is down.
    pub fn add_vlan(&mut self, name: &str, parent: u32, id: u16) -> nix::Result<()> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWLINK, CREATE, &link_header(0, 0, 0)).string(IFLA_IFNAME, name);
        batch.u32(IFLA_LINK, parent);
        let info = batch.nest(IFLA_LINKINFO);
        batch.attribute(IFLA_INFO_KIND, b"vlan");
        let data = batch.nest(IFLA_INFO_DATA);
        batch.attribute(IFLA_VLAN_ID, &id.to_ne_bytes()).end(data).end(info);
        self.one(batch)
    }

    /// Makes a link that leads nowhere; it is down.
    pub fn add_dummy(&mut self, name: &str) -> nix::Result<()> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWLINK, CREATE, &link_header(0, 0, 0)).string(IFLA_IFNAME, name);
        let info = batch.nest(IFLA_LINKINFO);
        batch.attribute(IFLA_INFO_KIND, b"dummy").end(info);
        self.one(batch)
    }

    /// Sets how a bridge treats its port: `isolated` from other such ports, and whether frames may go back out of the
    /// port that they came in by (`hairpin`).
    pub fn set_port(&mut self, index: u32, isolated: bool, hairpin: bool) -> nix::Result<()> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWLINK, ACK, &link_header(index, 0, 0));
        let info = batch.nest(IFLA_LINKINFO);
        batch.attribute(IFLA_INFO_SLAVE_KIND, b"bridge");
        let data = batch.nest(IFLA_INFO_SLAVE_DATA);
        batch.attribute(IFLA_BRPORT_MODE, &[u8::from(hairpin)]);
        batch.attribute(IFLA_BRPORT_ISOLATED, &[u8::from(isolated)]);
        batch.end(data).end(info);
        self.one(batch)
    }

    /// Has the bridge of this port send frames for a hardware address to it, wherever others come from that bear the address
    /// (`sticky` in bridge(8), Linux 4.20).
    pub fn pin(&mut self, index: u32, mac: [u8; 6]) -> nix::Result<()> {
        let mut header = [0; 12]; // struct ndmsg: family, padding, ifindex, state, flags, type
        header[0] = libc::AF_BRIDGE as u8;
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        header[8..10].copy_from_slice(&NUD_NOARP.to_ne_bytes());
        header[10] = NTF_MASTER | NTF_STICKY;
        let mut batch = Batch::new();
        batch.message(libc::RTM_NEWNEIGH, REPLACE, &header).attribute(NDA_LLADDR, &mac);
        self.one(batch)
    }

    /// Removes a link; ENODEV where there is none. Its namespace's end is cheaper: this waits for RCU, 15 ms or more.
    pub fn delete(&mut self, name: &str) -> nix::Result<()> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_DELLINK, ACK, &link_header(0, 0, 0)).string(IFLA_IFNAME, name);
        self.one(batch)
    }

    /// The link of this name, or None.
    pub fn link(&mut self, name: &str) -> nix::Result<Option<Link>> {
        let mut batch = Batch::new();
        batch.message(libc::RTM_GETLINK, 0, &link_header(0, 0, 0)).string(IFLA_IFNAME, name);
        batch.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        let mut found = None;
        match self.0.ask(batch, |message| found = link_of(message)) {
            Ok(()) => Ok(found),
            Err(Errno::ENODEV) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// All links of the namespace.
    pub fn links(&mut self) -> nix::Result<Vec<Link>> {
        self.dump(libc::RTM_GETLINK, &link_header(0, 0, 0), link_of)
    }

    /// All addresses of the namespace, each with the index of its link.
    pub fn addresses(&mut self) -> nix::Result<Vec<(u32, Address)>> {
        self.dump(libc::RTM_GETADDR, &[0; 8], |message| {
            let (prefix, index) = (*message.body.get(1)?, number(message.body.get(4..8)?)?);
            let attributes = message.attributes(8);
            let value = attributes.clone().find(IFA_LOCAL).or_else(|| attributes.find(IFA_ADDRESS))?;
            Some((index, Address { address: address_of(value)?, prefix }))
        })
    }

    /// Destinations of all routes of the main table but the default route.
    pub fn routes(&mut self) -> nix::Result<Vec<Address>> {
        self.dump(libc::RTM_GETROUTE, &[0; 12], |message| {
            let (prefix, table) = (*message.body.get(1)?, *message.body.get(4)?);
            let value = message.attributes(12).find(RTA_DST)?;
            (table == RT_TABLE_MAIN).then_some(Address { address: address_of(value)?, prefix })
        })
    }

    fn dump<T>(
        &mut self,
        kind: u16,
        header: &[u8],
        read: impl Fn(&Message<'_>) -> Option<T>,
    ) -> nix::Result<Vec<T>> {
        loop {
            let mut batch = Batch::new();
            batch.message(kind, DUMP, header);
            let mut found = Vec::new();
            match self.0.ask(batch, |message| found.extend(read(message))) {
                Ok(()) => return Ok(found),
                // It changed meanwhile.
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn one(&mut self, batch: Batch) -> nix::Result<()> {
        self.0.each(batch)?.into_iter().next().unwrap_or(Err(Errno::EBADMSG))
    }
}

/// struct ifinfomsg: family, pad, type, index, flags, change.
fn link_header(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn sizes(batch: &mut Batch, mtu: Option<u32>) {
    batch.u32(IFLA_NUM_TX_QUEUES, 1).u32(IFLA_NUM_RX_QUEUES, 1);
    if let Some(mtu) = mtu {
        batch.u32(IFLA_MTU, mtu);
    }
}

fn link_of(message: &Message<'_>) -> Option<Link> {
    let attributes: Attributes<'_> = message.attributes(16);
    Some(Link {
        index: number(message.body.get(4..8)?)?,
        name: text(attributes.clone().find(IFLA_IFNAME)?),
        flags: number(message.body.get(8..12)?)?,
        master: attributes.find(IFLA_MASTER).and_then(number).unwrap_or(0),
    })
}

fn family(address: IpAddr) -> u8 {
    (if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) as u8
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn address_of(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::{CloneFlags, unshare};

    #[test]
    fn loopback_can_be_set_up_again() {
        Route::open().unwrap().set_up(LOOPBACK).unwrap();
    }

    #[test]
    fn the_namespace_is_the_callers() {
        let inode = |file: &std::fs::File| std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
        let own = std::fs::File::open("/proc/self/ns/net").unwrap();
        match Route::open().unwrap().namespace() {
            Ok(fd) => assert_eq!(inode(&fd.into()), inode(&own)),
            Err(errno) => assert_eq!(errno, Errno::EPERM), // without CAP_NET_ADMIN
        }
    }

    #[test]
    fn a_link_that_is_not_there_gives_enodev() {
        let mut route = Route::open().unwrap();
        assert_eq!(route.set_up(0x7fff_fff0), Err(Errno::ENODEV));
        assert_eq!(route.link("rk-nosuch").unwrap(), None);
        assert!(route.links().unwrap().iter().any(|link| link.index == LOOPBACK && link.name == "lo"));
    }

    /// Runs in a thread of its own, which is in a new network namespace; without the right to make one, not at all.
    fn in_a_namespace(test: impl FnOnce() + Send + 'static) {
        let run = move || {
            if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
                test();
            }
        };
        std::thread::spawn(run).join().unwrap();
    }

    /// Sockets in this thread's network namespace and in a new one, and the latter.
    fn host_and_inside() -> (Route, Route, OwnedFd) {
        let host = Route::open().unwrap();
        let home = host.namespace().unwrap();
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let inside = Route::open().unwrap();
        let namespace = inside.namespace().unwrap();
        nix::sched::setns(home, CloneFlags::CLONE_NEWNET).unwrap();
        (host, inside, namespace)
    }

    #[test]
    fn a_link_on_a_link_is_made_in_place_where_the_kernel_has_its_kind() {
        in_a_namespace(|| {
            let (mut host, mut inside, namespace) = host_and_inside();
            host.add_bridge("wire", [2, 0x42, 0, 0, 0, 9], None).unwrap();
            let parent = host.link("wire").unwrap().unwrap().index;
            let kinds = [
                Upper::Macvlan(MacvlanMode::Bridge),
                Upper::Macvlan(MacvlanMode::Private),
                Upper::Ipvlan(IpvlanFlag::Bridge),
            ];
            for kind in kinds {
                let mac = matches!(kind, Upper::Macvlan(_)).then_some([2, 0x42, 10, 9, 0, 3]);
                let child =
                    Child { kind, parent, name: "eth0", namespace: namespace.as_fd(), mac, mtu: None };
                match host.add_child(&child) {
                    Ok(()) => {}
                    Err(errno) => {
                        assert_eq!(errno, Errno::EOPNOTSUPP, "{kind:?}");
                        continue;
                    }
                }
                assert_eq!(host.add_child(&child), Err(Errno::EEXIST));
                assert_eq!(host.link("eth0").unwrap(), None);
                assert_eq!(
                    inside.link("eth0").unwrap().map(|link| link.flags & libc::IFF_UP as u32),
                    Some(0)
                );
                inside.delete("eth0").unwrap();
            }
            for made in [host.add_vlan("wire.7", parent, 7), host.add_dummy("dummy")] {
                assert!(matches!(made, Ok(()) | Err(Errno::EOPNOTSUPP)), "{made:?}");
            }
            // A VLAN has no number 4095: where the kernel has VLANs it says so.
            let wrong = host.add_vlan("wire.8", parent, 4095);
            assert!(matches!(wrong, Err(Errno::ERANGE | Errno::EOPNOTSUPP)), "{wrong:?}");
        });
    }

    #[test]
    fn a_pair_is_made_in_place() {
        in_a_namespace(|| {
            let (mut host, mut inside, namespace) = host_and_inside();

            host.add_bridge("br0", [2, 0x42, 0, 0, 0, 1], Some(1400)).unwrap();
            assert_eq!(host.add_bridge("br0", [2; 6], None), Err(Errno::EEXIST));
            let bridge = host.link("br0").unwrap().unwrap();
            let veth = Veth {
                name: "v0",
                master: bridge.index,
                peer: "eth0",
                namespace: namespace.as_fd(),
                mac: Some([2, 0x42, 10, 9, 0, 2]),
                mtu: Some(1400),
            };
            host.add_veth(&veth).unwrap();
            assert_eq!(host.add_veth(&veth), Err(Errno::EEXIST));
            let end = host.link("v0").unwrap().unwrap();
            assert_eq!((end.master, end.flags & libc::IFF_UP as u32), (bridge.index, libc::IFF_UP as u32));
            host.set_port(end.index, true, true).unwrap();
            host.pin(end.index, [2, 0x42, 10, 9, 0, 2]).unwrap();
            host.pin(end.index, [2, 0x42, 10, 9, 0, 2]).unwrap();

            let link = inside.link("eth0").unwrap().unwrap();
            let address = |text: &str, prefix| Address { address: text.parse().unwrap(), prefix };
            let mine = [address("10.9.0.2", 24), address("fd00:9::2", 64)];
            for _ in 0..2 {
                let mut config = Config::default();
                config.up(LOOPBACK).address(link.index, mine[0]).address(link.index, mine[1]).up(link.index);
                config.default_route(link.index, "10.9.0.1".parse().unwrap(), false);
                config.default_route(link.index, "fd00:8::1".parse().unwrap(), true);
                inside.apply(config).unwrap();
            }
            let addresses = inside.addresses().unwrap();
            assert!(mine.iter().all(|one| addresses.contains(&(link.index, *one))), "{addresses:?}");
            assert!(inside.routes().unwrap().contains(&address("10.9.0.0", 24)));
            host.delete("v0").unwrap();
            assert_eq!(inside.link("eth0").unwrap(), None);
            assert_eq!(host.delete("v0"), Err(Errno::ENODEV));
        });
    }
}
