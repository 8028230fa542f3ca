//! Remove a tree.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::resolve::open_directory;
use crate::{Error, Kind, Result};

/// Remove `name` in `dir` and, if it is a directory, everything below; a missing one is no error.
///
/// Two may remove the same tree at once, one of them after renaming it (a shim and a client after `--rm`): each
/// passes over what the other has taken, and one of the two removes the last.
/// No link is followed and no mount crossed: at a mount point it stops with `Conflict`. Two descriptors are used and
/// no recursion, whatever the depth.
pub fn remove_tree(dir: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    match unlinkat(dir, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => return Ok(()),
        Err(Errno::EISDIR) => {}
        Err(errno) => return Err(failed("remove", name, errno)),
    }
    match open_directory(dir, name) {
        Ok(below) => empty(below)?,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(failed("open", name, errno)),
    }
    remove_directory(dir, name)
}

fn remove_directory(dir: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    match unlinkat(dir, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(failed("remove", name, errno)),
    }
}

/// Remove everything in `dir`, as [`remove_tree`] does; the directory itself stays.
pub fn remove_contents(dir: BorrowedFd<'_>) -> Result<()> {
    empty(open_directory(dir, b".").map_err(|errno| failed("open", b".", errno))?)
}

/// A directory on the way down.
struct Level {
    /// Its own name in the level above.
    name: CString,
    /// Device and inode, by which the way back up is checked.
    identity: (u64, u64),
    /// Directories in it that are still to be removed.
    ahead: Vec<CString>,
}

fn empty(top: OwnedFd) -> Result<()> {
    let mut here = top;
    let mut levels = vec![enter(&here, CString::default())?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.ahead.pop() {
            let fd = match open_directory(here.as_fd(), name.as_bytes()) {
                Ok(fd) => fd,
                Err(Errno::ENOENT) => continue,
                Err(errno) => return Err(failed("open", name.as_bytes(), errno)),
            };
            levels.push(enter(&fd, name)?);
            here = fd;
            continue;
        }
        let done = levels.pop();
        let (Some(done), Some(above)) = (done, levels.last()) else { break };
        here = climb(&here, above.identity, done.name.as_bytes())?;
        remove_directory(here.as_fd(), done.name.as_bytes())?;
    }
    Ok(())
}

/// Remove what is no directory in `fd` and list the directories.
fn enter(fd: &OwnedFd, name: CString) -> Result<Level> {
    let status = fstat(fd).map_err(|errno| failed("stat", name.as_bytes(), errno))?;
    let mut ahead = Vec::new();
    for entry in names(fd.as_fd())? {
        match unlinkat(fd, entry.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(Errno::EISDIR) => ahead.push(entry),
            Err(errno) => return Err(failed("remove", entry.as_bytes(), errno)),
        }
    }
    Ok(Level { name, identity: (status.st_dev, status.st_ino), ahead })
}

/// The directory above, provided that nobody moved this one meanwhile.
fn climb(here: &OwnedFd, identity: (u64, u64), name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let above = openat(here, "..", flags, Mode::empty()).map_err(|errno| failed("leave", name, errno))?;
    let status = fstat(&above).map_err(|errno| failed("stat", name, errno))?;
    if (status.st_dev, status.st_ino) != identity {
        let message = format!("`{}` was moved while it was removed", OsStr::from_bytes(name).display());
        return Err(Error::new(Kind::Conflict, message));
    }
    Ok(above)
}

/// The names in a directory, `.` and `..` left out, in the file system's order; none in one that has been removed.
pub(crate) fn names(dir: BorrowedFd<'_>) -> Result<Vec<CString>> {
    let list = || -> std::result::Result<Vec<CString>, Errno> {
        let mut names = Vec::new();
        for entry in Dir::from_fd(open_directory(dir, b".")?)?.iter() {
            let name = match entry {
                Ok(entry) => entry.file_name().to_owned(),
                Err(Errno::ENOENT) => break, // getdents(2): the directory is dead
                Err(errno) => return Err(errno),
            };
            if !matches!(name.as_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        Ok(names)
    };
    list().map_err(|errno| Error::sys("list a directory", errno))
}

fn failed(step: &str, name: &[u8], errno: Errno) -> Error {
    let error = Error::at(step, OsStr::from_bytes(name), errno);
    match errno {
        Errno::EXDEV | Errno::EBUSY => {
            let message = format!("`{}` is a mount point", OsStr::from_bytes(name).display());
            error.kind(Kind::Conflict).message(message).hint("unmount it first")
        }
        _ => error,
    }
}
