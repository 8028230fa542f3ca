//! Feed input, collect output, until the end.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};

use super::session::{Interrupted, Session};
use crate::held::Waits;
use crate::protocol::{Event, Exit};
use crate::{Error, Kind, Result};

/// What a process wrote and how it ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its output.
    pub stdout: Vec<u8>,
    /// Its errors.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub exit: Exit,
    /// Whether it was killed for having written more than it may.
    pub truncated: bool,
    /// Whether it was killed because the caller's time was over.
    pub timed_out: bool,
}

const CHUNK: usize = 64 << 10;
const SIGKILL: i32 = nix::libc::SIGKILL;

/// The state of one exchange.
struct Exchange<'a> {
    session: &'a mut Session,
    input: &'a [u8],
    room: usize,
    deadline: Option<Instant>,
    outcome: Outcome,
    chunk: Vec<u8>,
    waits: Waits,
}

impl Session {
    /// Writes `input` and closes stdin, reads both outputs until the process has ended.
    ///
    /// Over `max_output` bytes, both streams together, or after `timeout`, the process is killed; what it wrote until
    /// then is kept, and the outcome says so.
    pub fn communicate(
        &mut self,
        input: &[u8],
        timeout: Option<Duration>,
        max_output: Option<usize>,
        interrupted: Interrupted<'_>,
    ) -> Result<Outcome> {
        for fd in [&self.stdin, &self.stdout, &self.stderr].into_iter().flatten() {
            unblock(fd)?;
        }
        let mut exchange = Exchange {
            session: self,
            input,
            room: max_output.unwrap_or(usize::MAX),
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            outcome: Outcome::default(),
            chunk: vec![0; CHUNK],
            waits: Waits::default(),
        };
        if input.is_empty() {
            exchange.session.stdin = None;
        }
        while !exchange.step(interrupted)? {}
        Ok(exchange.outcome)
    }
}

/// The pipe's other end is another open file: only ours becomes non-blocking.
fn unblock(fd: &OwnedFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map(drop)
        .map_err(|errno| Error::sys("set non-blocking", errno))
}

impl Exchange<'_> {
    /// Waits for one thing and does it; true at the end.
    fn step(&mut self, interrupted: Interrupted<'_>) -> Result<bool> {
        let ready = self.wait(interrupted)?;
        if ready == [false; 4] {
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                self.deadline = None;
                self.outcome.timed_out = true;
                self.session.signal(SIGKILL)?;
            }
            return Ok(false);
        }
        if ready[0] {
            self.feed();
        }
        if ready[1] {
            self.collect(false)?;
        }
        if ready[2] {
            self.collect(true)?;
        }
        // The pipes' ends come before the event, so nothing is lost by reading it only when they are closed.
        let open = self.session.stdout.is_some() || self.session.stderr.is_some();
        if ready[3] && !open { self.event() } else { Ok(false) }
    }

    /// Which of stdin, stdout, stderr and socket are ready.
    fn wait(&mut self, interrupted: Interrupted<'_>) -> Result<[bool; 4]> {
        let session = &*self.session;
        let (read, write) = (PollFlags::POLLIN, PollFlags::POLLOUT);
        let open = session.stdout.is_some() || session.stderr.is_some();
        let candidates = [
            session.stdin.as_ref().map(|fd| (fd.as_fd(), write)),
            session.stdout.as_ref().map(|fd| (fd.as_fd(), read)),
            session.stderr.as_ref().map(|fd| (fd.as_fd(), read)),
            Some((session.socket.as_fd(), read)).filter(|_| !open),
        ];
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(4);
        let mut places = Vec::with_capacity(4);
        for (place, candidate) in candidates.into_iter().enumerate() {
            if let Some((fd, flags)) = candidate {
                fds.push(PollFd::new(fd, flags));
                places.push(place);
            }
        }
        let mut ready = [false; 4];
        if self.waits.poll(&mut fds, self.deadline, interrupted)?.is_none() {
            return Ok(ready);
        }
        for (fd, place) in fds.iter().zip(places) {
            ready[place] = fd.revents().is_some_and(|events| !events.is_empty());
        }
        Ok(ready)
    }

    fn feed(&mut self) {
        let Some(stdin) = &self.session.stdin else { return };
        match nix::unistd::write(stdin, self.input) {
            Ok(count) => self.input = &self.input[count..],
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // The process reads no more: what is left over is its loss, as with subprocess.communicate.
            Err(_) => self.input = &[],
        }
        if self.input.is_empty() {
            self.session.stdin = None;
        }
    }

    fn collect(&mut self, errors: bool) -> Result<()> {
        let fd = if errors { &self.session.stderr } else { &self.session.stdout };
        let Some(fd) = fd else { return Ok(()) };
        let count = match nix::unistd::read(fd, &mut self.chunk) {
            Ok(count) => count,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(Error::sys("read output", errno)),
        };
        if count == 0 {
            *(if errors { &mut self.session.stderr } else { &mut self.session.stdout }) = None;
            return Ok(());
        }
        let kept = count.min(self.room);
        self.room -= kept;
        let output = if errors { &mut self.outcome.stderr } else { &mut self.outcome.stdout };
        output.extend_from_slice(&self.chunk[..kept]);
        if kept < count && !self.outcome.truncated {
            self.outcome.truncated = true;
            self.session.signal(SIGKILL)?;
        }
        Ok(())
    }

    fn event(&mut self) -> Result<bool> {
        match self.session.next_event()? {
            Event::Exited(exit) => {
                self.outcome.timed_out |= exit.timed_out;
                self.outcome.exit = exit;
                Ok(true)
            }
            Event::Detached { reason } => Err(Error::new(Kind::Gone, format!("detached: {reason}"))),
            _ => Ok(false),
        }
    }
}
