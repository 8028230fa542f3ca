//! A log read back, oldest record first, across rotated and compressed files.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::segments::{self, Mark, Segment};
use super::source::Source;
use super::{Driver, Stream, tail};
use crate::{Error, Kind, Result};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it was written.
    pub stream: Stream,
    /// When, in nanoseconds since the epoch.
    pub time_ns: i64,
    /// The text, with its newline unless `partial`.
    pub line: Vec<u8>,
    /// Whether the line goes on in the next record of its stream (or ended without newline).
    pub partial: bool,
}

/// Something that gives records: a [`Reader`], or a [`super::Follow`] that waits for more.
pub trait Records {
    /// Append the text of the next record that is there to `out`; its stream and time. `None`: not now.
    ///
    /// # Errors
    /// What the system said; damaged records are passed over.
    fn ready(&mut self, out: &mut Vec<u8>) -> Result<Option<(Stream, i64)>>;

    /// Wait until there may be more; false if there never will be.
    ///
    /// # Errors
    /// What the system said.
    fn wait(&mut self) -> Result<bool>;

    /// The next record, waiting for it if need be; `None` at the end.
    ///
    /// # Errors
    /// As [`Self::ready`].
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        let mut line = Vec::new();
        loop {
            if let Some((stream, time_ns)) = self.ready(&mut line)? {
                let partial = line.last() != Some(&b'\n');
                return Ok(Some(Entry { stream, time_ns, line, partial }));
            }
            if !self.wait()? {
                return Ok(None);
            }
        }
    }
}

/// Which file is being read.
#[derive(Debug)]
enum Which {
    /// A plain one, which may still be written to.
    Plain(File),
    /// A compressed one.
    Gz(Mark),
}

/// Reads what a log has, at most about 1 MiB in memory at a time; also an iterator.
#[derive(Debug)]
pub struct Reader {
    dir: OwnedFd,
    name: OsString,
    path: PathBuf,
    driver: Driver,
    waiting: VecDeque<Segment>,
    /// The file being read, and which it is.
    source: Option<(Source, Which)>,
    tail: Option<u64>,
    skip: u64,
    since: Option<i64>,
    until: Option<i64>,
    ended: bool,
}

impl Reader {
    /// Open the log `path`. What is rotated later is still read.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is no such log; [`Kind::Unsupported`] for the driver `none`.
    pub fn open(path: &Path, driver: Driver) -> Result<Self> {
        if driver == Driver::None {
            return Err(Error::unsupported("the log driver `none` keeps nothing that could be read"));
        }
        let at = |errno| Error::at("open the log", path, errno);
        let name = path.file_name().ok_or_else(|| at(Errno::EISDIR))?.to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir = File::open(parent).map_err(|error| Error::io_at("open the log", path, &error))?.into();
        let waiting = VecDeque::from(segments::after(&dir, &name, None).map_err(at)?);
        if waiting.is_empty() {
            return Err(at(Errno::ENOENT).kind(Kind::NotFound));
        }
        let (source, tail, since, until) = (None, None, None, None);
        Ok(Self {
            dir,
            name,
            path: path.to_owned(),
            driver,
            waiting,
            source,
            tail,
            skip: 0,
            since,
            until,
            ended: false,
        })
    }

    /// Only the last `count` records, as Docker counts: before `since` and `until` apply, parts of long lines each.
    #[must_use]
    pub fn tail(mut self, count: Option<u64>) -> Self {
        self.tail = count;
        self
    }

    /// Only records of this time (nanoseconds since the epoch) or later.
    #[must_use]
    pub fn since(mut self, ns: Option<i64>) -> Self {
        self.since = ns;
        self
    }

    /// Nothing from the first record on that is later than this time (nanoseconds since the epoch).
    #[must_use]
    pub fn until(mut self, ns: Option<i64>) -> Self {
        self.until = ns;
        self
    }

    /// The directory of the log.
    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Whether a record later than `until` was met.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Look for files that came after the one being read; whether there are any.
    pub(super) fn rotated(&mut self) -> Result<bool> {
        let current = segments::current(&self.dir, &self.name);
        // The identity is asked for after that: a file that is no longer the current one does not change.
        let last = match &self.source {
            None => None,
            Some((_, Which::Gz(mark))) => Some(*mark),
            Some((_, Which::Plain(file))) => {
                let failed = |error| Error::io_at("read the log", &self.path, &error);
                Some(Mark::of(file, false).map_err(failed)?)
            }
        };
        // While there is no current file its successor is about to be put in place.
        let Some(current) = current else { return Ok(false) };
        if last.is_some_and(|mark| mark.is(current)) {
            return Ok(false);
        }
        let found = segments::after(&self.dir, &self.name, last)
            .map_err(|errno| Error::at("read the log", &self.path, errno))?;
        self.waiting.extend(found);
        Ok(!self.waiting.is_empty())
    }

    /// Go on to the next file; false if there is none.
    fn open_next(&mut self) -> Result<bool> {
        let failed = |path: &Path, error: &std::io::Error| Error::io_at("read the log", path, error);
        let mut offset = 0;
        if let Some(count) = self.tail.take() {
            let start = tail::start(self.waiting.make_contiguous(), self.driver, count)
                .map_err(|error| failed(&self.path, &error))?;
            self.waiting.drain(..start.segment);
            (offset, self.skip) = (start.offset, start.skip);
        }
        let Some(segment) = self.waiting.pop_front() else { return Ok(false) };
        let which = if segment.gz {
            Which::Gz(segment.mark)
        } else {
            Which::Plain(segment.file.try_clone().map_err(|error| failed(&self.path, &error))?)
        };
        self.source = Some((Source::new(segment, self.driver, offset), which));
        Ok(true)
    }
}

impl Records for Reader {
    fn ready(&mut self, out: &mut Vec<u8>) -> Result<Option<(Stream, i64)>> {
        while !self.ended {
            let last = self.waiting.is_empty();
            let Some((source, ..)) = &mut self.source else {
                if self.open_next()? {
                    continue;
                }
                return Ok(None);
            };
            let found =
                source.next(last).map_err(|error| Error::io_at("read the log", &self.path, &error))?;
            let Some(record) = found else {
                if last || !self.open_next()? {
                    return Ok(None);
                }
                continue;
            };
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            let before = out.len();
            let Some((stream, ns)) = source.decode(record, out) else { continue };
            self.ended = self.until.is_some_and(|until| ns > until);
            if self.ended || self.since.is_some_and(|since| ns < since) {
                out.truncate(before);
                continue;
            }
            return Ok(Some((stream, ns)));
        }
        Ok(None)
    }

    fn wait(&mut self) -> Result<bool> {
        Ok(false)
    }
}

impl Iterator for Reader {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}
