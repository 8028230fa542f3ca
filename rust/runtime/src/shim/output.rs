//! From a process to a client: bounded queues in front of pipes.
//!
//! Each client has its own pipe. What it does not take waits in a queue of its own. When every reader of a stream is
//! behind, the shim stops reading, and the full pipe holds the process back, as with Docker. A reader that falls
//! [`LIMIT`] behind while another keeps up is let go, because it must not stop the other.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::input::write_some;

/// From here on a reader counts as behind.
pub const HIGH: usize = 256 << 10;
/// The most that waits for one reader.
pub const LIMIT: usize = 8 << 20;

/// A client's pipe for one stream.
#[derive(Debug)]
pub struct Sink {
    /// Write end, non-blocking.
    pub fd: OwnedFd,
    queue: VecDeque<u8>,
    /// Whether the loop waits until it can be written.
    pub waiting: bool,
}

impl Sink {
    /// Takes a non-blocking descriptor.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, queue: VecDeque::new(), waiting: false }
    }

    /// How much is waiting.
    pub fn backlog(&self) -> usize {
        self.queue.len()
    }

    /// Writes what fits and keeps the rest; an error means that the reader is gone.
    pub fn push(&mut self, bytes: &[u8]) -> nix::Result<()> {
        let done = if self.queue.is_empty() { write_some(&self.fd, bytes)? } else { 0 };
        self.queue.extend(&bytes[done..]);
        Ok(())
    }

    /// Writes what is waiting; an error means that the reader is gone.
    pub fn flush(&mut self) -> nix::Result<()> {
        loop {
            let (front, _) = self.queue.as_slices();
            if front.is_empty() {
                // The memory of a burst is given back.
                self.queue = VecDeque::new();
                return Ok(());
            }
            let length = front.len();
            let done = write_some(&self.fd, front)?;
            self.queue.drain(..done);
            if done < length {
                return Ok(());
            }
        }
    }
}
