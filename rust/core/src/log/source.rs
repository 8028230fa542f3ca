//! One file of a log as a sequence of records, at most 1 MiB of it in memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use flate2::read::MultiGzDecoder;

use super::segments::Segment;
use super::{Driver, Stream, json, lines, local};

const BUFFER: usize = 256 * 1024;
/// A json-file line over this is no record of any writer's (a part of 16 KiB takes 96 KiB when every byte is escaped):
/// it is skipped.
const LIMIT: usize = 1024 * 1024;

#[derive(Debug)]
enum Input {
    /// With the offset of the next read.
    Plain(File, u64),
    Gz(Box<MultiGzDecoder<File>>),
}

/// Reads the records of one file.
#[derive(Debug)]
pub(super) struct Source {
    input: Input,
    driver: Driver,
    /// The base time of a local file, once its header has been read.
    base: Option<i64>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Within a line that is too long.
    skipping: bool,
}

impl Source {
    /// Start at `offset` (a boundary of records; of plain files only).
    pub fn new(segment: Segment, driver: Driver, offset: u64) -> Self {
        let mut base = None;
        if offset > 0 && driver == Driver::Local {
            let mut header = [0; local::HEADER];
            base = segment
                .file
                .read_exact_at(&mut header, 0)
                .ok()
                .and_then(|()| local::base(&header))
                .or(Some(0));
        }
        let input = if segment.gz {
            Input::Gz(Box::new(MultiGzDecoder::new(segment.file)))
        } else {
            Input::Plain(segment.file, offset)
        };
        Self { input, driver, base, buffer: Vec::new(), start: 0, end: 0, skipping: false }
    }

    /// Where the next whole record is, for [`Self::bytes`] and [`Self::decode`]; `None` at the present end. With
    /// `last`, more may come: a torn record at the end is read again the next time.
    pub fn next(&mut self, last: bool) -> io::Result<Option<Range<usize>>> {
        loop {
            let found = match self.driver {
                Driver::Local => self.next_local(),
                _ => self.next_line(),
            };
            if let Some(found) = found {
                return Ok(Some(found));
            }
            if self.fill()? {
                continue;
            }
            if last {
                self.rewind()?;
                return Ok(None);
            }
            if self.driver != Driver::Local || self.start == self.end || self.base.is_none() {
                return Ok(None);
            }
            // What looks like a record that goes on behind the end of a finished file is none: search behind it.
            self.start += 1;
        }
    }

    /// Decode a record found by [`Self::next`]; `None` if it is corrupt.
    pub fn decode(&self, record: Range<usize>, out: &mut Vec<u8>) -> Option<(Stream, i64)> {
        let record = &self.buffer[record];
        match self.driver {
            Driver::Local => local::decode(out, self.base.unwrap_or(0), record),
            _ => json::decode(out, record),
        }
    }

    fn next_line(&mut self) -> Option<Range<usize>> {
        loop {
            let at = lines::find(&self.buffer[self.start..self.end], b'\n')?;
            let record = self.start..self.start + at + 1;
            self.start = record.end;
            if !std::mem::take(&mut self.skipping) {
                return Some(record);
            }
        }
    }

    fn next_local(&mut self) -> Option<Range<usize>> {
        if self.base.is_none() {
            if self.end - self.start < local::HEADER {
                return None;
            }
            match local::base(&self.buffer[self.start..]) {
                Some(base) => {
                    self.base = Some(base);
                    self.start += local::HEADER;
                }
                None => self.base = Some(0),
            }
        }
        loop {
            match local::find(&self.buffer[self.start..self.end]) {
                local::Found::Record(length) => {
                    self.start += length;
                    return Some(self.start - length..self.start);
                }
                local::Found::Noise => self.start += 1,
                local::Found::More => return None,
            }
        }
    }

    /// Read more behind what is there; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.end >= LIMIT {
                self.skipping = true;
                self.end = 0;
            } else {
                self.buffer.resize((self.end * 2).max(BUFFER), 0);
            }
        }
        let count = self.input.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count > 0)
    }

    /// Forget a torn record: the writer may complete it, or cut it off and write another in its place. A file that
    /// another program emptied (`truncate`, logrotate's `copytruncate`) goes on at its start.
    fn rewind(&mut self) -> io::Result<()> {
        if let Input::Plain(file, offset) = &mut self.input {
            *offset -= (self.end - self.start) as u64;
            if file.metadata()?.len() < *offset {
                *offset = 0;
            }
            self.start = 0;
            self.end = 0;
            // Waiting needs no memory.
            self.buffer = Vec::new();
        }
        Ok(())
    }
}

impl Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Plain(file, offset) => {
                    file.read_at(buffer, *offset).inspect(|&count| *offset += count as u64)
                }
                Self::Gz(decoder) => match decoder.read(buffer) {
                    // The rest of a damaged archive cannot be found again.
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof
                        ) =>
                    {
                        Ok(0)
                    }
                    result => result,
                },
            };
            match result {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}
