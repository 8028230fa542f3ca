//! Networks joined and left while the container runs.

use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{OFlag, openat};
use nix::sys::epoll::EpollFlags;
use nix::sys::stat::Mode;
use rocker_core::network::{self, records};
use rocker_core::protocol::{
    Cidr, ConnectRequest, DisconnectRequest, Endpoint, Files, UsedNetwork, check_table,
};
use rocker_core::{Error, Kind, Result};

use super::{Network, opened, planned, write_record};
use crate::host::Host;
use crate::shim::supervise::{Shim, Token};

impl Shim<'_> {
    /// Joins another network; on failure it is as before.
    pub(in crate::shim) fn connect_network(&mut self, request: ConnectRequest) -> Result<()> {
        request.endpoint.check()?;
        check_table(&request.table)?;
        let network = self.network.as_mut().ok_or_else(no_endpoints)?;
        network.refuse_twice(&request.endpoint)?;
        let state = planned(&request.endpoint)?;
        let id = self.record.state.id.clone();
        let used = UsedNetwork {
            id: request.endpoint.network.clone(),
            name: request.endpoint.name.clone(),
            driver: request.endpoint.bridge.driver().to_owned(),
        };
        network.know(request.dns.hosts);
        network.endpoints.push((request.endpoint, state));
        self.record.state.network = Some(network.state());
        self.record.state.uses.networks.push(used.clone());
        // Before it is made: whoever finds the shim dead knows of it.
        let joined = self.record.write().and_then(|()| network.join_last(self.host, &id));
        if let Err(error) = joined {
            network.leave_last(self.host, &id);
            self.record.state.network = Some(network.state());
            self.record.state.uses.networks.pop();
            let _ = self.record.write();
            return Err(error);
        }
        self.network_event("connect", &used);
        rewrite_files(self.record.directory.as_fd(), &request.files)?;
        self.watch(Token::Resolver, EpollFlags::EPOLLIN)?;
        self.watch(Token::News, EpollFlags::EPOLLIN)
    }

    /// Leaves a network.
    pub(in crate::shim) fn disconnect_network(&mut self, request: &DisconnectRequest) -> Result<()> {
        let network = self.network.as_mut().ok_or_else(no_endpoints)?;
        let id = self.record.state.id.clone();
        network.leave(self.host, &id, &request.network)?;
        self.record.state.network = Some(network.state());
        let networks = &mut self.record.state.uses.networks;
        if let Some(place) = networks.iter().position(|one| one.id == request.network) {
            let left = networks.remove(place);
            self.network_event("disconnect", &left);
        }
        self.record.write()?;
        rewrite_files(self.record.directory.as_fd(), &request.files)
    }

    /// Is found by other names in a network.
    pub(in crate::shim) fn rename_in_network(&mut self, id: &str, names: Vec<String>) -> Result<()> {
        let network = self.network.as_mut().ok_or_else(no_endpoints)?;
        let found = network.endpoints.iter_mut().find(|(endpoint, _)| endpoint.network == id);
        let (endpoint, _) = found.ok_or_else(|| not_connected(id))?;
        endpoint.names = names;
        write_record(self.host, &self.record.state.id, endpoint)
    }
}

fn not_connected(network: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!("the container is not connected to network {}", network.get(..12).unwrap_or(network)),
    )
}

impl Network {
    fn refuse_twice(&self, endpoint: &Endpoint) -> Result<()> {
        let has =
            |other: &&Endpoint| other.network == endpoint.network || other.interface == endpoint.interface;
        match self.endpoints.iter().map(|(other, _)| other).find(has) {
            Some(other) if other.network == endpoint.network => Err(Error::new(
                Kind::Conflict,
                format!("the container is already attached to network {}", endpoint.name),
            )),
            Some(_) => Err(Error::new(
                Kind::Conflict,
                format!("the container has a link {} already", endpoint.interface),
            )),
            None => Ok(()),
        }
    }

