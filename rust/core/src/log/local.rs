//! The `local` driver's compact records.
//!
//! A file starts with 16 bytes: `RKLOG\x01\0\0` and the base time, an `i64` of nanoseconds since the epoch. Then come
//! records; all integers are little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 2 | length of the body |
//! | body | 1 byte of flags (1: stderr, 2: partial), zigzag LEB128 of the time minus the base, the line without newline |
//! | 4 | CRC-32 (as gzip) of the body |
//! | 2 | length of the body again, so that a file can be read from its end |
//!
//! Times count from the base and not from the record before, so that a record can be decoded wherever reading starts.

use super::lines::Line;
use super::{PART, Stream};

const MAGIC: &[u8; 8] = b"RKLOG\x01\0\0";
/// Bytes before the first record.
pub(super) const HEADER: usize = 16;
/// Bytes of a record that are not its body.
pub(super) const FRAME: usize = 8;
const STDERR: u8 = 1;
const PARTIAL: u8 = 2;
/// Flags, ten bytes of time and a line of 16 KiB.
pub(super) const MAX_BODY: usize = PART + 11;

/// Append the header of a new file.
pub(super) fn header(out: &mut Vec<u8>, base: i64) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&base.to_le_bytes());
}

/// The base time of a file that starts with `bytes`.
pub(super) fn base(bytes: &[u8]) -> Option<i64> {
    let base = bytes.get(..HEADER)?.strip_prefix(MAGIC)?;
    Some(i64::from_le_bytes(base.try_into().ok()?))
}

/// Append a record.
pub(super) fn record(out: &mut Vec<u8>, base: i64, stream: Stream, line: &Line) {
    let start = out.len();
    let stderr = if stream == Stream::Stderr { STDERR } else { 0 };
    out.extend_from_slice(&[0, 0, stderr | if line.partial { PARTIAL } else { 0 }]);
    let delta = line.ns.wrapping_sub(base);
    let mut zigzag = (delta << 1 ^ delta >> 63).cast_unsigned();
    while zigzag >= 0x80 {
        out.push(zigzag.to_le_bytes()[0] | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag.to_le_bytes()[0]);
    out.extend_from_slice(line.bytes);
    let body = &out[start + 2..];
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_le_bytes();
    let sum = checksum(body).to_le_bytes();
    out[start..start + 2].copy_from_slice(&length);
    out.extend_from_slice(&sum);
    out.extend_from_slice(&length);
}

/// The remainders of CRC-32 for each byte, followed by none to seven zero bytes: eight bytes a step. flate2's
/// CRC takes a microsecond for a line of 100 bytes, more than all else that is done for a record.
static REMAINDERS: [[u32; 256]; 8] = remainders();

const fn remainders() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ 0xedb8_8320 } else { remainder >> 1 };
            bit += 1;
        }
        tables[0][byte] = remainder;
        byte += 1;
    }
    let mut at = 256;
    while at < 8 * 256 {
        let before = tables[at / 256 - 1][at % 256];
        tables[at / 256][at % 256] = before >> 8 ^ tables[0][(before & 0xff) as usize];
        at += 1;
    }
    tables
}

fn checksum(body: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    let (steps, rest) = body.as_chunks::<8>();
    for step in steps {
        let word = u64::from_le_bytes(*step) ^ u64::from(sum);
        let bytes = word.to_le_bytes();
        sum = (0..8).fold(0, |sum, at| sum ^ REMAINDERS[7 - at][usize::from(bytes[at])]);
    }
    for &byte in rest {
        sum = sum >> 8 ^ REMAINDERS[0][usize::from(sum.to_le_bytes()[0] ^ byte)];
    }
    !sum
}

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record of this many bytes.
    Record(usize),
    /// Perhaps the start of a record: more bytes are needed to say.
    More,
    /// No record.
    Noise,
}

/// Look for a record at the start of `bytes`.
pub(super) fn find(bytes: &[u8]) -> Found {
    let Some(length) = bytes.get(..2) else { return Found::More };
    let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
    if !(2..=MAX_BODY).contains(&length) {
        return Found::Noise;
    }
    let Some(record) = bytes.get(..length + FRAME) else { return Found::More };
    let (body, end) = record[2..].split_at(length);
    let whole = end[..4] == checksum(body).to_le_bytes() && end[4..] == record[..2];
    if whole { Found::Record(length + FRAME) } else { Found::Noise }
}

/// How long the record that ends where `bytes` ends says it is.
pub(super) fn length_before(bytes: &[u8]) -> Option<usize> {
    let length = bytes.last_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    (2..=MAX_BODY).contains(&length).then_some(length + FRAME)
}

/// Whether a whole record ends where `bytes` ends.
pub(super) fn ends_whole(bytes: &[u8]) -> bool {
    length_before(bytes).is_some_and(|length| {
        bytes.len().checked_sub(length).is_some_and(|at| find(&bytes[at..]) == Found::Record(length))
    })
}

/// Decode a whole record: its text, with a newline unless it is partial, is appended to `out`.
pub(super) fn decode(out: &mut Vec<u8>, base: i64, record: &[u8]) -> Option<(Stream, i64)> {
    let body = record.get(2..record.len().checked_sub(6)?)?;
    let (&flags, mut rest) = body.split_first()?;
    let (mut zigzag, mut shift) = (0_u64, 0);
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        zigzag |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    let delta = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
    out.extend_from_slice(rest);
    if flags & PARTIAL == 0 {
        out.push(b'\n');
    }
    let stream = if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr };
    Some((stream, base.wrapping_add(delta)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_comes_back_and_is_found_from_both_ends(
            base: i64, ns: i64, stderr: bool, partial: bool, bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let stream = if stderr { Stream::Stderr } else { Stream::Stdout };
            let mut out = Vec::new();
            record(&mut out, base, stream, &Line { bytes: &bytes, partial, ns });
            prop_assert_eq!(find(&out), Found::Record(out.len()));
            prop_assert_eq!(length_before(&out), Some(out.len()));
            prop_assert_eq!(find(&out[..out.len() - 1]), Found::More);
            let mut text = Vec::new();
            prop_assert_eq!(decode(&mut text, base, &out), Some((stream, ns)));
            let mut expected = bytes;
            if !partial { expected.push(b'\n'); }
            prop_assert_eq!(text, expected);
        }

        #[test]
        fn the_checksum_is_that_of_gzip(bytes: Vec<u8>) {
            let mut crc = flate2::Crc::new();
            crc.update(&bytes);
            prop_assert_eq!(checksum(&bytes), crc.sum());
        }

        #[test]
        fn noise_never_panics(bytes: Vec<u8>) {
            let _ = find(&bytes);
            let _ = decode(&mut Vec::new(), 0, &bytes);
            let _ = length_before(&bytes);
        }
    }
}
