//! Directories of a layer, found and made without ever leaving its root.
//!
//! Every path is walked one component at a time with `openat2(2)`, which follows no link and crosses no mount; links
//! are read and walked by hand, absolute ones from the layer's root. So every directory's real path is known, and
//! a link can lead nowhere else. A few directories are kept open, because archives list neighbours together.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::name::{refuse, split};
use super::{DEPTH_MAX, NAME_MAX};
use crate::{Error, Result};

/// Directories kept open; bounds the descriptors in use.
const KEPT: usize = 128;
/// Links followed in one path, as the kernel's own limit (`path_resolution(7)`).
const LINKS: usize = 40;

/// An open directory of the layer.
pub(super) struct Directory {
    fd: OwnedFd,
    /// Its path from the root, without links; empty for the root.
    pub real: Vec<u8>,
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What to do about a directory that is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Make it, 0755, as Docker does.
    Make,
    /// Report `NotFound`.
    Refuse,
}

/// The directories of one layer.
pub(super) struct Resolver {
    root: Rc<Directory>,
    kept: HashMap<Vec<u8>, Rc<Directory>>,
    /// Whether mounts are crossed: in a container's own tree, whose volumes belong to it.
    mounts: bool,
}

impl Resolver {
    pub(super) fn new(root: BorrowedFd<'_>) -> Result<Self> {
        let fd =
            open_directory(root, b".").map_err(|errno| Error::sys("open the layer's directory", errno))?;
        Ok(Self { root: Rc::new(Directory { fd, real: Vec::new() }), kept: HashMap::new(), mounts: false })
    }

    /// The same for a tree in which mounts are crossed.
    pub(super) fn across_mounts(root: BorrowedFd<'_>) -> Result<Self> {
        Ok(Self { mounts: true, ..Self::new(root)? })
    }

    /// Open a directory of the tree below another.
    pub(super) fn open(&self, dir: BorrowedFd<'_>, path: &[u8]) -> std::result::Result<OwnedFd, Errno> {
        open_below(dir, path, self.mounts)
    }

    pub(super) fn root(&self) -> &Rc<Directory> {
        &self.root
    }

    /// Forget the open directories: one of them, or a link to one, was removed.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// The directory at the cleaned `path`, links on the way resolved inside the root.
    pub(super) fn directory(&mut self, path: &[u8], missing: Missing) -> Result<Rc<Directory>> {
        if path.is_empty() {
            return Ok(Rc::clone(&self.root));
        }
        if let Some(found) = self.kept.get(path) {
            return Ok(Rc::clone(found));
        }
        let (parent, base) = split(path);
        let (start, rest) = match self.kept.get(parent) {
            Some(found) => (Rc::clone(found), base),
            None => (Rc::clone(&self.root), path),
        };
        let found = self.walk(start, path, rest, missing)?;
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        // The parent is wanted next: its other directories follow.
        if !parent.is_empty() && split(&found.real).0 == parent && !self.kept.contains_key(parent) {
            let known = self.open_real(parent).map_err(|errno| failed("open", path, errno))?;
            self.kept.insert(parent.to_vec(), Rc::new(Directory { fd: known, real: parent.to_vec() }));
        }
        self.kept.insert(path.to_vec(), Rc::clone(&found));
        Ok(found)
    }

    /// Walk `rest` from `start`; `path` is the whole, for messages.
    fn walk(
        &self,
        start: Rc<Directory>,
        path: &[u8],
        rest: &[u8],
        missing: Missing,
    ) -> Result<Rc<Directory>> {
        let mut here = start;
        let mut links = 0;
        let mut ahead: VecDeque<Vec<u8>> = rest.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
        while let Some(part) = ahead.pop_front() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    let real = split(&here.real).0.to_vec();
                    let fd = self.open_real(&real).map_err(|errno| failed("open", path, errno))?;
                    here = Rc::new(Directory { fd, real });
                    continue;
                }
                _ => {}
            }
            match self.open(here.as_fd(), &part) {
                Ok(fd) => here = step(&here, fd, &part, path)?,
                Err(Errno::ELOOP | Errno::ENOTDIR) => {
                    if let Some(target) =
                        link(&here, &part).map_err(|errno| failed("read the link", path, errno))?
                    {
                        links += 1;
                        if links > LINKS {
                            return Err(refuse(path, "too many symbolic links on the way"));
                        }
                        if target.starts_with(b"/") {
                            here = Rc::clone(&self.root);
                        }
                        for part in target.split(|byte| *byte == b'/').rev() {
                            ahead.push_front(part.to_vec());
                        }
                    } else {
                        here = revive(&here, &part, path, missing)?;
                    }
                }
                Err(Errno::ENOENT) if missing == Missing::Make => here = make(&here, &part, path)?,
                Err(errno) => return Err(failed("open a directory on the way", path, errno)),
            }
        }
        Ok(here)
    }

    fn open_real(&self, real: &[u8]) -> std::result::Result<OwnedFd, Errno> {
        self.open(self.root.as_fd(), if real.is_empty() { b"." } else { real })
    }
}

