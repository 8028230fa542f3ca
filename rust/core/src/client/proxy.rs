//! Be the mouthpiece of a process: terminal, signals, detach keys.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use rocker_sys::tty;

use super::files;
use super::session::{Interrupted, Session};
use crate::held::Waits;
use crate::protocol::Event;
use crate::{Error, Result};

/// How to be the mouthpiece.
#[derive(Debug, Clone, Default)]
pub struct ProxyOptions {
    /// The process has a terminal: `stdin` goes into raw mode, window sizes follow.
    pub tty: bool,
    /// Bytes that detach; empty for none.
    pub detach_keys: Vec<u8>,
    /// Whether signals are passed on (never with a terminal, as Docker).
    pub sig_proxy: bool,
}

const CHUNK: usize = 64 << 10;
/// A pipe that poll calls writable takes this much without blocking (`PIPE_BUF`, pipe(7)).
const SURE: usize = 4096;

/// Signals that are the caller's own business: faults, job control, its children.
const OWN: [Signal; 14] = [
    Signal::SIGCHLD,
    Signal::SIGPIPE,
    Signal::SIGURG,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGABRT,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
];

/// Signals that end a client with a terminal, after it has put the terminal back to what it was.
const ENDING: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// A terminal in raw mode; back to what it was when dropped.
struct Raw<'a> {
    terminal: BorrowedFd<'a>,
    saved: Termios,
}

impl<'a> Raw<'a> {
    fn enter(terminal: BorrowedFd<'a>) -> Result<Self> {
        let fail = |errno| Error::sys("set the terminal to raw mode", errno);
        let saved = tcgetattr(terminal).map_err(fail)?;
        let mut raw = saved.clone();
        cfmakeraw(&mut raw);
        tcsetattr(terminal, SetArg::TCSANOW, &raw).map_err(fail)?;
        Ok(Self { terminal, saved })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, SetArg::TCSADRAIN, &self.saved);
    }
}

/// Signals blocked for this thread and read from a descriptor; unblocked when dropped.
struct Caught {
    fd: SignalFd,
    old: SigSet,
}

impl Caught {
    fn new(options: &ProxyOptions) -> Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGWINCH);
        if options.tty {
            mask.extend(ENDING);
        } else if options.sig_proxy {
            mask.extend(Signal::iterator().filter(|signal| !OWN.contains(signal)));
        }
        let mut old = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&mask), Some(&mut old))
            .map_err(|errno| Error::sys("block signals", errno))?;
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|errno| Error::sys("signalfd", errno))?;
        Ok(Self { fd, old })
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.old), None);
    }
}

/// One direction of output: from the session's pipe to the caller's descriptor.
struct Pump<'a> {
    to: BorrowedFd<'a>,
    splices: bool,
    pending: Vec<u8>,
}

struct Proxy<'a> {
    session: &'a mut Session,
    stdin: BorrowedFd<'a>,
    reads_stdin: bool,
    to_process: Vec<u8>,
    pumps: [Pump<'a>; 2],
    matched: usize,
    /// The signal that was sent to end this client.
    ending: Option<Signal>,
    options: &'a ProxyOptions,
    waits: Waits,
}

impl Session {
    /// Like [`Session::proxy`], for a caller's descriptors by number: stdin, stdout, stderr.
    pub fn proxy_numbers(
        &mut self,
        numbers: [i32; 3],
        options: &ProxyOptions,
        interrupted: Interrupted<'_>,
    ) -> Result<Event> {
        let [stdin, stdout, stderr] = numbers;
        let (stdin, stdout, stderr) = (files::borrow(stdin)?, files::borrow(stdout)?, files::borrow(stderr)?);
        self.proxy(stdin, stdout, stderr, options, interrupted)
    }

