//! A pid namespace that others are in already, and its procfs.
//!
//! Whoever in there may trace could take over a process that joins before it has dropped its privileges, so it stays
//! outside until then (see `appear`). But a procfs shows the pid namespace of who opens its context (fs/proc/root.c,
//! `proc_init_fs_context`): outside, that is the host's. So the procfs of a process in there is cloned, after a look that it is
//! one, and the right one: who may mount in there may have put something else in its place.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use rocker_sys::clone::exit_now;
use rocker_sys::mount::{self, attr};

use super::options::MountOptions;
use crate::{Error, Kind, Result};

/// Inode number of a procfs's root (`PROC_ROOT_INO`).
const ROOT_INODE: u64 = 1;

/// The namespace, and how to find what it shows.
#[derive(Debug)]
pub struct Joined {
    /// The namespace.
    pub namespace: OwnedFd,
    /// Host pid of a process in it.
    pub process: i32,
    /// A procfs in which this process and that one have numbers.
    pub proc: OwnedFd,
}

impl Joined {
    /// Has the children of this process born in it.
    pub fn choose_for_children(&self) -> Result<()> {
        setns(&self.namespace, CloneFlags::CLONE_NEWPID)
            .map_err(|errno| Error::sys("join pid namespace", errno))
    }

    /// A detached clone of its procfs. Leaves this mount namespace for a moment: the working directory is its root afterwards.
    pub fn procfs(&self) -> Result<OwnedFd> {
        let home = self.open("self/ns/mnt")?;
        let theirs = self.open(&format!("{}/ns/mnt", self.process))?;
        // The number may be somebody else's by now.
        if !same(&self.open(&format!("{}/ns/pid", self.process))?, &self.namespace)? {
            return Err(Error::new(Kind::NotRunning, "the container whose processes are joined has ended"));
        }
        setns(&theirs, CloneFlags::CLONE_NEWNS)
            .map_err(|errno| Error::sys("enter the mount namespace of who is joined", errno))?;
        let cloned = mount::clone_tree(home.as_fd(), c"/proc", false);
        // A child that is somewhere else must not go on.
        if setns(&home, CloneFlags::CLONE_NEWNS).is_err() {
            exit_now(1);
        }
        let tree = cloned.map_err(|errno| Error::sys("clone the procfs of who is joined", errno))?;
        if self.is_shown_by(tree.as_fd()) { Ok(tree) } else { Err(covered()) }
    }

    /// Whether this is the root of a procfs of the namespace.
    fn is_shown_by(&self, tree: BorrowedFd<'_>) -> bool {
        let is_procfs = fstatfs(tree).is_ok_and(|found| found.filesystem_type() == PROC_SUPER_MAGIC);
        if !is_procfs || !fstat(tree).is_ok_and(|found| found.st_ino == ROOT_INODE) {
            return false;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let first = openat(tree, "1/ns/pid", flags, Mode::empty());
        first.is_ok_and(|namespace| same(&namespace, &self.namespace).unwrap_or(false))
    }

    fn open(&self, path: &str) -> Result<OwnedFd> {
        openat(&self.proc, path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(|errno| {
            match errno {
                Errno::ENOENT | Errno::ESRCH => {
                    Error::new(Kind::NotRunning, "the container whose processes are joined has ended")
                }
                errno => Error::at("open namespace", path, errno),
            }
        })
    }
}

/// Gives a clone the attributes that a mount asks for. Options of the file system are its first container's.
pub fn adapt(tree: BorrowedFd<'_>, options: &MountOptions) -> Result<()> {
    if !options.data.is_empty() {
        return Err(Error::unsupported(format!(
            "option `{}` of a procfs in a pid namespace that is joined",
            options.data[0]
        ))
        .hint("it has the options of the container that is joined"));
    }
    let all = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;
    mount::set_attributes(tree, options.set, all & !options.set, None, false)
        .map_err(|errno| Error::sys("set mount options", errno))
}

fn same(one: &OwnedFd, other: &OwnedFd) -> Result<bool> {
    let look = |fd: &OwnedFd| fstat(fd).map_err(|errno| Error::sys("look at a namespace", errno));
    let (one, other) = (look(one)?, look(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

fn covered() -> Error {
    Error::new(
        Kind::Conflict,
        "the container whose processes are joined shows something else at /proc than them",
    )
    .hint("its own /proc has been unmounted or covered: start it anew")
}
