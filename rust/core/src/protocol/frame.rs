//! Frames: `u32 length, u32 descriptors` (little-endian), JSON, file descriptors by SCM_RIGHTS.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use rocker_sys::scm;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Kind, Result};

/// Longest JSON of one frame.
pub const MAX_LENGTH: usize = 16 << 20;
/// Most descriptors of one frame: a container with more binds than this is refused.
pub const MAX_DESCRIPTORS: usize = 4096;

const HEADER: usize = 8;

/// Sends one frame, blocking until it is out.
pub fn send<T: Serialize>(socket: BorrowedFd<'_>, message: &T, fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut bytes = vec![0; HEADER];
    serde_json::to_writer(&mut bytes, message)
        .map_err(|error| Error::new(Kind::Invalid, format!("encode a frame: {error}")))?;
    send_buffer(socket, bytes, fds)
}

/// Sends one frame whose JSON has been written already.
pub fn send_json(socket: BorrowedFd<'_>, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut bytes = vec![0; HEADER];
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    send_buffer(socket, bytes, fds)
}

fn send_buffer(socket: BorrowedFd<'_>, mut bytes: Vec<u8>, fds: &[BorrowedFd<'_>]) -> Result<()> {
    let length = bytes.len() - HEADER;
    if length > MAX_LENGTH || fds.len() > MAX_DESCRIPTORS {
        return Err(Error::invalid(format!(
            "a request of {length} bytes and {} mounts is too large: at most {MAX_LENGTH} and {MAX_DESCRIPTORS}",
            fds.len()
        )));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[4..HEADER].copy_from_slice(&(fds.len() as u32).to_le_bytes());
    let mut batches = fds.chunks(scm::MAX_FDS);
    let first = batches.next().unwrap_or(&[]);
    let mut sent = scm::send(socket, &bytes, first).map_err(|errno| Error::sys("send a frame", errno))?;
    while sent < bytes.len() {
        sent += scm::send(socket, &bytes[sent..], &[]).map_err(|errno| Error::sys("send a frame", errno))?;
    }
    for batch in batches {
        scm::send(socket, &[0], batch).map_err(|errno| Error::sys("send file descriptors", errno))?;
    }
    Ok(())
}

/// Receives one frame, blocking until it is whole; None at the end of the stream.
pub fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> Result<Option<(T, Vec<OwnedFd>)>> {
    let mut inbox = Inbox::default();
    loop {
        if let Some(frame) = inbox.take()? {
            return Ok(Some(frame));
        }
        // Not a byte past this frame: the rest belongs to whoever reads the socket next.
        if inbox.fill(socket, inbox.wanted())? == 0 {
            return if inbox.is_empty() { Ok(None) } else { Err(cut_short()) };
        }
    }
}

fn cut_short() -> Error {
    Error::new(Kind::Gone, "the other side went away in the middle of a message")
}

/// Bytes and descriptors of a socket on their way to becoming frames.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Inbox {
    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.fds.is_empty()
    }

    /// Reads once, at most `limit` bytes; 0 at the end of the stream. A would-block error is `Errno::EAGAIN`.
    pub fn fill(&mut self, socket: BorrowedFd<'_>, limit: usize) -> Result<usize> {
        let start = self.bytes.len();
        self.bytes.resize(start + limit.clamp(1, 64 << 10), 0);
        let outcome = scm::receive(socket, &mut self.bytes[start..]);
        let count = outcome.as_ref().map_or(0, |(count, _)| *count);
        self.bytes.truncate(start + count);
        match outcome {
            Ok((count, fds)) => {
                self.fds.extend(fds);
                Ok(count)
            }
            Err(Errno::ECONNRESET) => Ok(0),
            Err(errno) => Err(Error::sys("receive a frame", errno)),
        }
    }

    /// How many more bytes the frame at the front needs.
    pub fn wanted(&self) -> usize {
        match self.header() {
            None => HEADER - self.bytes.len(),
            Some((length, count)) => (HEADER + length + padding(count)).saturating_sub(self.bytes.len()),
        }
    }

    /// Takes the frame at the front, if it is whole.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<(T, Vec<OwnedFd>)>> {
        let Some((length, count)) = self.header() else { return Ok(None) };
        if length > MAX_LENGTH || count > MAX_DESCRIPTORS {
            return Err(Error::invalid(format!(
                "a frame of {length} bytes, {count} descriptors is too large"
            )));
        }
        let end = HEADER + length + padding(count);
        if self.bytes.len() < end {
            return Ok(None);
        }
        if self.fds.len() < count {
            return Err(Error::invalid("a frame came without its file descriptors"));
        }
        let message = serde_json::from_slice(&self.bytes[HEADER..HEADER + length])
            .map_err(|error| Error::invalid(format!("a frame is not understood: {error}")))?;
        self.bytes.drain(..end);
        Ok(Some((message, self.fds.drain(..count).collect())))
    }

    fn header(&self) -> Option<(usize, usize)> {
        let word = |at: usize| -> Option<usize> {
            let bytes = self.bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes) as usize)
        };
        Some((word(0)?, word(4)?))
    }
}

/// Descriptors beyond the first batch come with one byte a batch.
fn padding(count: usize) -> usize {
    count.div_ceil(scm::MAX_FDS).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use proptest::prelude::*;
    use std::os::fd::AsFd;

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).unwrap()
    }

    #[test]
    fn a_frame_carries_more_descriptors_than_one_message() {
        let (one, two) = pair();
        let file = std::fs::File::open("/dev/null").unwrap();
        let fds = vec![file.as_fd(); 450];
        send(one.as_fd(), &"hello", &fds).unwrap();
        send(one.as_fd(), &"next", &[]).unwrap();
        let (text, got) = receive::<String>(two.as_fd()).unwrap().unwrap();
        assert_eq!((text.as_str(), got.len()), ("hello", 450));
        let (text, got) = receive::<String>(two.as_fd()).unwrap().unwrap();
        assert_eq!((text.as_str(), got.len()), ("next", 0));
    }

    #[test]
    fn the_end_between_frames_is_no_error_but_inside_one_it_is() {
        let (one, two) = pair();
        drop(one);
        assert!(receive::<String>(two.as_fd()).unwrap().is_none());
        let (one, two) = pair();
        scm::send(one.as_fd(), &[9, 0, 0, 0, 0, 0, 0, 0, b'"'], &[]).unwrap();
        drop(one);
        let error = receive::<String>(two.as_fd()).unwrap_err();
        assert_eq!(error.message, "the other side went away in the middle of a message");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut inbox = Inbox { bytes, fds: Vec::new() };
            let _ = inbox.take::<serde_json::Value>();
        }
    }
}