    /// Copies the streams, passes signals and window sizes on, until the process ends or the user detaches.
    pub fn proxy(
        &mut self,
        stdin: BorrowedFd<'_>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
        options: &ProxyOptions,
        interrupted: Interrupted<'_>,
    ) -> Result<Event> {
        let signals = Caught::new(options)?;
        let is_terminal = options.tty && self.stdin.is_some() && tty::window_size(stdin).is_ok();
        let raw = if is_terminal { Some(Raw::enter(stdin)?) } else { None };
        let pump = |to| Pump { to, splices: true, pending: Vec::new() };
        let mut proxy = Proxy {
            reads_stdin: self.stdin.is_some(),
            session: self,
            stdin,
            to_process: Vec::new(),
            pumps: [pump(stdout), pump(stderr)],
            matched: 0,
            ending: None,
            options,
            waits: Waits::default(),
        };
        proxy.follow_size(stdout)?;
        let outcome = loop {
            match proxy.step(&signals.fd, stdout, interrupted) {
                Ok(None) => {}
                Ok(Some(event)) => break Ok(event),
                Err(error) => break Err(error),
            }
        };
        let ending = proxy.ending;
        drop(raw);
        drop(signals);
        if let Some(signal) = ending {
            // Its default action or the caller's handler, now that the terminal is what it was.
            raise(signal).map_err(|errno| Error::sys("raise", errno))?;
            interrupted()?;
        }
        outcome
    }
}

