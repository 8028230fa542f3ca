//! Paths below a container's root, resolved by the kernel and never as strings on the host.
//!
//! `openat2(2)` with RESOLVE_IN_ROOT: `..` and absolute links end at the container's root, whatever another
//! process swaps meanwhile, because what was opened is what is used.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, mkdirat};

use crate::{Error, Result};

/// Opens `path` below `root`; links inside are followed inside.
pub fn open_in_root(root: BorrowedFd<'_>, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    open_how(root, path, flags, ResolveFlag::RESOLVE_IN_ROOT)
}

/// Opens `path` below `root`, refusing every symbolic link on the way (ELOOP).
pub fn open_without_links(root: BorrowedFd<'_>, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    open_how(root, path, flags, ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS)
}

fn open_how(root: BorrowedFd<'_>, path: &Path, flags: OFlag, resolve: ResolveFlag) -> nix::Result<OwnedFd> {
    let how =
        OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    loop {
        // EAGAIN: a rename elsewhere made the kernel unsure whether `..` stayed inside (openat2(2)).
        match openat2(root, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// What stands at the end of a mount's destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A directory.
    Directory,
    /// Any other file.
    File,
}

/// Opens (O_PATH) the place where something is to be mounted, making what is missing.
///
/// With `strict` no component may be a symbolic link.
pub fn mount_point(root: BorrowedFd<'_>, path: &Path, target: Target, strict: bool) -> Result<OwnedFd> {
    let resolve = if strict { ResolveFlag::RESOLVE_NO_SYMLINKS } else { ResolveFlag::empty() };
    let open = |path: &Path, flags| open_how(root, path, flags, ResolveFlag::RESOLVE_IN_ROOT | resolve);
    let fail = |errno| {
        match errno {
        Errno::ELOOP if strict => Error::at("open mount point", path, errno).message(format!(
            "`{}` in the image is, or lies below, a symbolic link: nothing of the engine is mounted through one",
            path.display()
        )),
        Errno::EROFS => Error::at("make mount point", path, errno)
            .hint("the root file system is read-only and lacks this path: add it to the image"),
        _ => Error::at("open mount point", path, errno),
    }
    };
    match open(path, OFlag::O_PATH) {
        Err(Errno::ENOENT) => {}
        other => return other.map_err(fail),
    }
    let (parent, name) = split(path)?;
    let directory = directory_in_root(root, parent, strict).map_err(fail)?;
    let made = match target {
        Target::Directory => mkdirat(directory.as_fd(), name, Mode::from_bits_truncate(0o755)),
        Target::File => {
            let flags =
                OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            nix::fcntl::openat(directory.as_fd(), name, flags, Mode::from_bits_truncate(0o755)).map(drop)
        }
    };
    match made {
        Ok(()) | Err(Errno::EEXIST) => open(path, OFlag::O_PATH).map_err(fail),
        Err(errno) => Err(fail(errno)),
    }
}

/// Opens a directory below `root`, making it and its parents (0755) where missing.
pub fn directory_in_root(root: BorrowedFd<'_>, path: &Path, strict: bool) -> nix::Result<OwnedFd> {
    let resolve = if strict { ResolveFlag::RESOLVE_NO_SYMLINKS } else { ResolveFlag::empty() };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let open = |path: &Path| open_how(root, path, flags, ResolveFlag::RESOLVE_IN_ROOT | resolve);
    match open(path) {
        Err(Errno::ENOENT) => {}
        other => return other,
    }
    let mut whole = Path::new("/").to_owned();
    let mut last = open(&whole)?;
    for component in path.components() {
        let Component::Normal(name) = component else { continue };
        whole.push(name);
        last = match open(&whole) {
            Err(Errno::ENOENT) => {
                match mkdirat(last.as_fd(), name, Mode::from_bits_truncate(0o755)) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
                open(&whole)?
            }
            other => other?,
        };
    }
    Ok(last)
}

fn split(path: &Path) -> Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::invalid(format!("`{}` is no place to mount on", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, OwnedFd) {
        let dir = tempfile::tempdir().unwrap();
        let fd = fs::File::open(dir.path()).unwrap().into();
        (dir, fd)
    }

    #[test]
    fn a_link_out_of_the_root_ends_inside_it() {
        let (dir, root) = root();
        symlink("/../../../etc", dir.path().join("link")).unwrap();
        mount_point(root.as_fd(), Path::new("/link/new"), Target::Directory, false).unwrap_err();
        fs::create_dir(dir.path().join("etc")).unwrap();
        mount_point(root.as_fd(), Path::new("/link/new"), Target::File, false).unwrap();
        assert!(dir.path().join("etc/new").is_file());
    }

    #[test]
    fn a_strict_mount_point_refuses_a_link() {
        let (dir, root) = root();
        symlink("/etc", dir.path().join("proc")).unwrap();
        let error = mount_point(root.as_fd(), Path::new("/proc"), Target::Directory, true).unwrap_err();
        assert!(error.message.contains("symbolic link"), "{error}");
    }

    #[test]
    fn missing_parents_are_made() {
        let (dir, root) = root();
        mount_point(root.as_fd(), Path::new("/a/b/c"), Target::File, false).unwrap();
        assert!(dir.path().join("a/b/c").is_file());
    }
}
