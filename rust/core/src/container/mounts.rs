//! The specification's mounts, each made detached and attached to a descriptor below the root.

use std::cell::RefCell;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sys::stat::{SFlag, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, SYSFS_MAGIC, fstatfs};
use rocker_sys::mount::{self, Context, Propagation, attr};

use super::furnish::Furniture;
use super::gate::Gate;
use super::options::MountOptions;
use super::path::{Target, mount_point};
use super::root::failed;
use super::{copy_up, dev, joined, volume};
use crate::spec::{Device, Mount};
use crate::{Error, Result};

/// One mount, with its options sorted and, for a bind, its source as a detached tree.
#[derive(Debug)]
pub struct Planned {
    /// As the specification says.
    pub mount: Mount,
    /// Its options, sorted.
    pub options: MountOptions,
    /// The source of a bind.
    pub tree: Option<OwnedFd>,
    /// The directory of the volume that is the source.
    pub volume: Option<OwnedFd>,
}

/// What mounting needs beside the mounts themselves.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The container's root.
    pub root: BorrowedFd<'a>,
    /// Device nodes for a `/dev` of our own.
    pub devices: &'a [Device],
    /// The cgroup to show in `/sys/fs/cgroup`.
    pub gate: &'a Gate,
    /// The socket to the shim, for the gate.
    pub socket: &'a OwnedFd,
    /// Whether a terminal will be bound to `/dev/console`.
    pub console: bool,
    /// The procfs of a pid namespace that is joined, for the one mount of it.
    pub procfs: RefCell<Option<OwnedFd>>,
    /// Whether a pid namespace is joined.
    pub joins: bool,
    /// What the host's root has mounted for a container in a user namespace.
    pub furniture: Option<&'a Furniture>,
}

/// What later steps use.
#[derive(Debug, Default)]
pub struct Made {
    /// A procfs of our own, reached by nobody else: for sysctls and `oom_score_adj`.
    pub proc: Option<OwnedFd>,
    /// The tmpfs of `/dev`, if it is of our making.
    pub dev: Option<OwnedFd>,
}

/// Makes and attaches every mount in order.
pub fn mount_all(scene: &Scene<'_>, mounts: &[Planned]) -> Result<Made> {
    let mut made = Made::default();
    if scene.furniture.is_none() {
        fill_volumes(scene.root, mounts, &|| scene.gate.pass(scene.socket).map(drop))?;
    }
    for planned in mounts {
        mount_one(scene, planned, &mut made).map_err(|error| named(error, &planned.mount.destination))?;
    }
    Ok(made)
}

/// Fills new volumes, before anything covers what the image has.
pub(super) fn fill_volumes(
    root: BorrowedFd<'_>,
    mounts: &[Planned],
    charge: &dyn Fn() -> Result<()>,
) -> Result<()> {
    mounts.iter().try_for_each(|planned| {
        volume::fill(root, planned, charge).map_err(|error| named(error, &planned.mount.destination))
    })
}

/// Whether it is the `/dev` of our own making.
pub(super) fn is_dev(planned: &Planned) -> bool {
    planned.tree.is_none() && planned.mount.kind == "tmpfs" && planned.mount.destination == Path::new("/dev")
}

/// The error with the mount's destination in front, so that the user knows which `-v` it was.
pub(super) fn named(error: Error, destination: &Path) -> Error {
    let message = format!("mount `{}`: {}", destination.display(), error.message);
    error.message(message)
}

fn mount_one(scene: &Scene<'_>, planned: &Planned, made: &mut Made) -> Result<()> {
    let destination = planned.mount.destination.as_path();
    if !destination.is_absolute() {
        return Err(Error::invalid("the destination is not an absolute path"));
    }
    if planned.options.copy_up && !matches!(planned.mount.kind.as_str(), "tmpfs" | "volume") {
        return Err(Error::invalid("mount option `tmpcopyup` is for tmpfs alone, `copyup` for volumes"));
    }
    match (&planned.tree, planned.mount.kind.as_str()) {
        (Some(tree), _) => {
            let mapped = scene.furniture.and_then(|furniture| furniture.image_at(destination));
            bind(scene.root, planned, mapped.unwrap_or(tree).as_fd())
        }
        (None, "cgroup" | "cgroup2") => super::cgroupfs::mount(scene, planned),
        (None, "proc" | "sysfs" | "tmpfs" | "devpts" | "mqueue") => {
            let mount = &planned.mount;
            let given =
                scene.furniture.filter(|_| is_dev(planned)).and_then(|furniture| furniture.dev.as_ref());
            let tree = match given {
                Some(dev) => again(dev.as_fd())?,
                None if scene.joins && mount.kind == "proc" => {
                    let tree = scene.procfs.take().ok_or_else(|| {
                        Error::unsupported("a second procfs in a pid namespace that is joined")
                    })?;
                    joined::adapt(tree.as_fd(), &planned.options)?;
                    tree
                }
                None => file_system(&mount.kind, mount.source.as_deref(), &planned.options)?,
            };
            if planned.options.copy_up {
                // First into the cgroup, which is to be charged for the copies.
                scene.gate.pass(scene.socket)?;
                let own = copy_up::Own::said_in(&planned.options.data);
                copy_up::fill(scene.root, destination, &tree, own)?;
            }
            if is_dev(planned) {
                if given.is_none() {
                    dev::populate(tree.as_fd(), scene.devices, scene.console)?;
                }
                made.dev = Some(again(tree.as_fd())?);
            }
            // A link in the image must not lead what the engine mounts to another place (T01).
            let strict = matches!(planned.mount.kind.as_str(), "proc" | "sysfs");
            place(scene.root, tree.as_fd(), destination, Target::Directory, strict, &planned.options)?;
            if planned.mount.kind == "proc" && destination == Path::new("/proc") {
                made.proc = Some(tree);
            }
            Ok(())
        }
        (None, kind) => Err(Error::unsupported(format!("file system type `{kind}` is not supported"))),
    }
}

