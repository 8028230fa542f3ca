//! Journal entries as Docker's driver writes them (daemon/logger/journald, with coreos/go-systemd's protocol:
//! <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).

use super::Encoded;
use super::config::Journald;
use super::partial::{Parts, random_id};
use crate::log::lines::Line;
use crate::log::{Stream, time};

#[derive(Debug)]
pub(super) struct Encoder {
    form: Journald,
    /// Sets the entries of this shim apart from those of others, whose ordinals start at 1, too.
    epoch: String,
    ordinal: u64,
    parts: Parts,
}

impl Encoder {
    pub fn new(form: Journald) -> Self {
        Self { form, epoch: random_id(), ordinal: 0, parts: Parts::default() }
    }

    pub fn record(&mut self, stream: Stream, line: &Line) -> Encoded {
        let mut entry = Vec::with_capacity(512 + line.bytes.len());
        field(&mut entry, "PRIORITY", if stream == Stream::Stderr { b"3" } else { b"6" });
        field(&mut entry, "MESSAGE", line.bytes);
        for (name, value) in &self.form.fields {
            field(&mut entry, name, value.as_bytes());
        }
        let mut moment = Vec::new();
        time::format(&mut moment, line.ns, false);
        field(&mut entry, "SYSLOG_TIMESTAMP", &moment);
        self.ordinal += 1;
        field(&mut entry, "CONTAINER_LOG_EPOCH", self.epoch.as_bytes());
        field(&mut entry, "CONTAINER_LOG_ORDINAL", self.ordinal.to_string().as_bytes());
        if let Some(part) = self.parts.next(stream, line) {
            field(&mut entry, "CONTAINER_PARTIAL_ID", part.id.as_bytes());
            field(&mut entry, "CONTAINER_PARTIAL_ORDINAL", part.ordinal.to_string().as_bytes());
            field(&mut entry, "CONTAINER_PARTIAL_LAST", part.last.to_string().as_bytes());
            if !part.last {
                field(&mut entry, "CONTAINER_PARTIAL_MESSAGE", b"true");
            }
        }
        Encoded { parts: vec![entry], acknowledgement: None }
    }
}

/// `NAME=value`, or, where the value has a newline, the name, the length in 64 bits, and the value.
fn field(entry: &mut Vec<u8>, name: &str, value: &[u8]) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value);
    entry.push(b'\n');
}
