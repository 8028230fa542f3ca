//! Which file a rotated file was, also once it has been compressed: what a reader that follows needs to know where it
//! was. The identity of the plain file is kept in the extra field of the gzip header (RFC 1952, section 2.3.1.1).

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// The subfield's name and the length of its value.
const SUBFIELD: [u8; 4] = [b'R', b'K', 16, 0];
/// gzip, deflate, FEXTRA.
const START: [u8; 4] = [0x1f, 0x8b, 8, 4];

/// An inode number alone may have been used before; the time of the last write sets those apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id {
    pub inode: u64,
    modified: i64,
}

impl Id {
    pub fn of(file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        let modified = data.mtime().wrapping_mul(1_000_000_000).wrapping_add(data.mtime_nsec());
        Ok(Self { inode: data.ino(), modified })
    }

    /// The identity that a compressed file tells of the plain one; `None` if another program compressed it.
    pub fn of_plain(gz: &File) -> Option<Self> {
        let mut bytes = [0; 32];
        gz.read_exact_at(&mut bytes, 0).ok()?;
        if !bytes.starts_with(&START) || bytes[12..16] != SUBFIELD {
            return None;
        }
        let inode = u64::from_le_bytes(bytes[16..24].try_into().ok()?);
        let modified = i64::from_le_bytes(bytes[24..32].try_into().ok()?);
        Some(Self { inode, modified })
    }

    /// The extra field that says so.
    pub fn extra(self) -> Vec<u8> {
        [&SUBFIELD[..], &self.inode.to_le_bytes(), &self.modified.to_le_bytes()].concat()
    }
}