    fn join_last(&mut self, host: &Host, id: &str) -> Result<()> {
        let hairpin = !self.held.ports.is_empty();
        if let (Some(inside), Some((endpoint, state))) = (&self.inside, self.endpoints.last()) {
            let nft = opened(&mut self.nft)?;
            network::attach(host.proc.as_fd(), nft, inside, endpoint, &self.table, &state.link, hairpin)?;
        }
        self.lead_ports()?;
        if let Some((endpoint, _)) = self.endpoints.last() {
            write_record(host, id, endpoint)?;
        }
        self.open_resolver(host)?;
        if self.news.is_none() {
            self.news = rocker_sys::nft::News::open().ok();
        }
        Ok(())
    }

    fn leave_last(&mut self, host: &Host, id: &str) {
        if let Some((endpoint, state)) = self.endpoints.pop() {
            records::remove(host.run.as_fd(), &endpoint.network, id);
            if let Some(inside) = &self.inside {
                let _ = network::detach(inside, &endpoint, &state.link);
            }
        }
        let _ = self.lead_ports();
        let _ = self.open_resolver(host);
    }

    fn leave(&mut self, host: &Host, id: &str, network: &str) -> Result<()> {
        let place = self.endpoints.iter().position(|(endpoint, _)| endpoint.network == network);
        let place = place.ok_or_else(|| not_connected(network))?;
        // Nobody is to be sent there any more.
        records::remove(host.run.as_fd(), network, id);
        let (endpoint, state) = &self.endpoints[place];
        if let Some(inside) = &self.inside {
            network::detach(inside, endpoint, &state.link)?;
        }
        let (left, _) = self.endpoints.remove(place);
        self.lead_ports()?;
        self.open_resolver(host)?;
        if left.gateways.is_empty() { Ok(()) } else { self.choose_gateways() }
    }

    /// Another network becomes the way out: the first that has one.
    fn choose_gateways(&mut self) -> Result<()> {
        let Some(inside) = &self.inside else { return Ok(()) };
        let out = |(endpoint, _): &&mut (Endpoint, _)| !endpoint.bridge.internal;
        let Some((endpoint, _)) = self.endpoints.iter_mut().find(out) else { return Ok(()) };
        if endpoint.gateways.is_empty() {
            for six in [false, true] {
                let has = |one: &&Cidr| one.0.address.is_ipv6() == six;
                let gateway = endpoint.bridge.addresses.iter().find(has).map(|one| one.0.address);
                let wanted = endpoint.addresses.iter().any(|one| has(&one));
                endpoint.gateways.extend(gateway.filter(|_| wanted));
            }
        }
        network::add_gateways(inside, endpoint)
    }

    /// The elements of the published ports and all bridges, as they should be.
    pub(super) fn repair(&mut self) -> Result<()> {
        let bridges = self.endpoints.iter().map(|(endpoint, _)| &endpoint.bridge);
        network::repair(opened(&mut self.nft)?, &self.table, bridges, &self.placed)
    }
}

/// New contents of the files that are bound into /etc: written in place, because a bind is of the file and not of its
/// name. One that is not bound there is left out.
fn rewrite_files(directory: BorrowedFd<'_>, files: &Files) -> Result<()> {
    let all = [("hosts", &files.hosts), ("resolv.conf", &files.resolv_conf), ("hostname", &files.hostname)];
    for (name, content) in all {
        let Some(content) = content else { continue };
        let flags = OFlag::O_WRONLY | OFlag::O_TRUNC | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        match openat(directory, name, flags, Mode::empty()) {
            Err(nix::errno::Errno::ENOENT) => {}
            Err(errno) => return Err(Error::at("write", name, errno)),
            Ok(file) => std::fs::File::from(file)
                .write_all(content.as_bytes())
                .map_err(|error| Error::io_at("write", name, &error))?,
        }
    }
    Ok(())
}

fn no_endpoints() -> Error {
    Error::unsupported("the container has no network of its own that could join another")
        .hint("it runs with --network host, none or container:")
}
