//! Files and directories of a cgroup file system, relative to a descriptor.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{read, write};

use crate::{Error, Result};

/// Largest file read here; `memory.stat` has 2 KiB, `cgroup.procs` 8 bytes a process.
const MAX_FILE: usize = 4 << 20;

/// Refuses a path that is not plainly below a hierarchy's root.
///
/// After this a path of several components can be given to the kernel at once:
/// cgroup file systems have no symbolic links.
pub(super) fn check_path(path: &Path) -> Result<()> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && !path.as_os_str().is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("cgroup path `{}` is not a relative path without `..`", path.display()))
        .hint("give a path relative to the hierarchy's root, for example rocker/<id>"))
}

/// Opens a directory without the right to list it; enough for everything `*at`.
pub(super) fn open_dir(at: impl AsFd, path: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(at, path, flags, Mode::empty())
}

/// Makes a directory.
pub(super) fn make_dir(at: impl AsFd, path: &Path) -> nix::Result<()> {
    mkdirat(at, path, Mode::from_bits_truncate(0o755))
}

/// Opens a file to write to.
pub(super) fn open_write(at: impl AsFd, file: &str) -> nix::Result<OwnedFd> {
    openat(at, file, OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

/// Writes a whole value in one `write(2)`, as the kernel demands here.
pub(super) fn write_file(at: impl AsFd, file: &str, value: &str) -> nix::Result<()> {
    write_value(&open_write(at, file)?, value)
}

/// Writes a whole value in one `write(2)` to an open file.
pub(super) fn write_value(file: impl AsFd, value: &str) -> nix::Result<()> {
    if write(file, value.as_bytes())? == value.len() { Ok(()) } else { Err(Errno::EIO) }
}

/// Reads a whole file.
pub(super) fn read_file(at: impl AsFd, file: &str) -> nix::Result<String> {
    let fd = openat(at, file, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut text = Vec::new();
    let mut block = [0; 4096];
    loop {
        match read(&fd, &mut block) {
            Ok(0) => break,
            Ok(size) if text.len() + size > MAX_FILE => return Err(Errno::EFBIG),
            Ok(size) => text.extend_from_slice(&block[..size]),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Names of the cgroups directly below one.
pub(super) fn children(at: impl AsFd) -> nix::Result<Vec<OsString>> {
    // kernfs counts subdirectories in the link count, and most cgroups have none.
    if fstat(&at)?.st_nlink == 2 {
        return Ok(Vec::new());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut names = Vec::new();
    for entry in Dir::openat(at, ".", flags, Mode::empty())?.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if entry.file_type() == Some(Type::Directory) && name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    Ok(names)
}

/// Calls `visit` for a cgroup and all below it, children first. Cgroups that
/// vanish on the way are skipped.
pub(super) fn walk(at: &OwnedFd, visit: &mut dyn FnMut(&OwnedFd) -> nix::Result<()>) -> nix::Result<()> {
    for name in children(at)? {
        match open_dir(at, Path::new(&name)) {
            Ok(child) => walk(&child, visit)?,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    match visit(at) {
        // A removed cgroup's files answer ENODEV to those who had them open.
        Err(Errno::ENOENT | Errno::ENODEV) => Ok(()),
        done => done,
    }
}
