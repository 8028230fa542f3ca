//! Waiting that no signal slips past.

use nix::poll::{PollFd, PollTimeout, ppoll};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use nix::sys::time::{TimeSpec, TimeValLike};

use crate::{Error, Result};

/// Signals held back from this thread, but for the time of [`Held::poll`].
///
/// A signal that comes between a look at what it left (a flag, say, as Python's handlers do) and a `poll(2)` does not
/// end that poll, which may wait for ever. Made before the look, this closes the gap: `ppoll(2)` lets signals in and
/// waits in one step.
#[derive(Debug)]
pub struct Held {
    old: SigSet,
}

impl Held {
    /// Holds all signals back until it is dropped.
    pub fn new() -> Result<Self> {
        let mut old = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut old))
            .map_err(|errno| Error::sys("hold signals back", errno))?;
        Ok(Self { old })
    }

    /// `poll(2)`, with EINTR for a signal that has come since [`Held::new`], too.
    pub fn poll(&self, fds: &mut [PollFd<'_>], timeout: PollTimeout) -> nix::Result<i32> {
        // nix 0.31.3 panics when PollTimeout::NONE is asked for its milliseconds.
        let limited = timeout.is_some().then(|| timeout.as_millis()).flatten();
        let timeout = limited.map(|milliseconds| TimeSpec::milliseconds(i64::from(milliseconds)));
        ppoll(fds, timeout, Some(self.old))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.old), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use nix::sys::signal::{Signal, raise};
    use nix::sys::signalfd::SignalFd;

    #[test]
    fn a_signal_that_came_before_the_wait_ends_it() {
        // WINCH is ignored by default, so a handler is needed that is none: one that is pending and then read.
        let mut winch = SigSet::empty();
        winch.add(Signal::SIGWINCH);
        let held = Held::new().unwrap();
        raise(Signal::SIGWINCH).unwrap();
        let signals = SignalFd::new(&winch).unwrap();
        let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(&signals), nix::poll::PollFlags::POLLIN)];
        assert!(matches!(held.poll(&mut fds, PollTimeout::from(1000_u16)), Ok(1) | Err(Errno::EINTR)));
        let mut fds: [PollFd<'_>; 0] = [];
        assert_eq!(held.poll(&mut fds, PollTimeout::from(1_u16)), Ok(0));
    }
}
