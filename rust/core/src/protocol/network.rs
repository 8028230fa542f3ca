//! The network plan of a launch request, and what `state.json` tells of it.

use std::net::IpAddr;

use rocker_sys::netlink::Address;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The network plan.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The mode.
    #[serde(default)]
    pub mode: NetworkMode,
    /// Id of the network of the modes `host` and `none`, for its events; without one it has none.
    #[serde(default)]
    pub id: String,
    /// The nftables table of the engine: `rocker`, or `rocker-` and 8 hex digits.
    #[serde(default = "default_table")]
    pub table: String,
    /// In the order of eth0, eth1 and so on.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Ports of the host that lead to the container.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// What the resolver needs.
    #[serde(default)]
    pub dns: Dns,
}

/// Network modes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// A namespace of its own with only loopback.
    #[default]
    None,
    /// The host's.
    Host,
    /// Another container's, given by path in the specification.
    Container,
    /// A namespace of its own with endpoints of bridges.
    Bridge,
}

/// A network's bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Its name, 15 bytes at most.
    pub name: String,
    /// Its own addresses, which are the gateways of the network's containers.
    #[serde(default)]
    pub addresses: Vec<Cidr>,
    /// Whether nothing leads out of it.
    #[serde(default)]
    pub internal: bool,
    /// Whether what leaves the host gets the host's address.
    #[serde(default = "yes")]
    pub masquerade: bool,
    /// Whether its containers reach each other.
    #[serde(default = "yes")]
    pub icc: bool,
    /// Bytes in a frame; the kernel's default when absent or 0.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Where ports are published that name no address: for the policy, which puts it into `ports`.
    #[serde(default)]
    pub host_binding: Option<String>,
    /// There is no bridge: `name` is that of the parent of the containers' links, `addresses` are the gateways' own.
    #[serde(default)]
    pub parent: Option<Parent>,
}

impl Bridge {
    /// The driver's name in Docker's words.
    pub fn driver(&self) -> &'static str {
        match self.parent.as_ref().map(|parent| parent.kind) {
            None => "bridge",
            Some(kind) => kind.name(),
        }
    }

    /// Refuses what would become a name in the kernel and cannot.
    pub fn check(&self) -> Result<()> {
        check_link_name(&self.name)?;
        self.parent.as_ref().map_or(Ok(()), Parent::check)
    }
}

/// What containers' links are on a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParentKind {
    /// Each has a hardware address.
    Macvlan,
    /// All have the parent's.
    Ipvlan,
}

impl ParentKind {
    /// As the kernel and Docker call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
        }
    }
}

/// How the links of one parent treat each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParentMode {
    /// They reach each other.
    #[default]
    Bridge,
    /// They do not.
    Private,
    /// By a switch that sends frames back.
    Vepa,
    /// One alone has the parent; macvlan only.
    Passthru,
}

/// A parent that is the network's own: made where it is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum OwnParent {
    /// A VLAN of a link of the host.
    Vlan {
        /// That link.
        link: String,
        /// 1 to 4094.
        id: u16,
    },
    /// A link that leads nowhere.
    Dummy,
}

/// A link of the host in the place of a bridge: containers have links of their own on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// What these are.
    pub kind: ParentKind,
    /// How they treat each other.
    #[serde(default)]
    pub mode: ParentMode,
    /// How it is made; None for a link that somebody else has made.
    #[serde(default)]
    pub own: Option<OwnParent>,
}

impl Parent {
    fn check(&self) -> Result<()> {
        if self.kind == ParentKind::Ipvlan && self.mode == ParentMode::Passthru {
            return Err(Error::invalid("ipvlan has no mode `passthru`"));
        }
        match &self.own {
            Some(OwnParent::Vlan { id, .. }) if !(1..=4094).contains(id) => {
                Err(Error::invalid(format!("vlan id must be between 1-4094, received: {id}")))
            }
            Some(OwnParent::Vlan { link, .. }) => check_link_name(link),
            Some(OwnParent::Dummy) | None => Ok(()),
        }
    }
}

