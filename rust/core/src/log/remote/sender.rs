//! Connects, sends, and tries again, without ever waiting but at the start and at the end.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;

use super::config::{Address, Form, RemoteConfig};
use super::connection::Connection;
use super::patience::{millis, now, text, wait};
use super::queue::Queue;
use super::tls::Trust;
use super::{Encoder, Line, Stream, msgpack};
use crate::{Error, Kind, Result};

/// From here on a server counts as behind: about what Docker's copier and a pipe hold.
const HIGH: u64 = 64 << 10;
/// How long a connection may take, in milliseconds.
const CONNECT: u64 = 10_000;
/// How long the end waits for a server to take what is left, in milliseconds: Docker's `loggerCloseTimeout`.
const CLOSE: u64 = 10_000;
/// The longest pause between two attempts, in milliseconds.
const LONGEST: u64 = 60_000;

/// A server of records, as one shim sees it.
#[derive(Debug)]
pub struct Remote {
    config: RemoteConfig,
    directory: Option<OwnedFd>,
    trust: Option<Trust>,
    encoder: Encoder,
    queue: Queue,
    link: Link,
    /// This side's address, for syslog.
    local: String,
    /// Which of the server's addresses is tried.
    which: usize,
    /// Connections tried for the first record.
    attempts: u64,
    /// Bytes of the first item that have been sent.
    sent: usize,
    /// Whether all of it has, and an acknowledgement is awaited.
    awaiting: bool,
    answer: Vec<u8>,
    /// Whether the socket took no more the last time.
    full: bool,
    /// When the present wait, for a connection, a write or an acknowledgement, becomes a failure.
    give_up_at: Option<i64>,
    connected_at: i64,
    /// Counts sockets, so that whoever waits for one knows a new one of the same number.
    generation: u64,
    errno: Errno,
    /// In the place of what `errno` means, where TLS failed.
    trouble: Option<String>,
}

#[derive(Debug)]
enum Link {
    None,
    /// Until this monotonic time.
    Pause(i64),
    Socket(Connection),
}

/// What a loop should wait for.
#[derive(Debug, Clone, Copy)]
pub struct Interest {
    /// Whether it is waited for until it can be written; else until it can be read, or ends.
    pub write: bool,
    /// Of the socket: another for each.
    pub generation: u64,
}

impl Remote {
    /// Connect to a server, at once unless it may come later. A unix socket is looked up below `directory`.
    ///
    /// # Errors
    /// [`crate::Kind::System`]: there is no connection after 10 s. [`crate::Kind::Invalid`]: a certificate or key is none.
    pub fn open(config: &RemoteConfig, directory: Option<OwnedFd>) -> Result<Self> {
        let mut remote = Self {
            encoder: Encoder::new(&config.form),
            // The certificates are in `trust` by then, and need not be kept as texts.
            config: RemoteConfig { tls: None, ..config.clone() },
            directory,
            trust: config.tls.as_ref().map(Trust::new).transpose()?,
            queue: Queue::default(),
            link: Link::None,
            local: String::new(),
            which: 0,
            attempts: 0,
            sent: 0,
            awaiting: false,
            answer: Vec::new(),
            full: false,
            give_up_at: None,
            connected_at: 0,
            generation: 0,
            errno: Errno::ENOTCONN,
            trouble: None,
        };
        if !config.late {
            remote.connect_now()?;
        }
        Ok(remote)
    }

    fn connect_now(&mut self) -> Result<()> {
        let until = now() + millis(CONNECT);
        let count = self.addresses();
        for which in 0..count {
            self.which = which;
            match self.connect_by(until) {
                Ok(()) => return Ok(()),
                Err(errno) => self.note(errno),
            }
        }
        self.link = Link::None;
        let message = format!("failed to initialize logging driver: {}: {}", self.config.name, self.why());
        Err(Error::sys("connect to the log server", self.errno)
            .kind(Kind::System)
            .message(message)
            .hint("is the server there? rocker run --log-driver local keeps the log here alone"))
    }

