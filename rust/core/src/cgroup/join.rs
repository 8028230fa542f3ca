//! Enter a cgroup.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::write;

use super::create::Cgroup;
use super::dir;
use super::hierarchy::Version;
use crate::Result;

/// Open `tasks` files of a cgroup's v1 hierarchies, for a process that can no
/// longer reach them by path: made by the parent, used by the child.
#[derive(Debug)]
pub struct JoinHandle {
    tasks: Vec<OwnedFd>,
}

impl JoinHandle {
    /// Moves the calling **thread** into every v1 hierarchy of the cgroup.
    ///
    /// To be called by a process of one thread. Linux 6.0 made the write of a
    /// pid to `cgroup.procs` wait for an RCU grace period (7 to 15 ms when the
    /// machine is idle); a thread that writes 0 to `tasks` for itself is exempt
    /// (commit 9a3284fad42f) and needs 30 µs. Allocates nothing, takes no lock.
    pub fn enter(&self) -> std::result::Result<(), Errno> {
        for file in &self.tasks {
            write(file, b"0")?;
        }
        Ok(())
    }

    /// The descriptors, for sending them to another process.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.tasks.iter().map(AsFd::as_fd)
    }
}

impl From<Vec<OwnedFd>> for JoinHandle {
    /// From the descriptors that another process has sent.
    fn from(tasks: Vec<OwnedFd>) -> Self {
        Self { tasks }
    }
}

impl Cgroup {
    /// Opens what is needed to enter the v1 hierarchies later, one `openat(2)`
    /// each. Empty on a pure v2 host, where [`Cgroup::v2_fd`] is all.
    ///
    /// To be made again after [`Cgroup::update`], which can add a hierarchy.
    pub fn join_handle(&self) -> Result<JoinHandle> {
        let v1 = self.dirs.iter().filter(|dir| dir.version == Version::V1);
        let open = |dir: &super::create::Leaf| {
            dir::open_write(&dir.fd, "tasks").map_err(|errno| self.error(dir, "open", "tasks", errno))
        };
        Ok(JoinHandle { tasks: v1.map(open).collect::<Result<_>>()? })
    }

    /// Moves the calling process into every hierarchy, v2 too: for one that was not born in the cgroup and can wait
    /// for the RCU grace period that v2 takes.
    pub fn enter_self(&self) -> Result<()> {
        let entered = self.join_handle()?.enter();
        entered.map_err(|errno| crate::Error::at("enter cgroup", self.path(), errno))?;
        let Some(v2) = self.v2() else { return Ok(()) };
        let file = dir::open_write(&v2.fd, "cgroup.procs")
            .map_err(|errno| self.error(v2, "open", "cgroup.procs", errno))?;
        write(&file, b"0").map(drop).map_err(|errno| self.error(v2, "write", "cgroup.procs", errno))
    }

    /// The v2 directory, for `CLONE_INTO_CGROUP` (Linux 5.7).
    pub fn v2_fd(&self) -> Option<BorrowedFd<'_>> {
        self.v2().map(|dir| dir.fd.as_fd())
    }
}
