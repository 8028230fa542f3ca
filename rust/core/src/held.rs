//! Waiting that no signal slips past.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollTimeout, poll, ppoll};
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use nix::sys::time::{TimeSpec, TimeValLike};

use crate::{Error, Result};

/// Rounds of a flood after which a caller is asked all the same.
const UNASKED: u32 = 64;

/// Signals held back from this thread, but for the time of [`Held::poll`].
///
/// A signal that comes between a look at what it left (a flag, say, as Python's handlers do) and a `poll(2)` does not
/// end that poll, which may wait for ever. Made before the look, this closes the gap: `ppoll(2)` lets signals in and
/// waits in one step.
#[derive(Debug)]
pub(crate) struct Held {
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

/// The waits of one exchange, between which its caller is asked whether to go on.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Rounds since the caller was asked.
    unasked: u32,
}

impl Waits {
    /// `poll(2)` until a deadline: how many descriptors are ready, 0 when the time is over, None when a signal came.
    ///
    /// `look` is what a signal may have left something for; its error ends the wait. Where something is ready at once it
    /// is called in one round of 64 only: for Python it means the interpreter's lock, which a thread that computes gives up after
    /// 5 ms. Where there is nothing it is called with the signals of the caller, whose handlers run in there, and
    /// once more when none can slip past.
    pub fn poll(
        &mut self,
        fds: &mut [PollFd<'_>],
        deadline: Option<Instant>,
        look: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<i32>> {
        let fail = |errno| Error::sys("poll", errno);
        self.unasked += 1;
        match poll(fds, PollTimeout::ZERO) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(ready) if self.unasked < UNASKED => return Ok(Some(ready)),
            Ok(ready) => {
                self.unasked = 0;
                return look().map(|()| Some(ready));
            }
            Err(errno) => return Err(fail(errno)),
        }
        self.unasked = 0;
        look()?;
        let held = Held::new()?;
        look()?;
        match held.poll(fds, timeout_until(deadline)) {
            Ok(ready) => Ok(Some(ready)),
            Err(Errno::EINTR) => Ok(None),
            Err(errno) => Err(fail(errno)),
        }
    }
}

/// What is left until a deadline, rounded up, for `poll(2)`; without one it waits for ever.
pub fn timeout_until(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::PollFlags;
    use nix::sys::signal::{Signal, raise};
    use nix::sys::signalfd::SignalFd;
    use std::os::fd::AsFd;

    #[test]
    fn a_signal_that_came_before_the_wait_ends_it() {
        // WINCH is ignored by default, so a handler is needed that is none: one that is pending and then read.
        let mut winch = SigSet::empty();
        winch.add(Signal::SIGWINCH);
        let held = Held::new().unwrap();
        raise(Signal::SIGWINCH).unwrap();
        let signals = SignalFd::new(&winch).unwrap();
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        assert!(matches!(held.poll(&mut fds, PollTimeout::from(1000_u16)), Ok(1) | Err(Errno::EINTR)));
        let mut fds: [PollFd<'_>; 0] = [];
        assert_eq!(held.poll(&mut fds, PollTimeout::from(1_u16)), Ok(0));
    }

    #[test]
    fn who_waits_is_asked_with_its_own_signals_first_and_again_with_none() {
        let mut masks = Vec::new();
        let mut look = || {
            masks.push(SigSet::thread_get_mask().unwrap().contains(Signal::SIGWINCH));
            Ok(())
        };
        let (read, _write) = nix::unistd::pipe().unwrap();
        let mut fds = [PollFd::new(read.as_fd(), PollFlags::POLLIN)];
        let now = Some(Instant::now());
        assert_eq!(Waits::default().poll(&mut fds, now, &mut look).unwrap(), Some(0));
        assert_eq!(masks, [false, true]);
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGWINCH));
    }

    #[test]
    fn a_flood_is_taken_without_asking_but_for_one_round_of_64() {
        let (read, write) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&write, b"x").unwrap();
        let mut fds = [PollFd::new(read.as_fd(), PollFlags::POLLIN)];
        let mut asked = 0;
        let mut waits = Waits::default();
        for _ in 0..2 * UNASKED {
            let mut look = || {
                asked += 1;
                Ok(())
            };
            assert_eq!(waits.poll(&mut fds, None, &mut look).unwrap(), Some(1));
        }
        assert_eq!(asked, 2);
    }

    #[test]
    fn an_error_of_who_is_asked_ends_the_wait() {
        let mut look = || Err(Error::invalid("enough"));
        let error = Waits::default().poll(&mut [], None, &mut look).unwrap_err();
        assert_eq!(error.message, "enough");
    }
}
