//! Files and directories that a caller names by descriptor or path.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::layer;
use crate::{Error, Result};

/// A reader of the caller's descriptor, which stays the caller's.
pub fn reader(number: i32) -> Result<File> {
    duplicate(number)
}

/// A buffered writer to the caller's descriptor, which stays the caller's.
pub fn writer(number: i32) -> Result<std::io::BufWriter<File>> {
    Ok(std::io::BufWriter::with_capacity(256 << 10, duplicate(number)?))
}

fn duplicate(number: i32) -> Result<File> {
    let fd =
        borrow(number)?.try_clone_to_owned().map_err(|error| Error::io("use a file descriptor", &error))?;
    Ok(File::from(fd))
}

/// Lends the caller's descriptor for the length of a call.
pub fn borrow<'a>(number: i32) -> Result<BorrowedFd<'a>> {
    rocker_sys::fds::borrow(number).map_err(|errno| Error::sys("use a file descriptor", errno))
}

/// Opens a directory.
pub fn directory(path: &Path) -> Result<OwnedFd> {
    open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", path, errno))
}

/// Makes a directory (0755) and runs `work` in it; when that fails the directory is removed again.
pub fn in_new_directory<T>(path: &Path, work: impl FnOnce(BorrowedFd<'_>) -> Result<T>) -> Result<T> {
    nix::unistd::mkdir(path, Mode::from_bits_truncate(0o755))
        .map_err(|errno| Error::at("make directory", path, errno))?;
    let outcome = directory(path).and_then(|fd| work(fd.as_fd()));
    if outcome.is_err() {
        let _ = remove_tree(path);
    }
    outcome
}

/// Removes a tree; a missing one is no error.
pub fn remove_tree(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::invalid(format!("`{}` cannot be removed", path.display())));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    layer::remove_tree(directory(parent)?.as_fd(), name.as_bytes())
}
