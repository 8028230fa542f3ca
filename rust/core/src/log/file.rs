//! The current log file: appended to, and cut back to whole records when a write fails half-way.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, OFlag, fallocate, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{ftruncate, write};

use super::encode;
use super::{Driver, local};
use crate::{Error, Result};

const BLOCK: usize = 64 * 1024;

/// The directory of a log, the name of its current file, and that file.
#[derive(Debug)]
pub(super) struct LogFile {
    pub dir: OwnedFd,
    pub name: OsString,
    pub file: File,
    /// Where whole records end.
    pub size: u64,
    /// Whether bytes behind `size` could not be cut off yet.
    torn: bool,
}

/// A write that failed, and how much of it the file has nevertheless.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    pub errno: Errno,
    pub written: usize,
}

impl LogFile {
    /// Open or make the file `path` below `root`; what a killed writer left torn at its end is cut off.
    pub fn open(root: BorrowedFd, path: &Path, driver: Driver) -> Result<Self> {
        let (parent, name) = parts(path)?;
        let dir = open_parent(root, parent, path)?;
        let file =
            create(&dir, name, OFlag::empty()).map_err(|errno| Error::at("open the log", path, errno))?;
        let size = whole_size(&file, driver).map_err(|error| Error::io_at("read the log", path, &error))?;
        let mut log = Self { dir, name: name.to_owned(), file, size, torn: true };
        log.repair().map_err(|errno| Error::at("repair the log", path, errno))?;
        Ok(log)
    }

    /// Append; on failure the file may end with a part of `bytes` until [`Self::keep`] is called.
    pub fn append(&mut self, bytes: &[u8]) -> std::result::Result<(), Short> {
        let mut written = 0;
        self.repair().map_err(|errno| Short { errno, written })?;
        while written < bytes.len() {
            match write(&self.file, &bytes[written..]) {
                Ok(0) => return Err(Short { errno: Errno::ENOSPC, written }),
                Ok(count) => written += count,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Short { errno, written }),
            }
        }
        self.size += written as u64;
        Ok(())
    }

    /// Take space for `length` more bytes without making the file longer, where the filesystem can do so.
    pub fn reserve(&self, length: usize) -> std::result::Result<(), Short> {
        let flags = FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        match fallocate(&self.file, flags, self.size.cast_signed(), length) {
            Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EIO | Errno::EROFS)) => {
                Err(Short { errno, written: 0 })
            }
            _ => Ok(()),
        }
    }

    /// After a failed append: keep the first `count` bytes of it and cut off the rest.
    pub fn keep(&mut self, count: usize) {
        self.size += count as u64;
        self.torn = true;
        // If even this fails it is tried again before the next append; readers skip a torn end.
        let _ = self.repair();
    }

    fn repair(&mut self) -> nix::Result<()> {
        if self.torn {
            ftruncate(&self.file, self.size.cast_signed())?;
            self.torn = false;
        }
        Ok(())
    }

    /// The first bytes of the file.
    pub fn start(&self) -> Vec<u8> {
        let mut bytes = vec![0; local::HEADER];
        let count = self.file.read_at(&mut bytes, 0).unwrap_or(0);
        bytes.truncate(count);
        bytes
    }
}

/// Open a file to append to, 0640, never through a link.
pub(super) fn create(dir: impl AsFd, name: &OsStr, more: OFlag) -> nix::Result<File> {
    let flags =
        OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | more;
    openat(dir, name, flags, Mode::from_bits_truncate(0o640)).map(File::from)
}

/// Parent and name of a path that stays below where it starts.
fn parts(path: &Path) -> Result<(&Path, &OsStr)> {
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    match (inside, path.parent(), path.file_name()) {
        (true, Some(parent), Some(name)) => Ok((parent, name)),
        _ => {
            Err(Error::invalid(format!("log path `{}` is not a relative path without `..`", path.display())))
        }
    }
}

/// Open the directory `parent` below `root`; directories that lack are made, 0750, and links are not followed.
fn open_parent(root: BorrowedFd, parent: &Path, path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let at = |errno| Error::at("open the directory of the log", path, errno);
    let mut dir = openat(root, ".", flags, Mode::empty()).map_err(at)?;
    for part in parent.components().filter(|part| matches!(part, Component::Normal(_))) {
        let name = part.as_os_str();
        match mkdirat(&dir, name, Mode::from_bits_truncate(0o750)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::at("make the directory of the log", path, errno)),
        }
        dir = openat(&dir, name, flags, Mode::empty()).map_err(at)?;
    }
    Ok(dir)
}

/// Where the last whole record of a file ends.
fn whole_size(file: &File, driver: Driver) -> std::io::Result<u64> {
    let size = file.metadata()?.len();
    match driver {
        Driver::Local => whole_local(file, size),
        _ => whole_lines(file, size),
    }
}

fn whole_lines(file: &File, size: u64) -> std::io::Result<u64> {
    let mut block = Vec::new();
    let mut end = size;
    while end > 0 {
        // One byte first: a file that is not torn ends with a newline.
        let length = if end == size { 1 } else { end.min(BLOCK as u64) };
        block.resize(usize::try_from(length).unwrap_or(BLOCK), 0);
        file.read_exact_at(&mut block, end - length)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(end - length + at as u64 + 1);
        }
        end -= length;
    }
    Ok(0)
}

fn whole_local(file: &File, size: u64) -> std::io::Result<u64> {
    if size < local::HEADER as u64 {
        return Ok(0);
    }
    // A record of the largest size fits into a block, so a whole last record is always seen.
    let length = (size - local::HEADER as u64).min(BLOCK as u64);
    let mut block = vec![0; usize::try_from(length).unwrap_or(BLOCK)];
    file.read_exact_at(&mut block, size - length)?;
    if length == 0 || local::ends_whole(&block) {
        return Ok(size);
    }
    let mut end = local::HEADER as u64;
    loop {
        let length = (size - end).min(BLOCK as u64);
        block.resize(usize::try_from(length).unwrap_or(BLOCK), 0);
        file.read_exact_at(&mut block, end)?;
        match encode::whole(Driver::Local, &block, false) {
            0 => return Ok(end),
            whole => end += whole as u64,
        }
    }
}