/// A container's place in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The network's id: 64 hex digits.
    pub network: String,
    /// The network's name.
    #[serde(default)]
    pub name: String,
    /// Its bridge, which is made where it is not there.
    pub bridge: Bridge,
    /// Name of the link in the container.
    pub interface: String,
    /// Hardware address; the kernel's choice when absent.
    #[serde(default)]
    pub mac: Option<Mac>,
    /// Addresses in the container.
    #[serde(default)]
    pub addresses: Vec<Cidr>,
    /// Gateways of default routes; none by this endpoint when empty.
    #[serde(default)]
    pub gateways: Vec<IpAddr>,
    /// What others on the network call the container.
    #[serde(default)]
    pub names: Vec<String>,
    /// Whether the container gets answers about the network at 127.0.0.11.
    #[serde(default)]
    pub resolver: bool,
    /// Parameters of the link by name, with `IFNAME` for its name: `net.ipv4.conf.IFNAME.log_martians`.
    #[serde(default)]
    pub sysctls: std::collections::BTreeMap<String, String>,
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Number 6.
    Tcp = 6,
    /// Number 17.
    Udp = 17,
    /// Number 132.
    Sctp = 132,
}

impl Protocol {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// A port of the host that leads to one of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// An address of the host, or `0.0.0.0` or `::` for all.
    pub host_ip: IpAddr,
    /// In a request 0 for one that is free.
    pub host_port: u16,
    /// The container's.
    pub container_port: u16,
}

/// What the resolver needs beside the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// Whom it asks; those of the host's `/etc/resolv.conf` when empty.
    #[serde(default)]
    pub servers: Vec<IpAddr>,
    /// Names with fixed addresses.
    #[serde(default)]
    pub hosts: std::collections::BTreeMap<String, Vec<IpAddr>>,
}

/// What `state.json` tells of the network of a container with endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkState {
    /// The nftables table.
    #[serde(default)]
    pub table: String,
    /// Published ports with the real ports of the host.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// Its endpoints.
    #[serde(default)]
    pub endpoints: Vec<EndpointState>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointState {
    /// The network's id.
    pub network: String,
    /// Name of the link in the container.
    pub interface: String,
    /// Name of the other end on the host.
    pub link: String,
    /// Addresses in the container.
    pub addresses: Vec<Cidr>,
    /// Hardware address.
    pub mac: Option<Mac>,
}

/// An address with its prefix: `172.18.0.2/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cidr(pub Address);

impl From<Cidr> for String {
    fn from(Cidr(Address { address, prefix }): Cidr) -> Self {
        format!("{address}/{prefix}")
    }
}

impl TryFrom<String> for Cidr {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let wrong = || format!("`{text}` is no address with a prefix, such as 172.18.0.2/24");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix = prefix.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most { Err(wrong()) } else { Ok(Self(Address { address, prefix })) }
    }
}

/// A hardware address: `02:42:ac:12:00:02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mac(pub [u8; 6]);

