//! What is handed over: everything of this process that its work could notice.

use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::resource::getrlimit;
use nix::sys::stat::{Mode, umask};
use rocker_core::protocol::send_json;
use rocker_core::{Error, Result};
use rocker_sys::fds;
use serde::Serialize;

use crate::identity::{LIMITS, ignored_signals};

/// The head of the request; arguments and environment follow as bytes that end in NUL, because they need not be UTF-8.
#[derive(Debug, Serialize)]
struct Head {
    version: u32,
    /// How many of the texts that follow are arguments; the others are the environment.
    arguments: usize,
    umask: u32,
    nice: i32,
    /// Resource, soft, hard.
    limits: Vec<(i32, u64, u64)>,
    /// Signals that are ignored.
    ignored: Vec<i32>,
    /// The numbers of the descriptors that follow the token and the directory.
    numbers: Vec<RawFd>,
}

/// This process, for a worker.
#[derive(Debug)]
pub struct Caller {
    head: Vec<u8>,
    directory: OwnedFd,
    numbers: Vec<RawFd>,
}

impl Caller {
    /// Looks at this process.
    pub fn look() -> Result<Self> {
        let directory = open(".", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open", ".", errno))?;
        let numbers = inherited();
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let mask = umask(Mode::empty());
        umask(mask);
        let head = Head {
            version: 1,
            arguments: arguments.len(),
            umask: mask.bits(),
            nice: rocker_sys::nice::nice(),
            limits: LIMITS
                .iter()
                .filter_map(|limit| getrlimit(*limit).ok().map(|(soft, hard)| (*limit as i32, soft, hard)))
                .collect(),
            ignored: ignored_signals(),
            numbers: numbers.clone(),
        };
        let mut text = serde_json::to_vec(&head).map_err(|error| Error::invalid(error.to_string()))?;
        for bytes in arguments.into_iter().map(OsString::into_vec).chain(environment()) {
            text.push(0);
            text.extend(bytes);
        }
        Ok(Self { head: text, directory, numbers })
    }

    /// Sends it, with the token that a worker must take before it begins.
    pub fn send(&self, socket: BorrowedFd<'_>, token: BorrowedFd<'_>) -> Result<()> {
        use std::os::fd::AsFd;

        let mut lent = vec![token, self.directory.as_fd()];
        for number in &self.numbers {
            lent.push(fds::borrow(*number).map_err(|errno| Error::sys("borrow a descriptor", errno))?);
        }
        send_json(socket, &[&self.head], &lent)
    }
}

fn environment() -> impl Iterator<Item = Vec<u8>> {
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

fn stays_open(number: RawFd) -> bool {
    let Ok(fd) = fds::borrow(number) else { return false };
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
