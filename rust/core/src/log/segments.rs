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

/// A snapshot is taken again when files moved meanwhile, this many times at most.
const ATTEMPTS: usize = 32;

/// One file of a log, open.
#[derive(Debug)]
pub(super) struct Segment {
    pub file: File,
    pub gz: bool,
    /// Of the file, or of the plain file it was compressed from.
    pub id: Option<Id>,
}

/// A file in the directory: its number (0: the current one), whether it is compressed, its inode.
type Found = (u32, bool, u64);

/// All files of the log `name`, oldest first.
pub(super) fn snapshot(dir: &OwnedFd, name: &OsStr) -> nix::Result<Vec<Segment>> {
    let mut before = list(dir, name)?;
    let mut attempt = 0;
    loop {
        let segments = open_all(dir, name, &before)?;
        let after = list(dir, name)?;
        attempt += 1;
        if (before == after && segments.len() == before.len()) || attempt == ATTEMPTS {
            return Ok(segments);
        }
        before = after;
    }
}

/// The inode of the current file, if there is one.
pub(super) fn current(dir: &OwnedFd, name: &OsStr) -> Option<u64> {
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

fn open_all(dir: &OwnedFd, name: &OsStr, found: &[Found]) -> nix::Result<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    for &(number, gz, inode) in found {
        let file = match open(dir, &file_name(name, number, gz)) {
            Ok(file) => file,
            Err(Errno::ENOENT) => continue,
            Err(errno) => return Err(errno),
        };
        let id = Id::of(&file).map_err(|_| Errno::EIO)?;
        // Another file than was listed has been moved here: the second listing will differ.
        if id.inode == inode {
            segments.push(Segment { id: if gz { Id::of_plain(&file) } else { Some(id) }, file, gz });
        }
    }
    Ok(segments)
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
