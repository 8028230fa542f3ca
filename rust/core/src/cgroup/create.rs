//! Make or open a cgroup in the hierarchies it is to be in.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::dir;
use super::hierarchy::{Controller, Controllers, Hierarchies, Hierarchy, Version};
use super::limits;
use crate::spec::Resources;
use crate::{Error, Kind, Result};

/// Controllers every cgroup is counted by, limited or not.
const ALWAYS: [Controller; 6] = [
    Controller::Cpu,
    Controller::Cpuacct,
    Controller::Memory,
    Controller::Pids,
    Controller::Devices,
    Controller::Io,
];

/// A cgroup's directory in one hierarchy.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Index of the hierarchy.
    pub(super) hierarchy: usize,
    pub(super) version: Version,
    pub(super) fd: OwnedFd,
}

/// One cgroup: the same path in each hierarchy that it is in.
///
/// Dropping it closes descriptors and nothing else; [`Cgroup::remove`] ends it.
#[derive(Debug)]
pub struct Cgroup {
    pub(super) hierarchies: Hierarchies,
    pub(super) path: PathBuf,
    pub(super) dirs: Vec<Leaf>,
}

impl Hierarchies {
    /// Makes a cgroup and limits it; nothing is left when it fails.
    ///
    /// `path` is relative, for example `rocker/<id>`; parents are made as
    /// needed and stay. Device access is untouched (all that the parent has)
    /// when `resources` has no device rules. Conflict: it exists. Unsupported:
    /// a limit that this host cannot keep, by name. Invalid: a bad path or value.
    pub fn create(&self, path: &Path, resources: Option<&Resources>) -> Result<Cgroup> {
        let (mut cgroup, rest) = self.begin(path, resources)?;
        match cgroup.finish(rest) {
            Ok(()) => Ok(cgroup),
            Err(error) => {
                cgroup.undo();
                Err(error)
            }
        }
    }

    /// The first half of [`Hierarchies::create`]: checks everything and makes what a process can be born in, the
    /// directory of v2. [`Cgroup::finish`] is the other half; until then nothing is limited.
    pub fn begin(&self, path: &Path, resources: Option<&Resources>) -> Result<(Cgroup, Rest)> {
        dir::check_path(path)?;
        let wanted = wanted(self, resources);
        // The plan is made before anything else, so that bad input makes nothing.
        let plan = match resources {
            Some(resources) => limits::plan(resources, &|one| self.version(one), false)?,
            None => limits::Plan::default(),
        };
        let mut cgroup = Cgroup { hierarchies: self.clone(), path: path.to_owned(), dirs: Vec::new() };
        match cgroup.make(wanted, Some(Version::V2)) {
            Ok(()) => Ok((cgroup, Rest { plan, wanted })),
            Err(error) => {
                cgroup.undo();
                Err(error)
            }
        }
    }

    /// Opens a cgroup that exists, in every hierarchy that has it. NotFound: none has.
    pub fn open(&self, path: &Path) -> Result<Cgroup> {
        dir::check_path(path)?;
        let mut dirs = Vec::new();
        for (index, hierarchy) in self.0.iter().enumerate() {
            match dir::open_dir(&hierarchy.root, path) {
                Ok(fd) => dirs.push(Leaf { hierarchy: index, version: hierarchy.version, fd }),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(Error::at("open cgroup", hierarchy.path.join(path), errno)),
            }
        }
        if dirs.is_empty() {
            return Err(Error::new(Kind::NotFound, format!("no cgroup `{}`", path.display())));
        }
        Ok(Cgroup { hierarchies: self.clone(), path: path.to_owned(), dirs })
    }
}

/// What [`Hierarchies::begin`] leaves to do.
#[derive(Debug)]
pub struct Rest {
    plan: limits::Plan,
    wanted: Controllers,
}

