//! Syslog messages as Docker's driver writes them (daemon/logger/syslog, with RackSec/srslog's formats).

use super::Encoded;
use super::config::{Syslog, SyslogFormat};
use crate::log::lines::Line;
use crate::log::{Stream, time};

const ERROR: u8 = 3;
const INFORMATION: u8 = 6;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[derive(Debug)]
pub(super) struct Encoder {
    form: Syslog,
    pid: u32,
}

impl Encoder {
    pub fn new(form: Syslog) -> Self {
        Self { form, pid: std::process::id() }
    }

    pub fn record(&self, stream: Stream, line: &Line, local: &str) -> Option<Encoded> {
        if line.bytes.is_empty() {
            return None;
        }
        let priority = self.form.facility | if stream == Stream::Stderr { ERROR } else { INFORMATION };
        let host = self.form.hostname.as_deref().unwrap_or(local);
        let (tag, pid) = (&self.form.tag, self.pid);
        let head = match self.form.format {
            SyslogFormat::Unix => format!("<{priority}>{} {tag}[{pid}]: ", self.stamp(line.ns)),
            SyslogFormat::Rfc3164 => format!("<{priority}>{} {host} {tag}[{pid}]: ", self.stamp(line.ns)),
            SyslogFormat::Rfc5424 => {
                format!("<{priority}>1 {} {host} {tag} {pid} {tag} - ", self.rfc3339(line.ns, false))
            }
            SyslogFormat::Rfc5424micro => {
                format!("<{priority}>1 {} {host} {tag} {pid} {tag} - ", self.rfc3339(line.ns, true))
            }
        };
        let mut message = head.into_bytes();
        message.extend_from_slice(line.bytes);
        message.push(b'\n');
        if self.form.counted {
            message.splice(..0, format!("{} ", message.len()).into_bytes());
        }
        Some(Encoded { parts: vec![message], acknowledgement: None })
    }

    /// Local time without its zone.
    fn local(&self, ns: i64) -> String {
        let mut text = Vec::new();
        time::format(&mut text, ns + i64::from(self.form.utc_offset) * 1_000_000_000, true);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Go's `time.Stamp`: `Jan _2 15:04:05`.
    fn stamp(&self, ns: i64) -> String {
        let local = self.local(ns);
        let month = local[5..7].parse::<usize>().unwrap_or(1);
        let day = local[8..10].trim_start_matches('0');
        format!("{} {day:>2} {}", MONTHS[(month - 1) % 12], &local[11..19])
    }

    /// RFC 3339 in seconds or microseconds.
    fn rfc3339(&self, ns: i64, micro: bool) -> String {
        let local = self.local(ns);
        let end = if micro { 26 } else { 19 };
        let minutes = self.form.utc_offset / 60;
        let zone = if minutes == 0 {
            "Z".to_owned()
        } else {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        };
        format!("{}{zone}", &local[..end])
    }
}
