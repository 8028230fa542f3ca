//! A path in a container, looked at.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::sys::stat::{FileStat, SFlag, fstatat};
use nix::sys::statfs::fstatfs;

use crate::container::open_in_root;
use crate::{Error, Kind, Result};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// `st_mode`.
    pub mode: u32,
    /// Bytes.
    pub size: i64,
    /// Last modification, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Of a symbolic link.
    pub target: Option<Vec<u8>>,
}

/// A directory that was opened and a name in it, which is not followed.
pub(super) struct Place {
    pub directory: OwnedFd,
    pub name: Vec<u8>,
    pub stat: FileStat,
}

impl Place {
    /// The directory in which `path` is, links on the way followed inside the root; a path that ends in a slash, `.` or
    /// `..` is itself the directory.
    pub(super) fn find(root: BorrowedFd<'_>, path: &[u8]) -> Result<Self> {
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..=at], &path[at + 1..]),
            None => (b"/".as_slice(), path),
        };
        let (above, name) =
            if matches!(name, b"" | b"." | b"..") { (path, b".".as_slice()) } else { (above, name) };
        let directory = open(root, above).map_err(|errno| missing(path, errno))?;
        refuse_kernels_files(directory.as_fd(), path)?;
        let stat = fstatat(directory.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| missing(path, errno))?;
        Ok(Self { directory, name: name.to_vec(), stat })
    }
}

/// Opens a directory below the root.
pub(super) fn open(root: BorrowedFd<'_>, path: &[u8]) -> nix::Result<OwnedFd> {
    let path = Path::new(OsStr::from_bytes(path));
    open_in_root(root, path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
}

/// The failure to find a path; the caller says it in Docker's words.
pub(super) fn missing(path: &[u8], errno: Errno) -> Error {
    let shown = OsStr::from_bytes(path);
    let error = Error::at("find", shown, errno);
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => error.kind(Kind::NotFound),
        _ => error,
    }
}

/// File systems that show the kernel and not the container: nothing is copied from or to them, as with Docker.
const KERNELS: [i64; 12] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x27_e0eb,   // cgroup
    0x6367_7270, // cgroup2
    0x1cd1,      // devpts
    0x1980_0202, // mqueue
    0x7363_6673, // securityfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0xcafe_4a11, // bpf
    0xde5e_81e4, // efivarfs
    0x4249_4e4d, // binfmt_misc
];

/// Whether a descriptor is on one of them.
#[allow(clippy::unnecessary_cast)] // the type differs from one libc to the other
pub(crate) fn is_kernels(fd: BorrowedFd<'_>) -> bool {
    fstatfs(fd).is_ok_and(|found| KERNELS.contains(&(found.filesystem_type().0 as i64)))
}

pub(super) fn refuse_kernels_files(fd: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
    if !is_kernels(fd) {
        return Ok(());
    }
    let message =
        format!("`{}` shows the kernel, not files of the container", OsStr::from_bytes(path).display());
    Err(Error::new(Kind::NotFound, message).hint("use exec to read it"))
}

/// Looks at a path below the root of a view.
pub fn stat(root: BorrowedFd<'_>, path: &[u8]) -> Result<PathStat> {
    let place = Place::find(root, path)?;
    let stat = &place.stat;
    let is_link = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFLNK.bits();
    let target = if is_link {
        let read = readlinkat(place.directory.as_fd(), place.name.as_slice());
        Some(read.map_err(|errno| missing(path, errno))?.as_bytes().to_vec())
    } else {
        None
    };
    let modified_ns = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec);
    Ok(PathStat { mode: stat.st_mode, size: stat.st_size, modified_ns, target })
}