fn again(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    fd.try_clone_to_owned().map_err(|error| Error::io("duplicate", &error))
}

/// Makes a detached mount of a file system with the options' own data.
pub fn file_system(kind: &str, source: Option<&Path>, options: &MountOptions) -> Result<OwnedFd> {
    let kind = c_string(kind)?;
    let context = Context::open(&kind).map_err(|errno| Error::sys("fsopen", errno))?;
    if let Some(source) = source {
        let source = c_string(&source.to_string_lossy())?;
        // Some file systems take no source; it is only a name in mountinfo.
        let _ = context.string(c"source", &source);
    }
    for option in &options.data {
        set_option(&context, option)?;
    }
    context.create().map_err(|errno| failed(&context, "create file system", errno))?;
    context.mount(options.set).map_err(|errno| Error::sys("fsmount", errno))
}

fn set_option(context: &Context, option: &str) -> Result<()> {
    let result = match option.split_once('=') {
        Some((key, value)) => context.string(&c_string(key)?, &c_string(value)?),
        None => context.flag(&c_string(option)?),
    };
    result.map_err(|errno| Error::sys(format!("set option `{option}`"), errno).kind(crate::Kind::Invalid))
}

/// Attaches a detached tree at its mount's destination, with its options.
pub fn bind(root: BorrowedFd<'_>, planned: &Planned, tree: BorrowedFd<'_>) -> Result<()> {
    let options = &planned.options;
    let kind = fstat(tree).map_err(|errno| Error::sys("look at the source", errno))?.st_mode;
    let target = match SFlag::from_bits_truncate(kind) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Target::Directory,
        _ => Target::File,
    };
    if options.set | options.clear != 0 {
        mount::set_attributes(tree, options.set, options.clear & !options.set, None, false)
            .map_err(|errno| Error::sys("set mount options", errno))?;
    }
    place(root, tree, &planned.mount.destination, target, false, options)
}

/// Attaches a detached tree below the root, with its propagation and recursive attributes.
fn place(
    root: BorrowedFd<'_>,
    tree: BorrowedFd<'_>,
    destination: &Path,
    target: Target,
    strict: bool,
    options: &MountOptions,
) -> Result<()> {
    // A clone of a shared mount is shared with its source: without this the container's mounts below a bind
    // would show up on the host. Docker's default is rprivate.
    let propagation = options.propagation.unwrap_or(Propagation::Private);
    let below = options.propagation.is_none() || options.propagation_below;
    mount::set_attributes(tree, 0, 0, Some(propagation), below)
        .map_err(|errno| Error::sys("set propagation", errno))?;
    if options.set_below | options.clear_below != 0 {
        mount::set_attributes(tree, options.set_below, options.clear_below & !options.set_below, None, true)
            .map_err(|errno| Error::sys("set recursive mount options", errno))?;
    }
    let point = mount_point(root, destination, target, strict)?;
    stays_out_of_the_kernels_files(point.as_fd(), destination)?;
    mount::attach(tree, point.as_fd()).map_err(|errno| {
        let is_directory =
            |fd| fstat(fd).is_ok_and(|stat| stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits());
        let error = Error::sys("attach mount", errno);
        // EINVAL is also move_mount's word for it.
        match errno == nix::errno::Errno::ENOTDIR || is_directory(tree) != is_directory(point.as_fd()) {
            true => {
                error.message("a directory can be mounted only on a directory, and a file only on a file")
            }
            false => error,
        }
    })
}

/// A link in the image must not lead a mount onto procfs or sysfs, which would go unseen by who checks names: labels
/// are written there (CVE-2019-16884), and masks would be moved.
fn stays_out_of_the_kernels_files(point: BorrowedFd<'_>, destination: &Path) -> Result<()> {
    let kind =
        fstatfs(point).map_err(|errno| Error::sys("look at the mount point", errno))?.filesystem_type();
    for (magic, top) in [(PROC_SUPER_MAGIC, "/proc"), (SYSFS_MAGIC, "/sys")] {
        if kind == magic && !destination.starts_with(top) {
            return Err(Error::invalid(format!(
                "a symbolic link in the image leads into {top}: nothing is mounted there through one"
            )));
        }
    }
    Ok(())
}

/// Binds a file or directory below a private directory (the run directory) into the container.
pub fn bind_file(root: BorrowedFd<'_>, source: &Path, destination: &Path) -> Result<()> {
    let tree = clone_file(source)?;
    attach_file(root, tree.as_fd(), destination)
}

/// A detached clone of a file at an absolute path of this mount namespace.
pub(super) fn clone_file(source: &Path) -> Result<OwnedFd> {
    let here = rocker_sys::fds::borrow(0).map_err(|errno| Error::sys("borrow", errno))?;
    mount::clone_tree(here, &c_string(&source.to_string_lossy())?, false)
        .map_err(|errno| Error::at("clone", source, errno))
}

/// Attaches a detached clone of a file.
pub(super) fn attach_file(root: BorrowedFd<'_>, tree: BorrowedFd<'_>, destination: &Path) -> Result<()> {
    place(root, tree, destination, Target::File, false, &MountOptions::default())
}

/// Makes the mount read-only that `fd` is the root of.
pub fn make_read_only(fd: BorrowedFd<'_>) -> Result<()> {
    mount::set_attributes(fd, attr::RDONLY, 0, None, false)
        .map_err(|errno| Error::sys("make read-only", errno))
}

pub(super) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::invalid(format!("`{}` contains a zero byte", text.escape_debug())))
}
