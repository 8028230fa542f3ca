//! Masked and read-only paths.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat};
use rocker_sys::mount::{self, Context, attr};

use super::dev;
use super::path::open_without_links;
use crate::{Error, Result};

/// Covers each path: a file with the null device, a directory with one empty read-only tmpfs.
///
/// A path that is not there needs no mask. Links are not followed: they would move the mask elsewhere (T01, T02).
pub fn mask(root: BorrowedFd<'_>, dev: Option<BorrowedFd<'_>>, paths: &[PathBuf]) -> Result<()> {
    let mut empty: Option<OwnedFd> = None;
    for path in paths {
        let Some(target) = open_target(root, path)? else { continue };
        let kind = fstat(&target).map_err(|errno| Error::at("mask", path, errno))?.st_mode;
        let cover = if SFlag::from_bits_truncate(kind) & SFlag::S_IFMT == SFlag::S_IFDIR {
            match &empty {
                // One tmpfs serves all: a clone costs a quarter of a new one.
                Some(tmpfs) => mount::clone_tree(tmpfs.as_fd(), c"", false)
                    .map_err(|errno| Error::at("mask", path, errno))?,
                None => {
                    let made = empty_tmpfs()?;
                    mount::attach(made.as_fd(), target.as_fd())
                        .map_err(|errno| Error::at("mask", path, errno))?;
                    empty = Some(made);
                    continue;
                }
            }
        } else {
            null_device(root, dev)?
        };
        mount::attach(cover.as_fd(), target.as_fd()).map_err(|errno| Error::at("mask", path, errno))?;
    }
    Ok(())
}

/// Makes each path read-only, with a mount of itself on itself.
pub fn protect(root: BorrowedFd<'_>, paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let Some(target) = open_target(root, path)? else { continue };
        let fail = |errno| Error::at("make read-only", path, errno);
        let tree = mount::clone_tree(target.as_fd(), c"", true).map_err(fail)?;
        mount::set_attributes(tree.as_fd(), attr::RDONLY, 0, None, true).map_err(fail)?;
        mount::attach(tree.as_fd(), target.as_fd()).map_err(fail)?;
    }
    Ok(())
}

fn open_target(root: BorrowedFd<'_>, path: &Path) -> Result<Option<OwnedFd>> {
    match open_without_links(root, path, OFlag::O_PATH) {
        Ok(target) => Ok(Some(target)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(Error::at("open", path, errno)),
    }
}

fn null_device(root: BorrowedFd<'_>, dev: Option<BorrowedFd<'_>>) -> Result<OwnedFd> {
    let null = match dev {
        Some(dev) => dev::open_node(dev, "null", OFlag::O_PATH)?,
        None => open_without_links(root, Path::new("/dev/null"), OFlag::O_PATH)
            .map_err(|errno| Error::at("open", "/dev/null", errno))?,
    };
    dev::null_is_null(null.as_fd())?;
    mount::clone_tree(null.as_fd(), c"", false).map_err(|errno| Error::at("clone", "/dev/null", errno))
}

fn empty_tmpfs() -> Result<OwnedFd> {
    let context = Context::open(c"tmpfs").map_err(|errno| Error::sys("fsopen tmpfs", errno))?;
    context.string(c"nr_inodes", c"1").map_err(|errno| Error::sys("set option nr_inodes", errno))?;
    context.create().map_err(|errno| Error::sys("create tmpfs", errno))?;
    let attributes = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;
    context.mount(attributes).map_err(|errno| Error::sys("fsmount tmpfs", errno))
}
