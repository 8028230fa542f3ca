//! Headers of an archive as they are written: ustar, with a PAX header before where ustar cannot hold a value.

use std::ffi::CString;

use nix::sys::stat::FileStat;
use tar::{EntryType, Header as Raw};

/// One entry to be written.
pub(super) struct Header {
    pub path: Vec<u8>,
    pub link: Vec<u8>,
    /// Bytes of data that follow.
    pub size: u64,
    pub xattrs: Vec<(CString, Vec<u8>)>,
    flag: u8,
    mode: u32,
    uid: u32,
    gid: u32,
    modified: (i64, i64),
    device: (u64, u64),
}

impl Header {
    pub(super) fn new(flag: u8, path: &[u8], status: &FileStat) -> Self {
        let size = if flag == b'0' { u64::try_from(status.st_size).unwrap_or(0) } else { 0 };
        let device = match flag {
            b'3' | b'4' => (nix::sys::stat::major(status.st_rdev), nix::sys::stat::minor(status.st_rdev)),
            _ => (0, 0),
        };
        Self {
            path: path.to_vec(),
            link: Vec::new(),
            size,
            xattrs: Vec::new(),
            flag,
            mode: status.st_mode & 0o7777,
            uid: status.st_uid,
            gid: status.st_gid,
            modified: (status.st_mtime, status.st_mtime_nsec),
            device,
        }
    }

    /// The same with another owner.
    pub(super) fn owned(self, uid: u32, gid: u32) -> Self {
        Self { uid, gid, ..self }
    }

    /// An empty file of root's with this name; its time is 0, so that only the name matters.
    pub(super) fn whiteout(path: &[u8]) -> Self {
        Self {
            path: path.to_vec(),
            link: Vec::new(),
            size: 0,
            xattrs: Vec::new(),
            flag: b'0',
            mode: 0o600,
            uid: 0,
            gid: 0,
            modified: (0, 0),
            device: (0, 0),
        }
    }

    /// The header, after its PAX header if it needs one.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let records = self.records();
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let mut pax = Raw::new_ustar();
            put(&mut pax.as_old_mut().name, b"PaxHeaders");
            pax.set_entry_type(EntryType::XHeader);
            pax.set_mode(0o644);
            pax.set_uid(0);
            pax.set_gid(0);
            pax.set_mtime(0);
            pax.set_size(records.len() as u64);
            pax.set_cksum();
            bytes.extend_from_slice(pax.as_bytes());
            bytes.extend_from_slice(&records);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.extend_from_slice(self.ustar().as_bytes());
        bytes
    }

    fn ustar(&self) -> Raw {
        let mut raw = Raw::new_ustar();
        put(&mut raw.as_old_mut().name, &self.path);
        put(&mut raw.as_old_mut().linkname, &self.link);
        raw.set_entry_type(EntryType::new(self.flag));
        raw.set_mode(self.mode);
        raw.set_uid(small(u64::from(self.uid), ID_MAX));
        raw.set_gid(small(u64::from(self.gid), ID_MAX));
        raw.set_size(small(self.size, SIZE_MAX));
        raw.set_mtime(small(u64::try_from(self.modified.0).unwrap_or(u64::MAX), SIZE_MAX));
        if let Some(ustar) = raw.as_ustar_mut() {
            // Linux numbers fit: 20 bits in 7 octal digits.
            ustar.set_device_major(u32::try_from(self.device.0).unwrap_or(0));
            ustar.set_device_minor(u32::try_from(self.device.1).unwrap_or(0));
        }
        raw.set_cksum();
        raw
    }

    /// The PAX records for what ustar cannot hold.
    fn records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        if self.path.len() > 100 {
            record(&mut records, b"path", &self.path);
        }
        if self.link.len() > 100 {
            record(&mut records, b"linkpath", &self.link);
        }
        if self.size > SIZE_MAX {
            record(&mut records, b"size", self.size.to_string().as_bytes());
        }
        for (key, id) in [(b"uid", self.uid), (b"gid", self.gid)] {
            if u64::from(id) > ID_MAX {
                record(&mut records, key, id.to_string().as_bytes());
            }
        }
        let (seconds, nanoseconds) = self.modified;
        if nanoseconds != 0 || u64::try_from(seconds).is_ok_and(|seconds| seconds > SIZE_MAX) || seconds < 0 {
            record(&mut records, b"mtime", time(seconds, nanoseconds).as_bytes());
        }
        for (name, value) in &self.xattrs {
            record(&mut records, &[b"SCHILY.xattr.", name.as_bytes()].concat(), value);
        }
        records
    }
}

/// Largest number of 7 octal digits.
const ID_MAX: u64 = 0o7_777_777;
/// Largest number of 11 octal digits.
const SIZE_MAX: u64 = 0o77_777_777_777;

/// The value, or 0 where the PAX header has it.
fn small(value: u64, most: u64) -> u64 {
    if value > most { 0 } else { value }
}

/// `field` begins with `value`, cut where it is too long.
fn put(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

/// Decimal seconds; before 1970 the fraction counts away from zero too.
fn time(seconds: i64, nanoseconds: i64) -> String {
    let (sign, seconds, nanoseconds) = match (seconds < 0, nanoseconds) {
        (false, _) => ("", seconds.unsigned_abs(), nanoseconds),
        (true, 0) => ("-", seconds.unsigned_abs(), 0),
        (true, _) => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanoseconds),
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Append `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} ").as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}
