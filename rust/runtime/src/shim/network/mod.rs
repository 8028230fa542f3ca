//! A container's endpoints, published ports, records and resolver, from its start to its end.
//!
//! | file | duty |
//! |---|---|
//! | `mod` | planned, made, undone |
//! | `live` | networks joined and left while the container runs |
//! | `parting` | what stays when it has ended |
//! | `watch` | what happens meanwhile: questions, and changes of the host's rule set |

mod live;
mod parting;
mod watch;

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, Pid, faccessat};
use rocker_core::network::ports::{self, Held, Placed};
use rocker_core::network::records::{self, Record, Records};
use rocker_core::network::zone::{self, Zone};
use rocker_core::network::{self, Inside};
use rocker_core::protocol::{Cidr, Endpoint, EndpointState, LENT, NetworkMode, NetworkState, StartRequest};
use rocker_core::spec::{Namespace, NamespaceType};
use rocker_core::{Error, Result};
use rocker_sys::nft::{News, Nft};
use rocker_sys::pidfd;

use super::resolver::{Resolver, Server};
use crate::host::Host;
pub use parting::Parting;

/// The network of a container that has a namespace with endpoints.
#[derive(Debug)]
pub struct Network {
    /// The container's.
    id: String,
    table: String,
    /// In the order of the links.
    endpoints: Vec<(Endpoint, EndpointState)>,
    /// Ports of the host, as long as this lives.
    held: Held,
    /// The elements that lead them to the container, as far as they have been added.
    placed: Vec<Placed>,
    servers: Vec<Server>,
    hosts: std::collections::BTreeMap<String, Vec<IpAddr>>,
    /// Closed before the namespace: a socket keeps its namespace.
    resolver: Option<Resolver>,
    news: Option<News>,
    /// Kept open, because the next start would wait for its end: see [`network::nft`].
    nft: Option<Nft>,
    /// Monotonic time at which the rule set is looked at.
    repair_at: Option<i64>,
    inside: Option<Inside>,
}

impl Network {
    /// Checks the plan, and takes what can be had before there is a container; None for modes without endpoints.
    pub fn plan(
        host: &Host,
        request: &mut StartRequest,
        resolv_conf: Option<OwnedFd>,
    ) -> Result<Option<Self>> {
        let own = |one: &Namespace| one.kind == NamespaceType::Network && one.path.is_none();
        let has_own = request.spec.linux.namespaces.iter().any(own);
        let id = request.id.clone();
        let request = &mut request.network;
        request.check()?;
        if request.mode != NetworkMode::Bridge {
            return Ok(None);
        }
        if !has_own {
            return Err(Error::invalid("the network mode `bridge` needs a network namespace of its own"));
        }
        let endpoints = std::mem::take(&mut request.endpoints).into_iter();
        let endpoints = endpoints.map(|endpoint| Ok((planned(&endpoint)?, endpoint)));
        let endpoints: Vec<_> = endpoints.collect::<Result<_>>()?;
        let dns = std::mem::take(&mut request.dns);
        let hosts = dns.hosts.into_iter().map(|(name, addresses)| (name.to_ascii_lowercase(), addresses));
        Ok(Some(Self {
            id,
            table: std::mem::take(&mut request.table),
            endpoints: endpoints.into_iter().map(|(state, endpoint)| (endpoint, state)).collect(),
            held: Held::take(&request.ports, host.proc.as_fd(), host.run.as_fd())?,
            placed: Vec::new(),
            servers: servers(&dns.servers, resolv_conf),
            hosts: hosts.collect(),
            resolver: None,
            news: None,
            nft: None,
            repair_at: None,
            inside: None,
        }))
    }

    /// What `state.json` tells: written before anything of it is made, so that others can undo it.
    pub fn state(&self) -> NetworkState {
        NetworkState {
            table: self.table.clone(),
            ports: self.held.ports.clone(),
            endpoints: self.endpoints.iter().map(|(_, state)| state.clone()).collect(),
        }
    }

    /// Whether it has been brought up, by an earlier start.
    pub fn is_up(&self) -> bool {
        self.inside.is_some()
    }

