//! A container in a user namespace of its own: who makes what, because neither side can make all of it.
//!
//! | process | power | work |
//! |---|---|---|
//! | the shim | the host's | the namespace itself, owners of binds and volumes |
//! | a child that enters the namespace | the host's, then the namespace's | limits; the container's init, as one more child of the shim |
//! | the init | the namespace's | all namespaces, and what is mounted in them |
//! | another child of the shim | the host's | the root and all else that the init is sent (`rocker_core::container::furnish`) |

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rocker_core::cgroup::Cgroup;
use rocker_core::container::init::Setup;
use rocker_core::container::{IdMaps, Planned, Program, Report, Userns, furnish};
use rocker_core::protocol::StartRequest;
use rocker_core::{Error, Kind, Result};
use rocker_sys::clone::{Cloned, clone_process, clone_sibling_process, exit_now};

use super::clone;
use super::prepare::{Handed, Namespaces};
use crate::host::Host;

/// The container's user namespace: that of an earlier start, one that others have made, or a new one; None for the host's.
pub fn of(
    host: &Host,
    request: &StartRequest,
    handed: &mut Handed,
    plan: &mut Namespaces,
) -> Result<Option<Rc<Userns>>> {
    let linux = &request.spec.linux;
    let Some(file) = plan.user.take() else {
        if linux.uid_mappings.is_empty() && linux.gid_mappings.is_empty() {
            return Ok(None);
        }
        return Err(Error::invalid("uidMappings and gidMappings need a namespace of the type `user`"));
    };
    if let Some(kept) = handed.userns.take() {
        return Ok(Some(kept));
    }
    let maps = IdMaps::new(&linux.uid_mappings, &linux.gid_mappings)?;
    maps.root()?;
    Ok(Some(Rc::new(match file {
        Some(file) => Userns { file, maps },
        None => Userns::create(host.proof, host.proc.as_fd(), maps)?,
    })))
}

/// What the root of a user namespace is on the host.
pub fn root_of(userns: Option<&Userns>) -> Result<Option<(u32, u32)>> {
    userns.map(|userns| userns.maps.root()).transpose()
}

/// Shows the owners of a mount's source as the mount or the container's user namespace maps them, where that is wanted:
/// with the option `idmap`, and for volumes and images, which belong to the container.
pub fn map_owners(host: &Host, planned: &Planned, userns: Option<&Userns>) -> Result<()> {
    let mount = &planned.mount;
    if userns.is_some() && furnish::is_layered(planned) {
        return Ok(());
    }
    let is_own = userns.is_some() && matches!(mount.kind.as_str(), "volume" | "image");
    let Some(recursive) = planned.options.idmap.or_else(|| is_own.then_some(true)) else {
        if mount.uid_mappings.is_empty() && mount.gid_mappings.is_empty() {
            return Ok(());
        }
        return Err(Error::invalid(
            "a mount's uidMappings and gidMappings need its option `idmap` or `ridmap`",
        ));
    };
    let Some(tree) = &planned.tree else {
        return Err(Error::invalid("the mount option `idmap` is for binds, volumes and images"));
    };
    if !(mount.uid_mappings.is_empty() && mount.gid_mappings.is_empty()) {
        let maps = IdMaps::new(&mount.uid_mappings, &mount.gid_mappings)?;
        return Userns::create(host.proof, host.proc.as_fd(), maps)?.map_owners(tree.as_fd(), recursive);
    }
    let userns = userns.ok_or_else(|| {
        Error::invalid("the mount option `idmap` needs mappings, or a container in a user namespace")
            .hint("start it with --userns auto")
    })?;
    if mount.options.iter().any(|option| option.starts_with("shared-with=")) {
        return userns.map_shared_owners(tree.as_fd());
    }
    userns.map_owners(tree.as_fd(), recursive)
}

/// Clones the init, born in the user namespace as a child of this process; as `clone_process` otherwise.
pub fn clone_inside(
    host: &Host,
    userns: &Userns,
    plan: &Namespaces,
    program: &Program,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Cloned> {
    let (ours, theirs) = pair()?;
    match clone_process(host.proof, CloneFlags::empty(), None) {
        Err(errno) => Err(Error::sys("clone3", errno)),
        Ok(Cloned::Child) => {
            drop(ours);
            match go_inside(host, userns, plan, program, cgroup) {
                Ok(Cloned::Child) => Ok(Cloned::Child),
                Ok(Cloned::Parent(pid, pidfd)) => {
                    let report = Report::Moved { pid: pid.as_raw() };
                    if report.send(theirs.as_fd(), &[pidfd.as_fd()]).is_err() {
                        let _ = rocker_sys::pidfd::kill(pidfd.as_fd());
                    }
                    exit_now(0)
                }
                Err(error) => Report::fail_and_exit(&theirs, error),
            }
        }
        Ok(Cloned::Parent(between, _)) => {
            drop(theirs);
            let report = Report::receive(ours.as_fd());
            let _ = waitpid(between, None);
            match report? {
                Some((Report::Moved { pid }, mut fds)) => match fds.pop() {
                    Some(pidfd) => Ok(Cloned::Parent(Pid::from_raw(pid), pidfd)),
                    None => Err(Error::invalid("a report came without its descriptor")),
                },
                Some((Report::Failed(error), _)) => Err(error),
                _ => Err(Error::new(Kind::Gone, "the process that makes the container's was killed")),
            }
        }
    }
}

fn go_inside(
    host: &Host,
    userns: &Userns,
    plan: &Namespaces,
    program: &Program,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Cloned> {
    program.take_what_needs_the_host(host.proc.as_fd())?;
    userns.enter()?;
    if let Some((pid, _)) = &plan.pid {
        setns(pid, CloneFlags::CLONE_NEWPID).map_err(|errno| match errno {
            Errno::EPERM => Error::sys("join pid namespace", errno)
                .hint("it belongs to another user namespace than the container's"),
            _ => Error::sys("join pid namespace", errno),
        })?;
    }
    clone_sibling_process(host.proof, plan.new, cgroup)
        .map_err(|errno| Error::sys("clone3", errno).hint(clone::hint(errno)))
}

/// Has all that the init needs made by a child, which sends it to `child`, the shim's end of the init's socket.
pub fn furnish(host: &Host, userns: &Userns, setup: &Setup, cgroup: &Cgroup, child: &OwnedFd) -> Result<()> {
    let (ours, theirs) = pair()?;
    match clone_process(host.proof, CloneFlags::CLONE_NEWNS, None) {
        Err(errno) => Err(Error::sys("clone3", errno)),
        Ok(Cloned::Child) => {
            drop(ours);
            match furnish::send(setup, userns, &|| cgroup.enter_self(), child.as_fd()) {
                Ok(()) => exit_now(0),
                Err(error) => Report::fail_and_exit(&theirs, error),
            }
        }
        Ok(Cloned::Parent(pid, _)) => {
            drop(theirs);
            let report = Report::receive(ours.as_fd());
            let status = waitpid(pid, None);
            match (report?, status) {
                (Some((Report::Failed(error), _)), _) => Err(error),
                (None, Ok(WaitStatus::Exited(_, 0))) => Ok(()),
                _ => Err(Error::new(Kind::System, "the process that makes the container's root was killed")
                    .hint("for want of memory? a new volume is filled on the container's account")),
            }
        }
    }
}

fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|errno| Error::sys("socketpair", errno))
}
