//! The generations of a log: `<name>.1` is the newest rotated file.
//!
//! Every step is one rename, in an order in which a kill at any point leaves each record in exactly one file: a gap in
//! the numbers, which readers pass over and the next rotation closes.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;

use nix::fcntl::{OFlag, renameat};

use super::compress::{exists, remove};
use super::file::{LogFile, create};

/// A name with something behind it.
pub(super) fn suffixed(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}

/// The name of a rotated file, plain.
pub(super) fn generation(name: &OsStr, number: u32) -> OsString {
    suffixed(name, &format!(".{number}"))
}

/// Remove what a killed rotation left unfinished.
pub(super) fn clean(log: &LogFile) {
    remove(&log.dir, &suffixed(&log.name, ".new"));
    remove(&log.dir, &suffixed(&generation(&log.name, 1), ".gz.tmp"));
}

/// Make the current file `<name>.1` and start a new one. On failure the current file goes on being the current file.
pub(super) fn rotate(log: &mut LogFile, max_files: u32) -> nix::Result<()> {
    // The new file is made first: once the old one is renamed nothing can fail for want of space or inodes.
    let fresh = suffixed(&log.name, ".new");
    remove(&log.dir, &fresh);
    let file = create(&log.dir, &fresh, OFlag::O_EXCL)?;
    let moved = (|| {
        if max_files > 1 {
            shift(&log.dir, &log.name, max_files)?;
            renameat(&log.dir, log.name.as_os_str(), &log.dir, generation(&log.name, 1).as_os_str())?;
        }
        renameat(&log.dir, fresh.as_os_str(), &log.dir, log.name.as_os_str())
    })();
    if let Err(errno) = moved {
        remove(&log.dir, &fresh);
        return Err(errno);
    }
    log.file = file;
    log.size = 0;
    Ok(())
}

/// Free number 1: move up the generations below the first free number, or, if none is free, drop the oldest.
fn shift(dir: impl AsFd, name: &OsStr, max_files: u32) -> nix::Result<()> {
    let taken = |number: u32| {
        let plain = generation(name, number);
        exists(&dir, &suffixed(&plain, ".gz")) || exists(&dir, &plain)
    };
    let free = (1..max_files - 1).find(|&number| !taken(number)).unwrap_or(max_files - 1);
    for gone in [generation(name, free), suffixed(&generation(name, free), ".gz")] {
        remove(&dir, &gone);
    }
    for number in (1..free).rev() {
        for suffix in [".gz", ""] {
            let from = suffixed(&generation(name, number), suffix);
            if exists(&dir, &from) {
                let to = suffixed(&generation(name, number + 1), suffix);
                renameat(&dir, from.as_os_str(), &dir, to.as_os_str())?;
            }
        }
    }
    Ok(())
}
