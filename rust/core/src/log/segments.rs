//! The files of one log, found and opened while a writer may be rotating them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};

use super::id::Id;
use super::rotate::{generation, suffixed};

/// A file that is not where it was listed is looked for again, this many times at most without a step forward.
const ATTEMPTS: usize = 64;

/// One file of a log, open.
#[derive(Debug)]
pub(super) struct Segment {
    pub file: File,
    pub gz: bool,
    pub mark: Mark,
}

/// Which file of a log one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Of the file, or of the plain file it was compressed from; `None` if another program compressed it.
    id: Option<Id>,
    inode: u64,
}

impl Mark {
    pub fn of(file: &File, gz: bool) -> std::io::Result<Self> {
        let own = Id::of(file)?;
        Ok(Self { id: if gz { Id::of_plain(file) } else { Some(own) }, inode: own.inode })
    }

    /// Whether it is the file with this inode.
    pub fn is(self, inode: u64) -> bool {
        self.inode == inode
    }

    fn is_of(self, other: Self) -> bool {
        self.id == other.id && (self.id.is_some() || self.inode == other.inode)
    }
}

/// A file in the directory: its number (0: the current one), whether it is compressed, its inode.
type Found = (u32, bool, u64);

/// The files of the log `name` that came after `last`, or all of them; oldest first.
///
/// A writer may rotate meanwhile: numbers only ever grow, the oldest first, so that a file is the next of another when
/// nothing is between their names and then the other still has its own.
pub(super) fn after(dir: &OwnedFd, name: &OsStr, last: Option<Mark>) -> nix::Result<Vec<Segment>> {
    let mut walk = Walk { dir, name, last, attempts: ATTEMPTS, segments: Vec::new() };
    while !walk.go_on(&list(dir, name)?)? {}
    Ok(walk.segments)
}

struct Walk<'a> {
    dir: &'a OwnedFd,
    name: &'a OsStr,
    last: Option<Mark>,
    attempts: usize,
    segments: Vec<Segment>,
}

impl Walk<'_> {
    /// Follow a listing as far as it is true; whether the newest file was reached.
    fn go_on(&mut self, listed: &[Found]) -> nix::Result<bool> {
        self.attempts = self.attempts.saturating_sub(1);
        let mut at = self.last.and_then(|last| self.find(listed, last));
        if at.is_none() && self.last.is_some() && self.attempts > 0 {
            return Ok(false);
        }
        // If the last one is gone altogether, everything that is left came after it.
        for (index, found) in listed.iter().enumerate().skip(at.map_or(0, |at| at + 1)) {
            let segment = self.open(*found)?;
            let next = segment.is_some() && self.is_next(listed, at, index)?;
            match segment.filter(|_| next || self.attempts == 0) {
                None if self.attempts > 0 => return Ok(false),
                None => {}
                Some(segment) => {
                    self.last = Some(segment.mark);
                    self.segments.push(segment);
                    self.attempts = if self.attempts == 0 { 0 } else { ATTEMPTS };
                    at = Some(index);
                }
            }
        }
        Ok(true)
    }

    fn find(&self, listed: &[Found], last: Mark) -> Option<usize> {
        let is = |found: &Found| self.open(*found).ok().flatten().is_some_and(|one| one.mark.is_of(last));
        let same = listed.iter().rposition(|found| last.is(found.2) && is(found));
        // It may have been compressed since.
        same.or_else(|| listed.iter().rposition(|found| found.1 && is(found)))
    }

    /// Whether the file listed at `index`, which is open now, is the next of that at `at`, or the oldest.
    fn is_next(&self, listed: &[Found], at: Option<usize>, index: usize) -> nix::Result<bool> {
        let (number, ..) = listed[index];
        let Some((before, gz, inode)) = at.map(|at| listed[at]) else {
            return Ok(list(self.dir, self.name)?.first() == Some(&listed[index]));
        };
        // In this order: what was between the two has moved only if the other had moved before it.
        let free = |number| [false, true].into_iter().all(|gz| self.inode(number, gz).is_none());
        Ok((number + 1..before).all(free) && self.inode(before, gz) == Some(inode))
    }

    fn inode(&self, number: u32, gz: bool) -> Option<u64> {
        inode(self.dir, &file_name(self.name, number, gz))
    }

    /// Open a listed file; `None` if it is not there any more, or another is.
    fn open(&self, (number, gz, inode): Found) -> nix::Result<Option<Segment>> {
        let file = match open(self.dir, &file_name(self.name, number, gz)) {
            Ok(file) => file,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let mark = Mark::of(&file, gz).map_err(|_| Errno::EIO)?;
        Ok(mark.is(inode).then_some(Segment { file, gz, mark }))
    }
}

/// The inode of the current file, if there is one.
pub(super) fn current(dir: &OwnedFd, name: &OsStr) -> Option<u64> {
    inode(dir, name)
}

fn inode(dir: &OwnedFd, name: &OsStr) -> Option<u64> {
    fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok().map(|data| data.st_ino)
}

fn list(dir: &OwnedFd, name: &OsStr) -> nix::Result<Vec<Found>> {
    let mut found = Vec::new();
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    for entry in Dir::openat(dir, ".", flags, Mode::empty())? {
        let entry = entry?;
        let Some((number, gz)) = parse(entry.file_name().to_bytes(), name.as_bytes()) else { continue };
        found.push((number, gz, entry.ino()));
    }
    // Oldest first; of a file that is there twice, because its compression was cut short, the plain one is whole.
    found.sort_unstable_by_key(|&(number, gz, _)| (std::cmp::Reverse(number), gz));
    found.dedup_by_key(|&mut (number, ..)| number);
    Ok(found)
}

fn parse(file: &[u8], name: &[u8]) -> Option<(u32, bool)> {
    let rest = file.strip_prefix(name)?;
    if rest.is_empty() {
        return Some((0, false));
    }
    let rest = rest.strip_prefix(b".")?;
    let (digits, gz) = match rest.strip_suffix(b".gz") {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (number > 0).then_some((number, gz))
}

fn file_name(name: &OsStr, number: u32, gz: bool) -> OsString {
    match (number, gz) {
        (0, _) => name.to_owned(),
        (_, false) => generation(name, number),
        (_, true) => suffixed(&generation(name, number), ".gz"),
    }
}

fn open(dir: impl AsFd, name: &OsStr) -> nix::Result<File> {
    // O_NONBLOCK: were it a FIFO, opening it would wait for a writer.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    openat(dir, name, flags, Mode::empty()).map(File::from)
}
