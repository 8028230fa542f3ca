//! `tty_ioctl(4)` and `pty(7)`.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::check;

/// Rows and columns of a terminal (`TIOCGWINSZ`); ENOTTY when it is none.
pub fn window_size(terminal: BorrowedFd<'_>) -> nix::Result<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize, which outlives the call.
    check(i64::from(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }))?;
    Ok((size.ws_row, size.ws_col))
}

/// Sets rows and columns (`TIOCSWINSZ`); its foreground process group gets SIGWINCH.
pub fn set_window_size(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> nix::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads one winsize, which outlives the call.
    check(i64::from(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }))
        .map(drop)
}

/// Makes the terminal the controlling one of this session leader (`TIOCSCTTY`).
pub fn make_controlling(terminal: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: TIOCSCTTY takes a number.
    check(i64::from(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) })).map(drop)
}

/// Allows opening the other end (`TIOCSPTLCK` with 0) and returns the pty's number (`TIOCGPTN`).
pub fn unlock(master: BorrowedFd<'_>) -> nix::Result<u32> {
    let zero: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int.
    check(i64::from(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const zero) }))?;
    let mut number: libc::c_uint = 0;
    // SAFETY: TIOCGPTN writes one unsigned int.
    check(i64::from(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) }))?;
    Ok(number)
}
