//! System calls that nix lacks, typed; the only crate of rocker with unsafe code.
//!
//! | module | man page | least Linux |
//! |---|---|---|
//! | [`clone`] | `clone(2)`: clone3 with a pidfd and CLONE_INTO_CGROUP | 5.7 |
//! | [`mount`] | the mount API by file descriptors: fsopen, fsconfig, fsmount, open_tree, move_mount, mount_setattr | 5.12 |
//! | [`pidfd`] | pidfd_open, pidfd_send_signal | 5.3 |
//! | [`port`] | ports of the host, held by a socket | 2.2 |
//! | [`scm`] | file descriptors over unix sockets, owned at birth | 2.6.23 |
//! | [`seccomp`] | `seccomp(2)` | 3.17 |
//! | [`signals`] | dispositions back to default | 1.0 |
//! | [`caps`] | capset, the bounding and ambient sets | 4.3 |
//! | [`fds`] | close_range, taking inherited descriptors over | 5.9 |
//! | [`tty`] | terminal ioctls | 4.13 |
//! | [`xattr`] | extended attributes by descriptor | 2.4 |
//! | [`netlink`] | rtnetlink: links, veth pairs in place, addresses, routes | 4.9 |
//! | [`nft`] | nfnetlink: tables, sets, maps, chains, rules, as transactions | 5.2 |
//! | [`bpf`] | `bpf(2)`: load a device filter and attach it to a cgroup | 4.15 |
//! | [`ids`] | setdomainname, session keyrings | 2.6 |
//!
//! Every file descriptor is an `OwnedFd` from the moment the kernel made it, and close-on-exec.

pub mod bpf;
pub mod caps;
pub mod clone;
pub mod fds;
pub mod ids;
pub mod mount;
pub mod netlink;
pub mod nft;
pub mod nice;
pub mod pidfd;
pub mod port;
pub mod scm;
pub mod seccomp;
pub mod signals;
pub mod tty;
pub mod xattr;

use nix::errno::Errno;

/// `int malloc_trim(size_t pad)`, glibc: gives the pages of free heap memory back to the kernel; elsewhere nothing.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it has no preconditions; the heap's own locks are free in a process of one thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// `getrandom(2)`: fills the buffer.
pub fn random(buffer: &mut [u8]) -> nix::Result<()> {
    // SAFETY: pointer and length describe `buffer`; up to 256 bytes come whole once the kernel's pool is ready.
    let count =
        check(unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) } as libc::c_long)?;
    if count as usize == buffer.len() { Ok(()) } else { Err(Errno::EINTR) }
}

/// The kernel's -1 becomes the errno.
fn check(result: libc::c_long) -> nix::Result<libc::c_long> {
    if result < 0 { Err(Errno::last()) } else { Ok(result) }
}
