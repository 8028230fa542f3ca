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

/// Lines of `/proc/self/status` (proc(5)) that tell what a process may do.
const STATUS: [&str; 10] =
    ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"];
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

/// The key of this process's worker; None where `/proc` does not tell enough.
pub fn key(python: &Python) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    for program in [Path::new("/proc/self/exe"), &python.path] {
        let found = program.metadata().ok()?;
        (found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()).hash(&mut hasher);
    }
    python.path.hash(&mut hasher);
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let told =
        status.lines().filter(|line| line.split_once(':').is_some_and(|(name, _)| STATUS.contains(&name)));
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

/// The signals that this process ignores, as its parent had it (`nohup`): field SigIgn of `/proc/self/status`.
pub fn ignored_signals() -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // libc keeps 32 and 33 for its threads, and lets nobody set them.
    (1..=64).filter(|number| mask >> (number - 1) & 1 == 1 && !matches!(number, 32 | 33)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_the_same_until_something_differs() {
        let python = |path: &str| Python { path: path.into(), options: &[] };
        let first = key(&python("/bin/sh")).unwrap();
        assert_eq!(key(&python("/bin/sh")), Some(first));
        assert_ne!(key(&python("/bin/cat")), Some(first));
        assert_eq!(key(&python("/no/such")), None);
    }

    #[test]
    fn the_rust_runtime_ignores_sigpipe() {
        assert!(ignored_signals().contains(&13));
    }
}
