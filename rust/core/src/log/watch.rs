//! Waiting for a log to change.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::NixPath;
use nix::poll::{PollFd, PollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::Result;
use crate::held::Waits;

/// How long a change may go unnoticed where nothing announces it.
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits for a change in a log's directory (inotify(7): appends, rotations, removal) and for a descriptor that says
/// that the container may have ended.
///
/// It looks again every 20 ms where that cannot be had: without such a descriptor, and where the user's inotify
/// instances (EMFILE) or watches (ENOSPC) are used up.
#[derive(Debug)]
pub(super) struct Watch {
    changes: Option<Inotify>,
    wake: Option<OwnedFd>,
    /// The descriptor was readable the last time: it is left out once, lest waiting become spinning.
    woken: bool,
    waits: Waits,
}

impl Watch {
    /// Watch a directory from now on: what changed before is for the caller to read afterwards.
    pub fn new(dir: BorrowedFd, wake: Option<OwnedFd>) -> Self {
        let changes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok();
        let mut watch = Self { changes, wake, woken: false, waits: Waits::default() };
        // By its descriptor: its path may name another directory by now.
        watch.also(format!("/proc/self/fd/{}", dir.as_raw_fd()).as_str());
        watch
    }

    /// Watch another directory, too.
    pub fn also<P: ?Sized + NixPath>(&mut self, dir: &P) {
        let mask = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_ONLYDIR;
        self.changes = self.changes.take().filter(|changes| changes.add_watch(dir, mask).is_ok());
    }

    /// Wait until there may be something new; `look` as in [`Waits::poll`].
    pub fn wait(&mut self, look: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let announced = self.changes.is_some() && self.wake.is_some() && !self.woken;
        let deadline = (!announced).then(|| Instant::now() + INTERVAL);
        let wake = self.wake.as_ref().filter(|_| !self.woken).map(AsFd::as_fd);
        let changes = self.changes.as_ref().map(AsFd::as_fd);
        let mut fds: Vec<_> =
            wake.into_iter().chain(changes).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let ready = self.waits.poll(&mut fds, deadline, look)?.unwrap_or(0);
        self.woken = ready > 0 && wake.is_some() && fds[0].any().unwrap_or(false);
        self.drain();
        Ok(())
    }

    /// What changed does not matter, only that something did: the events are dropped, also when they were too many.
    fn drain(&self) {
        while self.changes.as_ref().is_some_and(|changes| changes.read_events().is_ok()) {}
    }

    /// As where inotify cannot be had.
    #[cfg(test)]
    pub fn without_inotify(wake: Option<OwnedFd>) -> Self {
        Self { changes: None, wake, woken: false, waits: Waits::default() }
    }
}