    /// The container's namespace, once it is up.
    pub fn namespace(&self) -> Result<Option<OwnedFd>> {
        let copy = self.inside.as_ref().map(|inside| inside.namespace.as_fd().try_clone_to_owned());
        copy.transpose().map_err(|error| Error::io("duplicate the network namespace", &error))
    }

    /// Makes the links and all that belongs to them, in the namespace that was made beforehand or in the child's.
    pub fn bring_up(
        &mut self,
        host: &Host,
        namespace: Option<OwnedFd>,
        child: Option<(Pid, BorrowedFd<'_>)>,
    ) -> Result<()> {
        let namespace = match (namespace, child) {
            (Some(namespace), _) => namespace,
            (None, Some((pid, pidfd))) => match namespace_of(host, pid, pidfd)? {
                Some(namespace) => namespace,
                // It has ended already: its report tells why.
                None => return Ok(()),
            },
            (None, None) => return Err(Error::invalid("there is no network namespace")),
        };
        let inside = self.inside.insert(Inside::new(namespace)?);
        if self.endpoints.is_empty() {
            return inside.visit(|| {
                let up = network::route()?.set_up(rocker_sys::netlink::LOOPBACK);
                up.map_err(|errno| Error::sys("bring loopback up", errno))
            });
        }
        let hairpin = !self.held.ports.is_empty();
        let nft = self.nft.insert(network::nft()?);
        for (endpoint, state) in &self.endpoints {
            network::attach(host.proc.as_fd(), nft, inside, endpoint, &self.table, &state.link, hairpin)?;
        }
        self.lead_ports()?;
        self.open_resolver(host)?;
        // Without news nothing is repaired, which is no reason not to start.
        self.news = News::open().ok();
        // Last: whoever finds the name reaches the container.
        self.endpoints.iter().try_for_each(|(endpoint, _)| write_record(host, &self.id, endpoint))
    }

    /// Lets go of the host's ports: once it is told that the container has ended, another may have them. What led them to
    /// it, the other replaces.
    pub fn release_ports(&mut self) {
        self.held.release();
    }

    /// Removes what the end of the namespace does not take along, and gives back the namespace, to be let go of once
    /// nobody is in it. Failures are not reported: the next engine that looks finds what is left.
    ///
    /// `directory` is the container's in the run root. What is dropped afterwards may have to wait for a grace period: after
    /// all else.
    pub fn tear_down(&mut self, host: &Host, directory: BorrowedFd<'_>) -> Option<Parting> {
        self.resolver = None;
        for (endpoint, _) in &self.endpoints {
            records::remove(host.run.as_fd(), &endpoint.network, &self.id);
        }
        let placed = std::mem::take(&mut self.placed);
        if !placed.is_empty() {
            let _ = opened(&mut self.nft).and_then(|nft| ports::withdraw(nft, &self.table, &placed));
        }
        ports::forget_connections(&self.held.ports, &self.addresses());
        let parting = Parting::new(self.inside.take()?, self.state().endpoints);
        // Whoever has joined the namespace may stay in it, but not at this container's addresses, as in Docker.
        if faccessat(directory, LENT, AccessFlags::F_OK, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok() {
            parting.cut();
            return None;
        }
        Some(parting)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let all = self.endpoints.iter().flat_map(|(endpoint, _)| &endpoint.addresses);
        all.map(|Cidr(one)| one.address).collect()
    }

    /// Leads the ports to where they lead by the endpoints of now.
    fn lead_ports(&mut self) -> Result<()> {
        let wanted = ports::elements(&self.held.ports, self.endpoints.iter().map(|(endpoint, _)| endpoint));
        let (stale, new): (Vec<_>, Vec<_>) = (
            self.placed.iter().filter(|one| !wanted.contains(one)).cloned().collect(),
            wanted.iter().filter(|one| !self.placed.contains(one)).cloned().collect(),
        );
        // Remembered first: what was added in part is removed at the end.
        self.placed = wanted;
        if !(stale.is_empty() && new.is_empty()) {
            let nft = opened(&mut self.nft)?;
            ports::withdraw(nft, &self.table, &stale)?;
            ports::publish(nft, &self.table, &new)?;
            ports::forget_connections(&self.held.ports, &ports::targets(&stale));
        }
        Ok(())
    }

    /// Adds names with fixed addresses.
    fn know(&mut self, hosts: std::collections::BTreeMap<String, Vec<IpAddr>>) {
        self.hosts.extend(hosts.into_iter().map(|(name, addresses)| (name.to_ascii_lowercase(), addresses)));
    }

    /// Opens the resolver where an endpoint wants it and there is none, and tells it which networks there are.
    fn open_resolver(&mut self, host: &Host) -> Result<()> {
        let mut networks = Vec::new();
        for (endpoint, _) in self.endpoints.iter().filter(|(endpoint, _)| endpoint.resolver) {
            networks.push(zone::Network {
                id: endpoint.network.clone(),
                name: endpoint.name.clone(),
                records: Records::open(host.run.as_fd(), &endpoint.network)?,
            });
        }
        // From a network without a way out no question gets out either: those that the user named are asked from within.
        let internal = self.endpoints.iter().all(|(endpoint, _)| endpoint.bridge.internal);
        let servers = self.servers.iter().copied().filter(|server| server.inside || !internal).collect();
        match (&mut self.resolver, &self.inside) {
            (Some(resolver), _) => {
                resolver.zone.networks = networks;
                resolver.zone.hosts.clone_from(&self.hosts);
                resolver.servers = servers;
            }
            (None, Some(inside)) if !networks.is_empty() => {
                let zone = Zone::new(networks, self.hosts.clone());
                self.resolver = Some(Resolver::open(inside, zone, servers)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The socket that is kept, opened where there is none.
fn opened(nft: &mut Option<Nft>) -> Result<&mut Nft> {
    match nft {
        Some(nft) => Ok(nft),
        None => Ok(nft.insert(network::nft()?)),
    }
}

fn write_record(host: &Host, id: &str, endpoint: &Endpoint) -> Result<()> {
    let record = Record {
        container: id.to_owned(),
        names: endpoint.names.clone(),
        addresses: endpoint.addresses.iter().map(|Cidr(one)| one.address).collect(),
        shim_pid: std::process::id().cast_signed(),
    };
    record.write(host.run.as_fd(), &endpoint.network)
}

/// What will be told of an endpoint, with a name for its link on the host: a new one, because that of the container's
/// last run may not have gone yet.
fn planned(endpoint: &Endpoint) -> Result<EndpointState> {
    let mut bytes = [0; 8];
    rocker_sys::random(&mut bytes).map_err(|errno| Error::sys("getrandom", errno))?;
    let number = u64::from_ne_bytes(bytes) & 0xfff_ffff_ffff;
    let link = match endpoint.bridge.parent {
        Some(_) => String::new(),
        None => format!("rkv{number:011x}"),
    };
    Ok(network::endpoint_state(endpoint, &link))
}

/// Those that were named, else the host's.
fn servers(named: &[IpAddr], resolv_conf: Option<OwnedFd>) -> Vec<Server> {
    if !named.is_empty() {
        return named.iter().map(|address| Server { address: *address, inside: true }).collect();
    }
    let mut text = String::new();
    if let Some(file) = resolv_conf {
        // As much as a resolver library reads of it, and no more.
        let _ = File::from(file).take(64 * 1024).read_to_string(&mut text);
    }
    zone::servers(&text).into_iter().map(|address| Server { address, inside: false }).collect()
}

/// The namespace of a child; None when it has ended and was not waited for yet.
fn namespace_of(host: &Host, pid: Pid, child: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    // By pidfd from Linux 6.11 on.
    let found = pidfd::namespace(child, pidfd::Namespace::Network).or_else(|_| {
        let path = format!("{pid}/ns/net");
        openat(&host.proc, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
    });
    match found {
        Ok(namespace) => Ok(Some(namespace)),
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        Err(errno) => Err(Error::sys("open the container's network namespace", errno)),
    }
}
