//! The root file system: an overlay of layers, mounted only in the container's own mount namespace.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, mkdirat};
use rocker_sys::mount::{self, Context, attr};

use crate::protocol::Rootfs;
use crate::{Error, Result};

/// Directory of the launcher's lean root on which every container mounts its own root.
pub const MOUNT_POINT: &str = "/m";

/// How this kernel's overlay takes its directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// By descriptor, below detached mounts too (Linux 6.15): nothing is mounted but the overlay itself.
    ByDescriptor,
    /// By path, in the mount namespace that mounts it.
    ByPath,
}

impl Overlay {
    /// Tries it, with a detached mount that has these two directories. `ROCKER_OVERLAY=path` in the environment
    /// chooses paths whatever the kernel can do.
    pub fn detect(detached: BorrowedFd<'_>, directories: [&str; 2]) -> Self {
        let forced = std::env::var_os("ROCKER_OVERLAY").is_some_and(|value| value == "path");
        let taken = || -> Result<()> {
            let context = Context::open(c"overlay").map_err(|errno| Error::sys("fsopen overlay", errno))?;
            for directory in directories {
                add(&context, "lowerdir+", open_below(detached, directory)?.as_fd())?;
            }
            context.create().map_err(|errno| Error::sys("create overlay", errno))
        };
        if !forced && taken().is_ok() { Self::ByDescriptor } else { Self::ByPath }
    }
}

/// Mounts the container's root at or below [`MOUNT_POINT`] and returns it opened (O_PATH). No layer may lie within another
/// (`Documentation/filesystems/overlayfs.rst`): whoever asks sees to that.
///
/// `data_root` is a detached clone of the data root, below which layers, upper and work are opened: overlay
/// takes descriptors below such a clone, while those of another mount namespace give EINVAL (Linux 6.18), and
/// upper and work must come from the same clone.
pub fn mount_root(
    form: Overlay,
    rootfs: &Rootfs,
    id: &str,
    data_root: Option<BorrowedFd<'_>>,
    directory: Option<BorrowedFd<'_>>,
) -> Result<OwnedFd> {
    if form == Overlay::ByPath {
        return super::root_by_path::mount_root(rootfs, id, data_root, directory);
    }
    let tree = overlay(rootfs, id, data_root, directory)?;
    let here =
        nix::fcntl::open(MOUNT_POINT, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open mount point", MOUNT_POINT, errno))?;
    mount::attach(tree.as_fd(), here.as_fd()).map_err(|errno| Error::sys("attach root", errno))?;
    // The descriptor of the mount itself stays valid once it is attached.
    Ok(tree)
}

fn overlay(
    rootfs: &Rootfs,
    id: &str,
    data_root: Option<BorrowedFd<'_>>,
    directory: Option<BorrowedFd<'_>>,
) -> Result<OwnedFd> {
    let missing = || Error::invalid("the request carries no data root");
    let context = Context::open(c"overlay").map_err(|errno| {
        Error::sys("fsopen overlay", errno).hint("the kernel has no overlay file system: modprobe overlay")
    })?;
    for layer in rootfs.layers.iter().rev() {
        let layer_fd = open_below(data_root.ok_or_else(missing)?, layer)?;
        add(&context, "lowerdir+", layer_fd.as_fd())?;
    }
    if let Some(directory) = directory {
        add(&context, "lowerdir+", directory)?;
    }
    if let Some(base) = &rootfs.base {
        let base = open_below(data_root.ok_or_else(missing)?, base)?;
        add(&context, "lowerdir+", base.as_fd())?;
    }
    if rootfs.upper {
        let container = open_below(data_root.ok_or_else(missing)?, &format!("containers/{id}"))?;
        for (name, key) in [("upper", "upperdir"), ("work", "workdir")] {
            make_directory(container.as_fd(), name)?;
            let fd = open_below(container.as_fd(), name)?;
            add(&context, key, fd.as_fd())?;
        }
        if rootfs.volatile {
            context
                .flag(c"volatile")
                .map_err(|errno| failed(&context, "set overlay option volatile", errno))?;
        }
    }
    context.create().map_err(|errno| failed(&context, "create overlay", errno))?;
    context
        .mount(if rootfs.upper { 0 } else { attr::RDONLY })
        .map_err(|errno| Error::sys("fsmount overlay", errno))
}

pub(super) fn make_directory(parent: BorrowedFd<'_>, name: &str) -> Result<()> {
    match mkdirat(parent, name, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(Error::at("make directory", name, errno)),
    }
}

pub(super) fn add(context: &Context, key: &str, fd: BorrowedFd<'_>) -> Result<()> {
    let name = CString::new(key).map_err(|_| Error::invalid("an option with a zero byte"))?;
    context
        .descriptor(&name, fd)
        .map_err(|errno| failed(context, &format!("set overlay option {key}"), errno))
}

/// The kernel says in words why overlay refused; that is worth more than the errno.
pub(super) fn failed(context: &Context, step: &str, errno: Errno) -> Error {
    let error = Error::sys(step, errno);
    match context.message() {
        Some(text) if !text.is_empty() => {
            let message = format!("{}: {text}", error.message);
            error.message(message)
        }
        _ => error,
    }
}

/// Opens a directory below `base` by a relative path without links or `..` (openat2, RESOLVE_BENEATH).
pub fn open_below(base: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    openat2(base, path, how).map_err(|errno| Error::at("open directory", path, errno))
}
