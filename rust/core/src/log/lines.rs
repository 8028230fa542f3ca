//! Chunks of output to lines; lines over 16 KiB to parts, exactly where Docker's copier cuts them.
//!
//! Docker reads into a buffer of 16 KiB: a buffer full of bytes without a newline becomes a part, and what is left at
//! the end of the output becomes one too. All parts of a line carry the time of the first.

use super::PART;

/// The state of one stream between chunks. It holds memory only while a line is unfinished.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// The time of the first part, while later parts of the same line are awaited.
    first: Option<i64>,
}

/// A line without its newline, or a part of one.
pub(super) struct Line<'a> {
    pub bytes: &'a [u8],
    /// Whether a newline does not follow.
    pub partial: bool,
    pub ns: i64,
}

impl Lines {
    /// Give every line that `chunk` completes to `emit`.
    pub fn feed(&mut self, mut chunk: &[u8], now: i64, mut emit: impl FnMut(&Line)) {
        while !chunk.is_empty() {
            let room = PART - self.pending.len();
            let window = &chunk[..room.min(chunk.len())];
            let (taken, ended) = match find(window, b'\n') {
                Some(at) => (at, true),
                None => (window.len(), false),
            };
            if !ended && taken < room {
                self.pending.extend_from_slice(window);
                return;
            }
            let ns = self.first.unwrap_or(now);
            self.first = (!ended).then_some(ns);
            if self.pending.is_empty() {
                emit(&Line { bytes: &window[..taken], partial: !ended, ns });
            } else {
                self.pending.extend_from_slice(&window[..taken]);
                emit(&Line { bytes: &self.pending, partial: !ended, ns });
                self.pending.clear();
            }
            chunk = &chunk[taken + usize::from(ended)..];
        }
    }

    /// Give what is left of an unfinished line to `emit`, as a part.
    pub fn flush(&mut self, now: i64, emit: impl FnOnce(&Line)) {
        let ns = self.first.take().unwrap_or(now);
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            emit(&Line { bytes: &pending, partial: true, ns });
        }
    }

    /// Free memory that holds nothing.
    pub fn release(&mut self) {
        self.pending.shrink_to_fit();
    }
}

/// Where a byte is first. `BufRead::skip_until` is the C library's memchr, which the standard library does not offer by
/// that name.
pub(super) fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut rest = bytes;
    let used = std::io::BufRead::skip_until(&mut rest, byte).ok()?;
    (used > 0 && bytes[used - 1] == byte).then(|| used - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Got = Vec<(usize, bool, i64)>;

    fn feed(lines: &mut Lines, chunk: &[u8], now: i64) -> Got {
        let mut got = Vec::new();
        lines.feed(chunk, now, |line| got.push((line.bytes.len(), line.partial, line.ns)));
        got
    }

    #[test]
    fn a_line_is_cut_at_16_kib_and_its_parts_share_the_first_time() {
        let mut lines = Lines::default();
        assert_eq!(feed(&mut lines, &[b'x'; PART + 5], 1), [(PART, true, 1)]);
        assert_eq!(feed(&mut lines, b"yy\nz", 2), [(7, false, 1)]);
        assert_eq!(feed(&mut lines, b"\n\n", 3), [(1, false, 3), (0, false, 3)]);
    }

    #[test]
    fn a_line_of_exactly_16_kib_is_a_part_and_an_empty_end() {
        let mut lines = Lines::default();
        let mut line = vec![b'x'; PART];
        line.push(b'\n');
        assert_eq!(feed(&mut lines, &line, 1), [(PART, true, 1), (0, false, 1)]);
        assert_eq!(feed(&mut lines, &line[1..], 2), [(PART - 1, false, 2)]);
    }

    #[test]
    fn what_is_left_at_the_end_is_a_part() {
        let mut lines = Lines::default();
        assert_eq!(feed(&mut lines, b"abc", 1), []);
        let mut got = Vec::new();
        lines.flush(2, |line| got.push((line.bytes.to_vec(), line.partial)));
        lines.flush(3, |line| got.push((line.bytes.to_vec(), line.partial)));
        assert_eq!(got, [(b"abc".to_vec(), true)]);
    }
}