    fn connect_by(&mut self, until: i64) -> nix::Result<()> {
        self.link = Link::Socket(self.socket_to()?);
        let Link::Socket(connection) = &mut self.link else { return Ok(()) };
        while connection.pending {
            wait(connection.as_fd(), awaited(connection), until)?;
            connection.go_on(self.trust.as_ref())?;
        }
        self.connected();
        Ok(())
    }

    fn socket_to(&self) -> nix::Result<Connection> {
        let (directory, trust) = (self.directory.as_ref(), self.trust.as_ref());
        Connection::begin(&self.config.address, self.which, directory, trust)
    }

    fn connected(&mut self) {
        if let Link::Socket(connection) = &self.link {
            self.local = connection.local();
        }
        self.connected_at = now();
        self.generation += 1;
        self.give_up_at = None;
        self.full = false;
        self.sent = 0;
        self.awaiting = false;
        self.answer.clear();
    }

    fn addresses(&self) -> usize {
        match &self.config.address {
            Address::Udp(list) | Address::Tcp(list) => list.len(),
            Address::Unix(_) | Address::Unixgram(_) => 1,
        }
    }

    /// Take a record. What does not fit in non-blocking mode is dropped and counted.
    pub(in crate::log) fn record(&mut self, stream: Stream, line: &Line) {
        let size = line.bytes.len() as u64;
        let config = &self.config;
        let over =
            config.non_blocking && self.queue.text + size > config.max_buffer && !self.queue.is_empty();
        let many = config.max_records > 0 && self.queue.records >= config.max_records;
        if over || many {
            self.queue.dropped += 1;
            self.errno = Errno::ENOBUFS;
            return;
        }
        if let Some(encoded) = self.encoder.record(stream, line, &self.local) {
            self.queue.push(encoded, size);
        }
    }

