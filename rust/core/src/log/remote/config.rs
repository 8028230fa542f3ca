//! The `log.remote` object of a start request (docs/protocol.md).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Where records go, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// What they look like.
    pub form: Form,
    /// Where to.
    pub address: Address,
    /// The directory of a unix socket: a path, which the client turns into a descriptor.
    #[serde(default)]
    pub directory: Option<String>,
    /// The address as the user wrote it, for messages.
    #[serde(default)]
    pub name: String,
    /// Whether what does not fit into the buffer is dropped instead of holding the container back.
    #[serde(default)]
    pub non_blocking: bool,
    /// Bytes of text that may wait in non-blocking mode.
    #[serde(default = "megabyte")]
    pub max_buffer: u64,
    /// Records that may wait, in either mode; more are dropped (fluentd's own buffer). 0: no such limit.
    #[serde(default)]
    pub max_records: u64,
    /// Whether the container starts without a connection (fluentd's `async`).
    #[serde(default)]
    pub late: bool,
    /// What is done when a connection fails.
    #[serde(default)]
    pub retry: Retry,
    /// Milliseconds after which a write that does not come to its end is a failure; 0: never.
    #[serde(default)]
    pub write_timeout: u64,
    /// The same for an acknowledgement.
    #[serde(default)]
    pub read_timeout: u64,
    /// Milliseconds after which a connection is made anew; 0: never.
    #[serde(default)]
    pub reconnect: u64,
    /// TLS on the connection, which is one of TCP.
    #[serde(default)]
    pub tls: Option<Tls>,
}

/// Whom to trust, and who this side is: contents of files, because the shim sees none of the host's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// What the server's certificate must be valid for: a name or an address.
    pub server_name: String,
    /// Certificates of authorities, PEM.
    #[serde(default)]
    pub roots: Vec<String>,
    /// This side's certificate with those between it and its authority, PEM; empty without one.
    #[serde(default)]
    pub certificate: String,
    /// Its key, PEM.
    #[serde(default)]
    pub key: String,
    /// Whether the server may be anybody.
    #[serde(default)]
    pub skip_verify: bool,
}

impl std::fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

const fn megabyte() -> u64 {
    1 << 20
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// The addresses of a host, tried in order.
    Udp(Vec<SocketAddr>),
    /// The same.
    Tcp(Vec<SocketAddr>),
    /// A stream socket: its name below the directory whose descriptor comes with the request.
    Unix(String),
    /// A datagram socket.
    Unixgram(String),
}

/// New connections for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How many are tried before the record is given up.
    pub attempts: u64,
    /// Milliseconds before each.
    pub wait: u64,
    /// Whether the wait is 0 before the first, and grows by half each time, to a minute.
    #[serde(default)]
    pub grows: bool,
}

impl Default for Retry {
    /// One at once, as srslog does.
    fn default() -> Self {
        Self { attempts: 1, wait: 0, grows: false }
    }
}

/// The protocols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// RFC 3164, RFC 5424 and what Go's library makes of them.
    Syslog(Syslog),
    /// Graylog Extended Log Format.
    Gelf(Gelf),
    /// systemd's native protocol.
    Journald(Journald),
    /// fluentd's forward protocol.
    Fluentd(Fluentd),
}

/// A syslog message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// `facility << 3`.
    pub facility: u8,
    /// Which format.
    pub format: SyslogFormat,
    /// The tag.
    pub tag: String,
    /// Seconds east of UTC of the host's local time.
    #[serde(default)]
    pub utc_offset: i32,
    /// The host name in messages; None: the local address of the connection, as Docker has it.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Whether its length stands before each message (RFC 5425).
    #[serde(default)]
    pub counted: bool,
}

/// Formats of syslog messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyslogFormat {
    /// Without a host name.
    Unix,
    /// BSD.
    Rfc3164,
    /// IETF.
    Rfc5424,
    /// IETF with microseconds.
    Rfc5424micro,
}

/// A GELF message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gelf {
    /// The host name.
    pub host: String,
    /// Members of every message: the inside of a JSON object.
    pub extra: String,
    /// How UDP messages are compressed; over TCP they are not, but each ends with a zero byte.
    pub compression: Compression,
    /// -1 (the default level) to 9.
    pub level: i8,
}

/// Compression of GELF over UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// Plain, in datagrams.
    None,
    /// Plain, in a stream.
    Stream,
}

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journald {
    /// Fields of every entry.
    pub fields: BTreeMap<String, String>,
}

/// A fluentd record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fluentd {
    /// The tag.
    pub tag: String,
    /// Members of every record.
    pub record: BTreeMap<String, String>,
    /// Whether times have nanoseconds.
    #[serde(default)]
    pub sub_second: bool,
    /// Whether the server acknowledges every record.
    #[serde(default)]
    pub acknowledge: bool,
}
