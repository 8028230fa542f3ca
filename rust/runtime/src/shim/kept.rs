//! What the next start of a container needs: its launch request, and the host's trees and namespaces that it names.
//!
//! A tree that has been attached in a container's mount namespace cannot be attached again, and a detached one cannot be
//! cloned from the launcher's lean mount namespace: the kernel demands that it came from there (`may_copy_tree`, Linux
//! 6.15), and before allowed none. So the trees are attached in a mount namespace of their own, which nobody is in, and
//! each start gets clones. It is not the shim's own, because the container's is a copy of that, and the end of such a
//! copy would take the host's mounts below a shared tree along.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, open, openat};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use rocker_core::container::MOUNT_POINT;
use rocker_core::protocol::StartRequest;
use rocker_core::spec::Mount;
use rocker_core::{Error, Result};
use rocker_sys::mount::{self, Context, attr};

use super::prepare::Handed;
use crate::host::Host;

/// All that the next start needs; only for containers with a restart policy.
#[derive(Debug)]
pub struct Kept {
    /// The request as JSON: smaller than its parts in memory, and read only when it is needed.
    request: Box<[u8]>,
    /// The mount namespace in which the trees are.
    home: OwnedFd,
    root: Option<OwnedFd>,
    directory: Option<OwnedFd>,
    host: Option<OwnedFd>,
    mounts: Vec<(usize, OwnedFd)>,
    volumes: Vec<(usize, OwnedFd)>,
    namespaces: Vec<(usize, OwnedFd)>,
}

impl Kept {
    /// Takes the descriptors that a start would use up; [`Kept::next`] gives clones, for the first start too.
    pub fn new(host: &Host, request: &StartRequest, handed: &mut Handed) -> Result<Self> {
        if request.remove || request.rootfs.volatile {
            return Err(Error::invalid("a container that is removed when it ends cannot be started again")
                .hint("leave out the restart policy or the removal"));
        }
        let request = serde_json::to_vec(request)
            .map_err(|error| Error::invalid(error.to_string()))?
            .into_boxed_slice();
        let mut kept = Self {
            request,
            home: mount_namespace(host)?,
            root: handed.root.take(),
            directory: handed.directory.take(),
            host: handed.host.take(),
            mounts: std::mem::take(&mut handed.mounts),
            volumes: std::mem::take(&mut handed.volumes),
            namespaces: std::mem::take(&mut handed.namespaces),
        };
        let lean = mount_namespace(host)?;
        unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| Error::sys("unshare mount namespace", errno))?;
        let attached = kept.attach_all();
        let home = mount_namespace(host);
        // A shim that is somewhere else must not serve.
        if setns(&lean, CloneFlags::CLONE_NEWNS).is_err() {
            rocker_sys::clone::exit_now(1);
        }
        attached?;
        kept.home = home?;
        Ok(kept)
    }

    /// The data root.
    pub fn root(&self) -> Result<Option<OwnedFd>> {
        self.root.as_ref().map(duplicate).transpose()
    }

    /// The request and the descriptors of one start.
    pub fn next(&self, host: &Host) -> Result<(StartRequest, Handed)> {
        let request: StartRequest = serde_json::from_slice(&self.request)
            .map_err(|error| Error::invalid(format!("the kept request is not understood: {error}")))?;
        let lean = mount_namespace(host)?;
        setns(&self.home, CloneFlags::CLONE_NEWNS)
            .map_err(|errno| Error::sys("enter the mount namespace of what is kept", errno))?;
        let handed = self.clone_all(&request.spec.mounts);
        if setns(&lean, CloneFlags::CLONE_NEWNS).is_err() {
            rocker_sys::clone::exit_now(1);
        }
        Ok((request, handed?))
    }

    fn clone_all(&self, mounts: &[Mount]) -> Result<Handed> {
        // Mounts that the host has made below the source since then are for those who asked for all below it.
        let recursive = |at: usize| {
            mounts.get(at).is_some_and(|mount| {
                mount.kind == "volume" || mount.options.iter().any(|option| option == "rbind")
            })
        };
        let tree = |(at, tree): &(usize, OwnedFd)| Ok((*at, clone(tree, recursive(*at))?));
        let volume = |(at, fd): &(usize, OwnedFd)| Ok((*at, open_again(fd)?));
        let namespace = |(at, fd): &(usize, OwnedFd)| Ok((*at, duplicate(fd)?));
        Ok(Handed {
            root: self.root.as_ref().map(|tree| clone(tree, false)).transpose()?,
            directory: self.directory.as_ref().map(|tree| clone(tree, true)).transpose()?,
            host: self.host.as_ref().map(|tree| clone(tree, true)).transpose()?,
            mounts: self.mounts.iter().map(tree).collect::<Result<_>>()?,
            volumes: self.volumes.iter().map(volume).collect::<Result<_>>()?,
            namespaces: self.namespaces.iter().map(namespace).collect::<Result<_>>()?,
            ..Handed::default()
        })
    }

    /// In the new namespace: gives every tree a place of its own on a private file system.
    fn attach_all(&self) -> Result<()> {
        let fail = |errno| Error::sys("make a place for what is kept", errno);
        let context = Context::open(c"tmpfs").map_err(fail)?;
        context.string(c"mode", c"0700").map_err(fail)?;
        context.create().map_err(fail)?;
        let stage = context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC).map_err(fail)?;
        let here = open(MOUNT_POINT, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(fail)?;
        mount::attach(stage.as_fd(), here.as_fd()).map_err(fail)?;
        let trees = [&self.root, &self.directory, &self.host].into_iter().flatten();
        for (number, tree) in trees.chain(self.mounts.iter().map(|(_, tree)| tree)).enumerate() {
            attach(&stage, tree, &number.to_string())?;
        }
        Ok(())
    }
}

/// A place of the tree's kind: a directory for a directory, else a file.
fn attach(stage: &OwnedFd, tree: &OwnedFd, name: &str) -> Result<()> {
    let fail = |errno| Error::sys("attach what is kept", errno);
    let kind = SFlag::from_bits_truncate(fstat(tree).map_err(fail)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFDIR {
        mkdirat(stage, name, Mode::from_bits_truncate(0o700)).map_err(fail)?;
    } else {
        let flags = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        drop(openat(stage, name, flags, Mode::from_bits_truncate(0o600)).map_err(fail)?);
    }
    let name = CString::new(name).map_err(|_| Error::invalid("a name with a zero byte"))?;
    mount::attach_at(tree.as_fd(), stage.as_fd(), &name).map_err(fail)
}

/// The mount namespace of this process, which `/proc/self` of the engine's own procfs names.
fn mount_namespace(host: &Host) -> Result<OwnedFd> {
    own_namespace(host.proc.as_fd(), "mnt")
}

/// A namespace of this process by the name of its file (namespaces(7)).
pub fn own_namespace(proc: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let path = format!("self/ns/{name}");
    openat(proc, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open namespace", &path, errno))
}

fn clone(tree: &OwnedFd, recursive: bool) -> Result<OwnedFd> {
    mount::clone_tree(tree.as_fd(), c"", recursive).map_err(|errno| Error::sys("clone what is kept", errno))
}

/// Another open file of a directory: a lock that one start takes on it must not outlive that start in the one kept here.
fn open_again(directory: &OwnedFd) -> Result<OwnedFd> {
    openat(directory, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::sys("open a volume again", errno))
}

fn duplicate(fd: &OwnedFd) -> Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate", &error))
}
