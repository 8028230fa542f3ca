//! A connection to a container, or to a process in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use crate::held::Waits;
use crate::protocol::{Control, Event, Exit, receive, send};
use crate::{Error, Kind, Result};

/// Called before a wait, and in a flood of output now and then: Python runs the handlers of signals that came, and Ctrl-C
/// becomes an error.
pub type Interrupted<'a> = &'a mut dyn FnMut() -> Result<()>;

/// A connection; dropping it lets go of the process without affecting it.
#[derive(Debug)]
pub struct Session {
    pub(super) socket: OwnedFd,
    pub(super) pid: i32,
    /// Write end of the process's input.
    pub stdin: Option<OwnedFd>,
    /// Read end of its output.
    pub stdout: Option<OwnedFd>,
    /// Read end of its errors.
    pub stderr: Option<OwnedFd>,
    pub(super) exit: Option<Exit>,
}

impl Session {
    /// A connection, made here or by another process: its socket, and our ends of the process's streams.
    pub fn new(socket: OwnedFd, streams: [Option<OwnedFd>; 3]) -> Self {
        let [stdin, stdout, stderr] = streams;
        Self { socket, pid: 0, stdin, stdout, stderr, exit: None }
    }

    /// Host pid of the process; 0 before it started.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The control socket: readable when an event waits.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next event; a failure that the shim reports becomes the error.
    pub fn next_event(&mut self) -> Result<Event> {
        match receive::<Event>(self.socket.as_fd())? {
            Some((Event::Failed { error, .. }, _)) => Err(error),
            Some((event, _)) => {
                if let Event::Started { pid } = event {
                    self.pid = pid;
                }
                if let Event::Exited(exit) = &event {
                    self.exit = Some(exit.clone());
                }
                Ok(event)
            }
            None => Err(gone()),
        }
    }

    /// Waits until the program runs.
    pub fn wait_started(&mut self) -> Result<()> {
        match self.next_event()? {
            Event::Started { .. } | Event::Ok { .. } | Event::Exited(_) => Ok(()),
            other => Err(Error::new(Kind::System, format!("unexpected answer {other:?}"))),
        }
    }

    /// Waits for the end of the process; None when `timeout` has passed.
    ///
    /// An error of `interrupted` ends the wait.
    pub fn wait(&mut self, timeout: Option<Duration>, interrupted: Interrupted<'_>) -> Result<Option<Exit>> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(exit) = &self.exit {
                return Ok(Some(exit.clone()));
            }
            if !readable(self.socket.as_fd(), deadline, interrupted)? {
                return Ok(None);
            }
            if let Event::Detached { reason } = self.next_event()? {
                return Err(Error::new(Kind::Gone, format!("detached: {reason}")));
            }
        }
    }

    /// Waits until an event can be read; false when `timeout` has passed.
    pub fn wait_readable(&self, timeout: Option<Duration>, interrupted: Interrupted<'_>) -> Result<bool> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        readable(self.socket.as_fd(), deadline, interrupted)
    }

    /// Sets the size of its terminal; nothing when it has ended.
    pub fn resize(&self, width: u16, height: u16) -> Result<()> {
        self.tell(&Control::Resize { width, height })
    }

    /// Sends it a signal; nothing when it has ended.
    pub fn signal(&self, signal: i32) -> Result<()> {
        self.tell(&Control::Signal { signal })
    }

    /// Says that the user typed the detach keys; nothing when it has ended.
    pub fn say_detached(&self) {
        let _ = self.tell(&Control::Detach);
    }

    /// A shim leaves with its container: what it said last, the exit, still waits to be read here.
    fn tell(&self, control: &Control) -> Result<()> {
        match send(self.socket.as_fd(), control, &[]) {
            Err(error) if error.kind == Kind::Gone => Ok(()),
            other => other,
        }
    }
}

/// Waits until a descriptor is readable or hung up; false when the deadline has passed.
fn readable(fd: BorrowedFd<'_>, deadline: Option<Instant>, interrupted: Interrupted<'_>) -> Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    let mut waits = Waits::default();
    loop {
        if let Some(ready) = waits.poll(&mut fds, deadline, interrupted)? {
            return Ok(ready > 0);
        }
    }
}

pub(super) fn gone() -> Error {
    Error::new(Kind::Gone, "the container's shim went away").hint("it was killed; the container ends with it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_to_one_that_has_ended_is_no_failure_and_its_end_is_still_heard() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        send(theirs.as_fd(), &Event::Exited(Exit { exit_code: 3, ..Exit::default() }), &[]).unwrap();
        drop(theirs);
        let mut session = Session::new(ours.into(), [None, None, None]);
        session.resize(80, 24).unwrap();
        session.signal(15).unwrap();
        assert_eq!(session.wait(None, &mut || Ok(())).unwrap().unwrap().exit_code, 3);
    }
}
