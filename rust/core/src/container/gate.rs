//! Where the child of a start waits for its shim.
//!
//! The two work side by side: while the child mounts, the shim makes the v1 cgroups, the log and the socket. The child
//! needs them only for what shows the cgroup, and before it takes on the program's confinement.

use std::cell::OnceCell;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use rocker_sys::scm;

use crate::cgroup::{Cgroup, JoinHandle};
use crate::{Error, Kind, Result};

/// The longest message, with the names of all v1 hierarchies.
const LONGEST: usize = 1024;

/// What keeps the child of a start from going on before its cgroup is made.
#[derive(Debug)]
pub struct Gate {
    /// Whether the cgroup becomes the root of a cgroup namespace.
    own_namespace: bool,
    names: OnceCell<Vec<String>>,
}

impl Gate {
    /// A gate that is still closed.
    pub fn new(own_namespace: bool) -> Self {
        Self { own_namespace, names: OnceCell::new() }
    }

    /// In the shim: lets the child pass, with what it enters the v1 cgroups by: opened here, while it still mounts.
    ///
    /// A child that failed before it came here is no error: its report says why.
    pub fn let_pass(socket: &OwnedFd, cgroup: &Cgroup) -> Result<()> {
        let fail = |errno| Error::sys("let the child go on", errno);
        let handle = cgroup.join_handle()?;
        let fds: Vec<_> = handle.fds().collect();
        let mut message = cgroup.v1_names().join("\n").into_bytes();
        message.push(b'\n');
        match scm::send(socket.as_fd(), &message, &fds) {
            Ok(count) if count == message.len() => Ok(()),
            Ok(_) => Err(fail(Errno::EMSGSIZE)),
            Err(Errno::EPIPE) => Ok(()),
            Err(errno) => Err(fail(errno)),
        }
    }

    /// In the child: waits, the first time, and enters the cgroup. Returns the names of its v1 hierarchies.
    pub fn pass(&self, socket: &OwnedFd) -> Result<&[String]> {
        if self.names.get().is_none() {
            let (names, handle) = wait(socket)?;
            handle.enter().map_err(|errno| Error::sys("enter cgroup", errno))?;
            if self.own_namespace {
                // After it has entered: where it is now is the namespace's root.
                unshare(CloneFlags::CLONE_NEWCGROUP)
                    .map_err(|errno| Error::sys("unshare cgroup namespace", errno))?;
            }
            let _ = self.names.set(names);
        }
        Ok(self.names.get().map_or(&[], Vec::as_slice))
    }
}

fn wait(socket: &OwnedFd) -> Result<(Vec<String>, JoinHandle)> {
    let mut message = [0; LONGEST];
    match scm::receive(socket.as_fd(), &mut message) {
        Ok((0, _)) => Err(Error::new(Kind::Gone, "the shim ended during the start")),
        Ok((count, fds)) => {
            let names = String::from_utf8_lossy(&message[..count]);
            Ok((
                names.lines().filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                JoinHandle::from(fds),
            ))
        }
        Err(errno) => Err(Error::sys("wait for the shim", errno)),
    }
}
