//! The entries of a tar archive: ustar, GNU and PAX, old headers too.
//!
//! Where readers of tar differ, Go's `archive/tar` is followed, which Docker, containerd and the registries' scanners
//! use: all of them then see the same entries. A PAX `size` replaces the header's for the next entry only, never for
//! another extended header (RUSTSEC-2025-0111, "TARmageddon"); links, directories, devices and pipes have no
//! data whatever their size says; global PAX headers are skipped without effect.

use tar::Header;

use super::form::{Entry, Node, Time};
use super::name::{Meaning, clean, meaning, refuse, show};
use super::pax::{self, Pax, number};
use super::stream::Blocks;
use super::{ENTRIES_MAX, EXTENDED_MAX};
use crate::{Error, Result};

/// Bytes of a header and of the unit of padding.
const RECORD: u64 = 512;

/// A reader of entries.
pub(super) struct Archive<'b> {
    blocks: &'b mut Blocks,
    /// Bytes of the current entry that were not read yet.
    body: u64,
    padding: u64,
    headers: u64,
    ended: bool,
    /// Whether names of whiteouts are names like others: no layer.
    plain: bool,
}

/// The data of the current entry.
pub struct Body<'a, 'b> {
    archive: &'a mut Archive<'b>,
}

impl Body<'_, '_> {
    /// The next bytes; empty at the end of the entry. `Corrupt` when the archive ends before.
    pub fn chunk(&mut self) -> Result<&[u8]> {
        if self.archive.body == 0 {
            return Ok(&[]);
        }
        let chunk = self.archive.blocks.chunk(self.archive.body)?;
        if chunk.is_empty() {
            return Err(truncated());
        }
        self.archive.body -= chunk.len() as u64;
        Ok(chunk)
    }
}

fn truncated() -> Error {
    Error::corrupt("the layer ends in the middle of an entry").hint("transfer it again")
}

/// Extended headers met before an entry.
#[derive(Default)]
struct Extended {
    pax: Pax,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    any: bool,
}

impl<'b> Archive<'b> {
    pub(super) fn new(blocks: &'b mut Blocks) -> Self {
        Self { blocks, body: 0, padding: 0, headers: 0, ended: false, plain: false }
    }

    /// The same for an archive that is no layer: no name stands for a whiteout.
    pub(super) fn plain(blocks: &'b mut Blocks) -> Self {
        Self { plain: true, ..Self::new(blocks) }
    }

    /// Bytes of the archive read so far.
    pub(super) fn offset(&self) -> u64 {
        self.blocks.taken()
    }

    /// The data of the entry last returned.
    pub(super) fn body(&mut self) -> Body<'_, 'b> {
        Body { archive: self }
    }

