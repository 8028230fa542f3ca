//! Memory and swap.

use super::{Homes, Write, home, only};
use crate::cgroup::hierarchy::{Controller, Version};
use crate::spec::Memory;
use crate::{Error, Result};

const LIMIT: &str = "memory.limit";
const RESERVATION: &str = "memory.reservation";
const SWAP: &str = "memory.swap";

/// Writes for memory. As in Docker and runc, 0 means that a limit is not given.
pub(super) fn plan(memory: &Memory, homes: Homes<'_>, live: bool) -> Result<Vec<Write>> {
    if *memory == Memory::default() {
        return Ok(Vec::new());
    }
    let version = home(homes, Controller::Memory, "memory")?;
    refuse(memory)?;
    match version {
        Version::V1 => v1(memory, live),
        Version::V2 => v2(memory),
    }
}

/// The limit that must be above the present use, where the kernel would not
/// refuse it itself: v1 answers EBUSY, v2 kills.
pub(super) fn checked(memory: &Memory, homes: Homes<'_>, live: bool) -> Option<u64> {
    let asked = live && memory.check_before_update == Some(true);
    let v2 = homes(Controller::Memory) == Some(Version::V2);
    memory
        .limit
        .filter(|_| asked && v2)
        .and_then(|limit| u64::try_from(limit).ok())
        .filter(|limit| *limit > 0)
}

fn refuse(memory: &Memory) -> Result<()> {
    if memory.kernel.is_some_and(|bytes| bytes != 0) {
        return Err(
            Error::unsupported("memory.kernel: Linux 5.16 removed this limit").hint("use memory.limit")
        );
    }
    if memory.use_hierarchy == Some(false) {
        return Err(Error::unsupported(
            "memory.useHierarchy: accounting is always hierarchical since Linux 5.11",
        ));
    }
    for (what, value) in [(LIMIT, memory.limit), (RESERVATION, memory.reservation), (SWAP, memory.swap)] {
        if value.is_some_and(|bytes| bytes < -1) {
            return Err(Error::invalid(format!("{what}: {} is negative", value.unwrap_or_default()))
                .hint("-1 is unlimited"));
        }
    }
    if let (Some(limit), Some(swap)) = (given(memory.limit), given(memory.swap))
        && limit > 0
        && swap > 0
        && swap < limit
    {
        return Err(Error::invalid(format!("{SWAP}: {swap} is less than {LIMIT} {limit}"))
            .hint("it counts memory and swap together"));
    }
    match memory.swappiness {
        Some(value) if value > 100 => {
            Err(Error::invalid(format!("memory.swappiness: {value} is not between 0 and 100")))
        }
        _ => Ok(()),
    }
}

fn given(value: Option<i64>) -> Option<i64> {
    value.filter(|bytes| *bytes != 0)
}

fn v1(memory: &Memory, live: bool) -> Result<Vec<Write>> {
    let write = |what, file, value: i64| Write::new(Controller::Memory, what, file, value);
    let mut writes = Vec::new();
    let limit = given(memory.limit);
    if let Some(bytes) = limit {
        writes.push(write(LIMIT, "memory.limit_in_bytes", bytes));
    }
    // A live cgroup's swap limit may lie below the new limit: unlimited memory
    // means unlimited swap, as in runc.
    let lifted = if live && limit == Some(-1) { Some(-1) } else { None };
    if let Some(bytes) = given(memory.swap).or(lifted) {
        let mut one = write(SWAP, "memory.memsw.limit_in_bytes", bytes);
        one.optional = given(memory.swap).is_none();
        writes.push(one);
    }
    if let Some(bytes) = given(memory.reservation) {
        writes.push(write(RESERVATION, "memory.soft_limit_in_bytes", bytes));
    }
    if let Some(bytes) = given(memory.kernel_tcp) {
        writes.push(write("memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", bytes));
    }
    if let Some(value) = memory.swappiness {
        writes.push(Write::new(Controller::Memory, "memory.swappiness", "memory.swappiness", value));
    }
    if let Some(value) = memory.disable_oom_killer.filter(|value| *value || live) {
        let value = i64::from(value);
        writes.push(write("memory.disableOOMKiller", "memory.oom_control", value));
    }
    Ok(writes)
}

