//! Records as Docker's driver sends them (daemon/logger/fluentd, with fluent-logger-golang): one message of the forward
//! protocol each, `[tag, time, record, option]`
//! (<https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>).

use super::config::Fluentd;
use super::partial::{Parts, random};
use super::{Encoded, msgpack};
use crate::log::Stream;
use crate::log::lines::Line;

#[derive(Debug)]
pub(super) struct Encoder {
    form: Fluentd,
    parts: Parts,
}

impl Encoder {
    pub fn new(form: Fluentd) -> Self {
        Self { form, parts: Parts::default() }
    }

    pub fn record(&mut self, stream: Stream, line: &Line) -> Encoded {
        let mut out = Vec::with_capacity(256 + line.bytes.len());
        out.push(0x94);
        msgpack::string(&mut out, self.form.tag.as_bytes());
        let (seconds, fraction) = (line.ns.div_euclid(1_000_000_000), line.ns.rem_euclid(1_000_000_000));
        if self.form.sub_second {
            // EventTime: an extension of type 0 with 8 bytes.
            out.extend_from_slice(&[0xd7, 0x00]);
            out.extend_from_slice(&(seconds as u32).to_be_bytes());
            out.extend_from_slice(&(fraction as u32).to_be_bytes());
        } else {
            msgpack::integer(&mut out, seconds);
        }
        let part = self.parts.next(stream, line);
        msgpack::map(&mut out, self.form.record.len() + 2 + if part.is_some() { 4 } else { 0 });
        let mut pair = |name: &str, value: &[u8]| {
            msgpack::string(&mut out, name.as_bytes());
            msgpack::string(&mut out, value);
        };
        for (name, value) in &self.form.record {
            pair(name, value.as_bytes());
        }
        pair("source", stream.name().as_bytes());
        pair("log", line.bytes);
        if let Some(part) = part {
            pair("partial_message", b"true");
            pair("partial_id", part.id.as_bytes());
            pair("partial_ordinal", part.ordinal.to_string().as_bytes());
            pair("partial_last", part.last.to_string().as_bytes());
        }
        let acknowledgement = self.form.acknowledge.then(|| format!("{:016x}{:016x}", random(), random()));
        msgpack::map(&mut out, usize::from(acknowledgement.is_some()));
        if let Some(id) = &acknowledgement {
            msgpack::string(&mut out, b"chunk");
            msgpack::string(&mut out, id.as_bytes());
        }
        Encoded { parts: vec![out], acknowledgement }
    }
}
