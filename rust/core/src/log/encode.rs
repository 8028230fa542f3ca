//! The two formats behind one interface, for the writer.

use super::lines::{self, Line};
use super::{Driver, LogConfig, Stream, json, local};

/// How records become bytes.
#[derive(Debug)]
pub(super) enum Format {
    Json(json::Encoder),
    /// With the base time of the current file, once it is known.
    Local(Option<i64>),
}

impl Format {
    pub fn new(config: &LogConfig) -> Option<Self> {
        match config.driver {
            Driver::JsonFile => Some(Self::Json(json::Encoder::new(&config.attrs))),
            Driver::Local => Some(Self::Local(None)),
            Driver::None => None,
        }
    }

    pub const fn driver(&self) -> Driver {
        match self {
            Self::Json(_) => Driver::JsonFile,
            Self::Local(_) => Driver::Local,
        }
    }

    /// Append what a new file starts with.
    pub fn begin(&mut self, out: &mut Vec<u8>, ns: i64) {
        if let Self::Local(base) = self {
            *base = Some(ns);
            local::header(out, ns);
        }
    }

    pub fn record(&mut self, out: &mut Vec<u8>, stream: Stream, line: &Line) {
        match self {
            Self::Json(encoder) => encoder.record(out, stream, line),
            Self::Local(base) => local::record(out, base.unwrap_or(0), stream, line),
        }
    }
}

/// How many of `bytes`, which start where a record (or a file: `header`) starts, are whole records.
pub(super) fn whole(driver: Driver, bytes: &[u8], header: bool) -> usize {
    if driver != Driver::Local {
        return bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    }
    let mut at = if header { local::HEADER } else { 0 };
    if at > bytes.len() {
        return 0;
    }
    while let local::Found::Record(length) = local::find(&bytes[at..]) {
        at += length;
    }
    at
}

/// How many bytes of output the whole records of `bytes` hold: counted only when they could not be written.
pub(super) fn payload(driver: Driver, mut bytes: &[u8]) -> u64 {
    let mut text = Vec::new();
    let mut total = 0;
    while !bytes.is_empty() {
        let length = match driver {
            Driver::Local => match local::find(bytes) {
                local::Found::Record(length) => length,
                _ => break,
            },
            _ => lines::find(bytes, b'\n').map_or(bytes.len(), |at| at + 1),
        };
        match driver {
            Driver::Local => local::decode(&mut text, 0, &bytes[..length]),
            _ => json::decode(&mut text, &bytes[..length]),
        };
        total += text.len() as u64;
        text.clear();
        bytes = &bytes[length..];
    }
    total
}
