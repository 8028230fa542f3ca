//! The root file system on kernels whose overlay takes its directories only by path, in this mount namespace.
//!
//! `lowerdir+` takes a descriptor since Linux 6.13, and one below a detached mount since 6.15. Older kernels want
//! paths (Debian 12 has 6.1), and `mount(2)` at most a page of them: the names here are one to three digits long,
//! links on a private tmpfs to the directories below the clones of the data root and of the plain directory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{fchdir, symlinkat};
use rocker_sys::mount::{self as mounts, Context, attr};

use super::root::{MOUNT_POINT, make_directory, open_below};
use crate::protocol::Rootfs;
use crate::{Error, Result};

/// Where the data root is attached on the stage.
const DATA: &str = "d";
/// Where the plain directory is attached on the stage.
const PLAIN: &str = "p";
/// Where the overlay itself goes.
const ROOT: &str = "r";
/// `mount(2)` copies one page, which ends with a zero byte.
pub(super) const PAGE: usize = 4095;

/// Mounts the overlay on a stage of its own at [`MOUNT_POINT`]; all of it goes with the old root.
pub(super) fn mount_root(
    rootfs: &Rootfs,
    id: &str,
    data_root: Option<BorrowedFd<'_>>,
    directory: Option<BorrowedFd<'_>>,
) -> Result<OwnedFd> {
    let stage = stage()?;
    if let Some(tree) = data_root {
        attach(&stage, tree, DATA)?;
    }
    let mut lower = Vec::new();
    for layer in rootfs.layers.iter().rev() {
        lower.push(link(&stage, data_root, layer, &lower.len().to_string())?);
    }
    if let Some(tree) = directory {
        attach(&stage, tree, PLAIN)?;
        lower.push(PLAIN.to_owned());
    }
    if let Some(base) = &rootfs.base {
        lower.push(link(&stage, data_root, base, &lower.len().to_string())?);
    }
    let mut options = format!("lowerdir={}", lower.join(":"));
    if rootfs.upper {
        let container = format!("containers/{id}");
        let parent = open_below(data_root.ok_or_else(no_data_root)?, &container)?;
        for (name, short, key) in [("upper", "u", "upperdir"), ("work", "w", "workdir")] {
            make_directory(parent.as_fd(), name)?;
            link(&stage, data_root, &format!("{container}/{name}"), short)?;
            options.push_str(&format!(",{key}={short}"));
        }
        if rootfs.volatile {
            options.push_str(",volatile");
        }
    }
    mount_overlay(&stage, &options, rootfs.upper)
}

fn no_data_root() -> Error {
    Error::invalid("the request carries no data root")
}

fn stage() -> Result<OwnedFd> {
    let fail = |errno| Error::sys("make the stage of the root", errno);
    let context = Context::open(c"tmpfs").map_err(fail)?;
    context.string(c"mode", c"0700").map_err(fail)?;
    context.create().map_err(fail)?;
    let stage = context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC).map_err(fail)?;
    for name in [DATA, PLAIN, ROOT] {
        mkdirat(&stage, name, Mode::from_bits_truncate(0o700)).map_err(fail)?;
    }
    let here = open(MOUNT_POINT, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open mount point", MOUNT_POINT, errno))?;
    mounts::attach(stage.as_fd(), here.as_fd()).map_err(fail)?;
    Ok(stage)
}

/// Moves the clone itself: a detached mount cannot be cloned again before Linux 6.15. Descriptors of it stay good.
fn attach(stage: &OwnedFd, tree: BorrowedFd<'_>, name: &str) -> Result<()> {
    let name = super::mounts::c_string(name)?;
    mounts::attach_at(tree, stage.as_fd(), &name).map_err(|errno| Error::sys("attach to the stage", errno))
}

/// Gives a directory of the data root a short name, after a look that no link leads out of it.
fn link(stage: &OwnedFd, data_root: Option<BorrowedFd<'_>>, path: &str, name: &str) -> Result<String> {
    drop(open_below(data_root.ok_or_else(no_data_root)?, path)?);
    symlinkat(format!("{DATA}/{path}").as_str(), stage, name)
        .map_err(|errno| Error::at("name layer", path, errno))?;
    Ok(name.to_owned())
}

fn mount_overlay(stage: &OwnedFd, options: &str, writable: bool) -> Result<OwnedFd> {
    if options.len() > PAGE {
        return Err(Error::unsupported(format!(
            "this kernel takes {PAGE} bytes of overlay options, and these layers need {}",
            options.len()
        ))
        .hint("Linux 6.13 takes any number of layers; or flatten the image"));
    }
    let fail = |errno| Error::sys("mount overlay", errno);
    fchdir(stage).map_err(fail)?;
    let flags = if writable { MsFlags::empty() } else { MsFlags::MS_RDONLY };
    mount(Some("overlay"), ROOT, Some("overlay"), flags, Some(options)).map_err(|errno| match errno {
        nix::errno::Errno::ENODEV => {
            fail(errno).hint("the kernel has no overlay file system: modprobe overlay")
        }
        _ => fail(errno).hint("the kernel log (dmesg) says why"),
    })?;
    open(ROOT, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", ROOT, errno))
}
