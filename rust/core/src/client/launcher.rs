//! Find the launcher or start it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::protocol::{Event, Request, receive, send};
use crate::{Error, Kind, Result};

/// Environment that reaches a launcher; nothing else of its first caller does.
const PASSED_ON: [&str; 2] = ["ROCKER_LAUNCHER_IDLE", "ROCKER_OVERLAY"];

/// How often the runtime's copy is tried to be sealed.
const SEAL_ATTEMPTS: usize = 10;

/// Connects to the launcher of a run root, starting one when none answers.
///
/// `runtime` is the path of `rocker-runtime`. It is copied to a sealed memfd and run from there, once: no container
/// can then write to the file on the host through `/proc/self/exe` (CVE-2019-5736).
pub fn ensure(runtime: &Path, root: &Path, run: &Path) -> Result<OwnedFd> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match super::connect_below(run, "launcher.sock") {
            Ok(socket) => return Ok(socket),
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => {}
            Err(Errno::EAGAIN) => std::thread::yield_now(), // its queue is full
            Err(errno) => return Err(Error::at("connect to the launcher", run, errno)),
        }
        if Instant::now() > deadline {
            return Err(Error::new(Kind::Timeout, "the launcher does not answer")
                .hint(format!("see who holds {}", run.join("launcher.lock").display())));
        }
        spawn(runtime, root, run)?;
        wait_for_predecessor(run)?;
    }
}

/// Waits while another launcher that is leaving, or just coming, still has to let go of or open its socket.
///
/// A leaving one releases its lock; a coming one listens before its parent exits, which `spawn` waits for.
fn wait_for_predecessor(run: &Path) -> Result<()> {
    if super::connect_below(run, "launcher.sock").is_ok() {
        return Ok(());
    }
    let path = run.join("launcher.lock");
    let file =
        File::options().write(true).open(&path).map_err(|error| Error::io_at("open", &path, &error))?;
    // Shared: several clients may wait for the same one.
    drop(Flock::lock(file, FlockArg::LockSharedNonblock));
    std::thread::yield_now();
    Ok(())
}

fn spawn(runtime: &Path, root: &Path, run: &Path) -> Result<()> {
    let program = sealed_copy(runtime)?;
    // posix_spawn: no copy of this process's address space, which fork would pay for by its size.
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command.arg("launcher").arg(root).arg(run).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let mut child = command.spawn().map_err(|error| Error::io_at("start the launcher", runtime, &error))?;
    let mut text = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut text);
    }
    let status = child.wait().map_err(|error| Error::io("wait for the launcher", &error))?;
    if status.success() {
        return Ok(());
    }
    Err(serde_json::from_str(text.trim()).unwrap_or_else(|_| {
        Error::new(Kind::System, format!("the launcher failed ({status}): {}", text.trim()))
    }))
}

fn sealed_copy(path: &Path) -> Result<OwnedFd> {
    let fail = |error: std::io::Error| Error::io_at("copy the runtime", path, &error);
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let fd = memfd_create(c"rocker-runtime", flags).map_err(|errno| Error::sys("memfd_create", errno))?;
    let bytes = std::fs::read(path).map_err(fail)?;
    let mut file = File::from(fd);
    file.write_all(&bytes).map_err(fail)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o500)).map_err(fail)?;
    let seals =
        SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    unless_busy(|| fcntl(&file, FcntlArg::F_ADD_SEALS(seals)))
        .map_err(|errno| Error::sys("seal the runtime", errno))?;
    Ok(file.into())
}

/// Tries again where the kernel has given up with EBUSY: it does not seal against writes while somebody else holds a
/// page of the file, and compaction or reclaim (DAMON, khugepaged) do so for moments. It waits up to 0.15 s each time.
fn unless_busy<T>(mut seal: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    for _ in 1..SEAL_ATTEMPTS {
        match seal() {
            Err(Errno::EBUSY) => {}
            other => return other,
        }
    }
    seal()
}

/// Asks the launcher of a run root to leave; containers stay. No launcher is no failure.
pub fn shut_down(run: &Path) -> Result<()> {
    let socket = match super::connect_below(run, "launcher.sock") {
        Ok(socket) => socket,
        Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(()),
        Err(errno) => return Err(Error::at("connect to the launcher", run, errno)),
    };
    send(socket.as_fd(), &Request::Shutdown, &[])?;
    receive::<Event>(socket.as_fd()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(busy: usize) -> (nix::Result<()>, usize) {
        let mut calls = 0;
        let result = unless_busy(|| {
            calls += 1;
            if calls > busy { Ok(()) } else { Err(Errno::EBUSY) }
        });
        (result, calls)
    }

    #[test]
    fn a_page_that_is_held_for_a_moment_is_waited_for_and_one_that_is_held_for_good_is_an_error() {
        assert_eq!(seal(0), (Ok(()), 1));
        assert_eq!(seal(3), (Ok(()), 4));
        assert_eq!(seal(99), (Err(Errno::EBUSY), SEAL_ATTEMPTS));
    }

    #[test]
    fn other_errors_are_told_at_once() {
        let mut calls = 0;
        let failed: nix::Result<()> = unless_busy(|| {
            calls += 1;
            Err(Errno::EPERM)
        });
        assert_eq!((failed, calls), (Err(Errno::EPERM), 1));
    }
}
