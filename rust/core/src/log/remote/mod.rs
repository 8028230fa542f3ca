//! Records sent to a server, beside the local copy: syslog, GELF, journald, fluentd.
//!
//! | module | duty |
//! |---|---|
//! | [`config`] | the `log.remote` object of a start request |
//! | [`queue`] | what waits to be sent, and what was dropped |
//! | [`sender`] | connect, send, try again: never waits, but at the start and at the end |
//! | `connection` | sockets |
//! | `tls` | the session on one, where it has TLS |
//! | `syslog`, `gelf`, `journald`, `fluentd` | records as the bytes that Docker's drivers send |
//! | `msgpack` | the encoding of the last |
//! | `patience` | how long is waited |
//! | `partial` | the parts of a long line |
//!
//! A shim has one thread: nothing here blocks. In blocking mode the shim reads no output while [`Remote::is_behind`],
//! and the full pipe holds the container back, as with Docker; in non-blocking mode what does not fit is dropped and
//! counted.

pub mod config;

mod connection;
mod fluentd;
mod gelf;
mod journald;
mod msgpack;
mod partial;
mod patience;
mod queue;
mod sender;
mod syslog;
#[cfg(test)]
mod tests;
mod tls;

pub use config::RemoteConfig;
pub use sender::{Interest, Remote};

use super::Stream;
use super::lines::Line;
use config::Form;

/// What one record becomes.
#[derive(Debug, Default)]
struct Encoded {
    /// Each is one datagram, or one piece of a stream that is sent again as a whole after a reconnection.
    parts: Vec<Vec<u8>>,
    /// What the server answers with once it has taken the record.
    acknowledgement: Option<String>,
}

#[derive(Debug)]
enum Encoder {
    Syslog(syslog::Encoder),
    Gelf(gelf::Encoder),
    Journald(journald::Encoder),
    Fluentd(fluentd::Encoder),
}

impl Encoder {
    fn new(form: &Form) -> Self {
        match form {
            Form::Syslog(form) => Self::Syslog(syslog::Encoder::new(form.clone())),
            Form::Gelf(form) => Self::Gelf(gelf::Encoder::new(form.clone())),
            Form::Journald(form) => Self::Journald(journald::Encoder::new(form.clone())),
            Form::Fluentd(form) => Self::Fluentd(fluentd::Encoder::new(form.clone())),
        }
    }

    /// None for a record that is not sent: an empty line in syslog and GELF, one too long for GELF's chunks.
    fn record(&mut self, stream: Stream, line: &Line, local: &str) -> Option<Encoded> {
        match self {
            Self::Syslog(encoder) => encoder.record(stream, line, local),
            Self::Gelf(encoder) => encoder.record(stream, line),
            Self::Journald(encoder) => Some(encoder.record(stream, line)),
            Self::Fluentd(encoder) => Some(encoder.record(stream, line)),
        }
    }
}
