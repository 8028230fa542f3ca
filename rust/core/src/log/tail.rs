//! Where the last records of a log start, found from its end.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use super::segments::Segment;
use super::source::Source;
use super::{Driver, local};

const BLOCK: u64 = 256 * 1024;

/// Where reading starts: the first file to read, an offset in it, and how many of its records to skip from there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub segment: usize,
    pub offset: u64,
    pub skip: u64,
}

/// Where the last `count` whole records of `segments` (oldest first) start.
pub(super) fn start(segments: &[Segment], driver: Driver, mut count: u64) -> io::Result<Start> {
    for (index, segment) in segments.iter().enumerate().rev() {
        let from_end = match driver {
            _ if segment.gz => None,
            Driver::Local => last_local(&segment.file, count)?,
            _ => Some(last_lines(&segment.file, count)?),
        };
        match from_end {
            Some(Last::At(offset)) => return Ok(Start { segment: index, offset, skip: 0 }),
            Some(Last::Fewer(found)) => count -= found,
            None => {
                let found = count_records(segment, driver)?;
                if found >= count {
                    return Ok(Start { segment: index, offset: 0, skip: found - count });
                }
                count -= found;
            }
        }
    }
    Ok(Start::default())
}

/// What a search from the end of one file gave.
enum Last {
    /// The records start at this offset.
    At(u64),
    /// There are only so many.
    Fewer(u64),
}

fn last_lines(file: &File, count: u64) -> io::Result<Last> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    // The newline before the first wanted line is the one after `count` others.
    let mut seen = 0;
    while end > 0 {
        let length = end.min(BLOCK);
        end -= length;
        read(file, &mut block, end, length)?;
        for (at, _) in block.iter().enumerate().rev().filter(|&(_, &byte)| byte == b'\n') {
            if seen == count {
                return Ok(Last::At(end + at as u64 + 1));
            }
            seen += 1;
        }
    }
    Ok(if seen == count { Last::At(0) } else { Last::Fewer(seen) })
}

/// `None` if the file cannot be walked from its end because it is torn or damaged there.
fn last_local(file: &File, count: u64) -> io::Result<Option<Last>> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    let mut seen = 0;
    let torn = end.min(local::HEADER as u64 + (local::MAX_BODY + local::FRAME) as u64);
    read(file, &mut block, end - torn, torn)?;
    if end > local::HEADER as u64 && !local::ends_whole(&block) {
        return Ok(None);
    }
    while seen < count && end > local::HEADER as u64 {
        let length = (end - local::HEADER as u64).min(BLOCK);
        read(file, &mut block, end - length, length)?;
        let mut rest = &block[..];
        while seen < count {
            let Some(length) = local::length_before(rest).filter(|&length| length <= rest.len()) else {
                break;
            };
            let (before, record) = rest.split_at(rest.len() - length);
            if local::find(record) != local::Found::Record(length) {
                return Ok(None);
            }
            rest = before;
            seen += 1;
        }
        if rest.len() == block.len() {
            return Ok(None);
        }
        end -= (block.len() - rest.len()) as u64;
    }
    Ok(Some(if seen == count { Last::At(end) } else { Last::Fewer(seen) }))
}

fn read(file: &File, block: &mut Vec<u8>, offset: u64, length: u64) -> io::Result<()> {
    block.resize(usize::try_from(length).unwrap_or(0), 0);
    file.read_exact_at(block, offset)
}

fn count_records(segment: &Segment, driver: Driver) -> io::Result<u64> {
    let file = segment.file.try_clone()?;
    let mut source = Source::new(Segment { file, gz: segment.gz, mark: segment.mark }, driver, 0);
    let mut found = 0;
    while source.next(true)?.is_some() {
        found += 1;
    }
    // The duplicate shares its offset with the original.
    (&segment.file).seek(SeekFrom::Start(0))?;
    Ok(found)
}
