//! Find the cgroup hierarchies of this host and hold their roots.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use super::dir;
use crate::{Error, Kind, Result};

/// What counts or limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Cpu,
    /// Counts processor time on v1; part of `cpu` on v2.
    Cpuacct,
    Cpuset,
    Memory,
    Pids,
    /// On v2 a BPF program, which needs no controller.
    Devices,
    /// `blkio` on v1, `io` on v2.
    Io,
    Hugetlb,
    /// On v2 part of every cgroup.
    Freezer,
}

impl Controller {
    const ALL: [Self; 9] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Memory,
        Self::Pids,
        Self::Devices,
        Self::Io,
        Self::Hugetlb,
        Self::Freezer,
    ];

    /// The kernel's name for it.
    pub(super) fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Cpu, _) => "cpu",
            (Self::Cpuacct, _) => "cpuacct",
            (Self::Cpuset, _) => "cpuset",
            (Self::Memory, _) => "memory",
            (Self::Pids, _) => "pids",
            (Self::Devices, _) => "devices",
            (Self::Io, Version::V1) => "blkio",
            (Self::Io, Version::V2) => "io",
            (Self::Hugetlb, _) => "hugetlb",
            (Self::Freezer, _) => "freezer",
        }
    }
}

/// A set of controllers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Controllers(u16);

impl Controllers {
    pub(super) fn of(list: &[Controller]) -> Self {
        list.iter().fold(Self::default(), |set, one| set.with(*one))
    }

    pub(super) fn with(self, one: Controller) -> Self {
        Self(self.0 | 1 << one as u16)
    }

    pub(super) fn has(self, one: Controller) -> bool {
        self.0 & 1 << one as u16 != 0
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Controller> {
        Controller::ALL.into_iter().filter(move |one| self.has(*one))
    }

    /// From the kernel's names, separated by `separator`; others are left out.
    fn parse(names: &str, separator: char, version: Version) -> Self {
        let named = |name: &str| Controller::ALL.into_iter().find(|one| one.name(version) == name);
        names.trim().split(separator).filter_map(named).fold(Self::default(), Self::with)
    }
}

/// Which of the two interfaces a hierarchy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// One mounted hierarchy.
#[derive(Debug)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    pub(super) controllers: Controllers,
    pub(super) root: OwnedFd,
    /// Where it was mounted when it was found; only for messages.
    pub(super) path: PathBuf,
}

/// The hierarchies of this host. A clone shares the descriptors.
#[derive(Debug, Clone)]
pub struct Hierarchies(pub(super) Arc<Vec<Hierarchy>>);

impl Hierarchies {
    /// Reads `/proc/self/mountinfo` and opens the root of each hierarchy.
    ///
    /// To be called where `/sys/fs/cgroup` is visible; what is returned works
    /// in any mount namespace. Unsupported: no cgroup file system is mounted.
    pub fn detect() -> Result<Self> {
        let file = "/proc/self/mountinfo";
        let text = fs::read_to_string(file).map_err(|error| Error::io_at("read", file, &error))?;
        let mut found = Vec::new();
        for mount in parse_mountinfo(&text) {
            found.extend(open(mount)?);
        }
        if found.is_empty() {
            return Err(Error::unsupported("no cgroup file system is mounted")
                .hint("mount -t cgroup2 cgroup2 /sys/fs/cgroup"));
        }
        Ok(Self(Arc::new(found)))
    }

    /// The hierarchy that has a controller.
    pub(super) fn home(&self, controller: Controller) -> Option<&Hierarchy> {
        self.0.iter().find(|one| one.controllers.has(controller))
    }

    /// The version of the hierarchy that has a controller.
    pub(super) fn version(&self, controller: Controller) -> Option<Version> {
        self.home(controller).map(|one| one.version)
    }

    /// Whether a cgroup v2 file system is mounted.
    pub fn has_v2(&self) -> bool {
        self.0.iter().any(|one| one.version == Version::V2)
    }
}