impl From<Mac> for String {
    fn from(Mac([a, b, c, d, e, f]): Mac) -> Self {
        format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let wrong = || format!("`{text}` is no hardware address, such as 02:42:ac:12:00:02");
        let byte = |part: &str| match part.len() {
            2 => u8::from_str_radix(part, 16).map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        let bytes: Vec<u8> = text.split([':', '-']).map(byte).collect::<std::result::Result<_, _>>()?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

fn yes() -> bool {
    true
}

fn default_table() -> String {
    "rocker".into()
}

impl Network {
    /// Refuses what would become part of a path or of a name in the kernel and cannot.
    pub fn check(&self) -> Result<()> {
        if self.mode == NetworkMode::Bridge {
            check_table(&self.table)?;
        }
        self.endpoints.iter().try_for_each(Endpoint::check)?;
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let others = &self.endpoints[..index];
            if others.iter().any(|other| other.interface == endpoint.interface) {
                return Err(Error::invalid(format!("the link `{}` is given twice", endpoint.interface)));
            }
            if others.iter().any(|other| other.network == endpoint.network) {
                return Err(Error::invalid(format!("the network `{}` is given twice", endpoint.name)));
            }
        }
        if self.mode != NetworkMode::Bridge && !(self.endpoints.is_empty() && self.ports.is_empty()) {
            return Err(Error::invalid("endpoints and ports need the network mode `bridge`"));
        }
        match self.ports.iter().find(|port| port.container_port == 0) {
            Some(_) => Err(Error::invalid("0 is no port of a container")),
            None => Ok(()),
        }
    }
}

impl Endpoint {
    /// See [`Network::check`].
    pub fn check(&self) -> Result<()> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.network.len() != 64 || !self.network.bytes().all(hex) {
            return Err(Error::invalid(format!("`{}` is no network id", self.network.escape_debug())));
        }
        check_link_name(&self.interface)?;
        self.bridge.check()
    }
}

/// The names that the kernel takes for links, less those that mean something in a path or a set.
pub fn check_link_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    let special = matches!(name, "" | "." | ".." | "all" | "default" | "lo");
    if special || name.len() > 15 || !name.bytes().all(plain) {
        return Err(Error::invalid(format!("`{}` is no name of a link", name.escape_debug()))
            .hint("15 letters, digits or ._-@ at most"));
    }
    Ok(())
}

/// `rocker`, or one of other roots.
pub fn check_table(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.starts_with("rocker") && name.len() < 32 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!("`{}` is no table of rocker's", name.escape_debug())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"{"mode": "bridge", "table": "rocker-01234567", "endpoints": [{
        "network": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "name": "mynet",
        "bridge": {"name": "rk-0123456789ab", "addresses": ["172.18.0.1/24", "fd00:1::1/64"], "internal": false,
                   "masquerade": true, "icc": true, "mtu": 1500, "host_binding": "0.0.0.0"},
        "interface": "eth0", "mac": "02:42:ac:12:00:02", "addresses": ["172.18.0.2/24", "fd00:1::2/64"],
        "gateways": ["172.18.0.1", "fd00:1::1"], "names": ["web", "alias"], "resolver": true, "sysctls": {}}],
        "ports": [{"protocol": "tcp", "host_ip": "0.0.0.0", "host_port": 8080, "container_port": 80}],
        "dns": {"servers": ["10.0.0.2"], "hosts": {"name": ["1.2.3.4"]}}}"#;

    #[test]
    fn a_plan_has_the_documented_form() {
        let plan: Network = serde_json::from_str(PLAN).unwrap();
        plan.check().unwrap();
        let endpoint = &plan.endpoints[0];
        assert_eq!(endpoint.mac, Some(Mac([2, 0x42, 0xac, 0x12, 0, 2])));
        assert_eq!(String::from(endpoint.addresses[1]), "fd00:1::2/64");
        let again: Network = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(again.endpoints, plan.endpoints);
    }

    #[test]
    fn what_is_no_address_or_name_is_refused_by_its_text() {
        let refused = |from: &str, to: &str| {
            let text = PLAN.replacen(from, to, 1);
            match serde_json::from_str::<Network>(&text) {
                Ok(plan) => plan.check().unwrap_err().message,
                Err(error) => error.to_string(),
            }
        };
        assert!(refused("172.18.0.2/24", "172.18.0.2/33").contains("`172.18.0.2/33` is no address"));
        assert!(refused("02:42:ac", "2:42:ac").contains("is no hardware address"));
        assert!(refused("\"eth0\"", "\"../x\"").contains("`../x` is no name of a link"));
        assert!(refused("rocker-01234567", "filter").contains("`filter` is no table of rocker's"));
        assert!(refused("0123456789abcdef\"", "../x\"").contains("is no network id"));
        assert!(refused("\"bridge\"", "\"none\"").contains("need the network mode `bridge`"));
    }
}
