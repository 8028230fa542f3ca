//! The mount API by file descriptors, Linux 5.2 to 5.12.
//!
//! `fsopen(2)`, `fsconfig(2)`, `fsmount(2)`, `open_tree(2)`, `move_mount(2)`, `mount_setattr(2)`.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::check;

/// Attributes of a mount (`MOUNT_ATTR_*`), for [`mount`] and [`set_attributes`].
pub mod attr {
    /// Read-only.
    pub const RDONLY: u64 = 0x1;
    /// Set-user-ID bits and file capabilities have no effect.
    pub const NOSUID: u64 = 0x2;
    /// Device nodes cannot be opened.
    pub const NODEV: u64 = 0x4;
    /// Nothing can be executed.
    pub const NOEXEC: u64 = 0x8;
    /// Mask of the access time modes, to be cleared when one is set.
    pub const ATIME_MASK: u64 = 0x70;
    /// Access times relative to changes; the default.
    pub const RELATIME: u64 = 0x0;
    /// No access times.
    pub const NOATIME: u64 = 0x10;
    /// Exact access times.
    pub const STRICTATIME: u64 = 0x20;
    /// No access times of directories.
    pub const NODIRATIME: u64 = 0x80;
    /// Symbolic links are not followed.
    pub const NOSYMFOLLOW: u64 = 0x20_0000;
    /// Owners are shown as a user namespace maps them.
    pub(super) const IDMAP: u64 = 0x10_0000;
}

/// How mounts below this one are shared with other namespaces (`mount_namespaces(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// `MS_UNBINDABLE`.
    Unbindable = 1 << 17,
    /// `MS_PRIVATE`.
    Private = 1 << 18,
    /// `MS_SLAVE`.
    Slave = 1 << 19,
    /// `MS_SHARED`.
    Shared = 1 << 20,
}

/// A file system being configured.
#[derive(Debug)]
pub struct Context(OwnedFd);

const AT_EMPTY_PATH: libc::c_uint = 0x1000;
const AT_RECURSIVE: libc::c_uint = 0x8000;

fn own(result: nix::Result<libc::c_long>) -> nix::Result<OwnedFd> {
    // SAFETY: called only with results of system calls that return a new descriptor, which nothing else owns.
    result.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

impl Context {
    /// `int fsopen(const char *fsname, unsigned flags)`. ENODEV when the kernel lacks the file system.
    pub fn open(kind: &CStr) -> nix::Result<Self> {
        const FSOPEN_CLOEXEC: libc::c_uint = 1;
        // SAFETY: `kind` is a C string that outlives the call.
        own(check(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })).map(Self)
    }

    /// FSCONFIG_SET_FLAG: an option without a value.
    pub fn flag(&self, key: &CStr) -> nix::Result<()> {
        self.config(0, Some(key), None, 0)
    }

    /// FSCONFIG_SET_STRING: `key=value`; the value has at most 255 bytes.
    pub fn string(&self, key: &CStr, value: &CStr) -> nix::Result<()> {
        self.config(1, Some(key), Some(value), 0)
    }

    /// FSCONFIG_SET_FD: a layer of overlay by descriptor (Linux 6.13).
    pub fn descriptor(&self, key: &CStr, fd: BorrowedFd<'_>) -> nix::Result<()> {
        self.config(5, Some(key), None, fd.as_raw_fd())
    }

    /// FSCONFIG_CMD_CREATE: makes the file system.
    pub fn create(&self) -> nix::Result<()> {
        self.config(6, None, None, 0)
    }

    fn config(
        &self,
        command: libc::c_uint,
        key: Option<&CStr>,
        value: Option<&CStr>,
        aux: RawFd,
    ) -> nix::Result<()> {
        let key = key.map_or(std::ptr::null(), CStr::as_ptr);
        let value = value.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: key and value are null or C strings that outlive the call, as each command expects.
        check(unsafe { libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, key, value, aux) })
            .map(drop)
    }

    /// `int fsmount(int fd, unsigned flags, unsigned attr_flags)`: a detached mount.
    pub fn mount(&self, attributes: u64) -> nix::Result<OwnedFd> {
        const FSMOUNT_CLOEXEC: libc::c_uint = 1;
        // SAFETY: no pointers are passed.
        own(check(unsafe {
            libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), FSMOUNT_CLOEXEC, attributes as libc::c_uint)
        }))
    }

    /// What the kernel logged about the last failure (`read(2)` on the context), without the `e ` prefix.
    pub fn message(&self) -> Option<String> {
        let mut buffer = [0u8; 256];
        let count = nix::unistd::read(&self.0, &mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..count]);
        Some(text.trim_start_matches(['e', 'w', 'i']).trim().to_owned())
    }
}

