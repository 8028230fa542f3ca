//! A container's endpoints and published ports, from its start to its end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use rocker_core::network::{self, Inside};
use rocker_core::protocol::{
    self, ConnectRequest, DisconnectRequest, Dns, Endpoint, EndpointState, NetworkMode, NetworkState, Port,
};
use rocker_core::spec::NamespaceType;
use rocker_core::{Error, Result};
use rocker_sys::pidfd;

use super::prepare::Namespaces;
use crate::host::Host;

/// The network of a container that has a namespace with endpoints.
#[derive(Debug)]
pub struct Network {
    table: String,
    inside: Option<Inside>,
    endpoints: Vec<(Endpoint, EndpointState)>,
    ports: Vec<Port>,
    dns: Dns,
}

impl Network {
    /// Checks the plan and takes it, and takes what can be had before there is a container; None for other modes.
    pub fn plan(
        host: &Host,
        request: &mut protocol::Network,
        namespaces: &Namespaces,
    ) -> Result<Option<Self>> {
        request.check()?;
        if request.mode != NetworkMode::Bridge {
            return Ok(None);
        }
        if !namespaces.own.contains(&NamespaceType::Network) {
            return Err(Error::invalid("the network mode `bridge` needs a network namespace of its own"));
        }
        let _ = host;
        let endpoints = std::mem::take(&mut request.endpoints).into_iter();
        let endpoints =
            endpoints.map(|endpoint| Ok((planned(&endpoint)?, endpoint))).collect::<Result<Vec<_>>>()?;
        Ok(Some(Self {
            table: std::mem::take(&mut request.table),
            inside: None,
            endpoints: endpoints.into_iter().map(|(state, endpoint)| (endpoint, state)).collect(),
            ports: std::mem::take(&mut request.ports),
            dns: std::mem::take(&mut request.dns),
        }))
    }

    /// What `state.json` tells: written before anything of it is made, so that it can be undone by others.
    pub fn state(&self) -> NetworkState {
        NetworkState {
            table: self.table.clone(),
            ports: self.ports.clone(),
            endpoints: self.endpoints.iter().map(|(_, state)| state.clone()).collect(),
        }
    }

    /// Makes the links and all that belongs to them, in the namespace that was made beforehand or that of the child.
    pub fn bring_up(
        &mut self,
        host: &Host,
        id: &str,
        namespace: Option<OwnedFd>,
        child: Option<(Pid, BorrowedFd<'_>)>,
    ) -> Result<()> {
        let _ = id;
        let namespace = match (namespace, child) {
            (Some(namespace), _) => namespace,
            (None, Some((pid, pidfd))) => namespace_of(host, pid, pidfd)?,
            (None, None) => return Err(Error::invalid("there is no network namespace")),
        };
        let inside = self.inside.insert(Inside::new(namespace)?);
        if self.endpoints.is_empty() {
            inside.visit(|| {
                let up = network::route()?.set_up(rocker_sys::netlink::LOOPBACK);
                up.map_err(|errno| Error::sys("bring loopback up", errno))
            })?;
        }
        for (endpoint, state) in &self.endpoints {
            network::attach(host.proc.as_fd(), inside, endpoint, &self.table, &state.link, false)?;
        }
        Ok(())
    }

    /// Removes what the end of the namespace does not take along.
    pub fn tear_down(self, host: &Host, id: &str) {
        let _ = (host, id, self.dns);
    }
}

impl super::supervise::Shim<'_> {
    /// Joins another network.
    pub(super) fn connect_network(&mut self, _request: ConnectRequest) -> Result<()> {
        Err(Error::unsupported("a running container cannot join a network yet"))
    }

    /// Leaves a network.
    pub(super) fn disconnect_network(&mut self, _request: &DisconnectRequest) -> Result<()> {
        Err(Error::unsupported("a running container cannot leave a network yet"))
    }
}

/// What will be told of an endpoint, with a name for its link on the host: a new one, because that of the container's
/// last run may not have gone yet.
fn planned(endpoint: &Endpoint) -> Result<EndpointState> {
    let mut bytes = [0; 8];
    rocker_sys::random(&mut bytes).map_err(|errno| Error::sys("getrandom", errno))?;
    let number = u64::from_ne_bytes(bytes) & 0xfff_ffff_ffff;
    Ok(EndpointState {
        network: endpoint.network.clone(),
        interface: endpoint.interface.clone(),
        link: format!("rkv{number:011x}"),
        addresses: endpoint.addresses.clone(),
        mac: endpoint.mac,
    })
}

fn namespace_of(host: &Host, pid: Pid, child: BorrowedFd<'_>) -> Result<OwnedFd> {
    // By pidfd from Linux 6.11 on.
    pidfd::namespace(child, pidfd::Namespace::Network)
        .or_else(|_| {
            let path = format!("{pid}/ns/net");
            openat(&host.proc, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        })
        .map_err(|errno| Error::sys("open the container's network namespace", errno))
}
