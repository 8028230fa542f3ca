//! A cgroup inside a container's, in v2 alone: for a process that is to be killed with all of its children.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::unistd::{UnlinkatFlags, unlinkat};

use super::create::Cgroup;
use super::dir;
use crate::{Error, Result};

/// One such cgroup. It has no limits of its own: those of the container hold for it too.
#[derive(Debug)]
pub struct Nest {
    parent: OwnedFd,
    name: String,
    fd: OwnedFd,
}

impl Cgroup {
    /// Makes a cgroup inside this one; None where v2 is not mounted. [`Cgroup::remove`] takes it along.
    pub fn nest(&self, name: &str) -> Result<Option<Nest>> {
        let Some(leaf) = self.v2() else { return Ok(None) };
        let fail = |errno| self.error(leaf, "make a cgroup in", name, errno);
        let parent = leaf.fd.try_clone().map_err(|error| Error::io("duplicate", &error))?;
        dir::make_dir(&parent, Path::new(name)).map_err(fail)?;
        let fd = dir::open_dir(&parent, Path::new(name)).map_err(fail)?;
        Ok(Some(Nest { parent, name: name.to_owned(), fd }))
    }
}

impl Nest {
    /// For `CLONE_INTO_CGROUP` (Linux 5.7).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Sends SIGKILL to every process in it (`cgroup.kill`, Linux 5.14).
    pub fn kill(&self) -> Result<()> {
        dir::write_file(&self.fd, "cgroup.kill", "1")
            .map_err(|errno| Error::at("kill the processes of", &self.name, errno))
    }

    /// Removes it, unless processes are left in it: then it stays until the container's goes.
    pub fn remove(self) {
        let _ = unlinkat(&self.parent, self.name.as_str(), UnlinkatFlags::RemoveDir);
    }
}
