//! Extended attributes of an entry of an open directory, links never followed (`xattr(7)`).
//!
//! `setxattrat(2)` came with Linux 6.13 and the `f…xattr` calls take neither links nor devices, so
//! the entry is named `/proc/self/fd/N/ENTRY`: the descriptor is ours and the `l…xattr` calls follow no last
//! component. `.` is the directory itself. `/proc` must be mounted.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// `XATTR_LIST_MAX` and `XATTR_SIZE_MAX` of `linux/limits.h`, in bytes: no list or value is longer.
const MAX: usize = 65536;

/// Set the attribute `name` of `entry` in `dir`, created or replaced. Errors are those of `lsetxattr(2)`.
pub fn set_at(dir: BorrowedFd<'_>, entry: &[u8], name: &CStr, value: &[u8]) -> Result<(), Errno> {
    let path = path(dir, entry)?;
    // SAFETY: both strings end in NUL and outlive the call; the kernel reads `value.len()` bytes of `value`.
    let done =
        unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(done).map(drop)
}

/// The value of the attribute `name` of `entry` in `dir`. `ENODATA`: there is none (`lgetxattr(2)`).
pub fn get_at(dir: BorrowedFd<'_>, entry: &[u8], name: &CStr) -> Result<Vec<u8>, Errno> {
    let path = path(dir, entry)?;
    let mut value = vec![0; MAX];
    // SAFETY: both strings end in NUL; the kernel writes at most `value.len()` bytes to `value`, which is ours.
    let read =
        unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    value.truncate(length(read)?);
    value.shrink_to_fit();
    Ok(value)
}

/// The names of the attributes of `entry` in `dir`, in the file system's order (`llistxattr(2)`).
pub fn list_at(dir: BorrowedFd<'_>, entry: &[u8]) -> Result<Vec<CString>, Errno> {
    let path = path(dir, entry)?;
    // SAFETY: the string ends in NUL; with a size of 0 the kernel writes nothing and returns the length.
    let needed = unsafe { libc::llistxattr(path.as_ptr(), std::ptr::null_mut(), 0) };
    if length(needed)? == 0 {
        return Ok(Vec::new());
    }
    let mut names = vec![0_u8; MAX];
    // SAFETY: the string ends in NUL; the kernel writes at most `names.len()` bytes to `names`, which is ours.
    let read = unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(length(read)?);
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| CString::new(name).map_err(|_| Errno::EINVAL)).collect()
}

/// Copy the attributes that `wanted` chooses from one open file to another (`flistxattr(2)` and its like, which need no
/// `/proc`). A file system without them is no failure.
pub fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, wanted: impl Fn(&[u8]) -> bool) -> Result<(), Errno> {
    let mut names = vec![0_u8; MAX];
    // SAFETY: the kernel writes at most `names.len()` bytes to `names`, which is ours.
    let read = unsafe { libc::flistxattr(from.as_raw_fd(), names.as_mut_ptr().cast(), names.len()) };
    match length(read) {
        Err(Errno::EOPNOTSUPP) | Ok(0) => return Ok(()),
        other => names.truncate(other?),
    }
    let mut value = vec![0_u8; MAX];
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && wanted(name)) {
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the string ends in NUL; the kernel writes at most `value.len()` bytes to `value`, which is ours.
        let read =
            unsafe { libc::fgetxattr(from.as_raw_fd(), name.as_ptr(), value.as_mut_ptr().cast(), MAX) };
        let size = match length(read) {
            Err(Errno::ENODATA) => continue,
            other => other?,
        };
        // SAFETY: the string ends in NUL and the kernel reads `size` bytes of `value`, which has more.
        let done = unsafe { libc::fsetxattr(to.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), size, 0) };
        match Errno::result(done) {
            Ok(_) | Err(Errno::EOPNOTSUPP) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The entry's name below `/proc/self/fd`.
fn path(dir: BorrowedFd<'_>, entry: &[u8]) -> Result<CString, Errno> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(entry);
    CString::new(path).map_err(|_| Errno::EINVAL)
}

/// A returned length, or errno.
fn length(returned: isize) -> Result<usize, Errno> {
    Errno::result(returned).map(|length| usize::try_from(length).unwrap_or(0))
}