impl Proxy<'_> {
    fn follow_size(&self, terminal: BorrowedFd<'_>) -> Result<()> {
        if !self.options.tty {
            return Ok(());
        }
        let size = tty::window_size(terminal).or_else(|_| tty::window_size(self.stdin));
        match size {
            Ok((rows, columns)) => self.session.resize(columns, rows),
            Err(_) => Ok(()),
        }
    }

    fn step(
        &mut self,
        signals: &SignalFd,
        terminal: BorrowedFd<'_>,
        interrupted: Interrupted<'_>,
    ) -> Result<Option<Event>> {
        let ready = self.wait(signals, interrupted)?;
        if ready[0] {
            self.pass_signals(signals, terminal)?;
            if let Some(signal) = self.ending {
                return Ok(Some(Event::Detached { reason: signal.to_string() }));
            }
        }
        if ready[1] && self.read_stdin()? {
            self.session.say_detached();
            return Ok(Some(Event::Detached { reason: "detach keys".into() }));
        }
        if ready[2] {
            self.feed();
        }
        for stream in 0..2 {
            if ready[3 + stream] || ready[5 + stream] {
                self.pump(stream)?;
            }
        }
        let open = self.session.stdout.is_some()
            || self.session.stderr.is_some()
            || self.pumps.iter().any(|pump| !pump.pending.is_empty());
        if !ready[7] || open {
            return Ok(None);
        }
        match self.session.next_event()? {
            event @ (Event::Exited(_) | Event::Detached { .. }) => Ok(Some(event)),
            _ => Ok(None),
        }
    }

    /// Readiness of: signals, our stdin, the process's stdin, its two outputs, our two outputs, the socket.
    fn wait(&mut self, signals: &SignalFd, interrupted: Interrupted<'_>) -> Result<[bool; 8]> {
        let (read, write) = (PollFlags::POLLIN, PollFlags::POLLOUT);
        let session = &*self.session;
        let idle = |pump: &Pump<'_>| pump.pending.is_empty();
        let from = |fd: &'_ Option<OwnedFd>, pump: &Pump<'_>| fd.is_some() && idle(pump);
        let open = session.stdout.is_some() || session.stderr.is_some() || !self.pumps.iter().all(idle);
        let mut fds = Vec::with_capacity(8);
        let mut places = Vec::with_capacity(8);
        let mut add = |place: usize, fd, flags| {
            fds.push(PollFd::new(fd, flags));
            places.push(place);
        };
        add(0, signals.as_fd(), read);
        if self.reads_stdin && self.to_process.is_empty() {
            add(1, self.stdin, read);
        }
        if let Some(stdin) = session.stdin.as_ref().filter(|_| !self.to_process.is_empty()) {
            add(2, stdin.as_fd(), write);
        }
        for (stream, fd) in [&session.stdout, &session.stderr].into_iter().enumerate() {
            if from(fd, &self.pumps[stream])
                && let Some(fd) = fd
            {
                add(3 + stream, fd.as_fd(), read);
            }
            if !idle(&self.pumps[stream]) {
                add(5 + stream, self.pumps[stream].to, write);
            }
        }
        if !open {
            add(7, session.socket.as_fd(), read);
        }
        let mut ready = [false; 8];
        if self.waits.poll(&mut fds, None, interrupted)?.is_none() {
            return Ok(ready);
        }
        for (fd, place) in fds.iter().zip(places) {
            ready[place] = fd.revents().is_some_and(|events| !events.is_empty());
        }
        Ok(ready)
    }

    fn pass_signals(&mut self, signals: &SignalFd, terminal: BorrowedFd<'_>) -> Result<()> {
        while let Ok(Some(info)) = signals.read_signal() {
            if info.ssi_signo == Signal::SIGWINCH as u32 {
                self.follow_size(terminal)?;
            } else if self.options.tty {
                self.ending = ENDING.into_iter().find(|signal| *signal as u32 == info.ssi_signo);
            } else {
                self.session.signal(info.ssi_signo as i32)?;
            }
        }
        Ok(())
    }

    /// Reads our stdin; true when the detach keys were typed.
    fn read_stdin(&mut self) -> Result<bool> {
        let mut chunk = vec![0; if self.options.tty { 1024 } else { CHUNK }];
        let count = match nix::unistd::read(self.stdin, &mut chunk) {
            Ok(count) => count,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            // A background job may not read its terminal; a closed one has no input.
            Err(_) => 0,
        };
        if count == 0 {
            self.reads_stdin = false;
            self.session.stdin = None;
            return Ok(false);
        }
        // What is kept is written once poll calls the pipe writable: were it written here, a process that does not
        // read would keep its own output from being read.
        Ok(self.take_keys(&chunk[..count]))
    }

    /// Keeps back what may be the start of the detach keys; true when they are complete.
    fn take_keys(&mut self, bytes: &[u8]) -> bool {
        let keys = &self.options.detach_keys;
        if keys.is_empty() || !self.options.tty {
            self.to_process.extend_from_slice(bytes);
            return false;
        }
        for byte in bytes {
            if *byte == keys[self.matched] {
                self.matched += 1;
                if self.matched == keys.len() {
                    return true;
                }
                continue;
            }
            self.to_process.extend_from_slice(&keys[..self.matched]);
            self.matched = usize::from(*byte == keys[0]);
            if self.matched == 0 {
                self.to_process.push(*byte);
            }
        }
        false
    }

    fn feed(&mut self) {
        let Some(stdin) = &self.session.stdin else { return self.to_process.clear() };
        // Blocking pipe: no more than surely fits once poll called it writable.
        let end = self.to_process.len().min(SURE);
        match nix::unistd::write(stdin, &self.to_process[..end]) {
            Ok(count) => drop(self.to_process.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => {
                self.to_process.clear();
                self.session.stdin = None;
                self.reads_stdin = false;
            }
        }
    }

    /// Moves output on. splice(2) copies nothing and never blocks between pipes, whatever the flags of a descriptor
    /// that is shared with others; where it cannot be used (EINVAL: a terminal, an append-only file) bytes are copied.
    fn pump(&mut self, stream: usize) -> Result<()> {
        let source = if stream == 0 { &mut self.session.stdout } else { &mut self.session.stderr };
        let pump = &mut self.pumps[stream];
        if !pump.pending.is_empty() {
            return pump.flush();
        }
        let Some(from) = source.as_ref() else { return Ok(()) };
        if pump.splices {
            let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
            match splice(from, None, pump.to, None, 1 << 20, flags) {
                Ok(0) => *source = None,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return pump.read(source),
                Err(Errno::EPIPE) => *source = None,
                Err(_) => pump.splices = false,
            }
            return Ok(());
        }
        pump.read(source)
    }
}

impl Pump<'_> {
    /// Reads one chunk, to be written when there is room. Dropping the source tells the shim that nobody reads.
    fn read(&mut self, source: &mut Option<OwnedFd>) -> Result<()> {
        let Some(from) = source.as_ref() else { return Ok(()) };
        self.pending.resize(CHUNK, 0);
        let count = match nix::unistd::read(from, &mut self.pending) {
            Ok(count) => count,
            Err(Errno::EAGAIN | Errno::EINTR) => {
                self.pending.clear();
                return Ok(());
            }
            Err(errno) => return Err(Error::sys("read output", errno)),
        };
        self.pending.truncate(count);
        if count == 0 {
            *source = None;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let end = self.pending.len().min(SURE);
        match nix::unistd::write(self.to, &self.pending[..end]) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(Errno::EPIPE) => self.pending.clear(),
            Err(errno) => return Err(Error::sys("write output", errno)),
        }
        Ok(())
    }
}
