//! The form of a layer that is a tree of files, ready as a lower directory of overlay.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{
    FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, futimens, makedev, mkdirat, mknodat,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, symlinkat, syncfs, unlinkat};
use rocker_sys::xattr;

use super::archive::Body;
use super::form::{Entry, Form, Node, Time};
use super::name::{refuse, show, split};
use super::remove::{names, remove_contents, remove_tree};
use super::resolve::{Directory, Missing, Resolver, failed, is_whiteout, kind, status};
use super::unpack::CopyOptions;
use crate::{Error, Kind, Result};

/// A tree being written.
pub struct Tree {
    resolver: Resolver,
    /// How entries are put into a tree that is there already; None for a layer of its own.
    copy: Option<CopyOptions>,
    /// Times of directories, by real path: set at the end, because every entry made in one changes it.
    times: HashMap<Vec<u8>, Time>,
}

impl Tree {
    /// A tree in the empty directory `root`; `Conflict` when it is not empty.
    pub fn new(root: BorrowedFd<'_>) -> Result<Self> {
        let resolver = Resolver::new(root)?;
        if !names(resolver.root().as_fd())?.is_empty() {
            return Err(Error::new(Kind::Conflict, "the directory for the layer is not empty"));
        }
        Ok(Self { resolver, copy: None, times: HashMap::new() })
    }

    /// A tree that is there already, below `root`: entries are added to it and replace files, not directories.
    pub fn existing(root: BorrowedFd<'_>, options: &CopyOptions) -> Result<Self> {
        let resolver = Resolver::across_mounts(root)?;
        Ok(Self { resolver, copy: Some(options.clone()), times: HashMap::new() })
    }

    /// Remove what stands where an entry comes; whether it was a whiteout.
    fn clear(&mut self, place: &Place<'_>) -> Result<bool> {
        let found = status(place.dir(), place.name).map_err(|errno| place.failed("stat", errno))?;
        let Some(found) = found else { return Ok(false) };
        if self.copy.is_some() {
            // Docker's NoOverwriteDirNonDir.
            let (is, comes) = (kind(&found) == SFlag::S_IFDIR, place.entry.node == Node::Directory);
            if is != comes {
                let words = if is { ("directory", "non-directory") } else { ("non-directory", "directory") };
                return Err(place.conflict(words));
            }
            unlinkat(place.dir(), place.name, UnlinkatFlags::NoRemoveDir)
                .map_err(|errno| place.failed("replace", errno))?;
            self.resolver.forget();
            return Ok(false);
        }
        remove_tree(place.dir(), place.name)?;
        if matches!(kind(&found), SFlag::S_IFDIR | SFlag::S_IFLNK) {
            self.resolver.forget();
        }
        Ok(is_whiteout(&found))
    }

    /// Make an entry by `make`; if something is there already, replace it.
    fn place<T>(
        &mut self,
        place: &Place<'_>,
        step: &str,
        make: impl Fn() -> std::result::Result<T, Errno>,
    ) -> Result<T> {
        match make() {
            Err(Errno::EEXIST) => {
                self.clear(place)?;
                make()
            }
            other => other,
        }
        .map_err(|errno| place.failed(step, errno))
    }

    fn file(&mut self, place: &Place<'_>, body: &mut Body<'_, '_>) -> Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let create = || openat(place.dir(), place.name, flags, Mode::from_bits_truncate(0o600));
        let fd = self.place(place, "create", create)?;
        loop {
            let mut chunk = body.chunk()?;
            if chunk.is_empty() {
                break;
            }
            while !chunk.is_empty() {
                match nix::unistd::write(&fd, chunk) {
                    Ok(length) => chunk = &chunk[length..],
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(place.failed("write", errno)),
                }
            }
        }
        // Writing clears setuid and capabilities, changing the owner too: both come first.
        self.open_metadata(place, &fd)?;
        let time = spec(place.entry.modified);
        futimens(&fd, &time, &time).map_err(|errno| place.failed("set the time of", errno))
    }

    fn directory(&mut self, place: &Place<'_>) -> Result<()> {
        match mkdirat(place.dir(), place.name, Mode::from_bits_truncate(0o700)) {
            Ok(()) => {}
            Err(Errno::EEXIST) => {
                let found = status(place.dir(), place.name).map_err(|errno| place.failed("stat", errno))?;
                // A directory over a directory only changes its attributes.
                if found.is_none_or(|found| kind(&found) != SFlag::S_IFDIR) {
                    let hidden = self.clear(place)?;
                    mkdirat(place.dir(), place.name, Mode::from_bits_truncate(0o700))
                        .map_err(|errno| place.failed("make", errno))?;
                    if hidden {
                        let fd = self.open(place)?;
                        set_opaque(fd.as_fd(), &place.entry.path)?;
                    }
                }
            }
            Err(errno) => return Err(place.failed("make", errno)),
        }
        self.open_metadata(place, &self.open(place)?)?;
        let mut real = place.parent.real.clone();
        if !real.is_empty() {
            real.push(b'/');
        }
        real.extend_from_slice(place.name);
        self.times.insert(real, place.entry.modified);
        Ok(())
    }

