//! Pack a tree as a tar archive.
//!
//! The same tree gives the same bytes: names are sorted bytewise, owners are numbers, and only what ustar cannot hold
//! goes to a PAX header. Access and change times, and device numbers of the disk, are left out.

use std::collections::HashMap;
use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use rocker_sys::xattr;
use sha2::{Digest, Sha256};

use super::NAME_MAX;
use super::digest::name as digest_name;
use super::header::Header;
use super::name::{OPAQUE, WHITEOUT};
use super::remove::names;
use super::resolve::{failed, is_whiteout, kind, open_below, open_directory, status};
use crate::container::IdMaps;
use crate::{Error, Kind, Result};

/// How a tree is packed.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// Overlay's whiteouts and opaque directories become `.wh.` entries (a layer). Off: a character device 0:0 is
    /// packed as one and the marks are left out (an export of a mounted tree, which shows neither).
    pub whiteouts: bool,
    /// Whether mounts are crossed; those that show the kernel are empty directories then.
    pub mounts: bool,
    /// Whether files may change meanwhile: what vanishes is left out, and a file that has become shorter is filled up
    /// with zeros, as by GNU tar. Off: that is a failure.
    pub changing: bool,
    /// The user namespace in whose ids owners are packed, where the tree shows them as the host's.
    pub ids: Option<IdMaps>,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self { whiteouts: true, mounts: false, changing: false, ids: None }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// `sha256:…` of the archive; it is not compressed, so it is the diffID too.
    pub digest: String,
    /// Bytes of the archive.
    pub size: u64,
    /// Entries of the archive, extended headers not counted.
    pub entries: u64,
}

/// Pack the tree in `directory` as a plain tar archive written to `out`.
///
/// The root itself is the entry `./`. Sockets are left out, as by Docker. Errors: `Invalid` for a path over
/// [`NAME_MAX`] or a file with the name of a whiteout, `Conflict` when a file changes meanwhile, else as the system.
pub fn pack(directory: BorrowedFd<'_>, out: impl Write, options: &PackOptions) -> Result<Packed> {
    let top = open_directory(directory, b".").map_err(|errno| failed("open", b".", errno))?;
    let mut packer = Packer::new(b"", out, options);
    packer.walk(top)?;
    packer.out.finish(packer.entries)
}

/// Pack one entry of a directory, `name`, under the name `label`; a directory with all below it.
pub fn pack_entry(
    directory: BorrowedFd<'_>,
    name: &[u8],
    label: &[u8],
    out: impl Write,
    options: &PackOptions,
) -> Result<Packed> {
    let mut packer = Packer::new(label, out, options);
    let found = status(directory, name).map_err(|errno| failed("stat", name, errno))?;
    let found = found.ok_or_else(|| failed("find", name, Errno::ENOENT))?;
    if kind(&found) == SFlag::S_IFDIR {
        let top = packer.open(directory, name).map_err(|errno| failed("open", name, errno))?;
        packer.walk(top)?;
    } else {
        packer.leaf(&Item { dir: directory, name, path: b"", status: &found })?;
    }
    packer.out.finish(packer.entries)
}

struct Packer<W: Write> {
    out: Hashed<W>,
    /// What the root is called; empty: `./`, and nothing in front of the others.
    label: Vec<u8>,
    options: PackOptions,
    /// First path of each inode that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
    entries: u64,
}

/// A directory on the way down.
struct Level {
    fd: OwnedFd,
    /// Path from the root with a final slash; empty for the root.
    path: Vec<u8>,
    /// Names still to come, the next one last.
    ahead: Vec<CString>,
}

/// An entry in its directory.
struct Item<'a> {
    dir: BorrowedFd<'a>,
    name: &'a [u8],
    path: &'a [u8],
    status: &'a FileStat,
}

impl<W: Write> Packer<W> {
    fn new(label: &[u8], out: W, options: &PackOptions) -> Self {
        let label = label.to_vec();
        Self { out: Hashed::new(out), label, options: options.clone(), links: HashMap::new(), entries: 0 }
    }

    fn open(&self, dir: BorrowedFd<'_>, path: &[u8]) -> std::result::Result<OwnedFd, Errno> {
        open_below(dir, path, self.options.mounts)
    }

    /// The name in the archive of what is at `path`.
    fn called(&self, path: &[u8]) -> Vec<u8> {
        match (self.label.as_slice(), path) {
            (b"", path) => path.to_vec(),
            (label, b"") => label.to_vec(),
            // The root directory's label is a slash already.
            (label, path) if label.ends_with(b"/") => [label, path].concat(),
            (label, path) => [label, b"/", path].concat(),
        }
    }

    /// What fails because it has vanished is passed over, where that is expected.
    fn present<T>(&self, step: &str, path: &[u8], got: std::result::Result<T, Errno>) -> Result<Option<T>> {
        match got {
            Ok(value) => Ok(Some(value)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EINVAL | Errno::ESTALE)
                if self.options.changing =>
            {
                Ok(None)
            }
            Err(errno) => Err(failed(step, path, errno)),
        }
    }