/// `int open_tree(int dfd, const char *path, unsigned flags)` with OPEN_TREE_CLONE: a detached copy of the
/// mount at `path`, with the mounts below it when `recursive`. An empty path means `directory` itself.
pub fn clone_tree(directory: BorrowedFd<'_>, path: &CStr, recursive: bool) -> nix::Result<OwnedFd> {
    const OPEN_TREE_CLONE: libc::c_uint = 1;
    let mut flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as libc::c_uint | AT_EMPTY_PATH;
    if recursive {
        flags |= AT_RECURSIVE;
    }
    // SAFETY: `path` is a C string that outlives the call.
    own(check(unsafe { libc::syscall(libc::SYS_open_tree, directory.as_raw_fd(), path.as_ptr(), flags) }))
}

/// `int move_mount(...)`: attaches the detached mount `tree` at `target`, both by descriptor.
///
/// `target` must be of the kind of the mount's root: a directory for a directory, else any file.
pub fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> nix::Result<()> {
    move_to(tree, target, c"", 0x4 | 0x40) // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
}

/// Like [`attach`], at a path below `directory`; a final symbolic link is not followed.
pub fn attach_at(tree: BorrowedFd<'_>, directory: BorrowedFd<'_>, path: &CStr) -> nix::Result<()> {
    move_to(tree, directory, path, 0x4)
}

fn move_to(
    tree: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    path: &CStr,
    flags: libc::c_uint,
) -> nix::Result<()> {
    // SAFETY: both strings are C strings that outlive the call.
    let moved = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            path.as_ptr(),
            flags,
        )
    };
    check(moved).map(drop)
}

#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// `int mount_setattr(...)`, Linux 5.12: sets and clears attributes of the mount that `fd` is on, and of all
/// below it when `recursive`.
pub fn set_attributes(
    fd: BorrowedFd<'_>,
    set: u64,
    clear: u64,
    propagation: Option<Propagation>,
    recursive: bool,
) -> nix::Result<()> {
    set_all(
        fd,
        MountAttr {
            attr_set: set,
            attr_clr: clear,
            propagation: propagation.map_or(0, |value| value as u64),
            userns_fd: 0,
        },
        recursive,
    )
}

/// `mount_setattr(2)` with MOUNT_ATTR_IDMAP: an owner that is stored as n is shown as what the user namespace maps its n to.
///
/// Only for a detached tree that nobody has attached yet. EINVAL: the file system cannot do it, or the tree has been
/// attached; EPERM: it has been done already, or the file system belongs to another user namespace.
pub fn map_owners(tree: BorrowedFd<'_>, userns: BorrowedFd<'_>, recursive: bool) -> nix::Result<()> {
    let userns_fd = userns.as_raw_fd() as u64;
    set_all(tree, MountAttr { attr_set: attr::IDMAP, userns_fd, ..MountAttr::default() }, recursive)
}

fn set_all(fd: BorrowedFd<'_>, attributes: MountAttr, recursive: bool) -> nix::Result<()> {
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the struct has the size that is passed and outlives the call; the path is an empty C string.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttr>(),
        )
    };
    check(done).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use std::os::fd::AsFd;

    #[test]
    fn an_unknown_file_system_gives_enodev() {
        assert_eq!(Context::open(c"no-such-fs").unwrap_err(), Errno::ENODEV);
    }

    #[test]
    fn a_detached_tmpfs_can_be_written_through_its_descriptor() {
        let context = Context::open(c"tmpfs").unwrap();
        context.string(c"size", c"65536").unwrap();
        context.create().unwrap();
        let mount = context.mount(attr::NOSUID).unwrap();
        nix::sys::stat::mkdirat(&mount, "dir", nix::sys::stat::Mode::S_IRWXU).unwrap();
        set_attributes(mount.as_fd(), attr::RDONLY, 0, None, false).unwrap();
        let again = nix::sys::stat::mkdirat(&mount, "dir2", nix::sys::stat::Mode::S_IRWXU);
        assert_eq!(again, Err(Errno::EROFS));
    }
}
