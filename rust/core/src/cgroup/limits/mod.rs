//! Resources turned into writes to files; nothing here touches the system.

mod cpu;
mod io;
mod memory;
mod other;

use super::devices;
use super::hierarchy::{Controller, Version, no_controller};
use crate::spec::{DeviceCgroup, Resources};
use crate::{Error, Result};

/// Where controllers are: None for one that this host lacks.
pub(super) type Homes<'a> = &'a dyn Fn(Controller) -> Option<Version>;

/// One value to be written to the first of `choices` that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) controller: Controller,
    /// The limit as the specification names it; for messages.
    pub(super) what: &'static str,
    /// File and value.
    pub(super) choices: Vec<(String, String)>,
    /// Whether a host without any of the files is fine.
    pub(super) optional: bool,
}

impl Write {
    fn new(
        controller: Controller,
        what: &'static str,
        file: impl Into<String>,
        value: impl ToString,
    ) -> Self {
        Self { controller, what, choices: vec![(file.into(), value.to_string())], optional: false }
    }

    fn or(mut self, file: impl Into<String>, value: impl ToString) -> Self {
        self.choices.push((file.into(), value.to_string()));
        self
    }
}

/// All that is to be done to a cgroup.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) writes: Vec<Write>,
    pub(super) devices: Option<(Version, devices::Rules)>,
    /// `memory.checkBeforeUpdate` on v2: the bytes that must not be in use already.
    pub(super) check_memory: Option<u64>,
}

/// The plan for `resources`; `live` when the cgroup has processes and limits.
pub(super) fn plan(resources: &Resources, homes: Homes<'_>, live: bool) -> Result<Plan> {
    let mut plan = Plan::default();
    if let Some(memory) = &resources.memory {
        plan.writes.extend(memory::plan(memory, homes, live)?);
        plan.check_memory = memory::checked(memory, homes, live);
    }
    if let Some(cpu) = &resources.cpu {
        plan.writes.extend(cpu::plan(cpu, homes, live)?);
    }
    if let Some(pids) = &resources.pids {
        plan.writes.extend(other::pids(pids, homes)?);
    }
    if let Some(block) = &resources.block_io {
        plan.writes.extend(io::plan(block, homes)?);
    }
    plan.writes.extend(other::hugetlb(&resources.hugepage_limits, homes)?);
    plan.writes.extend(other::unified(&resources.unified, homes)?);
    plan.devices = device_rules(&resources.devices, homes)?;
    Ok(plan)
}

fn device_rules(list: &[DeviceCgroup], homes: Homes<'_>) -> Result<Option<(Version, devices::Rules)>> {
    if list.is_empty() {
        return Ok(None);
    }
    let version = home(homes, Controller::Devices, "devices")?;
    Ok(Some((version, devices::Rules::new(list)?)))
}

/// Controllers that are used only when they are limited.
pub(super) fn extra_controllers(resources: &Resources) -> impl Iterator<Item = Controller> {
    let cpuset = resources.cpu.as_ref().is_some_and(|cpu| filled(&cpu.cpus) || filled(&cpu.mems));
    let named = |name: &str| resources.unified.keys().any(|key| key.starts_with(name));
    let cpuset = cpuset || named("cpuset.");
    let hugetlb = !resources.hugepage_limits.is_empty() || named("hugetlb.");
    [(cpuset, Controller::Cpuset), (hugetlb, Controller::Hugetlb)]
        .into_iter()
        .filter_map(|(used, controller)| used.then_some(controller))
}

/// Whether a text limit is given; Docker's empty text is none.
fn filled(value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|text| !text.is_empty())
}

/// The version of a controller's hierarchy, or the error that it is missing.
fn home(homes: Homes<'_>, controller: Controller, what: &str) -> Result<Version> {
    homes(controller).ok_or_else(|| no_controller(what, controller))
}

/// The error for a limit that one of the two versions does not have.
fn only(version: Version, what: &str) -> Error {
    match version {
        Version::V1 => Error::unsupported(format!("{what}: only cgroup v1 has this limit"))
            .hint("leave it out: this host's controller is on cgroup v2"),
        Version::V2 => Error::unsupported(format!("{what}: only cgroup v2 has this limit"))
            .hint("leave it out: this host's controller is on cgroup v1"),
    }
}
