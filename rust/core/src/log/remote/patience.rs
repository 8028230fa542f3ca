//! Waiting for a socket, and the time it takes.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};

/// Waits until a monotonic time; ETIMEDOUT then.
pub(super) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, until: i64) -> nix::Result<()> {
    loop {
        let left = (until - now()).max(0) / 1_000_000 + i64::from(until > now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, flags)], timeout) {
            Ok(0) => return Err(Errno::ETIMEDOUT),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Monotonic time in nanoseconds.
pub(super) fn now() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

/// Milliseconds as nanoseconds.
pub(super) fn millis(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 2_000_000).saturating_mul(1_000_000)
}

/// As Go writes it: `connection refused`.
pub(super) fn text(errno: Errno) -> String {
    match errno {
        Errno::ETIMEDOUT => "i/o timeout".to_owned(),
        _ => {
            let text = errno.desc();
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
        }
    }
}
