//! Counters of a cgroup, read in one go.

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::Serialize;

use super::create::{Cgroup, Leaf};
use super::dir;
use super::hierarchy::{Controller, Version};
use crate::Result;

/// All counters. What the host does not count is 0 or absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Processor time.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// Tasks.
    pub pids: PidsStats,
    /// Block devices.
    pub io: Vec<IoStats>,
}

/// Processor time since the cgroup was made, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CpuStats {
    /// All of it.
    pub usage_ns: u64,
    /// In user mode.
    pub user_ns: u64,
    /// In the kernel.
    pub system_ns: u64,
    /// Periods of the quota that have passed.
    pub periods: u64,
    /// Periods in which the quota was used up.
    pub throttled_periods: u64,
    /// Time spent waiting for the next period.
    pub throttled_ns: u64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MemoryStats {
    /// In use, with page cache.
    pub usage: u64,
    /// The limit; None is unlimited.
    pub limit: Option<u64>,
    /// Most ever in use; 0 on v2 before Linux 5.19.
    pub peak: u64,
    /// Page cache.
    pub cache: u64,
    /// Anonymous memory.
    pub rss: u64,
    /// Processes killed for want of memory.
    pub oom_kills: u64,
    /// `memory.stat` as the kernel has it; the names differ between v1 and v2.
    pub stat: BTreeMap<String, u64>,
}

/// Tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// The limit; None is unlimited.
    pub limit: Option<u64>,
}

/// One block device since the cgroup was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IoStats {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Reads.
    pub read_ops: u64,
    /// Writes.
    pub write_ops: u64,
}

impl Cgroup {
    /// Reads all counters; some 15 small files, about 10 µs each.
    pub fn stats(&self) -> Result<Stats> {
        Ok(Stats { cpu: self.cpu()?, memory: self.memory()?, pids: self.task_counts()?, io: self.io()? })
    }

    /// What is worth telling of a container that has ended: processor time in nanoseconds and the most memory ever in
    /// use, in bytes. Two files, where [`Cgroup::stats`] reads some 15.
    pub fn totals(&self) -> Result<(u64, u64)> {
        let cpu = match self.leaf(Controller::Cpuacct).filter(|leaf| leaf.version == Version::V1) {
            Some(leaf) => self.number(leaf, "cpuacct.usage")?,
            None => self.cpu()?.usage_ns,
        };
        let peak = match self.leaf(Controller::Memory) {
            Some(leaf) if leaf.version == Version::V1 => self.number(leaf, "memory.max_usage_in_bytes")?,
            Some(leaf) => self.number(leaf, "memory.peak")?,
            None => 0,
        };
        Ok((cpu, peak))
    }

    /// A file's text; empty where this kernel does not have it.
    fn text(&self, leaf: &Leaf, file: &str) -> Result<String> {
        match dir::read_file(&leaf.fd, file) {
            Ok(text) => Ok(text),
            Err(Errno::ENOENT | Errno::EOPNOTSUPP) => Ok(String::new()),
            Err(errno) => Err(self.error(leaf, "read", file, errno)),
        }
    }

    fn number(&self, leaf: &Leaf, file: &str) -> Result<u64> {
        Ok(self.text(leaf, file)?.trim().parse().unwrap_or(0))
    }

    fn cpu(&self) -> Result<CpuStats> {
        let mut stats = CpuStats::default();
        if let Some(leaf) = self.leaf(Controller::Cpu).or_else(|| self.v2()) {
            let stat = pairs(&self.text(leaf, "cpu.stat")?);
            let value = |name: &str| stat.get(name).copied().unwrap_or(0);
            stats.periods = value("nr_periods");
            stats.throttled_periods = value("nr_throttled");
            match leaf.version {
                Version::V1 => stats.throttled_ns = value("throttled_time"),
                Version::V2 => {
                    stats.throttled_ns = value("throttled_usec").saturating_mul(1000);
                    stats.usage_ns = value("usage_usec").saturating_mul(1000);
                    stats.user_ns = value("user_usec").saturating_mul(1000);
                    stats.system_ns = value("system_usec").saturating_mul(1000);
                }
            }
        }
        if let Some(leaf) = self.leaf(Controller::Cpuacct).filter(|leaf| leaf.version == Version::V1) {
            stats.usage_ns = self.number(leaf, "cpuacct.usage")?;
            stats.user_ns = self.number(leaf, "cpuacct.usage_user")?;
            stats.system_ns = self.number(leaf, "cpuacct.usage_sys")?;
        }
        Ok(stats)
    }

