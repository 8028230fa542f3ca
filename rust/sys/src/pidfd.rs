//! `pidfd_open(2)` and `pidfd_send_signal(2)`: processes without the race of reused pids.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
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

/// Sorts of namespaces, by the numbers of their requests in `linux/pidfd.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// `ipc_namespaces(7)`.
    Ipc = 0xff02,
    /// `mount_namespaces(7)`.
    Mount = 0xff03,
    /// `network_namespaces(7)`.
    Network = 0xff04,
}

/// A namespace of the process (ioctl PIDFD_GET_..._NAMESPACE, Linux 6.11; ENOTTY before).
pub fn namespace(pidfd: BorrowedFd<'_>, sort: Namespace) -> nix::Result<OwnedFd> {
    // SAFETY: the requests take no argument but 0.
    let fd = check(i64::from(unsafe { libc::ioctl(pidfd.as_raw_fd(), sort as _, 0) }))?;
    // SAFETY: the kernel has just made this descriptor, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Processor time of a process and of the children that it had waited for, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// In user mode.
    pub user_us: u64,
    /// In the kernel.
    pub system_us: u64,
}

/// `pid_t wait4(pid_t pid, int *wstatus, int options, struct rusage *rusage)` with WNOHANG: reaps a child that has
/// ended. None: it has not.
pub fn reap(pid: Pid) -> nix::Result<Option<(WaitStatus, Times)>> {
    let mut status: libc::c_int = 0;
    // SAFETY: rusage consists of integers, for which zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals that outlive the call.
    let got = unsafe { libc::wait4(pid.as_raw(), &raw mut status, libc::WNOHANG, &raw mut usage) };
    if check(i64::from(got))? == 0 {
        return Ok(None);
    }
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    let times = Times { user_us: micros(usage.ru_utime), system_us: micros(usage.ru_stime) };
    Ok(Some((WaitStatus::from_raw(pid, status)?, times)))
}

/// Kills with SIGKILL; a process that has ended already is no failure.
pub fn kill(pidfd: BorrowedFd<'_>) -> nix::Result<()> {
    match send_signal(pidfd, Signal::SIGKILL as i32) {
        Err(nix::errno::Errno::ESRCH) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    #[test]
    #[allow(clippy::zombie_processes)] // reaped here by the function under test
    fn a_child_is_reaped_once_with_its_times() {
        let child = std::process::Command::new("/bin/sh").args(["-c", "exit 3"]).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        let pidfd = open(pid).unwrap();
        let mut wait = [nix::poll::PollFd::new(pidfd.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut wait, nix::poll::PollTimeout::NONE).unwrap();
        let (status, times) = reap(pid).unwrap().unwrap();
        assert_eq!(status, WaitStatus::Exited(pid, 3));
        assert!(times.user_us + times.system_us > 0);
        assert_eq!(reap(pid), Err(nix::errno::Errno::ECHILD));
    }

    #[test]
    fn a_namespace_is_that_of_the_process() {
        for (name, sort) in [("ipc", Namespace::Ipc), ("mnt", Namespace::Mount), ("net", Namespace::Network)]
        {
            let own = std::fs::metadata(format!("/proc/self/ns/{name}")).unwrap().ino();
            match namespace(open(Pid::this()).unwrap().as_fd(), sort) {
                Ok(fd) => assert_eq!(std::fs::File::from(fd).metadata().unwrap().ino(), own),
                Err(errno) => assert_eq!(errno, nix::errno::Errno::ENOTTY), // before Linux 6.11
            }
        }
    }
}
