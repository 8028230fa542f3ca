//! `tmpcopyup`: what the image has at the place of a tmpfs, copied into it.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens,
    mkdirat, mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat, symlinkat};

use crate::layer::{kind, names};
use crate::{Error, Result};

/// Copies everything below a directory, with owners, modes and times; links are copied as links, files with several
/// names once for each, and of the extended attributes capabilities and those of users.
///
/// Both directories are open for reading. What is there already in `to` is a failure (EEXIST).
pub fn copy_tree(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    names(from)?.iter().try_for_each(|name| copy_entry(from, to, name))
}

/// What a tmpfs' own options say of its root, which is then not copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Own {
    uid: bool,
    gid: bool,
    mode: bool,
}

impl Own {
    /// From the file system's options, `uid=`, `gid=` and `mode=` among them (tmpfs(5)).
    pub fn said_in(options: &[String]) -> Self {
        let says = |key: &str| options.iter().any(|option| option.starts_with(key));
        Self { uid: says("uid="), gid: says("gid="), mode: says("mode=") }
    }
}

/// Gives one open file the owner, mode and times of another, but for what it has of its own.
pub fn copy_attributes(of: &FileStat, to: BorrowedFd<'_>, own: Own) -> nix::Result<()> {
    // The owner first: a change of it takes set-id bits away.
    let (uid, gid) = (Uid::from_raw(of.st_uid), Gid::from_raw(of.st_gid));
    fchown(to, (!own.uid).then_some(uid), (!own.gid).then_some(gid))?;
    if !own.mode {
        fchmod(to, Mode::from_bits_truncate(of.st_mode))?;
    }
    let (accessed, modified) = times(of);
    futimens(to, &accessed, &modified)
}

const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

fn copy_entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let fail = |errno| Error::at("copy into the tmpfs", name.to_string_lossy().as_ref(), errno);
    let stat = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(fail)?;
    match kind(&stat) {
        SFlag::S_IFDIR => {
            mkdirat(to, name, Mode::S_IRWXU).map_err(fail)?;
            let source = openat(from, name, DIRECTORY, Mode::empty()).map_err(fail)?;
            let copy = openat(to, name, DIRECTORY, Mode::empty()).map_err(fail)?;
            copy_tree(source.as_fd(), copy.as_fd())?;
            copy_attributes(&stat, copy.as_fd(), Own::default()).map_err(fail)?;
            copy_xattrs(source.as_fd(), copy.as_fd()).map_err(fail)
        }
        SFlag::S_IFREG => copy_file(from, to, name, &stat),
        SFlag::S_IFLNK => {
            let target = readlinkat(from, name).map_err(fail)?;
            symlinkat(target.as_os_str(), to, name).map_err(fail)?;
            name_attributes(&stat, to, name, false).map_err(fail)
        }
        kind => {
            mknodat(to, name, kind, Mode::S_IRUSR, stat.st_rdev).map_err(fail)?;
            name_attributes(&stat, to, name, true).map_err(fail)
        }
    }
}