    /// What is in a directory; nothing where the kernel shows itself.
    fn ahead(&self, fd: BorrowedFd<'_>) -> Result<Vec<CString>> {
        if self.options.mounts && crate::view::is_kernels(fd) { Ok(Vec::new()) } else { sorted(fd) }
    }

    /// Depth first with one directory open at a time: the one above is reopened from the root, without links.
    fn walk(&mut self, top: OwnedFd) -> Result<()> {
        let status = fstat(&top).map_err(|errno| failed("stat", b".", errno))?;
        self.directory(&Item { dir: top.as_fd(), name: b".", path: b"", status: &status })?;
        let root = top.try_clone().map_err(|error| Error::io("keep the tree open", &error))?;
        let mut level = Level { ahead: self.ahead(top.as_fd())?, fd: top, path: Vec::new() };
        let mut above: Vec<(Vec<u8>, Vec<CString>)> = Vec::new();
        loop {
            let Some(name) = level.ahead.pop() else {
                let Some((path, ahead)) = above.pop() else { return Ok(()) };
                let here = if path.is_empty() { b"." } else { path.as_slice() };
                let opened = self.open(root.as_fd(), here);
                match self.present("open", &path, opened)? {
                    Some(fd) => level = Level { fd, path, ahead },
                    // It has moved meanwhile; what was still to come has moved with it.
                    None => level.ahead.clear(),
                }
                continue;
            };
            if let Some(below) = self.item(&level, name.as_bytes())? {
                let left = std::mem::replace(&mut level, below);
                above.push((left.path, left.ahead));
            }
        }
    }

    /// Pack one entry; a directory is returned to be walked.
    fn item(&mut self, level: &Level, name: &[u8]) -> Result<Option<Level>> {
        let path = [&level.path, name].concat();
        if path.len() > NAME_MAX {
            let message = format!("`{}` has a path of more than {NAME_MAX} bytes", super::name::show(&path));
            return Err(Error::invalid(message));
        }
        let dir = level.fd.as_fd();
        let found = status(dir, name).map_err(|errno| failed("stat", &path, errno))?;
        let Some(found) = found else { return Ok(None) };
        let item = Item { dir, name, path: &path, status: &found };
        if self.options.whiteouts && is_whiteout(&found) {
            let hidden = [&level.path, WHITEOUT, name].concat();
            self.write(&Header::whiteout(&hidden))?;
            return Ok(None);
        }
        if self.options.whiteouts && name.starts_with(WHITEOUT) {
            let message = format!("`{}` has the name of a whiteout", super::name::show(&path));
            return Err(Error::invalid(message).hint("a name that begins with .wh. cannot be in a layer"));
        }
        if kind(&found) == SFlag::S_IFDIR {
            let opened = self.open(dir, name);
            let Some(fd) = self.present("open", &path, opened)? else { return Ok(None) };
            self.directory(&item)?;
            let ahead = self.ahead(fd.as_fd())?;
            return Ok(Some(Level { fd, path: [&path, b"/".as_slice()].concat(), ahead }));
        }
        self.leaf(&item).map(|()| None)
    }

    fn directory(&mut self, item: &Item<'_>) -> Result<()> {
        let mut name = self.called(item.path);
        if !name.ends_with(b"/") {
            name.push(b'/');
        }
        let called = if name == b"/" && self.label.is_empty() { b"./" } else { name.as_slice() };
        let mut header = self.header(b'5', called, item.status);
        let opaque = self.xattrs(item, &mut header)?;
        self.write(&header)?;
        if opaque && self.options.whiteouts {
            let mark =
                if item.path.is_empty() { OPAQUE.to_vec() } else { [item.path, b"/", OPAQUE].concat() };
            self.write(&Header::whiteout(&mark))?;
        }
        Ok(())
    }

    fn header(&self, flag: u8, path: &[u8], status: &FileStat) -> Header {
        let header = Header::new(flag, path, status);
        match &self.options.ids {
            Some(ids) => header.owned(ids.user_inside(status.st_uid), ids.group_inside(status.st_gid)),
            None => header,
        }
    }