fn v2(memory: &Memory) -> Result<Vec<Write>> {
    let write = |what, file, value: i64| Write::new(Controller::Memory, what, file, or_max(value));
    if memory.swappiness.is_some() {
        return Err(only(Version::V1, "memory.swappiness"));
    }
    if memory.disable_oom_killer == Some(true) {
        return Err(only(Version::V1, "memory.disableOOMKiller"));
    }
    if given(memory.kernel_tcp).is_some() {
        return Err(only(Version::V1, "memory.kernelTCP"));
    }
    let mut writes = Vec::new();
    let limit = given(memory.limit);
    if let Some(bytes) = limit {
        writes.push(write(LIMIT, "memory.max", bytes));
    }
    if let Some(bytes) = given(memory.swap) {
        writes.push(write(SWAP, "memory.swap.max", swap_alone(bytes, limit)?));
    } else if limit == Some(-1) {
        let lifted = write(SWAP, "memory.swap.max", -1);
        writes.push(Write { optional: true, ..lifted });
    }
    if let Some(bytes) = given(memory.reservation) {
        writes.push(write(RESERVATION, "memory.low", bytes));
    }
    Ok(writes)
}

fn or_max(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

/// Memory and swap together (v1, Docker) as swap alone (v2).
fn swap_alone(swap: i64, limit: Option<i64>) -> Result<i64> {
    match limit {
        _ if swap < 0 => Ok(-1),
        Some(limit) if limit > 0 => Ok(swap - limit),
        _ => Err(Error::invalid(format!("{SWAP}: {swap} needs {LIMIT}"))
            .hint("it counts memory and swap together; cgroup v2 limits swap alone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn texts(memory: &Memory, version: Version, live: bool) -> Vec<String> {
        let writes = plan(memory, &|_| Some(version), live).unwrap();
        writes.iter().map(|one| format!("{}={}", one.choices[0].0, one.choices[0].1)).collect()
    }

    #[test]
    fn swap_of_docker_becomes_swap_alone_on_v2() {
        let memory = Memory { limit: Some(100), swap: Some(150), reservation: Some(50), ..Memory::default() };
        let v2 = texts(&memory, Version::V2, false);
        assert_eq!(v2, ["memory.max=100", "memory.swap.max=50", "memory.low=50"]);
        let v1 = texts(&memory, Version::V1, false);
        let expected =
            ["memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=150", "memory.soft_limit_in_bytes=50"];
        assert_eq!(v1, expected);
    }

    #[test]
    fn unlimited_memory_lifts_the_swap_limit_of_a_live_cgroup() {
        let memory = Memory { limit: Some(-1), ..Memory::default() };
        assert_eq!(texts(&memory, Version::V2, true), ["memory.max=max", "memory.swap.max=max"]);
        let v1 = texts(&memory, Version::V1, true);
        assert_eq!(v1, ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"]);
    }

    #[test]
    fn what_v2_lacks_is_refused_by_name() {
        for memory in [
            Memory { swappiness: Some(10), ..Memory::default() },
            Memory { disable_oom_killer: Some(true), ..Memory::default() },
        ] {
            let error = plan(&memory, &|_| Some(Version::V2), false).unwrap_err();
            assert_eq!(error.kind, Kind::Unsupported);
            assert!(error.message.contains("only cgroup v1 has this limit"), "{error}");
        }
    }

    #[test]
    fn a_swap_limit_without_or_below_a_memory_limit_is_refused() {
        let alone = Memory { swap: Some(100), ..Memory::default() };
        let error = plan(&alone, &|_| Some(Version::V2), false).unwrap_err();
        assert_eq!(error.message, "memory.swap: 100 needs memory.limit");
        let below = Memory { limit: Some(200), swap: Some(100), ..Memory::default() };
        let error = plan(&below, &|_| Some(Version::V1), false).unwrap_err();
        assert_eq!(error.message, "memory.swap: 100 is less than memory.limit 200");
    }

    #[test]
    fn a_host_without_the_controller_says_which() {
        let memory = Memory { limit: Some(1 << 20), ..Memory::default() };
        let error = plan(&memory, &|_| None, false).unwrap_err();
        assert_eq!(error.message, "memory: this host has no cgroup controller `memory`");
    }
}
