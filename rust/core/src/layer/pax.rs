//! PAX extended headers (POSIX.1-2017, `pax`, "pax Extended Header").

use std::ffi::CString;

use super::form::Time;
use crate::{Error, Result};

/// What an extended header says about the next entry.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Pax {
    pub path: Option<Vec<u8>>,
    pub linkpath: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    pub mtime: Option<Time>,
    pub xattrs: Vec<(CString, Vec<u8>)>,
    pub sparse: bool,
}

/// Parse the records `LENGTH KEY=VALUE\n`; values are bytes and may hold newlines, so only LENGTH delimits.
///
/// A later record of a key wins; an empty value means "not said", as in Go's `archive/tar`.
pub(super) fn parse(mut data: &[u8]) -> Result<Pax> {
    let mut pax = Pax::default();
    while !data.is_empty() {
        let (key, value, rest) = record(data).ok_or_else(|| bad("a record does not parse"))?;
        set(&mut pax, key, value)?;
        data = rest;
    }
    Ok(pax)
}

fn bad(what: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("PAX header of the layer: {what}"))
}

fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&data[..space])?).ok()?;
    let body = data.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    Some((&body[..equals], &body[equals + 1..], &data[length..]))
}

fn set(pax: &mut Pax, key: &[u8], value: &[u8]) -> Result<()> {
    let number = || match value {
        b"" => Ok(None),
        _ => decimal(value).map(Some).ok_or_else(|| {
            bad(format!("`{}` is not a number for {}", super::name::show(value), super::name::show(key)))
        }),
    };
    let text = || (!value.is_empty()).then(|| value.to_vec());
    match key {
        b"path" => pax.path = text(),
        b"linkpath" => pax.linkpath = text(),
        b"size" => pax.size = number()?,
        b"uid" => pax.uid = number()?,
        b"gid" => pax.gid = number()?,
        b"mtime" if value.is_empty() => pax.mtime = None,
        b"mtime" => pax.mtime = Some(time(value).ok_or_else(|| bad("mtime is not a time"))?),
        _ if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
        _ => {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                xattr(pax, name, value)?;
            }
        }
    }
    Ok(())
}

/// Overlay's own attributes would let a layer redirect or hide at will: never taken from an archive.
fn xattr(pax: &mut Pax, name: &[u8], value: &[u8]) -> Result<()> {
    if name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") {
        return Ok(());
    }
    let name = CString::new(name).map_err(|_| bad("the name of an extended attribute holds a NUL byte"))?;
    if name.is_empty() || name.as_bytes().len() > 255 {
        return Err(bad("the name of an extended attribute is empty or longer than 255 bytes"));
    }
    if let Some((_, known)) = pax.xattrs.iter_mut().find(|(known, _)| *known == name) {
        *known = value.to_vec();
    } else if pax.xattrs.len() == XATTRS_MAX {
        return Err(bad(format!("more than {XATTRS_MAX} extended attributes")));
    } else {
        pax.xattrs.push((name, value.to_vec()));
    }
    Ok(())
}

/// Most extended attributes of one entry; the kernel's list of names has 64 KiB.
const XATTRS_MAX: usize = 1000;

/// Digits only: no sign, no space.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `[-]SECONDS[.FRACTION]`; digits beyond nanoseconds are cut towards the past.
fn time(text: &[u8]) -> Option<Time> {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    if !negative {
        return Some(Time { seconds, nanoseconds });
    }
    match nanoseconds {
        0 => Some(Time { seconds: -seconds, nanoseconds }),
        _ => Some(Time { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds }),
    }
}

/// The value of a numeric header field: octal, or base-256 (GNU tar) when the first bit is set. Empty is 0.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    if field.first()? & 0x80 != 0 {
        // Two's complement over all bits but the first.
        let negative = field[0] & 0x40 != 0;
        let first = i128::from(field[0] & 0x3f) - if negative { 0x40 } else { 0 };
        let value = field[1..]
            .iter()
            .try_fold(first, |sum, byte| sum.checked_mul(256).map(|sum| sum + i128::from(*byte)))?;
        return i64::try_from(value).ok();
    }
    let trimmed = field.split(|byte| *byte == 0).next()?.trim_ascii();
    if trimmed.is_empty() {
        return Some(0);
    }
    if !trimmed.iter().all(u8::is_ascii_digit) {
        return None;
    }
    i64::from_str_radix(std::str::from_utf8(trimmed).ok()?, 8).ok()
}
