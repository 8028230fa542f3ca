//! `/sys/fs/cgroup` in a container: its own cgroup namespace, seen through fresh mounts.

use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::symlinkat;
use rocker_sys::mount::{self, Context, attr};

use super::mounts::{Planned, Scene, c_string};
use super::path::{Target, mount_point};
use crate::{Error, Result};

/// Mounts cgroup v2, or on v1 a tmpfs with one mount for each hierarchy, at the planned place.
pub fn mount(scene: &Scene<'_>, planned: &Planned) -> Result<()> {
    let hierarchies = scene.gate.pass(scene.socket)?;
    let attributes = planned.options.set;
    let strict = true;
    if hierarchies.is_empty() {
        let tree = fresh("cgroup2", &[], attributes)?;
        let point = mount_point(scene.root, &planned.mount.destination, Target::Directory, strict)?;
        return attach(tree.as_fd(), point.as_fd());
    }
    let tmpfs = fresh("tmpfs", &["mode=755", "size=64k"], attributes & !attr::RDONLY)?;
    let point = mount_point(scene.root, &planned.mount.destination, Target::Directory, strict)?;
    attach(tmpfs.as_fd(), point.as_fd())?;
    for hierarchy in hierarchies {
        let controllers: Vec<&str> = hierarchy.split(',').collect();
        make(tmpfs.as_fd(), hierarchy)?;
        let tree = fresh("cgroup", &controllers, attributes)?;
        let name = c_string(hierarchy)?;
        mount::attach_at(tree.as_fd(), tmpfs.as_fd(), &name)
            .map_err(|errno| Error::at("attach hierarchy", hierarchy, errno))?;
        for link in controllers.iter().filter(|name| **name != hierarchy) {
            symlinkat(hierarchy.as_str(), &tmpfs, *link).map_err(|errno| Error::at("link", link, errno))?;
        }
    }
    if attributes & attr::RDONLY != 0 {
        super::mounts::make_read_only(tmpfs.as_fd())?;
    }
    Ok(())
}

fn make(tmpfs: std::os::fd::BorrowedFd<'_>, name: &str) -> Result<()> {
    mkdirat(tmpfs, Path::new(name), Mode::from_bits_truncate(0o755))
        .map_err(|errno| Error::at("make", name, errno))
}

fn attach(tree: std::os::fd::BorrowedFd<'_>, point: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    mount::attach(tree, point).map_err(|errno| Error::sys("attach mount", errno))
}

fn fresh(kind: &str, options: &[&str], attributes: u64) -> Result<std::os::fd::OwnedFd> {
    let context =
        Context::open(&c_string(kind)?).map_err(|errno| Error::sys(format!("fsopen {kind}"), errno))?;
    for option in options {
        let set = match option.split_once('=') {
            Some((key, value)) => context.string(&c_string(key)?, &c_string(value)?),
            None => context.flag(&c_string(option)?),
        };
        set.map_err(|errno| Error::sys(format!("set option `{option}` of {kind}"), errno))?;
    }
    context.create().map_err(|errno| Error::sys(format!("create {kind}"), errno))?;
    context.mount(attributes).map_err(|errno| Error::sys(format!("fsmount {kind}"), errno))
}
