//! Questions over TCP: several on one connection, each answered when it can be.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::EpollFlags;
use rocker_core::network::Inside;

use super::upstream::{Asker, take_message, with_length};
use super::{Outcome, Resolver, Slot};
use crate::clock;

/// Nanoseconds without a question or an answer after which a connection is let go.
const IDLE: i64 = 10_000_000_000;
/// Connections at a time.
const MOST: usize = 100;
/// Bytes of answers that are kept for one who does not read them.
const BACKLOG: usize = 256 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    stream: TcpStream,
    /// Tells it from others that had its place.
    number: u64,
    read: Vec<u8>,
    unsent: Vec<u8>,
    /// Monotonic time at which it is let go.
    pub deadline: i64,
}

impl Stream {
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) fn events(&self) -> EpollFlags {
        if self.unsent.is_empty() { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT }
    }

    /// Writes what can be written; false when the other side has gone.
    fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        self.unsent.len() <= BACKLOG
    }

    /// Reads what has come; false at the end.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.read.extend(&buffer[..count]);
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

impl Resolver {
    pub(super) fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let streams = self.slots.iter().flatten().filter(|slot| matches!(slot, Slot::Stream(_))).count();
            if streams >= MOST || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let deadline = clock::monotonic_ns() + IDLE;
            let number = deadline.cast_unsigned();
            let stream = Stream { stream, number, read: Vec::new(), unsent: Vec::new(), deadline };
            let _ = self.add(Slot::Stream(stream));
        }
    }

    pub(super) fn stream_ready(&mut self, place: usize, mut stream: Stream, inside: &Inside) {
        stream.deadline = clock::monotonic_ns() + IDLE;
        if !stream.flush() || (stream.unsent.is_empty() && !stream.fill()) {
            return;
        }
        let mut questions = Vec::new();
        while let Some(message) = take_message(&mut stream.read) {
            match self.outcome(&message, false) {
                Outcome::Reply(reply) => stream.unsent.extend(with_length(&reply)),
                Outcome::Silence => {}
                Outcome::Ask => questions.push(message),
            }
        }
        if !stream.flush() {
            return;
        }
        let asker = Asker::Stream(place, stream.number);
        self.put_back(place, Slot::Stream(stream));
        for message in questions {
            self.ask(&message, asker, inside);
        }
    }

    pub(super) fn reply_to_stream(&mut self, place: usize, number: u64, reply: &[u8]) {
        let Some(Some(Slot::Stream(stream))) = self.slots.get_mut(place) else { return };
        if stream.number != number {
            return;
        }
        stream.unsent.extend(with_length(reply));
        if let Some(Slot::Stream(mut stream)) = self.slots[place].take()
            && stream.flush()
        {
            self.put_back(place, Slot::Stream(stream));
        }
    }
}
