//! Where the child of a start waits for its shim.
//!
//! The two work side by side: while the child mounts, the shim makes the v1 cgroups, the log and the socket. The child
//! needs them only for what shows the cgroup, and before it takes on the program's confinement.

use std::cell::{Cell, OnceCell};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use crate::cgroup::Hierarchies;
use crate::{Error, Kind, Result};

/// The cgroup that the child enters once the shim has made it.
#[derive(Debug)]
pub struct Gate {
    /// Where it is made.
    pub hierarchies: Hierarchies,
    /// Its path, relative.
    pub path: PathBuf,
    /// Whether it becomes the root of a cgroup namespace.
    pub own_namespace: bool,
    names: OnceCell<Vec<String>>,
    open: Cell<bool>,
}

impl Gate {
    /// A gate that is still closed.
    pub fn new(hierarchies: Hierarchies, path: PathBuf, own_namespace: bool) -> Self {
        Self { hierarchies, path, own_namespace, names: OnceCell::new(), open: Cell::new(false) }
    }

    /// In the shim: lets the child pass. A child that failed before it came here is no error: its report says why.
    pub fn let_pass(socket: &OwnedFd) -> Result<()> {
        match nix::unistd::write(socket, b"g") {
            Ok(_) | Err(Errno::EPIPE) => Ok(()),
            Err(errno) => Err(Error::sys("let the child go on", errno)),
        }
    }

    /// In the child: waits, the first time, and enters the cgroup. Returns the names of its v1 hierarchies.
    pub fn pass(&self, socket: &OwnedFd) -> Result<&[String]> {
        if !self.open.replace(true) {
            wait(socket)?;
            let cgroup = self.hierarchies.open(&self.path)?;
            cgroup.enter_self_v1()?;
            if self.own_namespace {
                // After it has entered: where it is now is the namespace's root.
                unshare(CloneFlags::CLONE_NEWCGROUP)
                    .map_err(|errno| Error::sys("unshare cgroup namespace", errno))?;
            }
            let _ = self.names.set(cgroup.v1_names());
        }
        Ok(self.names.get().map_or(&[], Vec::as_slice))
    }
}

fn wait(socket: &OwnedFd) -> Result<()> {
    let mut byte = [0];
    loop {
        match nix::unistd::read(socket.as_fd(), &mut byte) {
            Ok(1) => return Ok(()),
            Ok(_) => return Err(Error::new(Kind::Gone, "the shim ended during the start")),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::sys("wait for the shim", errno)),
        }
    }
}
