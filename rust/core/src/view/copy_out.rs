//! A path in a container, packed as an archive.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::View;
use super::stat::Place;
use crate::layer::{PackOptions, Packed, pack_entry};
use crate::{Error, Result};

/// Packs what is at `path` below the root of a view, under the name `label`; a directory with all below it, mounts too.
///
/// A link at the end of the path is packed as a link.
pub fn copy_out(view: &View, path: &[u8], label: &[u8], out: impl Write) -> Result<Packed> {
    let place = Place::find(view.root(), path)?;
    let options = PackOptions { whiteouts: false, mounts: true, changing: true, ids: view.ids().cloned() };
    pack_entry(place.directory.as_fd(), &place.name, label, out, &options)
}

/// The same for a file or directory of the host: `name` in the directory at `path`.
pub fn pack_below(path: &std::path::Path, name: &[u8], label: &[u8], out: impl Write) -> Result<Packed> {
    let directory: OwnedFd =
        open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open", path, errno))?;
    let options = PackOptions { whiteouts: false, mounts: true, changing: true, ids: None };
    pack_entry(directory.as_fd(), name, label, out, &options)
}