/// After the owner and the mode, whose change takes capabilities away.
fn copy_xattrs(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> nix::Result<()> {
    rocker_sys::xattr::copy(from, to, |name| name == b"security.capability" || name.starts_with(b"user."))
}

fn copy_file(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, stat: &FileStat) -> Result<()> {
    let fail = |errno| Error::at("copy into the tmpfs", name.to_string_lossy().as_ref(), errno);
    let read = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let write = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut source = File::from(openat(from, name, read, Mode::empty()).map_err(fail)?);
    let mut copy = File::from(openat(to, name, write, Mode::S_IRUSR).map_err(fail)?);
    std::io::copy(&mut source, &mut copy)
        .map_err(|error| Error::io_at("copy into the tmpfs", name.to_string_lossy().as_ref(), &error))?;
    copy_attributes(stat, copy.as_fd(), Own::default()).map_err(fail)?;
    copy_xattrs(source.as_fd(), copy.as_fd()).map_err(fail)
}

/// The same for what cannot be opened; a link has no mode of its own.
fn name_attributes<P: ?Sized + NixPath>(
    of: &FileStat,
    dir: BorrowedFd<'_>,
    name: &P,
    mode: bool,
) -> nix::Result<()> {
    let (owner, group) = (Uid::from_raw(of.st_uid), Gid::from_raw(of.st_gid));
    fchownat(dir, name, Some(owner), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if mode {
        fchmodat(dir, name, Mode::from_bits_truncate(of.st_mode), FchmodatFlags::FollowSymlink)?;
    }
    let (accessed, modified) = times(of);
    utimensat(dir, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)
}

fn times(of: &FileStat) -> (TimeSpec, TimeSpec) {
    (TimeSpec::new(of.st_atime, of.st_atime_nsec), TimeSpec::new(of.st_mtime, of.st_mtime_nsec))
}

/// Fills a tmpfs, not yet attached, with what its place below the root has; nothing where there is no directory.
///
/// Its root gets that directory's owner, mode and times, but for what the mount says itself.
pub fn fill(root: BorrowedFd<'_>, place: &Path, tmpfs: &OwnedFd, own: Own) -> Result<()> {
    let fail = |errno| Error::at("copy into the tmpfs", place, errno);
    let source = match super::path::open_in_root(root, place, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
        // Where there is none the mount itself makes a directory, or says what is in its way.
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
        other => other.map_err(fail)?,
    };
    // Neither a mount's own descriptor (O_PATH) nor a clone of it can be listed.
    let target = openat(tmpfs, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(fail)?;
    copy_tree(source.as_fd(), target.as_fd())?;
    let stat = fstat(&source).map_err(fail)?;
    copy_attributes(&stat, target.as_fd(), own).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn a_tree_is_copied_with_owners_modes_times_and_links() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = |base: &tempfile::TempDir, name: &str| base.path().join(name);
        std::fs::create_dir_all(path(&from, "a/b")).unwrap();
        std::fs::write(path(&from, "a/b/file"), b"content").unwrap();
        std::fs::set_permissions(path(&from, "a/b/file"), PermissionsExt::from_mode(0o4751)).unwrap();
        std::fs::set_permissions(path(&from, "a"), PermissionsExt::from_mode(0o1770)).unwrap();
        symlink("/no/where", path(&from, "link")).unwrap();
        nix::unistd::mkfifo(&path(&from, "fifo"), Mode::from_bits_truncate(0o640)).unwrap();
        let open = |base: &tempfile::TempDir| File::open(base.path()).unwrap();
        copy_tree(open(&from).as_fd(), open(&to).as_fd()).unwrap();

        assert_eq!(std::fs::read(path(&to, "a/b/file")).unwrap(), b"content");
        assert_eq!(std::fs::read_link(path(&to, "link")).unwrap().to_str(), Some("/no/where"));
        for name in ["a", "a/b", "a/b/file", "link", "fifo"] {
            let (one, other) = (path(&from, name).symlink_metadata(), path(&to, name).symlink_metadata());
            let (one, other) = (one.unwrap(), other.unwrap());
            assert_eq!(
                (one.mode(), one.uid(), one.mtime_nsec()),
                (other.mode(), other.uid(), other.mtime_nsec()),
                "{name}"
            );
        }
        let again = copy_tree(open(&from).as_fd(), open(&to).as_fd()).unwrap_err();
        assert_eq!(again.errno, Some(Errno::EEXIST as i32));
    }

    #[test]
    fn what_the_mount_says_itself_is_kept() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: giving files away needs root");
            return;
        }
        let (root, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = root.path().join("of");
        std::fs::create_dir(&of).unwrap();
        std::fs::set_permissions(&of, PermissionsExt::from_mode(0o1750)).unwrap();
        std::os::unix::fs::chown(&of, Some(7), Some(8)).unwrap();
        let (root, tmpfs) = (File::open(root.path()).unwrap(), File::open(to.path()).unwrap().into());
        for (options, wanted) in [
            ("uid=5,gid=6,mode=711", (0, 0, 0o700)),
            ("uid=5", (0, 8, 0o1750)),
            ("gid=6,size=1m", (7, 0, 0o1750)),
            ("mode=711", (7, 8, 0o700)),
            ("size=1m", (7, 8, 0o1750)),
        ] {
            std::os::unix::fs::chown(to.path(), Some(0), Some(0)).unwrap();
            std::fs::set_permissions(to.path(), PermissionsExt::from_mode(0o700)).unwrap();
            let options: Vec<String> = options.split(',').map(str::to_owned).collect();
            fill(root.as_fd(), Path::new("/of"), &tmpfs, Own::said_in(&options)).unwrap();
            let found = to.path().metadata().unwrap();
            assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), wanted, "{options:?}");
        }
    }

    #[test]
    fn only_a_missing_place_is_passed_over() {
        let (root, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(root.path().join("file"), b"").unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let (root, tmpfs) = (File::open(root.path()).unwrap(), File::open(to.path()).unwrap().into());
        let filled = |place| fill(root.as_fd(), Path::new(place), &tmpfs, Own::default());
        filled("/absent").unwrap();
        filled("/file").unwrap();
        let error = filled("/loop").unwrap_err();
        assert_eq!(error.errno, Some(Errno::ELOOP as i32));
        assert!(error.message.starts_with("copy into the tmpfs `/loop`: "), "{error}");
    }
}
