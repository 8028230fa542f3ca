//! What a container has changed of its image, from the upper directory of its overlay.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag};
use rocker_sys::xattr;

use super::remove::names;
use super::resolve::{failed, is_whiteout, kind, open_directory, status};
use crate::Result;

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was there, with other content or attributes.
    Modified = 0,
    /// It was not there.
    Added = 1,
    /// It is not there any more.
    Deleted = 2,
}

/// Compares the upper directory of an overlay with the image below it, seen whole; absolute paths, in order.
///
/// As Docker tells it: a file that was copied up and not changed is none, a directory counts as changed when something
/// in it is, and of what was deleted or added whole directories only the deleted ones stand for what was in them.
pub fn changes(upper: BorrowedFd<'_>, image: BorrowedFd<'_>) -> Result<Vec<(Change, Vec<u8>)>> {
    let mut walk = Walk { upper, image, found: BTreeMap::new(), ahead: vec![(Vec::new(), true)] };
    while let Some((path, known)) = walk.ahead.pop() {
        walk.directory(&path, known)?;
    }
    walk.add_parents();
    let mut found: Vec<_> = walk.found.into_iter().map(|(path, change)| (change, path)).collect();
    // A directory comes right before what is in it.
    found.sort_by_cached_key(|(_, path)| {
        path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect::<Vec<u8>>()
    });
    Ok(found)
}

struct Walk<'a> {
    upper: BorrowedFd<'a>,
    image: BorrowedFd<'a>,
    found: BTreeMap<Vec<u8>, Change>,
    /// Directories still to be looked at: relative path, and whether the image has a directory there too.
    ahead: Vec<(Vec<u8>, bool)>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &[u8], known: bool) -> Result<()> {
        let Some(upper) = open(self.upper, path)? else { return Ok(()) };
        let image = if known { open(self.image, path)? } else { None };
        let mut seen = Vec::new();
        for name in names(upper.as_fd())? {
            let name = name.into_bytes();
            let below = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
            let now = status(upper.as_fd(), &name).map_err(|errno| failed("stat", &below, errno))?;
            let Some(now) = now else { continue };
            let before = match &image {
                Some(image) => status(image.as_fd(), &name).map_err(|errno| failed("stat", &below, errno))?,
                None => None,
            };
            self.entry(&upper, image.as_ref(), &name, &below, (now, before))?;
            seen.push(name);
        }
        if let Some(image) = image.filter(|_| is_opaque(&upper)) {
            for name in names(image.as_fd())? {
                let name = name.into_bytes();
                if !seen.contains(&name) {
                    let below = if path.is_empty() { name } else { [path, b"/", &name].concat() };
                    self.put(below, Change::Deleted);
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        upper: &OwnedFd,
        image: Option<&OwnedFd>,
        name: &[u8],
        path: &[u8],
        (now, before): (FileStat, Option<FileStat>),
    ) -> Result<()> {
        if is_whiteout(&now) {
            if before.is_some() {
                self.put(path.to_vec(), Change::Deleted);
            }
            return Ok(());
        }
        let is_directory = kind(&now) == SFlag::S_IFDIR;
        let was_directory = before.is_some_and(|before| kind(&before) == SFlag::S_IFDIR);
        match (before, image) {
            (Some(before), Some(image)) => {
                if differs(&now, &before) || capability(upper, name) != capability(image, name) {
                    self.put(path.to_vec(), Change::Modified);
                }
            }
            _ => self.put(path.to_vec(), Change::Added),
        }
        if is_directory {
            self.ahead.push((path.to_vec(), was_directory));
        }
        Ok(())
    }

    fn put(&mut self, path: Vec<u8>, change: Change) {
        self.found.insert([b"/", path.as_slice()].concat(), change);
    }

    /// Every directory on the way to a change has changed.
    fn add_parents(&mut self) {
        let paths: Vec<Vec<u8>> = self.found.keys().cloned().collect();
        for path in paths {
            let mut rest = path.as_slice();
            while let Some(at) = rest.iter().rposition(|byte| *byte == b'/').filter(|at| *at > 0) {
                rest = &rest[..at];
                self.found.entry(rest.to_vec()).or_insert(Change::Modified);
            }
        }
    }
}

/// None: it has vanished, or is none, by now.
fn open(root: BorrowedFd<'_>, path: &[u8]) -> Result<Option<OwnedFd>> {
    match open_directory(root, if path.is_empty() { b"." } else { path }) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(errno) => Err(failed("open", path, errno)),
    }
}

/// Size and time are no sign for directories, whose entries change both.
fn differs(now: &FileStat, before: &FileStat) -> bool {
    let attributes = |stat: &FileStat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
    let content = |stat: &FileStat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    attributes(now) != attributes(before) || (kind(now) != SFlag::S_IFDIR && content(now) != content(before))
}

fn capability(directory: &OwnedFd, name: &[u8]) -> Option<Vec<u8>> {
    xattr::get_at(directory.as_fd(), name, c"security.capability").ok()
}

fn is_opaque(directory: &OwnedFd) -> bool {
    xattr::get_at(directory.as_fd(), b".", c"trusted.overlay.opaque").is_ok_and(|value| value == b"y")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn added_changed_and_opaque_directories_are_told_with_their_parents() {
        let (upper, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in ["etc/deep", "same", "gone"] {
            fs::create_dir_all(image.path().join(dir)).unwrap();
        }
        fs::write(image.path().join("etc/deep/old"), "old").unwrap();
        fs::write(image.path().join("etc/deep/kept"), "kept").unwrap();
        for dir in ["etc/deep", "new/er", "same"] {
            fs::create_dir_all(upper.path().join(dir)).unwrap();
        }
        fs::write(upper.path().join("etc/deep/old"), "longer").unwrap();
        fs::write(upper.path().join("new/er/file"), "").unwrap();
        let fd = |dir: &tempfile::TempDir| OwnedFd::from(fs::File::open(dir.path()).unwrap());
        let look = || {
            let found = changes(fd(&upper).as_fd(), fd(&image).as_fd()).unwrap();
            let letter = |change| ["C", "A", "D"][change as usize];
            found
                .into_iter()
                .map(|(change, path)| format!("{} {}", letter(change), String::from_utf8(path).unwrap()))
                .collect::<Vec<_>>()
        };
        let mut expected =
            vec!["C /etc", "C /etc/deep", "C /etc/deep/old", "A /new", "A /new/er", "A /new/er/file"];
        assert_eq!(look(), expected);
        let deep = fd(&upper);
        if xattr::set_at(deep.as_fd(), b"etc/deep", c"trusted.overlay.opaque", b"y").is_ok() {
            expected.insert(2, "D /etc/deep/kept");
            assert_eq!(look(), expected);
        }
    }
}
