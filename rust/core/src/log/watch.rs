//! Waiting for a log to change.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{Error, Result};

/// How long a change may go unnoticed, in milliseconds.
const INTERVAL: u16 = 20;

/// Waits by looking again every 20 ms, and at once when the caller's descriptor says so.
#[derive(Debug)]
pub(super) struct Watch<'w> {
    wake: Option<BorrowedFd<'w>>,
    /// The descriptor was readable the last time: it is left out once, lest waiting become spinning.
    woken: bool,
}

impl<'w> Watch<'w> {
    pub const fn new(wake: Option<BorrowedFd<'w>>) -> Self {
        Self { wake, woken: false }
    }

    /// Wait until there may be something new.
    pub fn wait(&mut self) -> Result<()> {
        let mut fds = Vec::new();
        if !self.woken {
            fds.extend(self.wake.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        }
        match poll(&mut fds, PollTimeout::from(INTERVAL)) {
            Ok(ready) => {
                self.woken = ready > 0;
                Ok(())
            }
            Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Error::sys("wait for the log", errno)),
        }
    }
}
