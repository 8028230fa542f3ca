//! Apply a layer's archive.

use std::io::Read;
use std::os::fd::BorrowedFd;

use super::archive::Archive;
use super::form::Form;
use super::stream;
use super::tree::Tree;
use crate::{Error, Kind, Result};

/// How a layer is applied. Default: no limit, no sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Most bytes of the unpacked archive; `None`: only the ratio is guarded.
    pub limit: Option<u64>,
    /// Write everything to disk (`syncfs(2)`) before returning.
    pub sync: bool,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// `sha256:…` of the unpacked archive, padding and all after its end included.
    pub diff_id: String,
    /// `sha256:…` of the bytes as read.
    pub digest: String,
    /// Bytes read.
    pub size: u64,
    /// Bytes of the unpacked archive.
    pub unpacked_size: u64,
    /// Entries of the archive, extended headers not counted.
    pub entries: u64,
}

/// Apply the layer read from `source` to the empty directory `directory`, as a tree of files.
///
/// `source` is read to its end: tar, plain or compressed by gzip, zstd or xz, found by its magic. On failure the
/// directory is emptied again. Errors: `Conflict` when the directory is not empty, `Corrupt` for a damaged or
/// hostile archive, `Unsupported` for bzip2 and sparse files, `Invalid` beyond a limit, `NoSpace`.
pub fn apply(source: impl Read + Send, directory: BorrowedFd<'_>, options: &Options) -> Result<Applied> {
    apply_to(source, &mut Tree::new(directory)?, options)
}

/// The same for any form.
pub fn apply_to(source: impl Read + Send, form: &mut dyn Form, options: &Options) -> Result<Applied> {
    consume(source, form, options, false)
}

/// The same; with `plain` the names of whiteouts are names like others.
pub(super) fn consume(
    source: impl Read + Send,
    form: &mut dyn Form,
    options: &Options,
    plain: bool,
) -> Result<Applied> {
    let mut place = Place::default();
    let done = stream::read(source, options.limit, |blocks| {
        let mut archive = if plain { Archive::plain(blocks) } else { Archive::new(blocks) };
        while let Some(entry) = archive.next()? {
            place.entries += 1;
            place.offset = archive.offset();
            form.entry(&entry, &mut archive.body())?;
        }
        Ok(())
    });
    match done.and_then(|((), read)| form.finish(options.sync).map(|()| read)) {
        Ok(read) => Ok(Applied {
            diff_id: read.diff_id,
            digest: read.digest,
            size: read.size,
            unpacked_size: read.unpacked_size,
            entries: place.entries,
        }),
        Err(error) => Err(explain(error, &place, form.abandon())),
    }
}

/// How far the archive was read.
#[derive(Default)]
struct Place {
    entries: u64,
    offset: u64,
}

/// A full disk says how much was unpacked; a failed removal is told too.
fn explain(error: Error, place: &Place, abandoned: Result<()>) -> Error {
    let error = if error.kind == Kind::NoSpace {
        let message = format!(
            "{}: {} entries, {} bytes of the layer were unpacked before the disk was full",
            error.message, place.entries, place.offset
        );
        error.message(message).hint("free space or inodes below the data root and try again")
    } else {
        error
    };
    match abandoned {
        Ok(()) => error,
        Err(removal) => {
            let message = format!("{}; and what was unpacked could not be removed: {removal}", error.message);
            error.message(message)
        }
    }
}