/// A line of mountinfo that concerns cgroups.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    path: PathBuf,
    version: Version,
    /// Of v1: its controllers, from the super block's options.
    controllers: Controllers,
}

/// The cgroup mounts, v1 before v2, each hierarchy once (`proc_pid_mountinfo(5)`).
fn parse_mountinfo(text: &str) -> Vec<Mount> {
    let mut seen = Vec::new();
    let mut mounts = Vec::new();
    for line in text.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let (Some(device), Some(path), Some(options)) = (left.get(2), left.get(4), right.get(2)) else {
            continue;
        };
        let version = match right[0] {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => continue,
        };
        if seen.contains(device) {
            continue;
        }
        seen.push(device);
        let controllers = match version {
            Version::V1 => Controllers::parse(options, ',', version),
            Version::V2 => Controllers::default(),
        };
        // A named hierarchy (name=systemd) counts and limits nothing.
        if version == Version::V2 || controllers != Controllers::default() {
            mounts.push(Mount { path: unescape(path), version, controllers });
        }
    }
    mounts.sort_by_key(|mount| mount.version == Version::V2);
    mounts
}

/// Undoes the kernel's octal escapes (`\040` is a blank).
fn unescape(path: &str) -> PathBuf {
    let mut parts = path.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    PathBuf::from(plain)
}

/// Opens a hierarchy's root; None when another mount hides it.
fn open(mount: Mount) -> Result<Option<Hierarchy>> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = match openat(AT_FDCWD, &mount.path, flags, Mode::empty()) {
        Ok(root) => root,
        Err(nix::errno::Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(Error::at("open", &mount.path, errno)),
    };
    let controllers = match mount.version {
        Version::V1 => mount.controllers,
        Version::V2 => v2_controllers(&root, &mount.path)?,
    };
    Ok(Some(Hierarchy { version: mount.version, controllers, root, path: mount.path }))
}

/// What a v2 hierarchy offers, with the two that need no controller.
fn v2_controllers(root: &OwnedFd, path: &Path) -> Result<Controllers> {
    let file = "cgroup.controllers";
    let names = dir::read_file(root, file).map_err(|errno| Error::at("read", path.join(file), errno))?;
    let set =
        Controllers::parse(&names, ' ', Version::V2).with(Controller::Devices).with(Controller::Freezer);
    Ok(if set.has(Controller::Cpu) { set.with(Controller::Cpuacct) } else { set })
}

/// The error for a limit whose controller is nowhere.
pub(super) fn no_controller(what: &str, controller: Controller) -> Error {
    let name = controller.name(Version::V1);
    Error::new(Kind::Unsupported, format!("{what}: this host has no cgroup controller `{name}`"))
        .hint("see /proc/cgroups; it may need a kernel parameter or a mount")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct
33 31 0:29 / /mnt/again rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/a\\040b rw,relatime - cgroup cgroup rw,blkio,xattr
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
";

    #[test]
    fn comounted_controllers_are_one_hierarchy_and_named_ones_are_none() {
        let mounts = parse_mountinfo(HYBRID);
        let expected = [
            ("/sys/fs/cgroup/cpu,cpuacct", Version::V1, &[Controller::Cpu, Controller::Cpuacct][..]),
            ("/sys/fs/cgroup/a b", Version::V1, &[Controller::Io]),
            ("/sys/fs/cgroup/unified", Version::V2, &[]),
        ];
        let expected: Vec<Mount> = expected
            .into_iter()
            .map(|(path, version, list)| Mount {
                path: path.into(),
                version,
                controllers: Controllers::of(list),
            })
            .collect();
        assert_eq!(mounts, expected);
    }

    #[test]
    fn a_pure_v2_host_is_one_hierarchy() {
        let mounts = parse_mountinfo("26 23 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].version, Version::V2);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "(?s).{0,400}") {
            parse_mountinfo(&text);
        }
    }
}
