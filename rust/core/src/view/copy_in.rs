//! An archive, unpacked at a path in a container.

use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use super::View;
use super::stat::{missing, open, refuse_kernels_files};
use crate::container::FileOwner;
use crate::layer::{Applied, CopyOptions, Owner, unpack};
use crate::{Error, Kind, Result};

/// How an archive is unpacked.
#[derive(Debug, Clone, Default)]
pub struct CopyIn {
    /// Everything gets this owner, `name[:group]` looked up in the container; as the archive says when None.
    pub user: Option<String>,
}

/// Unpacks an archive (tar, compressed or not) in the directory at `path` below the root of a view.
///
/// `NotFound`: there is nothing at the path. `Invalid`: it is no directory. `Conflict`: a directory would replace a file,
/// or a file a directory.
pub fn copy_in(view: &View, path: &[u8], source: impl Read + Send, how: &CopyIn) -> Result<Applied> {
    let root = view.root();
    let directory = open(root, path).map_err(|errno| match errno {
        Errno::ENOTDIR => Error::invalid("extraction point is not a directory"),
        _ => missing(path, errno),
    })?;
    refuse_kernels_files(directory.as_fd(), path)?;
    let owner = match &how.user {
        None => Owner::OfEntry,
        Some(user) => {
            let found = crate::container::look_up_user(root, user, &[])?.user;
            Owner::All(found.uid, found.gid)
        }
    };
    // Links are followed from the container's root, not from the directory: the archive's paths begin there.
    let options = CopyOptions { owner, below: components(path), ids: view.ids().cloned() };
    // The host's root cannot own a file of a container in a user namespace, not even for a moment.
    let owner = view.ids().map(|ids| ids.root().and_then(|(uid, gid)| FileOwner::new(uid, gid)));
    let _owner = owner.transpose()?;
    unpack(source, root, &options).map_err(in_words)
}

/// A path without what stands for nothing; `..` stays, for the walk to follow.
fn components(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.collect::<Vec<_>>().join(&b'/')
}

/// Unpacks an archive in a directory of the host, which nothing in the archive leads out of: links that it makes, and
/// those that were there, are followed inside it. `owner`: of everything, uid and gid; as the archive says when None.
pub fn unpack_at(path: &Path, source: impl Read + Send, owner: Option<(u32, u32)>) -> Result<Applied> {
    let directory = crate::client::files::directory(path)?;
    let owner = owner.map_or(Owner::OfEntry, |(uid, gid)| Owner::All(uid, gid));
    let options = CopyOptions { owner, below: Vec::new(), ids: None };
    unpack(source, directory.as_fd(), &options).map_err(in_words)
}

/// The kernel's refusals in words that say what to do.
fn in_words(error: Error) -> Error {
    let place = error.path.clone().unwrap_or_default();
    let place = place.as_os_str();
    match error.errno.map(Errno::from_raw) {
        Some(Errno::EROFS) => error
            .kind(Kind::Denied)
            .message(format!("`{}` is on a read-only file system", show(place)))
            .hint("the root file system or the volume is mounted read-only in this container"),
        _ => error,
    }
}

fn show(name: &OsStr) -> String {
    String::from_utf8_lossy(name.as_bytes()).escape_debug().to_string()
}
