//! What a layer can be turned into, and the entries it is made of.

use std::ffi::CString;

use super::archive::Body;
use crate::Result;

/// A point in time: seconds since 1970 and nanoseconds (0 to 999 999 999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Seconds since 1970-01-01 UTC; negative before.
    pub seconds: i64,
    /// Nanoseconds after `seconds`.
    pub nanoseconds: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file of this many bytes, which the entry's [`Body`] yields.
    File(u64),
    /// A directory.
    Directory,
    /// A symbolic link with this target, kept as it is.
    Symlink(Vec<u8>),
    /// Another name of the entry at this cleaned path.
    Hardlink(Vec<u8>),
    /// A character device: major, minor.
    Character(u32, u32),
    /// A block device: major, minor.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
    /// The entry of this name in lower layers is hidden.
    Whiteout,
    /// What lower layers have in this directory is hidden.
    Opaque,
}

/// One entry of a layer, names decoded and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative path without `.`, `..` or empty components; empty for the layer's root.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
    /// Permissions with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification.
    pub modified: Time,
    /// Extended attributes, overlay's own excepted.
    pub xattrs: Vec<(CString, Vec<u8>)>,
}

/// A form in which layers are kept: takes the entries of an archive one by one.
pub trait Form {
    /// Take one entry; what is left of `body` is skipped.
    fn entry(&mut self, entry: &Entry, body: &mut Body<'_, '_>) -> Result<()>;
    /// The archive ended well: complete what waited for its end; `sync` makes it durable.
    fn finish(&mut self, sync: bool) -> Result<()>;
    /// The archive is refused: remove everything that was written.
    fn abandon(&mut self) -> Result<()>;
}
