//! What is removed when a container ends. Nobody waits for it: every client has been told before.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use nix::unistd::{UnlinkatFlags, unlinkat};
use rocker_core::cgroup::Cgroup;
use rocker_core::container::open_below;
use rocker_core::layer::remove_tree;
use rocker_core::protocol::RUN_FILES;

/// Removes the cgroup, the run directory's files and, for `--rm`, the container itself; whether that was removed.
///
/// Failures are not reported: the next engine that looks finds what is left and collects it.
pub fn tear_down(
    cgroup: Option<Cgroup>,
    run: &OwnedFd,
    directory: &OwnedFd,
    data_root: Option<&OwnedFd>,
    id: &str,
    remove: bool,
) -> bool {
    if let Some(cgroup) = cgroup {
        let _ = cgroup.remove();
    }
    for name in RUN_FILES {
        let _ = unlinkat(directory, name, UnlinkatFlags::NoRemoveDir);
    }
    if !remove {
        return false;
    }
    let mut removed = false;
    if let Some(root) = data_root
        && let Ok(containers) = open_below(root.as_fd(), "containers")
    {
        // Who removes it tells of it: an engine may have been faster.
        let there = fstatat(&containers, id, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok();
        removed = there && remove_tree(containers.as_fd(), id.as_bytes()).is_ok();
    }
    for name in ["state.json", ".state.json", "shim.lock"] {
        let _ = unlinkat(directory, name, UnlinkatFlags::NoRemoveDir);
    }
    if let Ok(containers) = open_below(run.as_fd(), "containers") {
        let _ = unlinkat(&containers, id, UnlinkatFlags::RemoveDir);
    }
    removed
}
