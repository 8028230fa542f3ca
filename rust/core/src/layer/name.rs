//! Names in an archive: cleaned, checked, and what whiteouts stand for.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{DEPTH_MAX, NAME_MAX};
use crate::{Error, Result};

/// Prefix of a whiteout (OCI image specification, `layer.md`, Whiteouts).
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// Prefix of AUFS's own files, which are not part of the layer.
const META: &[u8] = b".wh..wh.";
/// The opaque whiteout.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a cleaned name stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An entry of this path; empty for the root.
    Entry(Vec<u8>),
    /// The entry of this path is hidden in lower layers.
    Whiteout(Vec<u8>),
    /// All that lower layers have in this directory is hidden.
    Opaque(Vec<u8>),
    /// AUFS's own; skipped as Docker and containerd do.
    Meta,
}

/// `name` for people.
pub(super) fn show(name: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(&name[..name.len().min(MOST)]);
    let more = if name.len() > MOST { "…" } else { "" };
    format!("{}{more}", text.escape_debug())
}

/// A refusal that names the entry.
pub(super) fn refuse(name: &[u8], reason: impl std::fmt::Display) -> Error {
    let path = Path::new(std::ffi::OsStr::from_bytes(&name[..name.len().min(NAME_MAX)])).to_owned();
    Error { path: Some(path), ..Error::corrupt(format!("layer entry `{}`: {reason}", show(name))) }
}

/// A name of the archive as a relative path without `.`, `..` and empty components.
///
/// An absolute name is taken below the root and `a/../b` is `b`, as Docker does (`filepath.Clean`); a name that
/// would leave the root is refused.
pub(super) fn clean(name: &[u8]) -> Result<Vec<u8>> {
    if name.len() > NAME_MAX {
        let reason = format!("the name has {} bytes, more than {NAME_MAX}", name.len());
        return Err(Error::invalid(refuse(name, reason).message));
    }
    if name.is_empty() {
        return Err(refuse(name, "the name is empty"));
    }
    if name.contains(&0) {
        return Err(refuse(name, "the name contains a NUL byte"));
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.pop().is_none() => {
                return Err(refuse(name, "the name leads out of the layer's root"));
            }
            b".." => {}
            _ if part.len() > 255 => {
                return Err(refuse(name, "a component of the name has more than 255 bytes"));
            }
            _ => parts.push(part),
        }
    }
    if parts.len() > DEPTH_MAX {
        let reason = format!("the name is {} directories deep, more than {DEPTH_MAX}", parts.len());
        return Err(Error::invalid(refuse(name, reason).message));
    }
    Ok(parts.join(&b'/'))
}

/// What the cleaned `path` stands for.
///
/// A `.wh.` prefix is reserved: a directory on the way that has it, and the whiteouts of `""`, `.` and `..`, are
/// refused.
pub(super) fn meaning(path: Vec<u8>) -> Result<Meaning> {
    let (parent, base) = split(&path);
    for part in parent.split(|byte| *byte == b'/') {
        if part.starts_with(META) {
            return Ok(Meaning::Meta);
        }
        if part.starts_with(WHITEOUT) {
            return Err(refuse(&path, "a directory on the way has the name of a whiteout"));
        }
    }
    if base == OPAQUE {
        return Ok(Meaning::Opaque(parent.to_vec()));
    }
    match base.strip_prefix(WHITEOUT) {
        None => Ok(Meaning::Entry(path)),
        Some(b"" | b"." | b"..") => Err(refuse(&path, "a whiteout of no valid name")),
        Some(_) if base.starts_with(META) => Ok(Meaning::Meta),
        Some(hidden) if parent.is_empty() => Ok(Meaning::Whiteout(hidden.to_vec())),
        Some(hidden) => Ok(Meaning::Whiteout([parent, b"/", hidden].concat())),
    }
}

/// Parent and last component of a cleaned path; the parent may be empty.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}
