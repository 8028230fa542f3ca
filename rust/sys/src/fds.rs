//! Ranges of file descriptors, and descriptors that a program was born with.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::check;

/// `int close_range(unsigned first, unsigned last, unsigned flags)` with CLOSE_RANGE_CLOEXEC, Linux 5.11:
/// every descriptor from `first` on is closed by the next execve.
pub fn cloexec_from(first: RawFd) -> nix::Result<()> {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: only sets a flag on descriptors; closes none, so no owner loses its descriptor.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) })
        .map(drop)
}

/// `close_range(2)` from 3 on, for a program that was given nothing but its standard streams.
///
/// Call it before anything else opens files.
pub fn close_inherited() -> nix::Result<()> {
    // SAFETY: by this function's contract nothing in this process owns a descriptor above 2 yet.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) }).map(drop)
}

/// `close_range(2)` over everything, for a process that from here on only waits, reaps and exits.
///
/// Owners of descriptors elsewhere in the process must not run their destructors: end it with
/// [`crate::clone::exit_now`].
pub fn close_all_and_forget() {
    // SAFETY: closes every descriptor. By this function's contract no owner is used or dropped afterwards.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
}

/// `close_range(2)` over everything from 3 on but the given ones, for a process that from here on uses no other.
///
/// Owners of the closed ones must not run their destructors: end it with [`crate::clone::exit_now`] or execve.
pub fn close_others_and_forget(kept: &[BorrowedFd<'_>]) -> nix::Result<()> {
    let mut numbers: Vec<libc::c_uint> = kept.iter().map(|fd| fd.as_raw_fd() as libc::c_uint).collect();
    numbers.sort_unstable();
    let mut first: libc::c_uint = 3;
    for end in numbers.into_iter().chain([libc::c_uint::MAX]) {
        if end > first {
            // SAFETY: by this function's contract no owner of what is closed is used or dropped afterwards.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, end - 1, 0) })?;
        }
        first = first.max(end.saturating_add(1));
    }
    Ok(())
}

/// Takes over a descriptor that the program was started with, or EBADF where there is none.
///
/// Call it once for each number, before anything else opens files.
pub fn inherited(number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: F_GETFD only asks.
    check(i64::from(unsafe { libc::fcntl(number, libc::F_GETFD) }))?;
    // SAFETY: the descriptor is open (just asked) and, by this function's contract, has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Lends descriptor `number` without a check; using a closed one gives EBADF.
pub fn borrow<'a>(number: RawFd) -> nix::Result<BorrowedFd<'a>> {
    if number < 0 {
        return Err(Errno::EBADF);
    }
    // SAFETY: -1 is excluded. The caller vouches for the lifetime; a closed number makes system calls fail with
    // EBADF and touches no memory.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Makes `fd` the descriptor `number` (`dup3(2)`), without close-on-exec, replacing what was there.
///
/// For 0, 1 and 2 of a child that is about to execve.
pub fn place(fd: BorrowedFd<'_>, number: RawFd) -> nix::Result<()> {
    if fd.as_raw_fd() == number {
        // SAFETY: F_SETFD only changes a flag of an open descriptor.
        return check(i64::from(unsafe { libc::fcntl(number, libc::F_SETFD, 0) })).map(drop);
    }
    // SAFETY: 0 to 2 have no owner in Rust; the standard library only borrows them.
    check(i64::from(unsafe { libc::dup3(fd.as_raw_fd(), number, 0) })).map(drop)
}

/// Lets go of an owned descriptor, leaving it open for the rest of the process's life.
pub fn leak(fd: OwnedFd) -> RawFd {
    fd.into_raw_fd()
}

/// `flock(2)` with LOCK_EX and LOCK_NB; false when another open file holds the lock.
///
/// The lock belongs to the open file: children that inherit it hold it too, and it goes with the last descriptor.
pub fn lock_exclusive(fd: BorrowedFd<'_>) -> nix::Result<bool> {
    // SAFETY: no pointers are passed.
    match check(i64::from(unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) })) {
        Ok(_) => Ok(true),
        Err(Errno::EWOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The bytes that wait in a pipe or socket (`FIONREAD`).
pub fn readable_bytes(fd: BorrowedFd<'_>) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to `count`, which outlives the call.
    check(i64::from(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) }))?;
    Ok(count as usize)
}
