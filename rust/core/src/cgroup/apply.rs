//! Do what `limits` has planned.

use nix::errno::Errno;
use rocker_sys::bpf;

use super::create::{Cgroup, Leaf};
use super::devices::Rules;
use super::dir;
use super::hierarchy::{Controller, Controllers, Version, no_controller};
use super::limits::{self, Plan, Write};
use crate::spec::Resources;
use crate::{Error, Kind, Result};

/// Passes over the list of processes that a new hierarchy must still take in.
const MOVES: usize = 100;

impl Cgroup {
    /// Changes limits of a cgroup with processes in it; what `resources` does
    /// not name stays.
    ///
    /// Not atomic: when a value is refused, those before it stay. Conflict: a
    /// memory limit below what is used. Unsupported: a limit this host cannot
    /// keep; device rules on v2, where the kernel would only ever add to them.
    pub fn update(&mut self, resources: &Resources) -> Result<()> {
        let hierarchies = self.hierarchies.clone();
        let plan = limits::plan(resources, &|one| hierarchies.version(one), true)?;
        if matches!(plan.devices, Some((Version::V2, _))) {
            return Err(Error::unsupported("devices: cgroup v2 cannot change them while the container runs"));
        }
        if let Some(limit) = plan.check_memory {
            self.check_memory(limit)?;
        }
        let extra = limits::extra_controllers(resources).fold(Controllers::default(), Controllers::with);
        let before: Vec<usize> = self.dirs.iter().map(|leaf| leaf.hierarchy).collect();
        self.make(extra, None)?;
        self.apply(&plan, true)?;
        for added in self.dirs.iter().filter(|leaf| !before.contains(&leaf.hierarchy)) {
            self.move_into(added)?;
        }
        Ok(())
    }

    /// Moves all processes into a hierarchy that was not used before.
    fn move_into(&self, leaf: &Leaf) -> Result<()> {
        for _ in 0..MOVES {
            let there = dir::read_file(&leaf.fd, "cgroup.procs")
                .map_err(|errno| self.error(leaf, "read", "cgroup.procs", errno))?;
            let there: Vec<&str> = there.lines().collect();
            let missing: Vec<String> = self
                .pids()?
                .iter()
                .map(i32::to_string)
                .filter(|pid| !there.contains(&pid.as_str()))
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            for pid in missing {
                match dir::write_file(&leaf.fd, "cgroup.procs", &pid) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(self.error(leaf, "move processes to", "cgroup.procs", errno)),
                }
            }
        }
        Err(Error::new(Kind::Timeout, format!("cgroup `{}` forks too fast to be moved", self.path.display())))
    }

    /// Refuses a v2 memory limit that would kill at once.
    fn check_memory(&self, limit: u64) -> Result<()> {
        let Some(leaf) = self.leaf(Controller::Memory) else { return Ok(()) };
        let used = dir::read_file(&leaf.fd, "memory.current")
            .map_err(|errno| self.error(leaf, "read", "memory.current", errno))?;
        match used.trim().parse::<u64>() {
            Ok(used) if used > limit => Err(Error::new(
                Kind::Conflict,
                format!("memory.limit: {limit} bytes is less than the {used} in use"),
            )),
            _ => Ok(()),
        }
    }

    /// Writes all values. Some depend on each other (swap may not be below
    /// memory, burst not above quota) and an old value of a live cgroup can
    /// forbid the new one, so what is refused there is tried again at the end.
    pub(super) fn apply(&self, plan: &Plan, live: bool) -> Result<()> {
        let mut again = Vec::new();
        for write in &plan.writes {
            match self.write(write) {
                Err(error) if live && error.errno == Some(Errno::EINVAL as i32) => again.push(write),
                done => done?,
            }
        }
        for write in again {
            self.write(write)?;
        }
        match &plan.devices {
            Some((version, rules)) => self.apply_devices(*version, rules),
            None => Ok(()),
        }
    }

    fn write(&self, write: &Write) -> Result<()> {
        let Some(leaf) = self.leaf(write.controller) else {
            return Err(no_controller(write.what, write.controller));
        };
        for (file, value) in &write.choices {
            match dir::write_file(&leaf.fd, file, value) {
                Ok(()) => return Ok(()),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(self.refused(leaf, write, file, value, errno)),
            }
        }
        if write.optional {
            return Ok(());
        }
        let files: Vec<&str> = write.choices.iter().map(|(file, _)| file.as_str()).collect();
        let hint = match write.what {
            "memory.swap" => "swap accounting is off: boot with swapaccount=1",
            _ => "this kernel was built or booted without it",
        };
        let message = format!("{}: this host's cgroups have no `{}`", write.what, files.join("` or `"));
        Err(Error::unsupported(message).hint(hint))
    }

    fn refused(&self, leaf: &Leaf, write: &Write, file: &str, value: &str, errno: Errno) -> Error {
        let error = self.error(leaf, "write", file, errno);
        let message = format!("{}: the kernel refuses `{value}` in `{file}`: {}", write.what, errno.desc());
        let error = error.message(message);
        match (errno, write.controller) {
            (Errno::EBUSY, Controller::Memory) => error.kind(Kind::Conflict).hint("more is in use than that"),
            (Errno::EINVAL | Errno::ERANGE, _) => error.kind(Kind::Invalid),
            (Errno::EOPNOTSUPP, _) => error.kind(Kind::Unsupported),
            (Errno::ENODEV | Errno::ENXIO, Controller::Io) => {
                error.kind(Kind::Invalid).hint("no such block device; a partition cannot be limited")
            }
            _ => error,
        }
    }

    fn apply_devices(&self, version: Version, rules: &Rules) -> Result<()> {
        let Some(leaf) = self.leaf(Controller::Devices) else {
            return Err(no_controller("devices", Controller::Devices));
        };
        match version {
            Version::V1 => self.write_devices(leaf, rules),
            Version::V2 => {
                let program = bpf::load_cgroup_device(&rules.program())
                    .map_err(|errno| Error::sys("load device program", errno))?;
                let attached = bpf::attach_cgroup_device(
                    std::os::fd::AsFd::as_fd(&leaf.fd),
                    std::os::fd::AsFd::as_fd(&program),
                );
                attached.map_err(|errno| Error::at("attach device program to", &self.path, errno))
            }
        }
    }

    fn write_devices(&self, leaf: &Leaf, rules: &Rules) -> Result<()> {
        let (allow, deny) = ("devices.allow", "devices.deny");
        let (reset, file) = if rules.allowed() { (allow, deny) } else { (deny, allow) };
        let failed = |file: &str, line: &str, errno| {
            let error = self.error(leaf, "write", file, errno);
            match errno {
                Errno::EPERM => error.hint(format!("the parent cgroup does not have `{line}`")),
                _ => error,
            }
        };
        dir::write_file(&leaf.fd, reset, "a").map_err(|errno| failed(reset, "a", errno))?;
        let lines = rules.lines();
        if lines.is_empty() {
            return Ok(());
        }
        let fd = dir::open_write(&leaf.fd, file).map_err(|errno| failed(file, "", errno))?;
        for line in lines {
            dir::write_value(&fd, &line).map_err(|errno| failed(file, &line, errno))?;
        }
        Ok(())
    }
}
