//! Events back, oldest first, and waiting for more.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{Mode, fstat, fstatat};

use super::append::same;
use super::{FILE, FORMER};
use crate::held::Held;
use crate::{Error, Result};

/// One read.
const CHUNK: usize = 64 * 1024;
/// How long an event may go unnoticed where inotify cannot be had, in milliseconds.
const INTERVAL: u16 = 20;

/// Reads the events of a run root as lines without their newline.
#[derive(Debug)]
pub struct Reader {
    run: OwnedFd,
    changes: Option<Inotify>,
    file: File,
    offset: u64,
    buffer: Vec<u8>,
    /// Where the next line starts in `buffer`.
    start: usize,
}

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There may be more to read.
    Perhaps,
    /// The time is over.
    TimedOut,
}

impl Reader {
    /// Read the events of the run root `run`: all that are kept (`past`), or those from now on.
    ///
    /// # Errors
    /// What the system said. No events yet is none.
    pub fn open(run: OwnedFd, past: bool) -> Result<Self> {
        // Before the first look at the files: what changes afterwards is announced.
        let changes = watch(run.as_fd());
        let former = if past { open(run.as_fd(), FORMER)? } else { None };
        // A reader that has no file to hold on to could miss one that comes and goes: it makes the first.
        let file = match former {
            Some(former) => former,
            None => make(run.as_fd())?,
        };
        let mut reader = Self { run, changes, file, offset: 0, buffer: Vec::new(), start: 0 };
        if !past {
            let size =
                reader.file.metadata().map_err(|error| Error::io_at("read events", FILE, &error))?.len();
            reader.offset = size;
        }
        Ok(reader)
    }

    /// The next line; `None` at the present end. An unfinished line is a torn one, and not given.
    ///
    /// # Errors
    /// What the system said.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let rest = &self.buffer[self.start..];
            if let Some(length) = rest.iter().position(|&byte| byte == b'\n') {
                let line = rest[..length].to_vec();
                self.start += length + 1;
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            if !self.fill()? && !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// Read more behind what is there; false at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.file.read_at(&mut self.buffer[before..], self.offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let count = read.map_err(|error| Error::io_at("read events", FILE, &error))?;
        self.buffer.truncate(before + count);
        self.offset += count as u64;
        Ok(count > 0)
    }

    /// From a file that nothing is added to any more to the one after it; false if there is none yet.
    fn advance(&mut self) -> Result<bool> {
        let ours = fstat(&self.file).map_err(|errno| Error::at("read events", FILE, errno))?;
        if is(self.run.as_fd(), FILE, &ours) {
            return Ok(false);
        }
        // What was added between the last read and the rotation.
        if self.fill()? {
            return Ok(true);
        }
        // Where two rotations lie between, the events after ours are the former ones by now.
        let former = !is(self.run.as_fd(), FORMER, &ours);
        let next = if former { open(self.run.as_fd(), FORMER)? } else { None };
        let Some(next) = next.map_or_else(|| open(self.run.as_fd(), FILE), |next| Ok(Some(next)))? else {
            return Ok(false);
        };
        self.file = next;
        self.offset = 0;
        self.buffer.clear();
        self.start = 0;
        Ok(true)
    }

    /// Wait until there may be more, or for `milliseconds`. `interrupted` is called before, with signals held back, so
    /// that its failure is not overslept; a signal ends the wait.
    ///
    /// # Errors
    /// What the system, or `interrupted`, said.
    pub fn wait(
        &mut self,
        milliseconds: Option<u64>,
        interrupted: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Waited> {
        let held = Held::new()?;
        interrupted()?;
        // The buffers of a reader that waits hold nothing but a torn line.
        self.buffer.drain(..self.start);
        self.buffer.shrink_to_fit();
        self.start = 0;
        let longest = milliseconds.map_or(i32::MAX as u64, |given| given.min(i32::MAX as u64));
        let limited = if self.changes.is_some() { longest } else { longest.min(u64::from(INTERVAL)) };
        let timeout = match (milliseconds, &self.changes) {
            (None, Some(_)) => PollTimeout::NONE,
            _ => PollTimeout::try_from(limited).unwrap_or(PollTimeout::MAX),
        };
        let mut fds: Vec<_> =
            self.changes.iter().map(|changes| PollFd::new(changes.as_fd(), PollFlags::POLLIN)).collect();
        let count = match held.poll(&mut fds, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => return Ok(Waited::Perhaps),
            Err(errno) => return Err(Error::sys("wait for events", errno)),
        };
        // That something changed is all that matters.
        while self.changes.as_ref().is_some_and(|changes| changes.read_events().is_ok()) {}
        let over = count == 0 && milliseconds.is_some_and(|given| given <= limited);
        Ok(if over { Waited::TimedOut } else { Waited::Perhaps })
    }
}

/// Announcements of the run root's files: additions, new ones, renamed ones. None where the user's inotify instances
/// (EMFILE) or watches (ENOSPC) are used up.
fn watch(run: BorrowedFd<'_>) -> Option<Inotify> {
    let changes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok()?;
    let mask = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVE;
    // By its descriptor: its path may name another directory by now.
    changes.add_watch(format!("/proc/self/fd/{}", run.as_raw_fd()).as_str(), mask).ok()?;
    Some(changes)
}

fn make(run: BorrowedFd<'_>) -> Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let file = openat(run, FILE, flags, Mode::from_bits_truncate(0o600));
    file.map(File::from).map_err(|errno| Error::at("read events", FILE, errno))
}

fn open(run: BorrowedFd<'_>, name: &str) -> Result<Option<File>> {
    match openat(run, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::at("read events", name, errno)),
    }
}

fn is(run: BorrowedFd<'_>, name: &str, ours: &nix::sys::stat::FileStat) -> bool {
    fstatat(run, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok_and(|named| same(&named, ours))
}
