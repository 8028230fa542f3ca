//! A container's first process, cloned into its namespaces and its cgroup.

use nix::errno::Errno;
use rocker_core::cgroup::Cgroup;
use rocker_core::{Error, Result};
use rocker_sys::clone::{Cloned, clone_process};

use super::prepare::Namespaces;
use crate::host::Host;

/// Clones it as a child of this process. In a user namespace that is `userns::clone_inside`.
pub fn child(host: &Host, cgroup: &Cgroup, plan: &Namespaces) -> Result<Cloned> {
    clone_process(host.proof, plan.new, cgroup.v2_fd())
        .map_err(|errno| Error::sys("clone3", errno).hint(hint(errno)))
}

/// What to do when a clone fails.
pub fn hint(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN | Errno::ENOSPC => {
            "a limit on processes or namespaces is reached: see /proc/sys/user and ulimit -u"
        }
        Errno::EPERM => "root with CAP_SYS_ADMIN is needed",
        Errno::EINVAL => "this kernel lacks a namespace that is asked for",
        _ => "see clone(2)",
    }
}
