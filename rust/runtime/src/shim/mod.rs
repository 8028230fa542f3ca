//! The shim: one process for each container, from its start to its end.
//!
//! | file | duty |
//! |---|---|
//! | `start` | from the request to a running program |
//! | `clone` | its first process, born in its namespaces |
//! | `prepare` | request and descriptors turned into a checked [`rocker_core::container::init::Setup`] |
//! | `supervise` | the loop: what happened, who handles it |
//! | `task` | a process with its streams: the container's own or one made by exec |
//! | `output`, `input` | from the process to log and clients, and back |
//! | `client`, `connection` | a connection, and what it asks for |
//! | `streams` | output and input on their way |
//! | `life` | a process's start and end |
//! | `exec` | another process in the container |
//! | `network` | its endpoints, published ports and records |
//! | `resolver` | names for the container, at 127.0.0.11 |
//! | `backoff` | whether a container that has ended is started again, and when |
//! | `kept` | what its next start needs |
//! | `again` | the next start |
//! | `health` | probes, and what they say |
//! | `update` | other limits, another restart policy |
//! | `record` | `state.json` |
//! | `server` | the log server's socket in the loop |
//! | `tell` | its events |
//! | `userns` | its user namespace, and who makes what in one |
//! | `teardown` | what is removed at the end |

mod again;
mod backoff;
mod client;
mod clone;
mod connection;
mod exec;
mod health;
mod input;
mod kept;
mod life;
mod network;
mod output;
mod prepare;
mod record;
mod resolver;
mod server;
mod start;
mod streams;
mod supervise;
mod task;
mod teardown;
mod tell;
mod update;
mod userns;

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::socket::setsockopt;
use rocker_core::protocol::{Event, Request, receive, send};
use rocker_core::{Error, container};

use crate::host::Host;

/// A client that connects and says nothing is let go after this long.
const PATIENCE_SECONDS: i64 = 10;

/// Serves one connection to the launcher, in a fork of it; returns the process's exit code.
///
/// `network` is a new network namespace, with loopback up, for a container that wants one of its own.
pub fn main(host: &Host, connection: OwnedFd, network: Option<OwnedFd>) -> i32 {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    let _ = nix::sys::prctl::set_name(c"rocker-shim");
    match first_request(&connection) {
        Ok(Some((Request::Start(request), fds))) => {
            match start::start(host, *request, fds, network, &connection) {
                Ok(shim) => {
                    supervise::run(shim, connection);
                    0
                }
                Err(error) => refuse(&connection, error),
            }
        }
        Ok(Some((Request::Shutdown, _))) => {
            let _ = nix::sys::signal::kill(nix::unistd::getppid(), nix::sys::signal::Signal::SIGTERM);
            let _ = send(connection.as_fd(), &Event::DONE, &[]);
            0
        }
        Ok(Some(_)) => {
            refuse(&connection, Error::invalid("the launcher answers only `start` and `shutdown`"))
        }
        Ok(None) => 0,
        Err(error) => refuse(&connection, error),
    }
}

fn first_request(connection: &OwnedFd) -> rocker_core::Result<Option<(Request, Vec<OwnedFd>)>> {
    let patience = nix::sys::time::TimeVal::new(PATIENCE_SECONDS, 0);
    setsockopt(connection, nix::sys::socket::sockopt::ReceiveTimeout, &patience)
        .map_err(|errno| Error::sys("limit the wait for a request", errno))?;
    receive(connection.as_fd())
}

fn refuse(connection: &OwnedFd, error: Error) -> i32 {
    let exit_code = container::exit_code(error.kind);
    let _ = send(connection.as_fd(), &Event::Failed { error, exit_code }, &[]);
    1
}
