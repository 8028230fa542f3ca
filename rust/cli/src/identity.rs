//! Which callers a worker may serve: those that are like the one that left its template behind.
//!
//! A worker can take on a caller's environment, directory, files and soft limits, but not its privileges, namespaces,
//! cgroup or hard limits. These, and the versions of both programs, are hashed into the name of the worker's socket, so
//! that a caller that differs in any finds none.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};

use crate::interpreter::Python;

/// Lines of `/proc/self/status` (proc(5)) that tell what a process may do, and where it may run.
const STATUS: [&str; 13] = [
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Cpus_allowed",
    "Mems_allowed",
];
const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// All limits of a process; RLIMIT_RTTIME and others of the list are the same on every Linux architecture.
pub const LIMITS: [Resource; 16] = [
    Resource::RLIMIT_AS,
    Resource::RLIMIT_CORE,
    Resource::RLIMIT_CPU,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_LOCKS,
    Resource::RLIMIT_MEMLOCK,
    Resource::RLIMIT_MSGQUEUE,
    Resource::RLIMIT_NICE,
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_NPROC,
    Resource::RLIMIT_RSS,
    Resource::RLIMIT_RTPRIO,
    Resource::RLIMIT_RTTIME,
    Resource::RLIMIT_SIGPENDING,
    Resource::RLIMIT_STACK,
];

/// `/proc/self/status`, read once: with a dozen lists in it, it is among the dearer files of proc.
#[derive(Debug)]
pub struct Status(String);

impl Status {
    /// Reads it; None where there is none.
    pub fn read() -> Option<Self> {
        fs::read_to_string("/proc/self/status").ok().map(Self)
    }

    /// The signals that this process ignores, as its parent had it (`nohup`): field SigIgn.
    pub fn ignored_signals(&self) -> Vec<i32> {
        let mask = self.field("SigIgn").and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
        // libc keeps 32 and 33 for its threads, and lets nobody set them.
        (1..=64).filter(|number| mask >> (number - 1) & 1 == 1 && !matches!(number, 32 | 33)).collect()
    }

    /// Field Umask (Linux 4.7): umask(2) tells it only by setting another.
    pub fn umask(&self) -> Option<u32> {
        u32::from_str_radix(self.field("Umask")?, 8).ok()
    }

    fn field(&self, wanted: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':')).map(str::trim)
    }
}

/// The key of this process's worker; None where `/proc` does not tell enough.
pub fn key(python: &Python, status: &Status) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    for program in [Path::new("/proc/self/exe"), &python.path] {
        let found = program.metadata().ok()?;
        (found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()).hash(&mut hasher);
    }
    python.path.hash(&mut hasher);
    let told =
        status.0.lines().filter(|line| line.split_once(':').is_some_and(|(name, _)| STATUS.contains(&name)));
    told.for_each(|line| line.hash(&mut hasher));
    fs::read("/proc/self/cgroup").ok()?.hash(&mut hasher);
    for name in NAMESPACES {
        fs::read_link(format!("/proc/self/ns/{name}")).ok()?.hash(&mut hasher);
    }
    fs::read_link("/proc/self/root").ok()?.as_os_str().as_bytes().hash(&mut hasher);
    fs::read("/proc/self/oom_score_adj").ok()?.hash(&mut hasher);
    // Without a security module there is nothing to read.
    fs::read("/proc/self/attr/current").ok().hash(&mut hasher);
    for limit in LIMITS {
        getrlimit(limit).ok()?.1.hash(&mut hasher);
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_the_same_until_something_differs() {
        let python = |path: &str| Python { path: path.into(), options: &[] };
        let status = Status::read().unwrap();
        let first = key(&python("/bin/sh"), &status).unwrap();
        assert_eq!(key(&python("/bin/sh"), &status), Some(first));
        assert_ne!(key(&python("/bin/cat"), &status), Some(first));
        assert_eq!(key(&python("/no/such"), &status), None);
        let pinned = Status(status.0.replace("Cpus_allowed:", "Cpus_allowed:\t0"));
        assert_ne!(key(&python("/bin/sh"), &pinned), Some(first));
    }

    #[test]
    fn the_status_tells_what_the_system_calls_tell() {
        use nix::sys::stat::{Mode, umask};

        let status = Status::read().unwrap();
        let mask = umask(Mode::empty());
        umask(mask);
        assert_eq!(status.umask(), Some(mask.bits()));
        assert!(status.ignored_signals().contains(&13), "the Rust runtime ignores SIGPIPE");
    }
}
