//! cgroup v1 and v2 behind one interface: create, enter, limit, count, freeze, kill.
//!
//! A [`Cgroup`] is one relative path that exists in several hierarchies. Which
//! ones: those of cpu, cpuacct, memory, pids, devices and blkio always; cpuset
//! and hugetlb only when they are limited; cgroup v2 always where it is mounted,
//! even without controllers, because it kills and freezes a whole tree at once
//! and lets a process be born in it (`CLONE_INTO_CGROUP`); the freezer of v1
//! only where v2 is missing.
//!
//! Everything is reached through descriptors of the hierarchies' roots, so that
//! it works in a mount namespace that no longer shows `/sys/fs/cgroup`.
//!
//! | file | duty |
//! |---|---|
//! | `hierarchy` | find the mounts, hold their roots |
//! | `dir` | files and directories relative to a descriptor |
//! | `create` | make or open a cgroup |
//! | `join` | enter a cgroup |
//! | `nest` | a cgroup inside, for what is killed by itself |
//! | `limits` | resources turned into writes, pure; `apply` does them |
//! | `devices` | device rules for v1 and as a BPF program for v2 |
//! | `control` | kill, freeze, thaw, list |
//! | `remove` | end a cgroup and those made inside it |
//! | `stats` | counters |
//!
//! Kernel: `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/`.

mod apply;
mod control;
mod create;
mod devices;
mod dir;
mod hierarchy;
mod join;
mod limits;
mod nest;
mod remove;
mod stats;

#[cfg(test)]
mod tests;

pub use create::{Cgroup, Rest};
pub use hierarchy::Hierarchies;
pub use join::JoinHandle;
pub use nest::Nest;
pub use stats::{CpuStats, IoStats, MemoryStats, PidsStats, Stats};
