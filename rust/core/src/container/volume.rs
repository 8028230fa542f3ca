//! A new volume gets what the image has at its place.
//!
//! While that is copied there is a file `filling` beside the volume's content, made and removed under the lock of the
//! volume's directory (flock(2)): a start that is killed in between leaves the mark, and the next one begins anew. So a
//! volume holds all of it or nothing, and two containers that start at once copy it once.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::copy_up::{Own, copy_attributes, copy_tree};
use super::mounts::Planned;
use super::path::open_in_root;
use crate::layer::remove_contents;
use crate::{Error, Result};

const MARK: &str = "filling";
const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Fills the volume of one mount, if it is one, is empty and is to be filled. Nothing is mounted yet.
///
/// `charge` is called before anything is copied: by then whoever is to pay for it must.
pub fn fill(root: BorrowedFd<'_>, planned: &Planned, charge: &dyn Fn() -> Result<()>) -> Result<()> {
    let Some(tree) = planned.tree.as_ref().filter(|_| planned.mount.kind == "volume") else { return Ok(()) };
    let copy = planned.options.copy_up;
    let is_wanted = planned.volume.as_ref().is_some_and(is_marked) || (copy && is_empty_directory(tree)?);
    if !is_wanted {
        return Ok(());
    }
    let Some(volume) = &planned.volume else {
        return match image_directory(root, &planned.mount.destination)? {
            Some(source) => copy_all(source.as_fd(), tree, charge),
            None => Ok(()),
        };
    };
    let lock = lock(volume)?;
    if is_marked(volume) {
        remove_contents(directory(tree)?.as_fd())?;
    }
    if copy
        && is_empty_directory(tree)?
        && let Some(source) = image_directory(root, &planned.mount.destination)?
    {
        let flags = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(volume, MARK, flags, Mode::S_IRUSR).map_err(|errno| Error::at("make", MARK, errno))?;
        copy_all(source.as_fd(), tree, charge)?;
    }
    match unlinkat(volume, MARK, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(Error::at("remove", MARK, errno)),
    }
    drop(lock);
    Ok(())
}

fn copy_all(source: BorrowedFd<'_>, tree: &OwnedFd, charge: &dyn Fn() -> Result<()>) -> Result<()> {
    charge()?;
    let target = directory(tree)?;
    copy_tree(source, target.as_fd())?;
    // An image whose directory belongs to a user gives that user a volume to write to.
    let stat = fstat(source).map_err(|errno| Error::sys("look at the image's directory", errno))?;
    copy_attributes(&stat, target.as_fd(), Own::default())
        .map_err(|errno| Error::sys("set the owner and mode of the volume", errno))
}

/// What the image has at the mount's place, links inside followed inside; None where that is no directory.
fn image_directory(root: BorrowedFd<'_>, place: &Path) -> Result<Option<OwnedFd>> {
    match open_in_root(root, place, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(Error::at("open what the image has at", place, errno)),
    }
}

fn is_marked(volume: &OwnedFd) -> bool {
    nix::unistd::faccessat(volume, MARK, nix::unistd::AccessFlags::F_OK, nix::fcntl::AtFlags::empty()).is_ok()
}

/// Two containers may be at it: the second one waits.
fn lock(volume: &OwnedFd) -> Result<Flock<OwnedFd>> {
    let mut file = directory(volume)?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(lock) => return Ok(lock),
            Err((file, Errno::EINTR)) => file,
            Err((_, errno)) => return Err(Error::sys("lock the volume", errno)),
        };
    }
}

/// Opened for listing, which a mount's own descriptor (O_PATH) cannot be.
fn directory(of: &OwnedFd) -> Result<OwnedFd> {
    openat(of, ".", DIRECTORY, Mode::empty()).map_err(|errno| Error::sys("open the volume", errno))
}

/// A volume's subpath may be a file.
fn is_empty_directory(tree: &OwnedFd) -> Result<bool> {
    match openat(tree, ".", DIRECTORY, Mode::empty()) {
        Ok(fd) => Ok(crate::layer::names(fd.as_fd())?.is_empty()),
        Err(Errno::ENOTDIR) => Ok(false),
        Err(errno) => Err(Error::sys("open the volume", errno)),
    }
}