/// The controllers a new cgroup needs.
fn wanted(hierarchies: &Hierarchies, resources: Option<&Resources>) -> Controllers {
    let mut set = Controllers::of(&ALWAYS);
    if !hierarchies.has_v2() {
        set = set.with(Controller::Freezer);
    }
    resources.map_or(set, |resources| limits::extra_controllers(resources).fold(set, Controllers::with))
}

impl Cgroup {
    /// Its path relative to each hierarchy's root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The v1 hierarchies that it is in, each as its controllers joined by commas (`cpu,cpuacct`), for showing them
    /// in a container; empty on a pure v2 host.
    pub fn v1_names(&self) -> Vec<String> {
        let v1 = self.dirs.iter().filter(|leaf| leaf.version == Version::V1);
        v1.map(|leaf| {
            let controllers = self.hierarchies.0[leaf.hierarchy].controllers.iter();
            let names: Vec<&str> = controllers.map(|name| name.name(Version::V1)).collect();
            names.join(",")
        })
        .collect()
    }

    /// The second half of [`Hierarchies::create`]. What was made stays when it fails: [`Cgroup::remove`] ends it.
    pub fn finish(&mut self, rest: Rest) -> Result<()> {
        self.make(rest.wanted, Some(Version::V1))?;
        self.apply(&rest.plan, false)
    }

    /// Makes the directories, in the hierarchies with the wanted controllers; those of one version, if one is given.
    pub(super) fn make(&mut self, wanted: Controllers, version: Option<Version>) -> Result<()> {
        let hierarchies = self.hierarchies.clone();
        for (index, hierarchy) in hierarchies.0.iter().enumerate() {
            if version.is_some_and(|version| version != hierarchy.version) {
                continue;
            }
            let used = hierarchy.version == Version::V2 || hierarchy.controllers.meets(wanted);
            let there = self.dirs.iter().any(|leaf| leaf.hierarchy == index);
            if used && !there {
                self.make_in(index, hierarchy)?;
            }
            if used && hierarchy.version == Version::V2 {
                enable(hierarchy, &self.path, wanted)?;
            }
        }
        Ok(())
    }

    fn make_in(&mut self, index: usize, hierarchy: &Hierarchy) -> Result<()> {
        let failed = |errno| match errno {
            Errno::EEXIST => {
                Error::new(Kind::Conflict, format!("cgroup `{}` exists already", self.path.display()))
            }
            errno => Error::at("make cgroup", hierarchy.path.join(&self.path), errno),
        };
        match dir::make_dir(&hierarchy.root, &self.path) {
            Err(Errno::ENOENT) => {
                make_parents(hierarchy, &self.path)?;
                dir::make_dir(&hierarchy.root, &self.path).map_err(failed)?;
            }
            done => done.map_err(failed)?,
        }
        let fd = match dir::open_dir(&hierarchy.root, &self.path) {
            Ok(fd) => fd,
            Err(errno) => {
                let _ = unlinkat(&hierarchy.root, &self.path, UnlinkatFlags::RemoveDir);
                return Err(Error::at("open cgroup", hierarchy.path.join(&self.path), errno));
            }
        };
        // In the hierarchies' order, in which v1 comes before v2: a controller that both could have is v1's.
        let place = self.dirs.partition_point(|leaf| leaf.hierarchy < index);
        self.dirs.insert(place, Leaf { hierarchy: index, version: hierarchy.version, fd });
        if hierarchy.version == Version::V1 && hierarchy.controllers.has(Controller::Cpuset) {
            fill_cpuset(hierarchy, &self.path)?;
        }
        Ok(())
    }

    /// Removes what a failed creation has made; nobody was in it yet.
    fn undo(&self) {
        for leaf in &self.dirs {
            let root = &self.hierarchies.0[leaf.hierarchy].root;
            let _ = unlinkat(root, &self.path, UnlinkatFlags::RemoveDir);
        }
    }

    /// The directory in the v2 hierarchy.
    pub(super) fn v2(&self) -> Option<&Leaf> {
        self.dirs.iter().find(|leaf| leaf.version == Version::V2)
    }

