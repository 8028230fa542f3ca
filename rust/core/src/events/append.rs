//! A line added to the file: one `write(2)` with O_APPEND, which no other writer's comes between.
//!
//! Writers hold a shared lock, and whoever rotates an exclusive one, so that nothing is added to a file once another has
//! its name: a reader that has seen both may let go of the former. Nobody waits long for a lock. No fsync: who reads
//! later than this boot has other sources.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::{Whence, ftruncate, lseek, write};

use super::{FILE, FORMER, LIMIT};
use crate::{Error, Result};

/// How often a lock is tried, and the pause between: 20 ms, after which a line is written without it. Then a reader may
/// miss it, if the file is rotated in that moment.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_micros(200);

/// Add one line, with its newline, to the events of the run root `run`.
///
/// # Errors
/// What the system said: [`crate::Kind::NoSpace`] when the run root is full; then nothing of the line is in the file.
pub fn append(run: BorrowedFd<'_>, line: &[u8]) -> Result<()> {
    append_below(run, line, LIMIT)
}

pub(super) fn append_below(run: BorrowedFd<'_>, line: &[u8], limit: u64) -> Result<()> {
    let fail = |errno| Error::at("write an event", FILE, errno);
    let mut attempt = 0;
    let file = loop {
        attempt += 1;
        match Flock::lock(open(run).map_err(fail)?, FlockArg::LockSharedNonblock) {
            Ok(file) if is_current(run, &file) => break Locked::With(file),
            // It was rotated between the two calls.
            Ok(_) if attempt < ATTEMPTS => {}
            Ok(file) => break Locked::With(file),
            Err((_, Errno::EWOULDBLOCK)) if attempt < ATTEMPTS => std::thread::sleep(PAUSE),
            Err((file, _)) => break Locked::Without(file),
        }
    };
    let count = write_some(file.fd(), line).map_err(fail)?;
    // Where this line ends: O_APPEND has moved the position there.
    let end = lseek(file.fd(), 0, Whence::SeekCur).map_err(fail)?;
    let Locked::With(file) = file else {
        return if count < line.len() { Err(fail(Errno::ENOSPC)) } else { Ok(()) };
    };
    if count < line.len() {
        cut_off(&file, count, end);
        return Err(fail(Errno::ENOSPC));
    }
    if end.cast_unsigned() >= limit {
        rotate(run, &file);
    }
    Ok(())
}

enum Locked {
    With(Flock<OwnedFd>),
    Without(OwnedFd),
}

impl Locked {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::With(file) => file.as_fd(),
            Self::Without(file) => file.as_fd(),
        }
    }
}

fn open(run: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    openat(run, FILE, flags, Mode::from_bits_truncate(0o600))
}

fn write_some(file: BorrowedFd<'_>, line: &[u8]) -> nix::Result<usize> {
    loop {
        match write(file, line) {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// The file system became full within a line: takes its part away, unless others have written behind it, or are about
/// to. Then readers pass over it.
fn cut_off(file: &Flock<OwnedFd>, count: usize, end: i64) {
    let alone = file.relock(FlockArg::LockExclusiveNonblock).is_ok();
    if alone && fstat(file.as_fd()).is_ok_and(|data| data.st_size == end) {
        let _ = ftruncate(file.as_fd(), end - i64::try_from(count).unwrap_or(0));
    }
}

fn is_current(run: BorrowedFd<'_>, file: &Flock<OwnedFd>) -> bool {
    match (fstatat(run, FILE, AtFlags::AT_SYMLINK_NOFOLLOW), fstat(file.as_fd())) {
        (Ok(named), Ok(ours)) => same(&named, &ours),
        _ => false,
    }
}

pub(super) const fn same(one: &FileStat, other: &FileStat) -> bool {
    one.st_ino == other.st_ino && one.st_dev == other.st_dev
}

/// Gives the file the name of the former one, unless another writer is at it: then the next event tries again.
fn rotate(run: BorrowedFd<'_>, file: &Flock<OwnedFd>) {
    if file.relock(FlockArg::LockExclusiveNonblock).is_ok() && is_current(run, file) {
        let _ = renameat(run, FILE, run, FORMER);
    }
}
