//! A log written to two descriptors, as `docker logs` does: text is decoded straight into the output buffer.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;

use super::reader::Records;
use super::{Stream, time};
use crate::{Error, Result};

const BATCH: usize = 128 * 1024;

/// How a log is written out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Put `2026-11-23T23:04:05.123456789Z ` (always nine digits) before each line; not before its later parts.
    pub timestamps: bool,
    /// Put this before each line, behind the time: the attributes of the records and a space.
    pub details: String,
}

/// Write all records to `out` and `err`, each to its stream's, in their order; returns at the end of `records`.
///
/// # Errors
/// [`crate::Kind::Gone`] when a reader of the output went away; else what the system said.
pub fn copy_to(
    records: &mut impl Records,
    out: BorrowedFd,
    err: BorrowedFd,
    options: &CopyOptions,
) -> Result<()> {
    let mut output =
        Output { fds: [out, err], buffer: Vec::new(), stream: Stream::Stdout, unended: [false; 2] };
    let mut scratch = Vec::new();
    loop {
        let found = if options.timestamps || !options.details.is_empty() {
            scratch.clear();
            let found = records.ready(&mut scratch)?;
            found.map(|(stream, ns)| output.prefixed(stream, ns, options, &scratch)).transpose()?
        } else {
            let before = output.buffer.len();
            let found = records.ready(&mut output.buffer)?;
            found.map(|(stream, _)| output.text(stream, before)).transpose()?
        };
        if found.is_none() {
            output.flush()?;
            if !records.wait()? {
                return Ok(());
            }
        }
    }
}

/// What waits to be written, all to one of the two descriptors.
struct Output<'a> {
    fds: [BorrowedFd<'a>; 2],
    buffer: Vec<u8>,
    stream: Stream,
    /// Whether the last text of a stream had no newline.
    unended: [bool; 2],
}

impl Output<'_> {
    /// The buffer has got text of `stream` from `before` on.
    fn text(&mut self, stream: Stream, before: usize) -> Result<()> {
        if stream != self.stream {
            self.write(before)?;
            self.stream = stream;
        }
        if self.buffer.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn prefixed(&mut self, stream: Stream, ns: i64, options: &CopyOptions, text: &[u8]) -> Result<()> {
        let before = self.buffer.len();
        if !self.unended[stream.index()] {
            if options.timestamps {
                time::format(&mut self.buffer, ns, true);
                self.buffer.push(b' ');
            }
            self.buffer.extend_from_slice(options.details.as_bytes());
        }
        self.unended[stream.index()] = text.last() != Some(&b'\n');
        self.buffer.extend_from_slice(text);
        self.text(stream, before)
    }

    fn flush(&mut self) -> Result<()> {
        self.write(self.buffer.len())
    }

    /// Write the first `length` bytes of the buffer.
    fn write(&mut self, length: usize) -> Result<()> {
        let fd = self.fds[self.stream.index()];
        let mut done = 0;
        while done < length {
            match write(fd, &self.buffer[done..length]) {
                Ok(count) => done += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => writable(fd)?,
                Err(errno) => {
                    return Err(Error::sys(format!("write the log to {}", self.stream.name()), errno));
                }
            }
        }
        self.buffer.drain(..length);
        Ok(())
    }
}

fn writable(fd: BorrowedFd) -> Result<()> {
    match poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::sys("wait for the reader of the log", errno)),
    }
}
