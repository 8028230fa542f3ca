//! `long clone3(struct clone_args *cl_args, size_t size)`, <https://man7.org/linux/man-pages/man2/clone.2.html>

use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::Pid;

use crate::check;

/// Proof that this process has one thread, which is what makes a child of
/// clone3 a whole process: it may allocate, lock and run destructors.
#[derive(Debug, Clone, Copy)]
pub struct SingleThreaded {
    // A thread that this token was sent to would disprove it.
    not_send: PhantomData<*const ()>,
}

impl SingleThreaded {
    /// Counts `/proc/self/task`; `EBUSY` when there is more than one thread.
    ///
    /// Take it once at the start of a program that never makes threads.
    pub fn prove() -> nix::Result<Self> {
        let tasks = std::fs::read_dir("/proc/self/task").map_err(|_| Errno::ENOSYS)?.count();
        if tasks == 1 { Ok(Self { not_send: PhantomData }) } else { Err(Errno::EBUSY) }
    }
}

/// The two sides of a successful clone.
#[derive(Debug)]
pub enum Cloned {
    /// In the parent: the child's pid, as the parent's pid namespace numbers it, and its pidfd.
    Parent(Pid, OwnedFd),
    /// In the child.
    Child,
}

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes a child with its own copy of the address space, in new namespaces.
///
/// `cgroup` is a directory of the cgroup2 file system in which the child is
/// born (Linux 5.7), which spares it the migration and its RCU grace period.
pub fn clone_process(
    proof: SingleThreaded,
    namespaces: CloneFlags,
    cgroup: Option<BorrowedFd<'_>>,
) -> nix::Result<Cloned> {
    clone3(proof, namespaces, libc::SIGCHLD, cgroup)
}

/// The same as a child of this process's **parent** (`CLONE_PARENT`), in the namespaces that this process makes: they
/// belong to its user namespace (`user_namespaces(7)`).
pub fn clone_sibling_process(
    proof: SingleThreaded,
    namespaces: CloneFlags,
    cgroup: Option<BorrowedFd<'_>>,
) -> nix::Result<Cloned> {
    // The signal of its end is that of this process (clone(2)).
    clone3(proof, namespaces | CloneFlags::CLONE_PARENT, 0, cgroup)
}

fn clone3(
    _proof: SingleThreaded,
    namespaces: CloneFlags,
    exit_signal: libc::c_int,
    cgroup: Option<BorrowedFd<'_>>,
) -> nix::Result<Cloned> {
    let mut pidfd: libc::c_int = -1;
    let mut flags = namespaces.bits() as u32 as u64 | CLONE_PIDFD;
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    let args = libc::clone_args {
        flags,
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: exit_signal as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    // SAFETY: `args` is a valid clone_args and `pidfd` outlives the call. Without CLONE_VM the child has its own
    // copy of this single thread's stack and heap, and the token says that no other thread held a lock.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of_val(&args)) })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has just made this descriptor (close-on-exec) and nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent(Pid::from_raw(pid as libc::pid_t), pidfd))
}

/// Makes a child of this process's **parent** (`CLONE_PARENT`), with its own copy of the address space, in the pid namespace that
/// `setns(2)` or `unshare(2)` has chosen for children.
///
/// `clone(2)`, the older call: filters let it through by its flags, which they cannot see in those of `clone3`.
pub fn clone_sibling(proof: SingleThreaded) -> nix::Result<Cloned> {
    clone_by_flags(proof, libc::CLONE_PARENT as u64)
}

/// Makes a child by the same call.
pub fn clone_child(proof: SingleThreaded) -> nix::Result<Cloned> {
    clone_by_flags(proof, 0)
}

fn clone_by_flags(_proof: SingleThreaded, more: u64) -> nix::Result<Cloned> {
    let mut pidfd: libc::c_int = -1;
    let flags = CLONE_PIDFD | more | libc::SIGCHLD as u64;
    let none: libc::c_ulong = 0;
    // SAFETY: `pidfd`, where CLONE_PIDFD stores, outlives the call. Without CLONE_VM the child has its own copy of this
    // single thread's stack, on which no stack argument lets it go on, and the token says that no other thread held a lock.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone, flags, none, &raw mut pidfd, none, none) })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has just made this descriptor (close-on-exec) and nothing else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent(Pid::from_raw(pid as libc::pid_t), pidfd))
}

/// `void _exit(int status)`: ends the process without destructors or atexit handlers.
///
/// A cloned child ends so, because handlers registered by its parent are not its own.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit has no preconditions and does not return.
    unsafe { libc::_exit(status) }
}