    /// The root's own entry.
    fn root(&mut self, entry: &Entry) -> Result<()> {
        if entry.node != Node::Directory {
            return Err(refuse(b".", "the layer's root is not a directory"));
        }
        let root = Rc::clone(self.resolver.root());
        let place = Place { parent: Rc::clone(&root), name: b".", entry };
        self.open_metadata(&place, root.as_fd())?;
        self.times.insert(Vec::new(), entry.modified);
        Ok(())
    }

    fn open(&self, place: &Place<'_>) -> Result<OwnedFd> {
        self.resolver.open(place.dir(), place.name).map_err(|errno| place.failed("open", errno))
    }

    fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
        (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
    }

    /// Owner, attributes and mode of a file or directory, in this order: `chown(2)` clears the other two.
    fn open_metadata(&self, place: &Place<'_>, fd: impl AsFd + Copy) -> Result<()> {
        let entry = place.entry;
        let (uid, gid) = Self::owner(entry);
        fchown(fd, uid, gid).map_err(|errno| place.failed("set the owner of", errno))?;
        place.xattrs()?;
        fchmod(fd, Mode::from_bits_truncate(entry.mode))
            .map_err(|errno| place.failed("set the mode of", errno))
    }

    /// The same, and the time, for what must not be opened. Links have no mode.
    fn metadata(&self, place: &Place<'_>) -> Result<()> {
        let entry = place.entry;
        let (uid, gid) = Self::owner(entry);
        fchownat(place.dir(), place.name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| place.failed("set the owner of", errno))?;
        place.xattrs()?;
        if !matches!(entry.node, Node::Symlink(_)) {
            // Just made by us as a device or pipe: there is no link to follow.
            let mode = Mode::from_bits_truncate(entry.mode);
            fchmodat(place.dir(), place.name, mode, FchmodatFlags::FollowSymlink)
                .map_err(|errno| place.failed("set the mode of", errno))?;
        }
        let time = spec(entry.modified);
        utimensat(place.dir(), place.name, &time, &time, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| place.failed("set the time of", errno))
    }

    fn symlink(&mut self, place: &Place<'_>, target: &[u8]) -> Result<()> {
        self.place(place, "make", || symlinkat(target, place.dir(), place.name))?;
        self.metadata(place)
    }

    fn special(&mut self, place: &Place<'_>, what: SFlag, major: u32, minor: u32) -> Result<()> {
        let device = makedev(u64::from(major), u64::from(minor));
        let mode = Mode::from_bits_truncate(0o600);
        self.place(place, "make", || mknodat(place.dir(), place.name, what, mode, device))?;
        self.metadata(place)
    }

    /// Another name of an entry of this layer; its attributes are those of the entry, as for GNU tar.
    fn hardlink(&mut self, place: &Place<'_>, target: &[u8]) -> Result<()> {
        let missing = |errno| match errno {
            Errno::ENOENT => refuse(&place.entry.path, target_is("missing", target)),
            Errno::EPERM => refuse(&place.entry.path, target_is("a directory", target)),
            errno => place.failed("link", errno),
        };
        let (above, name) = split(target);
        let above = self.resolver.directory(above, Missing::Refuse).map_err(|error| {
            match error.errno.map(Errno::from_raw) {
                Some(errno) => missing(errno),
                None => refuse(&place.entry.path, format!("target of a hard link: {}", error.message)),
            }
        })?;
        if above.real == place.parent.real && name == place.name {
            return Err(refuse(&place.entry.path, "a hard link to itself"));
        }
        let found = status(above.as_fd(), name).map_err(missing)?;
        if found.is_some_and(|found| is_whiteout(&found)) {
            return Err(missing(Errno::ENOENT));
        }
        // Without AT_SYMLINK_FOLLOW a link is linked itself.
        let link = || linkat(&*above, name, place.dir(), place.name, AtFlags::empty());
        match link() {
            Err(Errno::EEXIST) => {
                self.clear(place)?;
                link().map_err(missing)
            }
            other => other.map_err(missing),
        }
    }

    /// Hide an entry of lower layers. What this layer has under the name stays visible, whichever came first (OCI
    /// image specification, `layer.md`): a directory becomes opaque, anything else hides the lower entry anyway.
    fn whiteout(&self, place: &Place<'_>) -> Result<()> {
        match mknodat(place.dir(), place.name, SFlag::S_IFCHR, Mode::empty(), 0) {
            Err(Errno::EEXIST) => {
                let found = status(place.dir(), place.name).map_err(|errno| place.failed("stat", errno))?;
                if found.is_some_and(|found| kind(&found) == SFlag::S_IFDIR) {
                    set_opaque(self.open(place)?.as_fd(), &place.entry.path)?;
                }
                Ok(())
            }
            other => {
                other.map_err(|errno| place.failed("make the whiteout of", errno))?;
                // Only the name matters: the same layer gives the same tree.
                let time = spec(Time::default());
                utimensat(place.dir(), place.name, &time, &time, UtimensatFlags::NoFollowSymlink)
                    .map_err(|errno| place.failed("set the time of", errno))
            }
        }
    }

