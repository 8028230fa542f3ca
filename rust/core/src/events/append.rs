//! A line added to the file: one `write(2)` with O_APPEND, which no other writer's comes between.
//!
//! A file that has reached its limit gets no more lines: whoever finds it so gives it the name of the former one. Writers
//! hold a shared lock between that look and the write, and whoever renames an exclusive one, so that nothing is added to
//! a file that has another name: a reader that has seen both may let go of the former. Nobody waits long for a lock. No
//! fsync: who reads later than this boot has other sources.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::{Whence, ftruncate, lseek, write};

use super::{FILE, FORMER, LIMIT};
use crate::{Error, Result};

/// How often a lock is tried, and the pause between: 20 ms, after which the event is lost.
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
    let file = open_current(run, limit).map_err(fail)?;
    let count = loop {
        match write(&*file, line) {
            Err(Errno::EINTR) => {}
            other => break other.map_err(fail)?,
        }
    };
    if count < line.len() {
        cut_off(&file, count);
        return Err(fail(Errno::ENOSPC));
    }
    Ok(())
}

/// The file that lines are added to, with a shared lock if it could be had.
fn open_current(run: BorrowedFd<'_>, limit: u64) -> nix::Result<Flock<OwnedFd>> {
    for _ in 0..ATTEMPTS {
        let file = match Flock::lock(open(run)?, FlockArg::LockSharedNonblock) {
            Ok(file) => file,
            Err((_, Errno::EWOULDBLOCK)) => {
                std::thread::sleep(PAUSE);
                continue;
            }
            Err((_, errno)) => return Err(errno),
        };
        if fstat(&*file)?.st_size.cast_unsigned() < limit || !rotate(run, &file) {
            return Ok(file);
        }
    }
    // A writer that was stopped with a shared lock keeps the file from being renamed: it grows.
    Flock::lock(open(run)?, FlockArg::LockSharedNonblock).map_err(|(_, errno)| errno)
}

fn open(run: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    openat(run, FILE, flags, Mode::from_bits_truncate(0o600))
}

/// The file system became full within a line: takes its part away, unless others have written behind it, or are about
/// to. Then readers pass over it.
fn cut_off(file: &Flock<OwnedFd>, count: usize) {
    let alone = file.relock(FlockArg::LockExclusiveNonblock).is_ok();
    // O_APPEND has moved the position to where the part ends.
    let Ok(end) = lseek(&**file, 0, Whence::SeekCur) else { return };
    if alone && fstat(&**file).is_ok_and(|data| data.st_size == end) {
        let _ = ftruncate(&**file, end - i64::try_from(count).unwrap_or(0));
    }
}

fn is_current(run: BorrowedFd<'_>, file: &Flock<OwnedFd>) -> bool {
    match (fstatat(run, FILE, AtFlags::AT_SYMLINK_NOFOLLOW), fstat(&**file)) {
        (Ok(named), Ok(ours)) => same(&named, &ours),
        _ => false,
    }
}

pub(super) const fn same(one: &FileStat, other: &FileStat) -> bool {
    one.st_ino == other.st_ino && one.st_dev == other.st_dev
}

/// Gives a full file the name of the former one; false where that fails: then it grows.
fn rotate(run: BorrowedFd<'_>, file: &Flock<OwnedFd>) -> bool {
    if file.relock(FlockArg::LockExclusiveNonblock).is_err() {
        // Others are writing to it; the shared lock is lost, too (flock(2)).
        std::thread::sleep(PAUSE);
        return true;
    }
    !is_current(run, file) || renameat(run, FILE, run, FORMER).is_ok()
}
