//! GELF messages as Docker's driver writes them (daemon/logger/gelf, with Graylog2/go-gelf's chunks).

use std::io::Write as _;

use flate2::write::{GzEncoder, ZlibEncoder};

use super::Encoded;
use super::config::{Compression, Gelf};
use super::partial::random;
use crate::log::lines::Line;
use crate::log::{Stream, escape};

/// A datagram of this many bytes is sent as it is.
const DATAGRAM: usize = 1420;
/// Bytes of a message in one chunk: a datagram without magic, message id, number and count.
const CHUNK: usize = DATAGRAM - 12;
const MOST_CHUNKS: usize = 128;
const MAGIC: [u8; 2] = [0x1e, 0x0f];

#[derive(Debug)]
pub(super) struct Encoder {
    form: Gelf,
}

impl Encoder {
    pub const fn new(form: Gelf) -> Self {
        Self { form }
    }

    pub fn record(&self, stream: Stream, line: &Line) -> Option<Encoded> {
        if line.bytes.is_empty() {
            return None;
        }
        let message = self.message(stream, line);
        let parts = match self.form.compression {
            Compression::Stream => {
                let mut message = message;
                message.push(0);
                vec![message]
            }
            Compression::None => chunks(message)?,
            Compression::Gzip => chunks(self.gzip(&message))?,
            Compression::Zlib => chunks(self.zlib(&message))?,
        };
        Some(Encoded { parts, acknowledgement: None })
    }

    fn message(&self, stream: Stream, line: &Line) -> Vec<u8> {
        let mut text = br#"{"version":"1.1","host":""#.to_vec();
        escape::escape(&mut text, self.form.host.as_bytes());
        text.extend_from_slice(br#"","short_message":""#);
        escape::escape(&mut text, line.bytes);
        text.extend_from_slice(br#"","timestamp":"#);
        // Milliseconds as Go writes a float: without final zeros.
        let milliseconds = line.ns.div_euclid(1_000_000);
        let (seconds, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
        let number = format!("{seconds}.{rest:03}");
        text.extend_from_slice(number.trim_end_matches('0').trim_end_matches('.').as_bytes());
        let level = if stream == Stream::Stderr { 3 } else { 6 };
        text.extend_from_slice(format!(",\"level\":{level},").as_bytes());
        text.extend_from_slice(self.form.extra.as_bytes());
        text.push(b'}');
        text
    }

    fn level(&self) -> flate2::Compression {
        u32::try_from(self.form.level)
            .map_or_else(|_| flate2::Compression::default(), flate2::Compression::new)
    }

    fn gzip(&self, message: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), self.level());
        // Writing to memory does not fail.
        let _ = encoder.write_all(message);
        encoder.finish().unwrap_or_default()
    }

    fn zlib(&self, message: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), self.level());
        let _ = encoder.write_all(message);
        encoder.finish().unwrap_or_default()
    }
}

/// The datagrams of a message; None if there would be more than 128.
fn chunks(message: Vec<u8>) -> Option<Vec<Vec<u8>>> {
    if message.len() <= DATAGRAM {
        return Some(vec![message]);
    }
    let count = message.len().div_ceil(CHUNK);
    let total = u8::try_from(count).ok().filter(|_| count <= MOST_CHUNKS)?;
    let id = random().to_ne_bytes();
    let chunk = |(number, bytes): (u8, &[u8])| [&MAGIC[..], &id, &[number, total], bytes].concat();
    Some((0..total).zip(message.chunks(CHUNK)).map(chunk).collect())
}
