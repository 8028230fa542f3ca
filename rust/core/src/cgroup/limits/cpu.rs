//! Processor time and placement.

use super::{Homes, Write, filled, home, only};
use crate::cgroup::hierarchy::{Controller, Version};
use crate::spec::Cpu;
use crate::{Error, Result};

/// Writes for processors. As in Docker and runc, 0 means that a limit is not given.
pub(super) fn plan(cpu: &Cpu, homes: Homes<'_>, live: bool) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    let placement = Cpu { cpus: cpu.cpus.clone(), mems: cpu.mems.clone(), ..Cpu::default() };
    if *cpu != placement {
        writes = match home(homes, Controller::Cpu, "cpu")? {
            Version::V1 => v1(cpu),
            Version::V2 => v2(cpu, live)?,
        };
    }
    let places = [("cpu.cpus", "cpuset.cpus", &cpu.cpus), ("cpu.mems", "cpuset.mems", &cpu.mems)];
    for (what, file, list) in places {
        if let Some(list) = list.as_ref().filter(|_| filled(list)) {
            home(homes, Controller::Cpuset, what)?;
            check_list(what, list)?;
            writes.push(Write::new(Controller::Cpuset, what, file, list));
        }
    }
    Ok(writes)
}

/// The kernel checks the list itself; a line end or a letter never belongs to it.
fn check_list(what: &str, list: &str) -> Result<()> {
    if list.bytes().all(|byte| byte.is_ascii_digit() || b",-:/".contains(&byte)) {
        return Ok(());
    }
    Err(Error::invalid(format!("{what}: `{}` is not a list of numbers", list.escape_default()))
        .hint("give for example 0-2,7"))
}

fn v1(cpu: &Cpu) -> Vec<Write> {
    let write = |what, file, value: String| Write::new(Controller::Cpu, what, file, value);
    let mut writes = Vec::new();
    // Before shares: the kernel refuses shares of an idle group (EINVAL).
    if let Some(value) = cpu.idle {
        writes.push(write("cpu.idle", "cpu.idle", value.to_string()));
    }
    if let Some(value) = cpu.shares.filter(|value| *value != 0) {
        writes.push(write("cpu.shares", "cpu.shares", value.to_string()));
    }
    if let Some(value) = cpu.period.filter(|value| *value != 0) {
        writes.push(write("cpu.period", "cpu.cfs_period_us", value.to_string()));
    }
    if let Some(value) = cpu.quota.filter(|value| *value != 0) {
        writes.push(write("cpu.quota", "cpu.cfs_quota_us", value.max(-1).to_string()));
    }
    if let Some(value) = cpu.burst {
        writes.push(write("cpu.burst", "cpu.cfs_burst_us", value.to_string()));
    }
    if let Some(value) = cpu.realtime_period.filter(|value| *value != 0) {
        writes.push(write("cpu.realtimePeriod", "cpu.rt_period_us", value.to_string()));
    }
    if let Some(value) = cpu.realtime_runtime.filter(|value| *value != 0) {
        writes.push(write("cpu.realtimeRuntime", "cpu.rt_runtime_us", value.to_string()));
    }
    writes
}

fn v2(cpu: &Cpu, live: bool) -> Result<Vec<Write>> {
    let write = |what, file, value: String| Write::new(Controller::Cpu, what, file, value);
    if cpu.realtime_period.is_some_and(|value| value != 0) {
        return Err(only(Version::V1, "cpu.realtimePeriod"));
    }
    if cpu.realtime_runtime.is_some_and(|value| value != 0) {
        return Err(only(Version::V1, "cpu.realtimeRuntime"));
    }
    let mut writes = Vec::new();
    if let Some(value) = cpu.idle {
        writes.push(write("cpu.idle", "cpu.idle", value.to_string()));
    }
    if let Some(value) = cpu.shares.filter(|value| *value != 0) {
        writes.push(write("cpu.shares", "cpu.weight", weight(value).to_string()));
    }
    let quota = cpu.quota.filter(|value| *value != 0);
    let period = cpu.period.filter(|value| *value != 0);
    let most = quota.map(|value| if value < 0 { "max".to_owned() } else { value.to_string() });
    match (most, period) {
        (Some(most), Some(period)) => writes.push(write("cpu.quota", "cpu.max", format!("{most} {period}"))),
        // One number leaves the period as it is.
        (Some(most), None) => writes.push(write("cpu.quota", "cpu.max", most)),
        (None, Some(_)) if live => {
            return Err(Error::invalid("cpu.period: a running container's period needs cpu.quota beside it"));
        }
        (None, Some(period)) => writes.push(write("cpu.period", "cpu.max", format!("max {period}"))),
        (None, None) => {}
    }
    if let Some(value) = cpu.burst {
        writes.push(write("cpu.burst", "cpu.max.burst", value.to_string()));
    }
    Ok(writes)
}

/// Shares of v1 (2 to 262144) as a weight of v2 (1 to 10000), linearly as runc
/// does, so that a container's share is the same under both engines.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cpu: &Cpu, version: Version) -> Vec<String> {
        let writes = plan(cpu, &|_| Some(version), false).unwrap();
        writes.iter().map(|one| format!("{}={}", one.choices[0].0, one.choices[0].1)).collect()
    }

    #[test]
    fn shares_become_weights_as_in_runc() {
        let pairs = [(1, 1), (2, 1), (1024, 39), (2048, 79), (262_144, 10_000), (u64::MAX, 10_000)];
        for (shares, expected) in pairs {
            assert_eq!(weight(shares), expected, "{shares}");
        }
    }

    #[test]
    fn quota_and_period_are_one_file_on_v2_and_two_on_v1() {
        let cpu = Cpu { quota: Some(50_000), period: Some(100_000), burst: Some(10), ..Cpu::default() };
        assert_eq!(texts(&cpu, Version::V2), ["cpu.max=50000 100000", "cpu.max.burst=10"]);
        let v1 = texts(&cpu, Version::V1);
        assert_eq!(v1, ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000", "cpu.cfs_burst_us=10"]);
        let unlimited = Cpu { quota: Some(-1), ..Cpu::default() };
        assert_eq!(texts(&unlimited, Version::V2), ["cpu.max=max"]);
    }

    #[test]
    fn a_processor_list_with_anything_else_is_refused() {
        let cpu = Cpu { cpus: Some("0\n1".into()), ..Cpu::default() };
        let error = plan(&cpu, &|_| Some(Version::V1), false).unwrap_err();
        assert_eq!(error.message, "cpu.cpus: `0\\n1` is not a list of numbers");
    }

    #[test]
    fn placement_alone_does_not_need_the_cpu_controller() {
        let cpu = Cpu { cpus: Some("0".into()), ..Cpu::default() };
        let homes = |one| (one == Controller::Cpuset).then_some(Version::V1);
        assert_eq!(plan(&cpu, &homes, false).unwrap().len(), 1);
    }
}
