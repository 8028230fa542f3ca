//! Which container of a network has which names and addresses: `<run>/networks/<network>/<container>`, one document
//! each, written by the container's shim.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Below the run root.
const DIRECTORY: &str = "networks";
/// A time of change this near to now may belong to two changes: the kernel's clock for files ticks every 4 ms or 10 ms.
const TICK: Duration = Duration::from_millis(20);

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The container's id.
    pub container: String,
    /// What others call it; its own name is the first.
    pub names: Vec<String>,
    /// Where it is reached.
    pub addresses: Vec<IpAddr>,
    /// Its shim.
    pub shim_pid: i32,
}

impl Record {
    /// Writes it, whole or not at all.
    pub fn write(&self, run: BorrowedFd<'_>, network: &str) -> Result<()> {
        let directory = open_directory(run, network)?;
        let path = format!("{DIRECTORY}/{network}/{}", self.container);
        let fail = |errno| Error::at("write the record", &path, errno);
        let draft = format!(".{}", self.container);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file =
            openat(&directory, draft.as_str(), flags, Mode::from_bits_truncate(0o600)).map_err(fail)?;
        let text = serde_json::to_vec(self).map_err(|error| Error::invalid(error.to_string()))?;
        let written = std::io::Write::write_all(&mut File::from(file), &text);
        written.map_err(|error| Error::io_at("write the record", &path, &error))?;
        renameat(&directory, draft.as_str(), &directory, self.container.as_str()).map_err(fail)
    }
}

fn open_directory(run: BorrowedFd<'_>, network: &str) -> Result<OwnedFd> {
    let path = format!("{DIRECTORY}/{network}");
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    if let Ok(directory) = openat(run, path.as_str(), flags, Mode::empty()) {
        return Ok(directory);
    }
    for directory in [DIRECTORY, path.as_str()] {
        match mkdirat(run, directory, Mode::from_bits_truncate(0o700)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::at("make the directory", directory, errno)),
        }
    }
    openat(run, path.as_str(), flags, Mode::empty())
        .map_err(|errno| Error::at("open the records", &path, errno))
}

/// Removes a container's record of a network, if there is one.
pub fn remove(run: BorrowedFd<'_>, network: &str, container: &str) {
    for name in [container.to_owned(), format!(".{container}")] {
        let path = format!("{DIRECTORY}/{network}/{name}");
        let _ = unlinkat(run, path.as_str(), UnlinkatFlags::NoRemoveDir);
    }
}

/// The records of a network as they are now; files are read again only when something has changed.
#[derive(Debug)]
pub struct Records {
    directory: OwnedFd,
    /// When the directory had changed last; None when that cannot be told from a later change.
    changed: Option<(i64, i64)>,
    records: HashMap<Version, Record>,
}

/// Of a file: its inode, and when that has changed; a record that is replaced has another.
type Version = (u64, i64, i64);

impl Records {
    /// Opens a network's directory, which is made where it is not there.
    pub fn open(run: BorrowedFd<'_>, network: &str) -> Result<Self> {
        Ok(Self { directory: open_directory(run, network)?, changed: None, records: HashMap::new() })
    }

    /// All of them.
    pub fn now(&mut self) -> impl Iterator<Item = &Record> {
        self.refresh();
        self.records.values()
    }

    fn refresh(&mut self) {
        let Ok(status) = fstat(&self.directory) else { return };
        let changed = (status.st_mtime, status.st_mtime_nsec);
        if self.changed == Some(changed) {
            return;
        }
        let read = self.read();
        if let Some(records) = read {
            self.records = records;
        }
        let at = UNIX_EPOCH + Duration::new(changed.0.max(0).cast_unsigned(), changed.1 as u32);
        let settled = SystemTime::now().duration_since(at).is_ok_and(|age| age > TICK);
        self.changed = settled.then_some(changed);
    }

    fn read(&self) -> Option<HashMap<Version, Record>> {
        let mut entries = Dir::from_fd(
            openat(
                &self.directory,
                ".",
                OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
                Mode::empty(),
            )
            .ok()?,
        )
        .ok()?;
        let mut records = HashMap::new();
        for entry in entries.iter().flatten() {
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            let Ok(status) = fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            let version = (status.st_ino, status.st_ctime, status.st_ctime_nsec);
            let record = self.records.get(&version).cloned().or_else(|| self.read_one(name));
            records.extend(record.map(|record| (version, record)));
        }
        Some(records)
    }

    fn read_one(&self, name: &std::ffi::CStr) -> Option<Record> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = openat(self.directory.as_fd(), name, flags, Mode::empty()).ok()?;
        let mut text = Vec::new();
        File::from(file).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(container: &str, address: &str) -> Record {
        Record {
            container: container.into(),
            names: vec![container.into()],
            addresses: vec![address.parse().unwrap()],
            shim_pid: 1,
        }
    }

    fn seen(records: &mut Records) -> Vec<String> {
        let mut seen: Vec<_> =
            records.now().map(|one| format!("{} {}", one.names[0], one.addresses[0])).collect();
        seen.sort();
        seen
    }

    #[test]
    fn a_change_is_seen_at_once_however_soon_it_comes() {
        let run = tempfile::tempdir().unwrap();
        let fd = File::open(run.path()).unwrap();
        record("a", "10.0.0.2").write(fd.as_fd(), "net").unwrap();
        let mut records = Records::open(fd.as_fd(), "net").unwrap();
        assert_eq!(seen(&mut records), ["a 10.0.0.2"]);
        for round in 0..50 {
            let address = format!("10.0.1.{round}");
            record("b", &address).write(fd.as_fd(), "net").unwrap();
            assert_eq!(seen(&mut records), ["a 10.0.0.2".to_owned(), format!("b {address}")]);
            remove(fd.as_fd(), "net", "b");
            assert_eq!(seen(&mut records), ["a 10.0.0.2"]);
        }
        std::thread::sleep(TICK * 2);
        assert_eq!(seen(&mut records), ["a 10.0.0.2"]);
        record("c", "10.0.0.4").write(fd.as_fd(), "net").unwrap();
        assert_eq!(seen(&mut records), ["a 10.0.0.2", "c 10.0.0.4"]);
    }
}
