//! A rotated file compressed a piece at a time.
//!
//! Docker compresses in a goroutine. A shim must stay single-threaded: it forks children and enters namespaces, and a
//! second thread could hold the allocator's lock at the fork, or make `setns` to a mount or user namespace fail. So the
//! work is done in pieces, paid by the output that is written meanwhile (two bytes compressed a byte written) or done
//! when the shim is idle; a quick level keeps a piece of 128 KiB near one millisecond.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::file::create;
use super::id::Id;
use super::rotate::suffixed;

const PIECE: usize = 128 * 1024;

/// One file being compressed from `<name>` to `<name>.gz`, by way of `<name>.gz.tmp`.
#[derive(Debug)]
pub(super) struct Job {
    name: OsString,
    from: File,
    to: GzEncoder<File>,
    /// Bytes that output written since has paid for.
    credit: usize,
}

impl Job {
    /// Start; the file may be gone, then there is nothing to do.
    pub fn start(dir: impl AsFd, name: OsString) -> nix::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let from = File::from(openat(&dir, name.as_os_str(), flags, Mode::empty())?);
        let to = create(&dir, &temporary(&name), OFlag::O_TRUNC)?;
        let id = Id::of(&from).map_err(|_| Errno::EIO)?;
        let to = GzBuilder::new().extra(id.extra()).write(to, Compression::fast());
        Ok(Self { name, from, to, credit: 0 })
    }

    /// Output of `written` bytes pays for a piece now and then. Whether the end was reached.
    pub fn pay(&mut self, written: usize) -> io::Result<bool> {
        self.credit += 2 * written;
        while self.credit >= PIECE {
            self.credit -= PIECE;
            if self.step()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compress one piece; whether the end was reached.
    pub fn step(&mut self) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        let mut length = 0;
        while length < PIECE {
            match self.from.read(&mut piece[length..])? {
                0 => break,
                count => length += count,
            }
        }
        self.to.write_all(&piece[..length])?;
        Ok(length < PIECE)
    }

    /// Put the compressed file in the plain one's place.
    pub fn finish(self, dir: impl AsFd) -> io::Result<()> {
        self.to.finish()?;
        let target = suffixed(&self.name, ".gz");
        renameat(&dir, temporary(&self.name).as_os_str(), &dir, target.as_os_str())?;
        unlinkat(&dir, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
        Ok(())
    }

    /// Give up; the plain file stays.
    pub fn abandon(self, dir: impl AsFd) {
        let name = temporary(&self.name);
        drop(self);
        remove(dir, &name);
    }
}

fn temporary(name: &OsStr) -> OsString {
    suffixed(name, ".gz.tmp")
}

/// Remove a file that may be there; what cannot be removed is left for the next time.
pub(super) fn remove(dir: impl AsFd, name: &OsStr) {
    let _ = unlinkat(dir, name, UnlinkatFlags::NoRemoveDir);
}

/// Whether a file is there.
pub(super) fn exists(dir: impl AsFd, name: &OsStr) -> bool {
    nix::sys::stat::fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
}
