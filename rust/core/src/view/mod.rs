//! The files of a container, for who copies in or out: seen through descriptors, and by no program of the container.
//!
//! | file | what |
//! |---|---|
//! | `live` | of a running container: the root of its own mount namespace, with its volumes |
//! | `rest` | of one that does not run: its layers, and its binds and volumes, mounted in a namespace that only this has |
//! | `stat`, `copy_out`, `copy_in` | a path looked at, packed as an archive, and an archive unpacked at it |
//! | `stop` | a call that is interrupted |
//!
//! Every path is resolved by `openat2(2)` below the root that is a container's, and what was opened is what is used: a
//! link that a container swaps meanwhile leads nowhere else (CVE-2018-15664, CVE-2026-41568).

mod copy_in;
mod copy_out;
mod live;
mod rest;
mod stat;
mod stop;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::Flock;
use serde::Deserialize;

pub use copy_in::{CopyIn, copy_in, unpack_at};
pub use copy_out::{copy_out, pack_below};
pub(crate) use live::clone_tmpfs;
pub(crate) use stat::is_kernels;
pub use stat::{PathStat, stat};
pub use stop::Stop;

use crate::container::IdMaps;
use crate::protocol::Rootfs;
use crate::spec::Mount;
use crate::{Error, Kind, Result};

/// What of a container is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read, with what is mounted in it.
    Read,
    /// To read and write, with what is mounted in it.
    Write,
    /// To read its own root alone.
    Root,
    /// To read the root that it began with: its image.
    Image,
}

/// Which container, and what it is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// 64 hex digits.
    pub id: String,
    /// As in the launch request.
    pub rootfs: Rootfs,
    /// Its binds, volumes and images, as in its specification; parents before children.
    #[serde(default)]
    pub mounts: Vec<Mount>,
}

/// A container's files, as long as this lives.
#[derive(Debug)]
pub struct View {
    ids: Option<IdMaps>,
    // Dropped in this order: what is mounted can go once nobody has it open, and another may start the container then.
    root: OwnedFd,
    _mounts: Option<rest::Keeper>,
    _lock: Option<Flock<File>>,
}

impl View {
    /// Opens a container's files; `run` and `root` are the engine's roots.
    ///
    /// One that starts or ends meanwhile is looked at again. `Conflict`: it does so all the time.
    pub fn open(run: &Path, root: &Path, request: &Request, access: Access) -> Result<Self> {
        for _ in 0..50 {
            if access != Access::Image
                && let Some((live, ids)) = live::open(run, root, &request.id, access == Access::Root)?
            {
                return Ok(Self { ids, root: live, _mounts: None, _lock: None });
            }
            let lock = match access {
                Access::Write => match rest::lock(run, &request.id)? {
                    Some(lock) => Some(lock),
                    // It has been started, or is about to end.
                    None => {
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        continue;
                    }
                },
                _ => None,
            };
            let (mounts, root) = rest::mount(root, request, access)?;
            return Ok(Self { ids: None, root, _mounts: Some(mounts), _lock: lock });
        }
        Err(Error::new(Kind::Conflict, "the container is being started or ended").hint("try again"))
    }

    /// The user namespace that owners are to be translated for: those of one that runs in its own are seen as the host's.
    pub fn ids(&self) -> Option<&IdMaps> {
        self.ids.as_ref()
    }

    /// The root of what is seen; O_PATH.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}