    fn memory(&self) -> Result<MemoryStats> {
        let Some(leaf) = self.leaf(Controller::Memory) else { return Ok(MemoryStats::default()) };
        let files = match leaf.version {
            Version::V1 => ["memory.usage_in_bytes", "memory.limit_in_bytes", "memory.max_usage_in_bytes"],
            Version::V2 => ["memory.current", "memory.max", "memory.peak"],
        };
        let stat = pairs(&self.text(leaf, "memory.stat")?);
        let either = |v1: &str, v2: &str| {
            let name = if leaf.version == Version::V1 { v1 } else { v2 };
            stat.get(name).copied().unwrap_or(0)
        };
        Ok(MemoryStats {
            usage: self.number(leaf, files[0])?,
            limit: limit(&self.text(leaf, files[1])?),
            peak: self.number(leaf, files[2])?,
            cache: either("total_cache", "file"),
            rss: either("total_rss", "anon"),
            oom_kills: self.oom_kills()?,
            stat,
        })
    }

    fn task_counts(&self) -> Result<PidsStats> {
        let Some(leaf) = self.leaf(Controller::Pids) else { return Ok(PidsStats::default()) };
        Ok(PidsStats {
            current: self.number(leaf, "pids.current")?,
            limit: limit(&self.text(leaf, "pids.max")?),
        })
    }

    fn io(&self) -> Result<Vec<IoStats>> {
        let Some(leaf) = self.leaf(Controller::Io) else { return Ok(Vec::new()) };
        if leaf.version == Version::V2 {
            return Ok(io_v2(&self.text(leaf, "io.stat")?));
        }
        let bytes = self.text(leaf, "blkio.throttle.io_service_bytes_recursive")?;
        let operations = self.text(leaf, "blkio.throttle.io_serviced_recursive")?;
        Ok(io_v1(&bytes, &operations))
    }
}

/// `name number` lines.
fn pairs(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// A limit. v2 says `max`; v1 has the largest number of whole pages below 2^63.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < i64::MAX as u64 - 0xf_ffff)
}

/// `8:0`.
fn device(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Lines like `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`.
fn io_v2(text: &str) -> Vec<IoStats> {
    let parse = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        let (major, minor) = device(name)?;
        let mut stats = IoStats { major, minor, ..IoStats::default() };
        for (key, value) in rest.split(' ').filter_map(|pair| pair.split_once('=')) {
            let value = value.parse().unwrap_or(0);
            match key {
                "rbytes" => stats.read_bytes = value,
                "wbytes" => stats.write_bytes = value,
                "rios" => stats.read_ops = value,
                "wios" => stats.write_ops = value,
                _ => {}
            }
        }
        Some(stats)
    };
    text.lines().filter_map(parse).collect()
}

/// Two files with lines like `8:0 Read 4096` and a last one `Total 4096`.
fn io_v1(bytes: &str, operations: &str) -> Vec<IoStats> {
    let mut found: BTreeMap<(u32, u32), IoStats> = BTreeMap::new();
    for (text, counts_bytes) in [(bytes, true), (operations, false)] {
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(kind), Some(value)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let (Some((major, minor)), Ok(value)) = (device(name), value.parse::<u64>()) else { continue };
            let stats = found.entry((major, minor)).or_insert(IoStats { major, minor, ..IoStats::default() });
            match (kind, counts_bytes) {
                ("Read", true) => stats.read_bytes = value,
                ("Write", true) => stats.write_bytes = value,
                ("Read", false) => stats.read_ops = value,
                ("Write", false) => stats.write_ops = value,
                _ => {}
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_files_of_block_devices_say_the_same() {
        let expected =
            IoStats { major: 8, minor: 16, read_bytes: 1, write_bytes: 2, read_ops: 3, write_ops: 4 };
        let v2 = io_v2("8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n7:0 \nnonsense\n");
        assert_eq!(v2[0], expected);
        let bytes = "8:16 Read 1\n8:16 Write 2\n8:16 Sync 9\n8:16 Total 3\nTotal 3\n";
        assert_eq!(io_v1(bytes, "8:16 Read 3\n8:16 Write 4\nTotal 7\n"), [expected]);
    }

    #[test]
    fn both_versions_words_for_unlimited_are_none() {
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("9223372036854771712\n"), None);
        assert_eq!(limit("4096\n"), Some(4096));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parsers(text in "[0-9a-z:= \\n]{0,200}") {
            pairs(&text);
            io_v2(&text);
            io_v1(&text, &text);
        }
    }
}
