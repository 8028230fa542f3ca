//! From a client to a process: its standard input.

use std::os::fd::OwnedFd;

use nix::errno::Errno;

/// The writing end of a process's input, with what it did not take yet.
#[derive(Debug)]
pub struct Input {
    /// Non-blocking.
    pub fd: OwnedFd,
    pending: Vec<u8>,
    /// Whether it closes once `pending` has been written.
    pub closing: bool,
}

/// Whether more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Everything was taken.
    Open,
    /// Something is pending: wait until it is writable.
    Full,
    /// Nobody reads any more.
    Closed,
}

impl Input {
    /// Takes a non-blocking descriptor.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, pending: Vec::new(), closing: false }
    }

    /// Writes what fits and keeps the rest. Callers stop reading while it is [`Flow::Full`], so that no more than
    /// one chunk is ever kept.
    pub fn write(&mut self, bytes: &[u8]) -> Flow {
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
            return self.flush();
        }
        match write_some(&self.fd, bytes) {
            Ok(count) if count == bytes.len() => Flow::Open,
            Ok(count) => {
                self.pending.extend_from_slice(&bytes[count..]);
                Flow::Full
            }
            Err(_) => Flow::Closed,
        }
    }

    /// Writes what is pending.
    pub fn flush(&mut self) -> Flow {
        match write_some(&self.fd, &self.pending) {
            Ok(count) if count == self.pending.len() => {
                self.pending = Vec::new();
                Flow::Open
            }
            Ok(count) => {
                self.pending.drain(..count);
                Flow::Full
            }
            Err(_) => Flow::Closed,
        }
    }
}

/// Writes until it would block; how much that was.
pub fn write_some(fd: &OwnedFd, bytes: &[u8]) -> nix::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match nix::unistd::write(fd, &bytes[done..]) {
            Ok(count) => done += count,
            Err(Errno::EAGAIN) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}
