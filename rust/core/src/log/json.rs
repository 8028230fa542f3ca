//! Docker's json-file records, one object a line:
//! `{"log":"…\n","stream":"stdout","attrs":{…},"time":"2026-11-23T23:04:05.123456789Z"}`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lines::Line;
use super::{Stream, escape, time};

const LOG: &[u8] = br#"{"log":""#;
const TIME: &[u8] = br#""time":""#;

/// Writes records. The end of a record, which all lines of a chunk share, is made once.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    attrs: Vec<u8>,
    ending: Vec<u8>,
    ending_of: Option<(Stream, i64)>,
}

impl Encoder {
    pub fn new(attrs: &BTreeMap<String, String>) -> Self {
        let mut text = Vec::new();
        for (key, value) in attrs {
            text.extend_from_slice(if text.is_empty() { br#","attrs":{""# } else { b",\"" });
            escape::escape(&mut text, key.as_bytes());
            text.extend_from_slice(br#"":""#);
            escape::escape(&mut text, value.as_bytes());
            text.push(b'"');
        }
        if !text.is_empty() {
            text.push(b'}');
        }
        Self { attrs: text, ..Self::default() }
    }

    pub fn record(&mut self, out: &mut Vec<u8>, stream: Stream, line: &Line) {
        if self.ending_of != Some((stream, line.ns)) {
            self.end(stream, line.ns);
        }
        out.extend_from_slice(LOG);
        escape::escape(out, line.bytes);
        if !line.partial {
            out.extend_from_slice(br"\n");
        }
        out.extend_from_slice(&self.ending);
    }

    fn end(&mut self, stream: Stream, ns: i64) {
        self.ending_of = Some((stream, ns));
        self.ending.clear();
        self.ending.extend_from_slice(br#"","stream":""#);
        self.ending.extend_from_slice(stream.name().as_bytes());
        self.ending.push(b'"');
        self.ending.extend_from_slice(&self.attrs);
        self.ending.push(b',');
        self.ending.extend_from_slice(TIME);
        time::format(&mut self.ending, ns, false);
        self.ending.extend_from_slice(b"\"}\n");
    }
}

/// Decode one record: its text is appended to `out`. `None`, with `out` as it was, if it is not a record.
pub(super) fn decode(out: &mut Vec<u8>, record: &[u8]) -> Option<(Stream, i64)> {
    let before = out.len();
    let found = decode_ours(out, record);
    if found.is_some() {
        return found;
    }
    out.truncate(before);
    decode_any(out, record)
}

/// A record with the fields in the order Docker writes them.
fn decode_ours(out: &mut Vec<u8>, record: &[u8]) -> Option<(Stream, i64)> {
    let rest = record.strip_prefix(LOG)?;
    let rest = &rest[escape::unescape(out, rest)?..];
    let (stream, rest) = match rest.strip_prefix(br#","stream":"stdout","#) {
        Some(rest) => (Stream::Stdout, rest),
        None => (Stream::Stderr, rest.strip_prefix(br#","stream":"stderr","#)?),
    };
    // Attributes, if any, come before the time: what follows them is looked at by the general decoder.
    let text = rest.strip_prefix(TIME)?.strip_suffix(b"\"}\n")?;
    Some((stream, time::parse(text)?))
}

#[derive(Deserialize)]
struct Any {
    #[serde(default)]
    log: String,
    #[serde(default)]
    stream: String,
    time: String,
}

fn decode_any(out: &mut Vec<u8>, record: &[u8]) -> Option<(Stream, i64)> {
    let any: Any = serde_json::from_slice(record).ok()?;
    let stream = if any.stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
    let ns = time::parse(any.time.as_bytes())?;
    out.extend_from_slice(any.log.as_bytes());
    Some((stream, ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_dockers_byte_for_byte() {
        let attrs = BTreeMap::from([("b".to_owned(), "<2>".to_owned()), ("a".to_owned(), "1".to_owned())]);
        let mut out = Vec::new();
        let line = Line { bytes: b"hi \"you\"", partial: false, ns: 1_795_475_045_123_456_700 };
        Encoder::new(&BTreeMap::new()).record(&mut out, Stream::Stdout, &line);
        let plain = br#"{"log":"hi \"you\"\n","stream":"stdout","time":"2026-11-23T23:04:05.1234567Z"}"#;
        assert_eq!(out, [plain.as_slice(), b"\n"].concat());
        let before = out.len();
        Encoder::new(&attrs).record(&mut out, Stream::Stderr, &Line { partial: true, ..line });
        let with = br#"{"log":"hi \"you\"","stream":"stderr","attrs":{"a":"1","b":"\u003c2\u003e"},"time":"2026-11-23T23:04:05.1234567Z"}"#;
        assert_eq!(out[before..], [with.as_slice(), b"\n"].concat());
        for (record, stream, text) in
            [(&out[..before], Stream::Stdout, "hi \"you\"\n"), (&out[before..], Stream::Stderr, "hi \"you\"")]
        {
            let mut log = Vec::new();
            assert_eq!(decode(&mut log, record), Some((stream, line.ns)));
            assert_eq!(log, text.as_bytes());
        }
    }

    #[test]
    fn other_orders_and_spaces_are_read_and_noise_is_not() {
        let mut log = Vec::new();
        let record = br#"{ "time": "1970-01-01T00:00:01Z", "stream": "stderr", "log": "x\u00e9\n" }"#;
        assert_eq!(decode(&mut log, record), Some((Stream::Stderr, 1_000_000_000)));
        assert_eq!(log, "xé\n".as_bytes());
        for noise in [&b""[..], b"{", b"{\"log\":\"torn\n", b"\0\0\0\0", b"{\"log\":\"no time\"}\n"] {
            assert_eq!(decode(&mut log, noise), None);
            assert_eq!(log, "xé\n".as_bytes());
        }
    }
}
