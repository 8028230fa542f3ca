//! What is handed over: everything of this process that its work could notice.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;
use rocker_core::protocol::{self, send_json};
use rocker_core::{Error, Result};
use rocker_sys::fds;
use serde::Serialize;

use crate::identity::{LIMITS, Status};

/// The head of the request; arguments and environment follow as bytes that end in NUL, because they need not be UTF-8.
#[derive(Debug, Serialize)]
struct Head {
    /// How many of the texts that follow are arguments; the others are the environment.
    arguments: usize,
    umask: u32,
    nice: i32,
    /// Resource, soft, hard; -1 is RLIM_INFINITY, as Python has it.
    limits: Vec<(i32, i64, i64)>,
    /// Signals that are ignored.
    ignored: Vec<i32>,
}

/// Sends what this process is, with the token that a worker must take before it begins; but for its files.
pub fn send(socket: BorrowedFd<'_>, token: BorrowedFd<'_>, status: &Status) -> Result<()> {
    let directory = open(".", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", ".", errno))?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let limit = |limit: &Resource| {
        getrlimit(*limit).ok().map(|(soft, hard)| (*limit as i32, soft as i64, hard as i64))
    };
    let head = Head {
        arguments: arguments.len(),
        umask: status.umask().ok_or_else(|| Error::invalid("/proc/self/status has no umask"))?,
        nice: rocker_sys::nice::nice(),
        limits: LIMITS.iter().filter_map(limit).collect(),
        ignored: status.ignored_signals(),
    };
    let mut text = serde_json::to_vec(&head).map_err(|error| Error::invalid(error.to_string()))?;
    for bytes in arguments.into_iter().map(OsString::into_vec).chain(environment()) {
        text.push(0);
        text.extend(bytes);
    }
    send_json(socket, &[&text], &[token, directory.as_fd()])
}

/// Sends the files of this process and their numbers, once a worker has begun.
///
/// In the queue of one that has been stopped they would stay open, and a reader of this command's output would wait for
/// its end although Python has long done the work.
pub fn send_files(socket: BorrowedFd<'_>) -> Result<()> {
    let numbers = inherited();
    let lent = numbers.iter().map(|number| borrow(*number)).collect::<Result<Vec<_>>>()?;
    protocol::send(socket, &numbers, &lent)
}

/// This process's environment, `NAME=VALUE` each.
pub fn environment() -> impl Iterator<Item = Vec<u8>> {
    std::env::vars_os().map(|(name, value)| {
        let mut bytes = name.into_vec();
        bytes.push(b'=');
        bytes.extend(value.into_vec());
        bytes
    })
}

/// The descriptors that a program executed now would have: what the shell opened for it, `<(…)` too.
fn inherited() -> Vec<RawFd> {
    let Ok(listing) = std::fs::read_dir("/proc/self/fd") else { return vec![0, 1, 2] };
    let mut numbers: Vec<RawFd> = listing
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number < 3 || stays_open(*number))
        .collect();
    numbers.sort_unstable();
    numbers
}

fn borrow(number: RawFd) -> Result<BorrowedFd<'static>> {
    fds::borrow(number).map_err(|errno| Error::sys("borrow a descriptor", errno))
}

fn stays_open(number: RawFd) -> bool {
    let Ok(fd) = borrow(number) else { return false };
    fcntl(fd, FcntlArg::F_GETFD).is_ok_and(|flags| flags & FdFlag::FD_CLOEXEC.bits() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn only_what_an_execve_would_keep_is_handed_over() {
        let closes = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
        let stays = open("/dev/null", OFlag::O_RDONLY, Mode::empty()).unwrap();
        let numbers = inherited();
        assert!(numbers.starts_with(&[0, 1, 2]));
        assert!(numbers.contains(&stays.as_raw_fd()));
        assert!(!numbers.contains(&closes.as_raw_fd()));
    }
}