/// The failure of a system call on the way to an entry.
pub(super) fn failed(step: &str, path: &[u8], errno: Errno) -> Error {
    use std::os::unix::ffi::OsStrExt;
    Error::at(format!("{step} (layer entry)"), std::ffi::OsStr::from_bytes(path), errno)
}

/// Status of `entry` in `dir`, links not followed; `None`: there is none.
pub(super) fn status(dir: BorrowedFd<'_>, entry: &[u8]) -> std::result::Result<Option<FileStat>, Errno> {
    match fstatat(dir, entry, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(status) => Ok(Some(status)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Whether it is overlay's whiteout: the character device 0:0 (`Documentation/filesystems/overlayfs.rst`).
pub(super) fn is_whiteout(status: &FileStat) -> bool {
    kind(status) == SFlag::S_IFCHR && status.st_rdev == 0
}

/// The file's type.
pub(crate) fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

/// Open a directory below `dir`, no links followed, no mount crossed.
pub(super) fn open_directory(dir: BorrowedFd<'_>, path: &[u8]) -> std::result::Result<OwnedFd, Errno> {
    open_below(dir, path, false)
}

/// The same, mounts crossed where that is wanted.
pub(super) fn open_below(
    dir: BorrowedFd<'_>,
    path: &[u8],
    mounts: bool,
) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let resolve =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let resolve = if mounts { resolve } else { resolve | ResolveFlag::RESOLVE_NO_XDEV };
    openat2(dir, path, OpenHow::new().flags(flags).resolve(resolve))
}

fn step(from: &Directory, fd: OwnedFd, part: &[u8], path: &[u8]) -> Result<Rc<Directory>> {
    let mut real = from.real.clone();
    if !real.is_empty() {
        real.push(b'/');
    }
    real.extend_from_slice(part);
    let deep = real.iter().filter(|byte| **byte == b'/').count() >= DEPTH_MAX;
    if deep || real.len() > NAME_MAX {
        return Err(refuse(path, format!("more than {DEPTH_MAX} directories or {NAME_MAX} bytes deep")));
    }
    Ok(Rc::new(Directory { fd, real }))
}

fn link(dir: &Directory, part: &[u8]) -> std::result::Result<Option<Vec<u8>>, Errno> {
    use std::os::unix::ffi::OsStringExt;
    match readlinkat(dir, part) {
        Ok(target) => Ok(Some(target.into_vec())),
        Err(Errno::EINVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn make(dir: &Directory, part: &[u8], path: &[u8]) -> Result<Rc<Directory>> {
    mkdirat(dir, part, Mode::from_bits_truncate(0o755))
        .map_err(|errno| failed("make a directory", path, errno))?;
    let fd = open_directory(dir.as_fd(), part).map_err(|errno| failed("open", path, errno))?;
    // Independent of the umask and of a setgid bit above.
    nix::sys::stat::fchmod(&fd, Mode::from_bits_truncate(0o755))
        .map_err(|errno| failed("set the mode of a directory", path, errno))?;
    step(dir, fd, part, path)
}

/// A directory where this layer has a whiteout: the lower one stays hidden, so the new one is opaque.
fn revive(dir: &Directory, part: &[u8], path: &[u8], missing: Missing) -> Result<Rc<Directory>> {
    let found = status(dir.as_fd(), part).map_err(|errno| failed("stat", path, errno))?;
    if missing == Missing::Refuse || !found.is_some_and(|status| is_whiteout(&status)) {
        return Err(refuse(path, "an entry on the way is not a directory"));
    }
    unlinkat(dir, part, UnlinkatFlags::NoRemoveDir)
        .map_err(|errno| failed("remove a whiteout", path, errno))?;
    let made = make(dir, part, path)?;
    super::tree::set_opaque(made.as_fd(), path)?;
    Ok(made)
}
