//! `pidfd_open(2)` and `pidfd_send_signal(2)`: processes without the race of reused pids.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::check;

/// `int pidfd_open(pid_t pid, unsigned flags)`, Linux 5.3. Readable (poll) when the process has ended.
pub fn open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel has just made this descriptor, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// `int pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned flags)`, Linux 5.1.
///
/// `signal` is a number because real-time signals have no name in nix; 0 only asks. ESRCH when it has ended.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> nix::Result<()> {
    // SAFETY: a null siginfo is allowed; no other pointers.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    check(sent).map(drop)
}

/// Kills with SIGKILL; a process that has ended already is no failure.
pub fn kill(pidfd: BorrowedFd<'_>) -> nix::Result<()> {
    match send_signal(pidfd, Signal::SIGKILL as i32) {
        Err(nix::errno::Errno::ESRCH) => Ok(()),
        other => other,
    }
}
