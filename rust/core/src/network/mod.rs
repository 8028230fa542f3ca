//! Networks: bridges, endpoints of containers, published ports, names.
//!
//! | file | what |
//! |---|---|
//! | `bridge` | a network's bridge on the host: made, removed |
//! | `endpoint` | a container's link into a bridge, made in place, with addresses and routes |
//! | `table` | the engine's nftables table |
//! | `ports` | ports of the host that lead to a container: held, and elements of maps |
//! | `holder` | who has a port that is not free |
//! | `records` | which container has which names and addresses, as files |
//! | `sysctl` | parameters of links |
//!
//! Everything is done in the calling thread's network namespace, by netlink: no program is run.

mod bridge;
mod endpoint;
mod sysctl;
mod table;

use rocker_sys::netlink::Route;

pub use bridge::{host_networks, links, make as make_bridge, remove as remove_bridge};
pub use endpoint::{Inside, attach, detach};

use crate::{Error, Result};

/// A socket of rtnetlink in the calling thread's network namespace.
pub fn route() -> Result<Route> {
    Route::open().map_err(|errno| Error::sys("open rtnetlink", errno))
}
