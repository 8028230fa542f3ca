//! An overlay at a path of the caller's own mount namespace, for those who want the mount without a container.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use rocker_sys::mount::{self as mounts, Context, attr};

use super::root::{add, failed};
use crate::{Error, Result};

/// What is laid over what.
#[derive(Debug, Default)]
pub struct Overlay {
    /// Directories, lowest first; at least one, and two without an upper one.
    pub lower: Vec<PathBuf>,
    /// Where changes go, and an empty directory of the same file system for overlay's own use. None: read-only.
    pub upper: Option<(PathBuf, PathBuf)>,
    /// Whether changes need not survive a crash of the machine: nothing is synced at the unmount.
    pub volatile: bool,
}

/// Mounts it at `target`, a directory.
///
/// `Invalid`: too few directories. `NotFound`: one of them is not there. Descriptors are used where the kernel takes
/// them (Linux 6.13), else `mount(2)`, whose options fit into a page.
pub fn mount_overlay(target: &Path, overlay: &Overlay) -> Result<()> {
    let least = if overlay.upper.is_some() { 1 } else { 2 };
    if overlay.lower.len() < least {
        return Err(Error::invalid(format!(
            "an overlay needs at least {least} lower directories here, not {}",
            overlay.lower.len()
        ))
        .hint("one directory with an upper one, or two without"));
    }
    let target_fd = directory(target)?;
    let lower: Vec<(&PathBuf, OwnedFd)> =
        overlay.lower.iter().map(|path| Ok((path, directory(path)?))).collect::<Result<_>>()?;
    let context = Context::open(c"overlay").map_err(|errno| {
        Error::sys("fsopen overlay", errno).hint("the kernel has no overlay file system: modprobe overlay")
    })?;
    for (_, fd) in lower.iter().rev() {
        match context.descriptor(c"lowerdir+", fd.as_fd()) {
            Ok(()) => {}
            Err(Errno::EINVAL) => return by_path(target, overlay),
            Err(errno) => return Err(failed(&context, "set overlay option lowerdir+", errno)),
        }
    }
    if let Some((upper, work)) = &overlay.upper {
        add(&context, "upperdir", directory(upper)?.as_fd())?;
        add(&context, "workdir", directory(work)?.as_fd())?;
        if overlay.volatile {
            context
                .flag(c"volatile")
                .map_err(|errno| failed(&context, "set overlay option volatile", errno))?;
        }
    }
    context.create().map_err(|errno| failed(&context, "create overlay", errno))?;
    let attributes = if overlay.upper.is_some() { 0 } else { attr::RDONLY };
    let tree = context.mount(attributes).map_err(|errno| Error::sys("fsmount overlay", errno))?;
    mounts::attach(tree.as_fd(), target_fd.as_fd())
        .map_err(|errno| Error::at("attach overlay", target, errno))
}

/// Takes away the topmost mount at `target`; a link is not followed. `lazy`: at once, though files are open.
pub fn unmount(target: &Path, lazy: bool) -> Result<()> {
    let lazily = if lazy { MntFlags::MNT_DETACH } else { MntFlags::empty() };
    umount2(target, MntFlags::UMOUNT_NOFOLLOW | lazily).map_err(|errno| Error::at("unmount", target, errno))
}

fn directory(path: &Path) -> Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open directory", path, errno))
}

fn by_path(target: &Path, overlay: &Overlay) -> Result<()> {
    let lower: Vec<String> = overlay.lower.iter().rev().map(|path| escape(path)).collect();
    let mut options = format!("lowerdir={}", lower.join(":"));
    if let Some((upper, work)) = &overlay.upper {
        options += &format!(",upperdir={},workdir={}", escape(upper), escape(work));
        if overlay.volatile {
            options += ",volatile";
        }
    }
    if options.len() > super::root_by_path::PAGE {
        return Err(Error::unsupported("the names of these directories are too long for this kernel")
            .hint("Linux 6.13 takes any; or change the working directory and use relative paths"));
    }
    let flags = if overlay.upper.is_some() { MsFlags::empty() } else { MsFlags::MS_RDONLY };
    mount(Some("overlay"), target, Some("overlay"), flags, Some(options.as_str()))
        .map_err(|errno| Error::at("mount overlay", target, errno).hint("the kernel log (dmesg) says why"))
}

/// Overlay's own escapes of what separates options and layers (`Documentation/filesystems/overlayfs.rst`).
fn escape(path: &Path) -> String {
    let mut text = String::new();
    for character in path.to_string_lossy().chars() {
        if matches!(character, '\\' | ':' | ',') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn is_root() -> bool {
        nix::unistd::geteuid().is_root()
    }

    fn tree() -> (tempfile::TempDir, Overlay) {
        let dir = tempfile::tempdir().unwrap();
        for name in ["low,er", "high", "upper", "work", "target"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("low,er/both"), "low").unwrap();
        fs::write(dir.path().join("low,er/low"), "low").unwrap();
        fs::write(dir.path().join("high/both"), "high").unwrap();
        let lower = vec![dir.path().join("low,er"), dir.path().join("high")];
        (dir, Overlay { lower, ..Overlay::default() })
    }

    #[test]
    fn the_last_lower_directory_is_the_topmost_and_nothing_is_written_below() {
        if !is_root() {
            return;
        }
        let (dir, mut overlay) = tree();
        overlay.upper = Some((dir.path().join("upper"), dir.path().join("work")));
        let target = dir.path().join("target");
        for way in [mount_overlay, by_path] {
            way(&target, &overlay).unwrap();
            let read = |name: &str| fs::read_to_string(target.join(name)).unwrap();
            assert_eq!((read("both").as_str(), read("low").as_str()), ("high", "low"));
            fs::write(target.join("both"), "new").unwrap();
            unmount(&target, false).unwrap();
            assert_eq!(fs::read_to_string(dir.path().join("upper/both")).unwrap(), "new");
            assert_eq!(fs::read_to_string(dir.path().join("high/both")).unwrap(), "high");
            fs::remove_file(dir.path().join("upper/both")).unwrap();
        }
    }

    #[test]
    fn without_an_upper_directory_it_is_read_only() {
        if !is_root() {
            return;
        }
        let (dir, overlay) = tree();
        let target = dir.path().join("target");
        mount_overlay(&target, &overlay).unwrap();
        let refused = fs::write(target.join("x"), "").unwrap_err();
        unmount(&target, false).unwrap();
        assert_eq!(refused.raw_os_error(), Some(nix::libc::EROFS));
    }

    #[test]
    fn too_few_directories_and_missing_ones_are_named() {
        let (dir, mut overlay) = tree();
        overlay.lower.truncate(1);
        let error = mount_overlay(&dir.path().join("target"), &overlay).unwrap_err();
        assert_eq!(error.message, "an overlay needs at least 2 lower directories here, not 1");
        overlay.lower.push(dir.path().join("absent"));
        let error = mount_overlay(&dir.path().join("target"), &overlay).unwrap_err();
        assert_eq!(error.path, Some(dir.path().join("absent")));
    }
}