    /// Whether nothing more should be read from the container for now.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.config.non_blocking && self.queue.text > HIGH
    }

    /// How many records were given up since the last call, and why the last; None while there were none, or more may
    /// follow.
    pub(in crate::log) fn take_dropped(&mut self, last: bool) -> Option<String> {
        let many = self.queue.text > self.config.max_buffer / 2 && self.config.non_blocking;
        if self.queue.dropped == 0 || (many && !last) {
            return None;
        }
        let count = std::mem::take(&mut self.queue.dropped);
        let reason = if self.errno == Errno::ENOBUFS { "the buffer was full".to_owned() } else { self.why() };
        Some(format!("rocker: {count} records were not sent to {}: {reason}", self.config.name))
    }

    /// Do what can be done without waiting.
    pub fn pump(&mut self) {
        self.flush();
        loop {
            if self.give_up_at.is_some_and(|at| at <= now()) {
                self.failed(Errno::ETIMEDOUT);
            }
            let on = match &self.link {
                Link::Pause(until) if *until > now() => false,
                _ if self.queue.is_empty() => false,
                Link::Pause(_) | Link::None => self.begin(),
                Link::Socket(connection) if connection.pending => self.look_at_connect(),
                Link::Socket(_) if self.awaiting => self.read_answer(),
                Link::Socket(_) => self.send_first(),
            };
            if !on {
                return;
            }
        }
    }

    /// Sends what a session of TLS still holds of records that were taken.
    fn flush(&mut self) {
        if let Link::Socket(connection) = &mut self.link {
            match connection.flush() {
                Ok(()) | Err(Errno::EAGAIN) => {}
                Err(errno) => self.failed(errno),
            }
        }
    }

    fn begin(&mut self) -> bool {
        if self.which == 0 {
            self.attempts += 1;
        }
        match self.socket_to() {
            Ok(connection) => {
                let pending = connection.pending;
                self.link = Link::Socket(connection);
                self.generation += 1;
                if pending {
                    self.give_up_at = Some(now() + millis(CONNECT));
                } else {
                    self.connected();
                }
            }
            Err(errno) => self.not_connected(errno),
        }
        true
    }

    fn look_at_connect(&mut self) -> bool {
        let Link::Socket(connection) = &mut self.link else { return false };
        match wait(connection.as_fd(), awaited(connection), 0) {
            Err(Errno::ETIMEDOUT) => return false,
            Err(errno) => self.not_connected(errno),
            Ok(()) => match connection.go_on(self.trust.as_ref()) {
                Ok(()) if connection.pending => {}
                Ok(()) => self.connected(),
                Err(errno) => self.not_connected(errno),
            },
        }
        true
    }

    /// The next of a server's addresses, or, after the last, a failure.
    fn not_connected(&mut self, errno: Errno) {
        self.which += 1;
        if self.which < self.addresses() {
            self.note(errno);
            self.link = Link::None;
            self.give_up_at = None;
        } else {
            self.failed(errno);
        }
    }

    /// A connection is over: a new one for the first record, unless that has had its share.
    fn failed(&mut self, errno: Errno) {
        self.note(errno);
        self.link = Link::None;
        self.which = 0;
        self.give_up_at = None;
        self.full = false;
        self.sent = 0;
        self.awaiting = false;
        if self.queue.is_empty() {
            return;
        }
        if self.attempts >= self.config.retry.attempts {
            self.attempts = 0;
            self.queue.give_up();
            return;
        }
        let pause = self.pause();
        if pause > 0 {
            self.link = Link::Pause(now() + millis(pause));
        }
    }

    /// Remembers why a connection is over.
    fn note(&mut self, errno: Errno) {
        self.errno = errno;
        self.trouble = match &mut self.link {
            Link::Socket(connection) => connection.take_trouble(),
            _ => None,
        };
    }

    fn why(&self) -> String {
        self.trouble.clone().unwrap_or_else(|| text(self.errno))
    }

    /// Milliseconds before the next attempt.
    fn pause(&self) -> u64 {
        let retry = self.config.retry;
        if !retry.grows {
            return retry.wait;
        }
        // fluent-logger-golang: nothing before the second, then wait * int(1.5 ^ n).
        let Some(power) = self.attempts.checked_sub(2) else { return 0 };
        let factor = 1.5_f64.powi(i32::try_from(power.min(40)).unwrap_or(40)) as u64;
        retry.wait.saturating_mul(factor).min(LONGEST)
    }

    fn send_first(&mut self) -> bool {
        let (Link::Socket(connection), Some(item)) = (&mut self.link, self.queue.front()) else {
            return false;
        };
        if self.config.reconnect > 0
            && self.sent == 0
            && now() - self.connected_at > millis(self.config.reconnect)
        {
            self.link = Link::None;
            return true;
        }
        let sent = match connection.send(&item.bytes[self.sent..]) {
            // An answer to a datagram sent before: this one has not been sent.
            Err(Errno::ECONNREFUSED) if matches!(self.config.address, Address::Udp(_)) => {
                connection.send(&item.bytes)
            }
            Err(Errno::EMSGSIZE | Errno::ENOBUFS) if matches!(self.config.form, Form::Journald(_)) => {
                connection.send_by_file(&item.bytes).map(|()| item.bytes.len())
            }
            other => other,
        };
        match sent {
            Ok(count) => {
                self.full = false;
                self.give_up_at = None;
                self.sent += count;
                if self.sent >= item.bytes.len() {
                    self.sent_first();
                }
                true
            }
            Err(Errno::EAGAIN) => {
                self.full = true;
                self.limit(self.config.write_timeout);
                false
            }
            Err(errno) if connection.datagrams && !matches!(self.config.address, Address::Unixgram(_)) => {
                self.errno = errno;
                self.sent = 0;
                self.queue.give_up();
                true
            }
            Err(Errno::EMSGSIZE) => {
                self.errno = Errno::EMSGSIZE;
                self.queue.give_up();
                true
            }
            Err(errno) => {
                self.failed(errno);
                true
            }
        }
    }

    fn sent_first(&mut self) {
        self.sent = 0;
        if self.queue.front().is_some_and(|item| item.acknowledgement.is_some()) {
            self.awaiting = true;
            self.answer.clear();
            self.limit(self.config.read_timeout);
        } else {
            self.attempts = 0;
            self.queue.pop();
        }
    }

    fn limit(&mut self, milliseconds: u64) {
        if milliseconds > 0 && self.give_up_at.is_none() {
            self.give_up_at = Some(now() + millis(milliseconds));
        }
    }

    fn read_answer(&mut self) -> bool {
        let Link::Socket(connection) = &mut self.link else { return false };
        let mut buffer = [0; 256];
        match connection.receive(&mut buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) => return false,
            Ok(0) => self.failed(Errno::ECONNRESET),
            Err(errno) => self.failed(errno),
            Ok(count) => {
                self.answer.extend_from_slice(&buffer[..count]);
                let wanted = self.queue.front().and_then(|item| item.acknowledgement.as_deref());
                match msgpack::only_string(&self.answer, "ack") {
                    Ok(Some(found)) if wanted.is_some_and(|wanted| wanted.as_bytes() == found) => {
                        self.awaiting = false;
                        self.give_up_at = None;
                        self.attempts = 0;
                        self.queue.pop();
                    }
                    Ok(None) => {}
                    _ => self.failed(Errno::EBADMSG),
                }
            }
        }
        true
    }

    /// The socket can be read or written, or has ended.
    pub fn ready(&mut self) {
        if let Link::Socket(connection) = &mut self.link
            && !connection.pending
            && !connection.datagrams
            && !self.awaiting
        {
            // Nothing is said by servers of streams but their end; found now, it costs no record later.
            let mut buffer = [0; 256];
            match connection.receive(&mut buffer) {
                Err(Errno::EAGAIN | Errno::EINTR) | Ok(1..) => {}
                Ok(0) => self.failed(Errno::ECONNRESET),
                Err(errno) => self.failed(errno),
            }
        }
        self.pump();
    }

    /// The socket, while there is one.
    #[must_use]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.link {
            Link::Socket(connection) => Some(connection.as_fd()),
            _ => None,
        }
    }

    /// What to wait for, if there is anything.
    #[must_use]
    pub fn interest(&self) -> Option<Interest> {
        let Link::Socket(connection) = &self.link else { return None };
        let write = connection.waits_to_write() || self.full;
        (write || !connection.datagrams).then_some(Interest { write, generation: self.generation })
    }

    /// Monotonic time, in nanoseconds, at which [`Remote::pump`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        let pause = match self.link {
            Link::Pause(until) => Some(until),
            _ => None,
        };
        [pause, self.give_up_at].into_iter().flatten().min()
    }

    /// Send what is left, 10 s at most, and give up the rest. A server that may come late is not waited for.
    pub(in crate::log) fn close(&mut self) {
        let until = now() + millis(CLOSE);
        self.pump();
        while !(self.queue.is_empty() && self.is_flushed()) && now() < until {
            let next = self.deadline().map_or(until, |at| at.min(until));
            match &self.link {
                Link::Socket(connection) => {
                    let flags = match connection.pending {
                        true => awaited(connection),
                        false if self.awaiting && self.is_flushed() => PollFlags::POLLIN,
                        false => PollFlags::POLLOUT,
                    };
                    let _ = wait(connection.as_fd(), flags, next);
                }
                _ if self.config.late => break,
                _ => {
                    std::thread::sleep(std::time::Duration::from_nanos((next - now()).max(0).cast_unsigned()))
                }
            }
            self.pump();
        }
        self.queue.give_up_all();
        if let Link::Socket(connection) = &mut self.link {
            connection.say_goodbye();
        }
        self.link = Link::None;
    }

    /// Whether all that was taken from the queue has left this process.
    fn is_flushed(&self) -> bool {
        match &self.link {
            Link::Socket(connection) => connection.pending || !connection.waits_to_write(),
            _ => true,
        }
    }
}

/// What a pending connection waits for.
fn awaited(connection: &Connection) -> PollFlags {
    if connection.waits_to_write() { PollFlags::POLLOUT } else { PollFlags::POLLIN }
}