    fn leaf(&mut self, item: &Item<'_>) -> Result<()> {
        let flag = match kind(item.status) {
            SFlag::S_IFREG => b'0',
            SFlag::S_IFLNK => b'2',
            SFlag::S_IFCHR => b'3',
            SFlag::S_IFBLK => b'4',
            SFlag::S_IFIFO => b'6',
            // A socket is of no use without its process.
            _ => return Ok(()),
        };
        if item.status.st_nlink > 1 {
            let inode = (item.status.st_dev, item.status.st_ino);
            if let Some(first) = self.links.get(&inode) {
                let mut header = self.header(b'1', &self.called(item.path), item.status);
                header.link.clone_from(first);
                return self.write(&header);
            }
            let called = self.called(item.path);
            self.links.insert(inode, called);
        }
        let mut header = self.header(flag, &self.called(item.path), item.status);
        if flag == b'2' {
            use std::os::unix::ffi::OsStringExt;
            let read = readlinkat(item.dir, item.name);
            let Some(target) = self.present("read the link", item.path, read)? else { return Ok(()) };
            header.link = target.into_vec();
        }
        self.xattrs(item, &mut header)?;
        if flag != b'0' {
            return self.write(&header);
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let opened = openat(item.dir, item.name, flags, Mode::empty());
        let Some(file) = self.present("open", item.path, opened)? else { return Ok(()) };
        let now = fstat(&file).map_err(|errno| failed("stat", item.path, errno))?;
        if (now.st_dev, now.st_ino) != (item.status.st_dev, item.status.st_ino) {
            // Another file by now: the next look would find it, and it may be a device or a pipe.
            return if self.options.changing { Ok(()) } else { Err(changed(item.path)) };
        }
        self.write(&header)?;
        self.content(file, header.size, item.path)
    }

    /// Exactly `size` bytes and the padding.
    fn content(&mut self, file: OwnedFd, size: u64, path: &[u8]) -> Result<()> {
        let mut file = std::fs::File::from(file).take(size);
        let copied =
            io::copy(&mut file, &mut self.out).map_err(|error| Error::io("write the archive", &error))?;
        if copied != size {
            if !self.options.changing {
                return Err(changed(path));
            }
            io::copy(&mut io::repeat(0).take(size - copied), &mut self.out)
                .map_err(|error| Error::io("write the archive", &error))?;
        }
        self.out.pad()
    }

    /// Put the extended attributes into `header`, sorted; whether the directory is opaque.
    fn xattrs(&self, item: &Item<'_>, header: &mut Header) -> Result<bool> {
        let mut list = match xattr::list_at(item.dir, item.name) {
            Err(Errno::EOPNOTSUPP) => return Ok(false),
            Err(Errno::ENOENT) if self.options.changing => return Ok(false),
            other => other.map_err(|errno| failed("list the extended attributes of", item.path, errno))?,
        };
        list.sort_unstable();
        let mut opaque = false;
        for name in list {
            let bytes = name.as_bytes();
            // An attribute of the security module belongs to this host (Docker packs security.capability only).
            let foreign = bytes.starts_with(b"security.") && bytes != b"security.capability";
            let ours = bytes.starts_with(b"trusted.overlay.") || bytes.starts_with(b"user.overlay.");
            if foreign || (ours && bytes != b"trusted.overlay.opaque") {
                continue;
            }
            let value = match xattr::get_at(item.dir, item.name, &name) {
                Err(Errno::ENODATA) => continue,
                Err(Errno::ENOENT) if self.options.changing => continue,
                other => other.map_err(|errno| failed("read an extended attribute of", item.path, errno))?,
            };
            if ours {
                opaque = value == b"y";
            } else {
                let value = match &self.options.ids {
                    Some(ids) if bytes == b"security.capability" => ids.capability_inside(value),
                    _ => value,
                };
                header.xattrs.push((name, value));
            }
        }
        Ok(opaque)
    }

    fn write(&mut self, header: &Header) -> Result<()> {
        self.entries += 1;
        self.out.write_all(&header.bytes()).map_err(|error| Error::io("write the archive", &error))
    }
}

fn changed(path: &[u8]) -> Error {
    let message = format!("`{}` changed while it was packed", super::name::show(path));
    Error::new(Kind::Conflict, message).hint("stop or pause what writes to it")
}

/// The names in a directory, the first one last.
fn sorted(dir: BorrowedFd<'_>) -> Result<Vec<CString>> {
    let mut names = names(dir)?;
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

/// A writer that hashes and counts, with large writes.
struct Hashed<W: Write> {
    out: io::BufWriter<W>,
    state: Sha256,
    size: u64,
}

impl<W: Write> Hashed<W> {
    fn new(out: W) -> Self {
        Self { out: io::BufWriter::with_capacity(256 << 10, out), state: Sha256::new(), size: 0 }
    }

    /// Zeros up to the next record.
    fn pad(&mut self) -> Result<()> {
        let length = self.size.next_multiple_of(512) - self.size;
        let zeros = [0; 512];
        let zeros = &zeros[..usize::try_from(length).unwrap_or(0)];
        self.write_all(zeros).map_err(|error| Error::io("write the archive", &error))
    }

    /// The end-of-archive mark: two zero records.
    fn finish(mut self, entries: u64) -> Result<Packed> {
        let ended = self.write_all(&[0; 1024]).and_then(|()| self.out.flush());
        ended.map_err(|error| Error::io("write the archive", &error))?;
        Ok(Packed { digest: digest_name(self.state), size: self.size, entries })
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.out.write(data)?;
        self.state.update(&data[..length]);
        self.size += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
