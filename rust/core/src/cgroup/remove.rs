//! End a cgroup and those made inside it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::create::Cgroup;
use super::dir;
use super::hierarchy::{Hierarchies, Version};
use crate::{Error, Kind, Result};

/// How long killed processes may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);

impl Cgroup {
    /// Removes its directories and those of cgroups made inside it.
    ///
    /// Its processes must have been killed; those still on their way out are
    /// waited for, up to 5 s. Conflict: some remain, and so does the cgroup.
    /// Parents stay. A cgroup that is gone already is fine.
    pub fn remove(self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        for leaf in &self.dirs {
            let hierarchy = &self.hierarchies.0[leaf.hierarchy];
            let mut pause = Duration::from_micros(100);
            loop {
                match remove_tree(&hierarchy.root, &self.path) {
                    Ok(()) => break,
                    Err(Errno::EBUSY) if Instant::now() < end => {
                        // Nothing of v1 tells when a cgroup becomes empty.
                        thread::sleep(pause);
                        pause = (pause * 2).min(Duration::from_millis(20));
                    }
                    Err(Errno::EBUSY) => return Err(self.occupied()),
                    Err(errno) => {
                        return Err(Error::at("remove cgroup", hierarchy.path.join(&self.path), errno));
                    }
                }
            }
        }
        Ok(())
    }

    fn occupied(&self) -> Error {
        let pids = self.pids().unwrap_or_default();
        let message = format!("cgroup `{}` still has processes: {pids:?}", self.path.display());
        Error { errno: Some(Errno::EBUSY as i32), ..Error::new(Kind::Conflict, message) }
            .hint("kill them first; one that waits for a disk cannot be killed")
    }
}

impl Hierarchies {
    /// Moves the calling process to the root of every hierarchy.
    pub fn leave(&self) -> Result<()> {
        for hierarchy in self.0.iter() {
            let file = if hierarchy.version == Version::V1 { "tasks" } else { "cgroup.procs" };
            dir::write_file(&hierarchy.root, file, "0")
                .map_err(|errno| Error::at("leave cgroup", hierarchy.path.join(file), errno))?;
        }
        Ok(())
    }

    /// Removes a cgroup that has neither processes nor children; any other stays.
    pub fn remove_if_empty(&self, path: &Path) {
        for hierarchy in self.0.iter() {
            let _ = unlinkat(&hierarchy.root, path, UnlinkatFlags::RemoveDir);
        }
    }
}

/// Removes a directory, and on EBUSY first those below it.
fn remove_tree(at: &std::os::fd::OwnedFd, path: &Path) -> nix::Result<()> {
    match unlinkat(at, path, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => return Ok(()),
        Err(Errno::EBUSY) => {}
        Err(errno) => return Err(errno),
    }
    let here = match dir::open_dir(at, path) {
        Ok(here) => here,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let below = dir::children(&here)?;
    if below.is_empty() {
        return Err(Errno::EBUSY);
    }
    for name in below {
        remove_tree(&here, Path::new(&name))?;
    }
    match unlinkat(at, path, UnlinkatFlags::RemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        done => done,
    }
}
