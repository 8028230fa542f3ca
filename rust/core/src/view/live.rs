//! A running container's root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use nix::unistd::Pid;
use rocker_sys::{mount, pidfd};

use crate::client::{is_alive, read_states};
use crate::container::IdMaps;
use crate::protocol::{State, Status};
use crate::{Error, Result};

/// Opens the root of a container's mount namespace, or with `alone` a copy of that one mount without those below it;
/// None when it does not run. With it the ids of its user namespace, if that is not the host's.
///
/// A thread joins the namespace, opens, and ends: nothing is resolved as a path there, where a container may have put
/// anything under the name of `/proc`.
pub(super) fn open(
    run: &Path,
    root: &Path,
    id: &str,
    alone: bool,
) -> Result<Option<(OwnedFd, Option<IdMaps>)>> {
    let Some(state) = running(run, root, id) else { return Ok(None) };
    let Ok(process) = pidfd::open(Pid::from_raw(state.pid)) else { return Ok(None) };
    // The pid is the container's, and not another's later, if after that its shim lived and was its parent.
    if parent_of(state.pid) != Some(state.shim_pid) || !is_alive(run, id) {
        return Ok(None);
    }
    let ids = ids_of(state.pid);
    if running(run, root, id).is_none_or(|now| now.pid != state.pid) {
        return Ok(None);
    }
    let entered = std::thread::spawn(move || enter(&process, alone)).join();
    entered
        .map_err(|_| Error::new(crate::Kind::System, "the thread that enters the container panicked"))?
        .map(|found| Some((found, ids)))
}

/// The ids of a process's user namespace (`user_namespaces(7)`); None for the host's.
fn ids_of(pid: i32) -> Option<IdMaps> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
    IdMaps::of_process(&read("uid_map")?, &read("gid_map")?)
}

fn running(run: &Path, root: &Path, id: &str) -> Option<State> {
    let state = read_states(run, root, &[id.to_owned()]).pop().flatten()?;
    (matches!(state.status, Status::Running | Status::Paused) && state.pid > 0).then_some(state)
}

/// Field 4 of `/proc/PID/stat`, behind a name that may hold anything (proc(5)).
fn parent_of(pid: i32) -> Option<i32> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let rest = &text[text.iter().rposition(|byte| *byte == b')')? + 1..];
    std::str::from_utf8(rest).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A detached copy of the tmpfs that a running container has at `target`; None when it has none there any more.
///
/// So two containers share the memory of one volume, which is mounted in no namespace but theirs.
pub(crate) fn clone_tmpfs(pid: i32, shim: i32, target: &Path) -> Result<Option<OwnedFd>> {
    let Ok(process) = pidfd::open(Pid::from_raw(pid)) else { return Ok(None) };
    if parent_of(pid) != Some(shim) {
        return Ok(None);
    }
    let target = target.to_owned();
    let entered = std::thread::spawn(move || {
        let root = enter(&process, false)?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let Ok(place) = crate::container::open_in_root(root.as_fd(), &target, flags) else { return Ok(None) };
        let is_tmpfs = fstatfs(&place).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC);
        // Only in the namespace that it is mounted in can it be cloned (open_tree(2)).
        Ok(if is_tmpfs { mount::clone_tree(place.as_fd(), c"", false).ok() } else { None })
    });
    entered
        .join()
        .map_err(|_| Error::new(crate::Kind::System, "the thread that enters the container panicked"))?
}

fn enter(process: &OwnedFd, alone: bool) -> Result<OwnedFd> {
    // Threads share their root and working directory; setns(2) changes both, of one that shares with nobody.
    unshare(CloneFlags::CLONE_FS).map_err(|errno| Error::sys("unshare", errno))?;
    setns(process.as_fd(), CloneFlags::CLONE_NEWNS)
        .map_err(|errno| Error::sys("enter the container's mount namespace", errno))?;
    if alone {
        return mount::clone_tree(AT_FDCWD, c"/", false)
            .map_err(|errno| Error::sys("clone the container's root", errno));
    }
    nix::fcntl::open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", "/", errno))
}
