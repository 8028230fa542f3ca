//! Image layers: a tar archive applied to a directory, a directory packed as a tar archive, digests.
//!
//! | module | duty |
//! |---|---|
//! | [`apply()`] | read a layer once: decompress, hash, parse, hand each entry to a [`Form`] |
//! | `stream` | the bytes: compression, both digests, limits on size and ratio |
//! | `archive`, `pax`, `name` | the tar format: headers, extended headers, names and whiteouts |
//! | [`tree`], `resolve` | the form that is a tree of files; every path resolved inside the layer |
//! | [`changes()`] | what a container has changed of its image |
//! | [`compress()`] | a plain archive as gzip, on all processors |
//! | [`pack()`] | the reverse: a reproducible archive of a tree |
//! | [`unpack()`] | an archive that is no layer added to a tree that is there |
//! | [`remove_tree()`] | a tree removed without following links or crossing mounts |
//!
//! What an archive means follows Docker and containerd; where they differ from each other, or from the OCI
//! image specification (`layer.md`), the specification wins. A layer's form is an interface, [`Form`], with the
//! tree as its first implementation.

mod apply;
mod archive;
mod changes;
mod compress;
mod digest;
mod form;
mod header;
mod name;
mod pack;
mod pax;
mod remove;
mod resolve;
mod stream;
#[cfg(test)]
mod tests;
mod unpack;

pub mod tree;

pub use apply::{Applied, Options, apply, apply_to};
pub use archive::Body;
pub use changes::{Change, changes};
pub use compress::{Compressed, compress};
pub use digest::{digest, hex, sha256};
pub use form::{Entry, Form, Node, Time};

pub use pack::{PackOptions, Packed, pack, pack_entry};
pub(crate) use remove::names;
pub use remove::{remove_contents, remove_tree};
pub(crate) use resolve::kind;
pub use unpack::{CopyOptions, Owner, unpack};

/// Most bytes of one extended header (PAX records, GNU long name).
pub const EXTENDED_MAX: u64 = 1 << 20;
/// Most bytes of a name or of a link's target: `PATH_MAX` without its NUL.
pub const NAME_MAX: usize = 4095;
/// Most headers in one archive, extended ones included.
pub const ENTRIES_MAX: u64 = 10_000_000;
/// Most directories on the way to an entry, links resolved.
pub const DEPTH_MAX: usize = 1024;
/// Unpacked bytes up to which any compression ratio is accepted.
pub const RATIO_FROM: u64 = 1 << 30;
/// Largest ratio of unpacked to packed bytes beyond [`RATIO_FROM`].
pub const RATIO_MAX: u64 = 1000;
