//! Networks: bridges, endpoints of containers, published ports, names.
//!
//! | file | what |
//! |---|---|
//! | `bridge` | a network's bridge on the host: made, removed |
//! | `endpoint` | a container's link into a bridge, made in place, with addresses and routes |
//! | `parent` | a link of the host with containers' links on it, in the place of a bridge |
//! | `table` | the engine's nftables table |
//! | `docker` | the rules of Docker on the same host |
//! | `ports` | ports of the host that lead to a container: held, and elements of maps |
//! | `holder` | who has a port that is not free |
//! | `linger` | connections that outlive the processes that had them |
//! | `records` | which container has which names and addresses, as files |
//! | `redirect` | the way from 127.0.0.11 to the resolver |
//! | `dns` | messages of the domain name system |
//! | `zone` | what a container is told of names |
//! | `sysctl` | parameters of links |
//!
//! Everything is done in the calling thread's network namespace, by netlink: no program is run.

mod bridge;
pub mod dns;
mod docker;
mod endpoint;
mod holder;
mod linger;
mod parent;
pub mod ports;
pub mod records;
mod redirect;
mod sysctl;
mod table;
pub mod zone;

use std::os::fd::BorrowedFd;

use rocker_sys::netlink::Route;
use rocker_sys::nft::Nft;

pub use bridge::{host_networks, links, make as make_bridge, nft, remove as remove_bridge, remove_parent};
pub use endpoint::{Inside, add_gateways, attach, cut, detach, state_of as endpoint_state};
pub use linger::lingers;
pub use redirect::{RESOLVER, redirect};

use crate::protocol::{Bridge, Cidr, NetworkState, check_table};
use crate::{Error, Result};

/// Makes good what somebody else's change of the rule set took away: the table, these bridges, these elements.
pub fn repair<'b>(
    nft: &mut Nft,
    table: &str,
    bridges: impl Iterator<Item = &'b Bridge>,
    ports: &[ports::Placed],
) -> Result<()> {
    let mut bridges = bridges.filter(|bridge| bridge.parent.is_none()).peekable();
    // A table without a bridge is nobody's: whoever removed the last bridge has removed it.
    if bridges.peek().is_some() {
        table::ensure(nft, table)?;
    }
    for bridge in bridges {
        if !table::knows(nft, table, &bridge.name) {
            table::add_network(nft, table, bridge)?;
        }
        docker::let_through(nft, &bridge.name)?;
    }
    ports::publish(nft, table, ports)
}

/// Removes what a container whose shim was killed has left: its records, its links, and the elements of its ports. The links
/// go with its namespace, but that may stay (see `linger`), and nobody is left who looks.
pub fn settle(state: &NetworkState, run: BorrowedFd<'_>, container: &str) -> Result<()> {
    for endpoint in &state.endpoints {
        records::remove(run, &endpoint.network, container);
        // Another engine may have looked from another network namespace, where there is no such link.
        cut(None, endpoint)?;
    }
    if state.ports.is_empty() {
        return Ok(());
    }
    check_table(&state.table)?;
    let addresses = state.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
    let addresses: Vec<_> = addresses.map(|Cidr(one)| one.address).collect();
    ports::withdraw(&mut nft()?, &state.table, &ports::candidates(&state.ports, &addresses))?;
    ports::forget_connections(&state.ports, &addresses);
    Ok(())
}

/// A socket of rtnetlink in the calling thread's network namespace.
pub fn route() -> Result<Route> {
    Route::open().map_err(|errno| Error::sys("open rtnetlink", errno))
}