    /// The next entry; `None` at the end, which is two zero blocks or the end of the stream.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        let mut extended = Extended::default();
        while let Some(header) = self.header()? {
            let size = number(&header.as_old().size).and_then(|size| u64::try_from(size).ok());
            let size = size.ok_or_else(|| refuse(&header.path_bytes(), "the size is not a number"))?;
            match header.as_old().linkflag[0] {
                b'x' => {
                    extended.pax = pax::parse(&self.extended(size)?)?;
                    extended.any = true;
                }
                b'g' => {
                    self.extended(size)?;
                }
                b'L' => {
                    extended.name = Some(string(&self.extended(size)?));
                    extended.any = true;
                }
                b'K' => {
                    extended.link = Some(string(&self.extended(size)?));
                    extended.any = true;
                }
                _ => {
                    if let Some(entry) = self.entry(&header, size, std::mem::take(&mut extended))? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
        if extended.any {
            return Err(Error::corrupt("the layer ends after an extended header, before its entry"));
        }
        Ok(None)
    }

    /// The next header, what is left of the entry before skipped.
    fn header(&mut self) -> Result<Option<Header>> {
        if self.ended {
            return Ok(None);
        }
        self.skip()?;
        let mut block = [0; RECORD as usize];
        let length = self.blocks.fill(&mut block)?;
        if length == 0 {
            self.ended = true;
            return Ok(None);
        }
        if length == block.len() && block.iter().all(|byte| *byte == 0) {
            self.ended = true;
            let length = self.blocks.fill(&mut block)?;
            if block[..length].iter().any(|byte| *byte != 0) {
                return Err(Error::corrupt("the layer has a lone zero block between entries"));
            }
            return Ok(None);
        }
        if length < block.len() {
            return Err(truncated());
        }
        self.headers += 1;
        if self.headers > ENTRIES_MAX {
            return Err(Error::invalid(format!("the layer has more than {ENTRIES_MAX} entries")));
        }
        let header = Header::from_byte_slice(&block).clone();
        if !checksum_matches(&block, &header.as_old().cksum) {
            let offset = self.blocks.taken() - RECORD;
            return Err(Error::corrupt(format!(
                "no tar header at byte {offset} of the layer: wrong checksum"
            )));
        }
        Ok(Some(header))
    }

    fn skip(&mut self) -> Result<()> {
        let mut left = self.body + self.padding;
        self.body = 0;
        self.padding = 0;
        while left > 0 {
            let length = self.blocks.chunk(left)?.len() as u64;
            if length == 0 {
                return Err(truncated());
            }
            left -= length;
        }
        Ok(())
    }

    /// The next `size` bytes belong to the entry.
    fn expect(&mut self, size: u64) {
        self.body = size;
        self.padding = (RECORD - size % RECORD) % RECORD;
    }

    /// The data of an extended header.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENDED_MAX {
            let message =
                format!("the layer has an extended header of {size} bytes, more than {EXTENDED_MAX}");
            return Err(Error::invalid(message));
        }
        self.expect(size);
        let mut data = Vec::new();
        loop {
            let mut body = self.body();
            let chunk = body.chunk()?;
            if chunk.is_empty() {
                return Ok(data);
            }
            data.extend_from_slice(chunk);
        }
    }

    /// The entry of `header`; `None` when it stands for nothing.
    fn entry(&mut self, header: &Header, size: u64, extended: Extended) -> Result<Option<Entry>> {
        let Extended { pax, name, link, .. } = extended;
        let name = name.or(pax.path).unwrap_or_else(|| header.path_bytes().into_owned());
        let size = pax.size.unwrap_or(size);
        if i64::try_from(size).is_err() {
            return Err(refuse(&name, "the size is out of range"));
        }
        let flag = header.as_old().linkflag[0];
        if flag == b'S' || pax.sparse {
            let error = refuse(&name, "sparse files (GNU tar --sparse) are not supported");
            return Err(error.kind(crate::Kind::Unsupported).hint("make the layer without --sparse"));
        }
        let target = || {
            let header = || header.link_name_bytes().map(std::borrow::Cow::into_owned);
            link.or(pax.linkpath).or_else(header).unwrap_or_default()
        };
        let read: fn(Vec<u8>) -> Result<Meaning> =
            if self.plain { |path| Ok(Meaning::Entry(path)) } else { meaning };
        let node = node(flag, &name, size, target, header, read)?;
        self.expect(if flag_has_data(flag) { size } else { 0 });
        let (path, node) = match read(clean(&name)?)? {
            Meaning::Entry(path) => (path, node),
            Meaning::Whiteout(path) => (path, Node::Whiteout),
            Meaning::Opaque(path) => (path, Node::Opaque),
            Meaning::Meta => return Ok(None),
        };
        let old = header.as_old();
        let id = |said: Option<u64>, field: &[u8], what: &str| owner(&name, said, field, what);
        let mode = number(&old.mode).ok_or_else(|| refuse(&name, "the mode is not a number"))?;
        Ok(Some(Entry {
            node,
            mode: u32::try_from(mode & 0o7777).unwrap_or(0),
            uid: id(pax.uid, &old.uid, "owner")?,
            gid: id(pax.gid, &old.gid, "group")?,
            modified: match pax.mtime {
                Some(time) => time,
                None => {
                    let seconds = number(&old.mtime);
                    let seconds = seconds.ok_or_else(|| refuse(&name, "the time is not a number"))?;
                    Time { seconds, nanoseconds: 0 }
                }
            },
            xattrs: pax.xattrs,
            path,
        }))
    }
}