    fn set_times(&self) -> Result<()> {
        for (real, time) in &self.times {
            let root = self.resolver.root().as_fd();
            let fd = match self.resolver.open(root, if real.is_empty() { b"." } else { real }) {
                // Replaced later by something else.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => continue,
                other => other.map_err(|errno| failed("open", real, errno))?,
            };
            let time = spec(*time);
            futimens(&fd, &time, &time).map_err(|errno| failed("set the time of", real, errno))?;
        }
        Ok(())
    }
}

impl Form for Tree {
    fn entry(&mut self, entry: &Entry, body: &mut Body<'_, '_>) -> Result<()> {
        if entry.node == Node::Opaque {
            let dir = self.resolver.directory(&entry.path, Missing::Make)?;
            return set_opaque(dir.as_fd(), &entry.path);
        }
        let below;
        let entry = match &self.copy {
            // The directory that is copied to is as it was.
            Some(_) if entry.path.is_empty() => return Ok(()),
            Some(copy) => {
                below = copy.placed(entry)?;
                &below
            }
            None if entry.path.is_empty() => return self.root(entry),
            None => entry,
        };
        let (parent, name) = split(&entry.path);
        let place = Place { parent: self.resolver.directory(parent, Missing::Make)?, name, entry };
        match &entry.node {
            Node::File(_) => self.file(&place, body),
            Node::Directory => self.directory(&place),
            Node::Symlink(target) => self.symlink(&place, target),
            Node::Hardlink(target) => self.hardlink(&place, target),
            Node::Character(major, minor) => self.special(&place, SFlag::S_IFCHR, *major, *minor),
            Node::Block(major, minor) => self.special(&place, SFlag::S_IFBLK, *major, *minor),
            Node::Fifo => self.special(&place, SFlag::S_IFIFO, 0, 0),
            Node::Whiteout => self.whiteout(&place),
            Node::Opaque => Ok(()),
        }
    }

    fn finish(&mut self, sync: bool) -> Result<()> {
        self.set_times()?;
        if sync {
            syncfs(self.resolver.root().as_fd()).map_err(|errno| Error::sys("sync the layer", errno))?;
        }
        Ok(())
    }

    fn abandon(&mut self) -> Result<()> {
        self.resolver.forget();
        if self.copy.is_some() {
            // What has been copied stays, as with cp(1).
            return self.set_times();
        }
        remove_contents(self.resolver.root().as_fd())
    }
}

/// Where an entry goes.
struct Place<'e> {
    parent: Rc<Directory>,
    name: &'e [u8],
    entry: &'e Entry,
}

impl Place<'_> {
    fn dir(&self) -> BorrowedFd<'_> {
        self.parent.as_fd()
    }

    fn conflict(&self, (is, comes): (&str, &str)) -> Error {
        let message = format!("cannot overwrite {is} \"{}\" with {comes}", show(&self.entry.path));
        Error::new(Kind::Conflict, message)
    }

    fn failed(&self, step: &str, errno: Errno) -> Error {
        failed(step, &self.entry.path, errno)
    }

    /// Set the extended attributes. A file system without them, or a kind of file that cannot have `user.`
    /// attributes (`xattr(7)`), goes without, as with Docker.
    fn xattrs(&self) -> Result<()> {
        let plain = matches!(self.entry.node, Node::File(_) | Node::Directory);
        for (name, value) in &self.entry.xattrs {
            match xattr::set_at(self.dir(), self.name, name, value) {
                Ok(()) | Err(Errno::EOPNOTSUPP) => {}
                Err(Errno::EPERM) if !plain => {}
                Err(errno @ (Errno::E2BIG | Errno::ERANGE | Errno::EINVAL)) => {
                    let reason =
                        format!("bad extended attribute {}: {}", name.to_string_lossy(), errno.desc());
                    return Err(refuse(&self.entry.path, reason));
                }
                Err(errno) => {
                    let step = format!("set the extended attribute {} of", name.to_string_lossy());
                    return Err(self.failed(&step, errno));
                }
            }
        }
        Ok(())
    }
}

fn target_is(what: &str, target: &[u8]) -> String {
    format!("the target of the hard link, `{}`, is {what}", OsStr::from_bytes(target).display())
}

/// Mark a directory opaque for overlay.
pub(super) fn set_opaque(dir: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
    xattr::set_at(dir, b".", c"trusted.overlay.opaque", b"y")
        .map_err(|errno| failed("make opaque", path, errno))
}

fn spec(time: Time) -> TimeSpec {
    TimeSpec::new(time.seconds, i64::from(time.nanoseconds))
}