    /// The directory in the hierarchy that has a controller.
    pub(super) fn leaf(&self, controller: Controller) -> Option<&Leaf> {
        let has = |leaf: &&Leaf| self.hierarchies.0[leaf.hierarchy].controllers.has(controller);
        self.dirs.iter().find(has)
    }

    /// A failed operation on one of its files.
    pub(super) fn error(&self, leaf: &Leaf, step: &str, file: &str, errno: Errno) -> Error {
        let path = self.hierarchies.0[leaf.hierarchy].path.join(&self.path).join(file);
        Error::at(step, path, errno)
    }
}

/// The cgroups above one, without the root, topmost first.
fn parents(path: &Path) -> Vec<&Path> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|one| !one.as_os_str().is_empty()).collect();
    above.reverse();
    above
}

fn make_parents(hierarchy: &Hierarchy, path: &Path) -> Result<()> {
    for parent in parents(path) {
        match dir::make_dir(&hierarchy.root, parent) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::at("make cgroup", hierarchy.path.join(parent), errno)),
        }
    }
    Ok(())
}

/// Copies cpus and mems down to a v1 cpuset, which starts empty and takes no
/// process before it has both (`cgroup-v1/cpusets.rst`).
fn fill_cpuset(hierarchy: &Hierarchy, path: &Path) -> Result<()> {
    let chain: Vec<&Path> = parents(path).into_iter().chain([path]).collect();
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let failed = |path: &Path, errno| Error::at("copy cpuset", hierarchy.path.join(path), errno);
        let read = |path: &Path| {
            let name = path.join(file);
            dir::read_file(&hierarchy.root, &name.to_string_lossy()).map_err(|errno| failed(&name, errno))
        };
        let mut value = read(Path::new(""))?;
        for one in &chain {
            let own = read(one)?;
            if own.trim().is_empty() {
                let name = one.join(file);
                dir::write_file(&hierarchy.root, &name.to_string_lossy(), value.trim())
                    .map_err(|errno| failed(&name, errno))?;
            } else {
                value = own;
            }
        }
    }
    Ok(())
}

/// Enables the wanted controllers for the children of every parent (v2).
fn enable(hierarchy: &Hierarchy, path: &Path, wanted: Controllers) -> Result<()> {
    let names: Vec<&str> = hierarchy
        .controllers
        .iter()
        .filter(|one| wanted.has(*one))
        .filter(|one| !matches!(one, Controller::Cpuacct | Controller::Devices | Controller::Freezer))
        .map(|one| one.name(Version::V2))
        .collect();
    if names.is_empty() || enabled(hierarchy, path.parent(), &names) {
        return Ok(());
    }
    let text: Vec<String> = names.iter().map(|name| format!("+{name}")).collect();
    let text = text.join(" ");
    for parent in [Path::new("")].into_iter().chain(parents(path)) {
        let file = parent.join("cgroup.subtree_control");
        match dir::write_file(&hierarchy.root, &file.to_string_lossy(), &text) {
            Ok(()) => {}
            Err(Errno::EBUSY) => {
                return Err(Error::at("enable controllers in", hierarchy.path.join(&file), Errno::EBUSY)
                    .hint(
                        "a v2 cgroup with processes cannot have children with controllers: move them out",
                    ));
            }
            Err(errno) => {
                return Err(Error::at("enable controllers in", hierarchy.path.join(&file), errno));
            }
        }
    }
    Ok(())
}

/// Whether the direct parent gives all of them to its children already.
fn enabled(hierarchy: &Hierarchy, parent: Option<&Path>, names: &[&str]) -> bool {
    let file = parent.unwrap_or(Path::new("")).join("cgroup.subtree_control");
    let there = dir::read_file(&hierarchy.root, &file.to_string_lossy()).unwrap_or_default();
    names.iter().all(|name| there.split_whitespace().any(|one| one == *name))
}