/// Whether the archive holds `size` bytes after this header: Go's `isHeaderOnly`, reversed.
fn flag_has_data(flag: u8) -> bool {
    !(b'1'..=b'6').contains(&flag)
}

fn node(
    flag: u8,
    name: &[u8],
    size: u64,
    target: impl FnOnce() -> Vec<u8>,
    header: &Header,
    read: fn(Vec<u8>) -> Result<Meaning>,
) -> Result<Node> {
    match flag {
        // Before POSIX a directory was a file whose name ends in a slash.
        0 | b'0' if name.ends_with(b"/") => Ok(Node::Directory),
        0 | b'0' | b'7' => Ok(Node::File(size)),
        b'1' => clean(&target())
            .and_then(|target| match read(target)? {
                Meaning::Entry(path) if !path.is_empty() => Ok(Node::Hardlink(path)),
                _ => Err(Error::corrupt("it is no entry of a layer")),
            })
            .map_err(|error| refuse(name, format!("bad target of a hard link: {}", error.message))),
        b'2' => {
            let target = target();
            if target.is_empty() || target.contains(&0) || target.len() > super::NAME_MAX {
                let reason = format!("bad target of a symbolic link: `{}`", show(&target));
                return Err(refuse(name, reason));
            }
            Ok(Node::Symlink(target))
        }
        b'3' | b'4' => {
            let (major, minor) = device(name, header)?;
            Ok(if flag == b'3' { Node::Character(major, minor) } else { Node::Block(major, minor) })
        }
        b'5' => Ok(Node::Directory),
        b'6' => Ok(Node::Fifo),
        other => {
            let reason = format!("entries of type `{}` are not supported", char::from(other).escape_debug());
            Err(refuse(name, reason).kind(crate::Kind::Unsupported))
        }
    }
}

/// Device numbers: Linux has 12 bits of major and 20 of minor (`linux/kdev_t.h`).
fn device(name: &[u8], header: &Header) -> Result<(u32, u32)> {
    let ustar = header.as_ustar().map(|ustar| (&ustar.dev_major, &ustar.dev_minor));
    let gnu = header.as_gnu().map(|gnu| (&gnu.dev_major, &gnu.dev_minor));
    let (major, minor) = ustar.or(gnu).ok_or_else(|| refuse(name, "a device without numbers"))?;
    let field = |field: &[u8], most: u32| {
        let value = number(field).and_then(|value| u32::try_from(value).ok());
        value
            .filter(|value| *value <= most)
            .ok_or_else(|| refuse(name, "the device's number is out of range"))
    };
    Ok((field(major, 0xfff)?, field(minor, 0xf_ffff)?))
}

/// A user or group; `u32::MAX` means "leave it" to `chown(2)` and is refused.
fn owner(name: &[u8], said: Option<u64>, field: &[u8], what: &str) -> Result<u32> {
    let value = said.or_else(|| number(field).and_then(|value| u64::try_from(value).ok()));
    let value = value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value != u32::MAX);
    value.ok_or_else(|| refuse(name, format!("the {what} is out of range")))
}

/// A GNU long name: up to the first NUL.
fn string(data: &[u8]) -> Vec<u8> {
    data.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

/// Unsigned sum of all bytes, the field itself as spaces; some old writers summed signed bytes.
fn checksum_matches(block: &[u8], field: &[u8]) -> bool {
    let bytes = || block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]);
    let unsigned: i64 = bytes().map(|byte| i64::from(*byte)).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    number(field).is_some_and(|said| said == unsigned || said == signed)
}
