//! Signals while a worker works: it is not in this process's session, so what a terminal or `kill` sends comes here.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use rocker_core::{Error, Result};
use rocker_sys::pidfd;

/// Signals that are passed on, unless this process ignores them: a blocked signal is taken although it is ignored.
const PASSED: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTSTP,
];

/// The signals of this process, read from a descriptor until it is dropped.
#[derive(Debug)]
pub struct Relay {
    fd: SignalFd,
    old: SigSet,
    worker: Option<OwnedFd>,
    /// The last signal that was passed on and could have ended the worker.
    pub last: Option<Signal>,
}

impl Relay {
    /// Takes the signals, but those that this process was started to ignore or to block.
    pub fn start(ignored: &[i32]) -> Result<Self> {
        let fail = |errno| Error::sys("take signals", errno);
        let mut old = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, None, Some(&mut old)).map_err(fail)?;
        let taken = |signal: &Signal| !ignored.contains(&(*signal as i32)) && !old.contains(*signal);
        let mask: SigSet = PASSED.into_iter().filter(taken).collect();
        // First of all what may fail: nothing is blocked then.
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(fail)?;
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None).map_err(fail)?;
        Ok(Self { fd, old, worker: None, last: None })
    }

    /// Knows whom to pass them on to; those that came before are not lost.
    pub fn serve(&mut self, worker: i32) -> Result<()> {
        let opened = pidfd::open(Pid::from_raw(worker));
        self.worker = Some(opened.map_err(|errno| Error::sys("pidfd_open", errno))?);
        Ok(())
    }

    /// Readable when there is a signal and somebody to pass it on to: one that comes before stays pending, and is this
    /// process's own again where nobody begins.
    pub fn poll_fd(&self) -> PollFd<'_> {
        let events = if self.worker.is_some() { PollFlags::POLLIN } else { PollFlags::empty() };
        PollFd::new(self.fd.as_fd(), events)
    }

    /// Passes on what has come.
    pub fn pass(&mut self) {
        while let Some(worker) = &self.worker
            && let Ok(Some(info)) = self.fd.read_signal()
        {
            let Ok(signal) = Signal::try_from(info.ssi_signo as i32) else { continue };
            if signal == Signal::SIGTSTP {
                self.stop_both(worker);
            } else {
                let _ = pidfd::send_signal(worker.as_fd(), signal as i32);
                self.last = Some(signal);
            }
        }
    }

    /// ^Z: the worker stops, then this process; whoever lets this one go on lets both.
    ///
    /// By its default action and not SIGSTOP, which would stop it also where nobody could let it go on: the kernel
    /// does not stop an orphaned process group for a terminal's sake.
    fn stop_both(&self, worker: &OwnedFd) {
        let mut own = SigSet::empty();
        own.add(Signal::SIGTSTP);
        let _ = pidfd::send_signal(worker.as_fd(), Signal::SIGSTOP as i32);
        let _ = raise(Signal::SIGTSTP);
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&own), None);
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&own), None);
        let _ = pidfd::send_signal(worker.as_fd(), Signal::SIGCONT as i32);
    }

    /// Does something with the signals as they were before, and takes them again.
    pub fn pause<T>(&mut self, action: impl FnOnce() -> T) -> Result<T> {
        let fail = |errno| Error::sys("take signals", errno);
        let mut taken = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.old), Some(&mut taken)).map_err(fail)?;
        let result = action();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&taken), None).map_err(fail)?;
        Ok(result)
    }

    /// Ends this process as the signal ended the worker; returns where this process ignores it.
    pub fn end_by(self, signal: Signal) -> u8 {
        drop(self);
        let _ = raise(signal);
        128 + signal as u8
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.old), None);
    }
}

/// Whether an error only says that there is nothing yet.
pub fn is_transient(errno: Errno) -> bool {
    matches!(errno, Errno::EINTR | Errno::EAGAIN)
}
