//! Unpack an archive that is no layer into a tree that is there already.

use std::io::Read;
use std::os::fd::BorrowedFd;

use super::apply::{Applied, consume};
use super::form::{Entry, Node};
use super::tree::Tree;
use crate::container::IdMaps;
use crate::{Error, Result};

/// Whose the unpacked files are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Owner {
    /// As the archive says, by number.
    #[default]
    OfEntry,
    /// All this user's and group's.
    All(u32, u32),
}

/// How an archive is unpacked.
#[derive(Debug, Clone, Default)]
pub struct CopyOptions {
    /// Whose the files are.
    pub owner: Owner,
    /// The directory where the archive's names begin: a relative path, which may contain links and `..`.
    pub below: Vec<u8>,
    /// The user namespace whose ids the owners are, where the tree takes them as the host's.
    pub ids: Option<IdMaps>,
}

impl CopyOptions {
    /// The entry at its place in the tree; a hard link's target too.
    ///
    /// `Invalid`: its owner is nobody in the user namespace.
    pub(super) fn placed(&self, entry: &Entry) -> Result<Entry> {
        let mut entry = entry.clone();
        if let Owner::All(uid, gid) = self.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        if let Some(ids) = &self.ids {
            let (Some(uid), Some(gid)) = (ids.user(entry.uid), ids.group(entry.gid)) else {
                return Err(Error::invalid(format!(
                    "`{}` belongs to {}:{}, whom the container's user namespace does not have",
                    super::name::show(&entry.path),
                    entry.uid,
                    entry.gid
                )));
            };
            (entry.uid, entry.gid) = (uid, gid);
            for (name, value) in &mut entry.xattrs {
                if name.as_bytes() == b"security.capability" {
                    *value = ids.capability_outside(std::mem::take(value));
                }
            }
        }
        if !self.below.is_empty() {
            entry.path = [self.below.as_slice(), b"/", &entry.path].concat();
            if let Node::Hardlink(target) = &mut entry.node {
                *target = [self.below.as_slice(), b"/", target].concat();
            }
        }
        Ok(entry)
    }
}

/// Unpack the archive read from `source` (tar, plain or compressed) into the tree below `root`.
///
/// Links are followed inside `root`; mounts below it are crossed. Directories that are there stay, with the attributes of
/// the archive's; other files are replaced. Names of whiteouts are names like others. What was unpacked before a failure
/// stays. Errors: `Conflict` when a directory would replace another file, or the other way round; as for `apply`.
pub fn unpack(source: impl Read + Send, root: BorrowedFd<'_>, options: &CopyOptions) -> Result<Applied> {
    let mut tree = Tree::existing(root, options)?;
    consume(source, &mut tree, &super::Options::default(), true).map_err(reword)
}

/// The words of the parser and of the tree are those of a layer.
fn reword(error: Error) -> Error {
    let message = error.message.replace(" (layer entry)", "").replace("the layer", "the archive");
    let message = message.replace("layer entry", "archive entry");
    error.message(message)
}
