//! What only the host's root can mount, for the init of a container in a user namespace.
//!
//! The init has no power over the host's file systems. So another child of the shim, in a mount namespace that ends with it,
//! makes detached trees and sends them: the overlay of layers whose owners are mapped, a `/dev` with nodes, the files
//! of /etc; and a procfs and a sysfs of the host, which the init attaches in its old root. The kernel lets it mount its
//! own where it can see one already (`mount_too_revealing`), and the old root is gone before the program runs.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, mkdirat};
use rocker_sys::mount::{self as mounts, Context, attr};
use rocker_sys::scm;

use super::init::Setup;
use super::mounts::{Planned, attach_file, clone_file, file_system, fill_volumes, is_dev};
use super::root::{self, MOUNT_POINT};
use super::userns::{FileOwner, IdMaps, Userns};
use super::{dev, mounts as own_mounts};
use crate::client::{has_layers, image_below};
use crate::spec::Device;
use crate::{Error, Kind, Result};

/// What the init is sent.
#[derive(Debug)]
pub struct Furniture {
    root: OwnedFd,
    /// A procfs and a sysfs of the host.
    witnesses: [OwnedFd; 2],
    /// The tmpfs of `/dev`.
    pub dev: Option<OwnedFd>,
    /// Trees of images of several layers, by where they are mounted.
    images: Vec<(PathBuf, OwnedFd)>,
    /// The files of the run directory that are bound into /etc.
    files: Vec<OwnedFd>,
}

/// Makes everything and sends it to the init at the other end of `socket`. To be called in a child of the shim that has a
/// mount namespace of its own.
///
/// `charge` is called before anything is copied into a volume: from then on the container pays for memory.
pub fn send(
    setup: &Setup,
    userns: &Userns,
    charge: &dyn Fn() -> Result<()>,
    socket: BorrowedFd<'_>,
) -> Result<()> {
    let (uid, gid) = userns.maps.root()?;
    // Who mounts an overlay is who writes to its upper directory, and the owners of that are mapped.
    let _owner = FileOwner::new(uid, gid)?;
    // After the change of ids, which clears it (prctl(2)): a volume is filled for nobody once the shim is gone.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| Error::sys("set parent death signal", errno))?;
    let (root, data_root) = mapped_root(setup, userns)?;
    fill_volumes(root.as_fd(), &setup.mounts, charge)?;
    let mut trees = vec![root, fresh(c"proc")?, fresh(c"sysfs")?];
    for planned in setup.mounts.iter().filter(|planned| is_dev(planned)).take(1) {
        let mount = &planned.mount;
        let made = file_system(&mount.kind, mount.source.as_deref(), &planned.options)
            .and_then(|tree| populate(tree, setup, &userns.maps));
        trees.push(made.map_err(|error| own_mounts::named(error, &mount.destination))?);
    }
    for planned in setup.mounts.iter().filter(|planned| is_layered(planned)) {
        let root = data_root.as_ref().ok_or_else(|| Error::invalid("the request carries no data root"))?;
        let made = image_below(root.as_fd(), &planned.mount.options);
        trees.push(made.map_err(|error| own_mounts::named(error, &planned.mount.destination))?);
    }
    for (source, _) in &setup.files {
        trees.push(clone_file(source)?);
    }
    let fds: Vec<_> = trees.iter().map(AsFd::as_fd).collect();
    match scm::send(socket, b"f", &fds) {
        // A child that has ended already has said why.
        Ok(_) | Err(Errno::EPIPE) => Ok(()),
        Err(errno) => Err(Error::sys("send the root", errno)),
    }
}

/// In the init: waits for what [`send`] sends.
pub(super) fn receive(setup: &Setup, socket: &OwnedFd) -> Result<Furniture> {
    let fail = |errno| Error::sys("wait for the root", errno);
    let gone = || Error::new(Kind::Gone, "the shim ended during the start");
    let (count, fds) = scm::receive(socket.as_fd(), &mut [0]).map_err(fail)?;
    if count == 0 {
        return Err(gone());
    }
    let mut fds = fds.into_iter();
    let mut next = || fds.next().ok_or_else(gone);
    let (root, witnesses) = (next()?, [next()?, next()?]);
    let dev = if setup.mounts.iter().any(is_dev) { Some(next()?) } else { None };
    let layered = setup.mounts.iter().filter(|planned| is_layered(planned));
    let images =
        layered.map(|planned| Ok((planned.mount.destination.clone(), next()?))).collect::<Result<_>>()?;
    Ok(Furniture { root, witnesses, dev, images, files: fds.collect() })
}

/// Whether it is an image of several layers: no overlay can be mapped, but what it is of can.
pub fn is_layered(planned: &Planned) -> bool {
    planned.mount.kind == "image" && has_layers(&planned.mount.options)
}

impl Furniture {
    /// Attaches the root, over the witnesses. Returns it opened (O_PATH).
    pub(super) fn set_root(&self) -> Result<OwnedFd> {
        for tree in self.witnesses.iter().chain([&self.root]) {
            let here =
                open(MOUNT_POINT, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
                    .map_err(|errno| Error::at("open mount point", MOUNT_POINT, errno))?;
            mounts::attach(tree.as_fd(), here.as_fd()).map_err(|errno| Error::sys("attach root", errno))?;
        }
        self.root.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate the root", &error))
    }

    /// What is mounted in place of the tree that came with the request.
    pub(super) fn image_at(&self, destination: &Path) -> Option<&OwnedFd> {
        self.images.iter().find(|(place, _)| place == destination).map(|(_, tree)| tree)
    }

    /// Attaches the files of /etc.
    pub(super) fn set_files(&self, root: BorrowedFd<'_>, files: &[(PathBuf, PathBuf)]) -> Result<()> {
        self.files
            .iter()
            .zip(files)
            .try_for_each(|(tree, (_, destination))| attach_file(root, tree.as_fd(), destination))
    }
}

/// Places on the stage for the trees that came in the request.
const PLACES: [&str; 2] = ["d", "p"];

/// The overlay, of clones of the data root and of the plain directory that show owners as the namespace maps them; and the
/// former.
fn mapped_root(setup: &Setup, userns: &Userns) -> Result<(OwnedFd, Option<OwnedFd>)> {
    let fail = |errno| Error::sys("make the stage of the root", errno);
    let context = Context::open(c"tmpfs").map_err(fail)?;
    context.string(c"mode", c"0700").map_err(fail)?;
    context.create().map_err(fail)?;
    let stage = context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC).map_err(fail)?;
    let here = open(MOUNT_POINT, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open mount point", MOUNT_POINT, errno))?;
    mounts::attach(stage.as_fd(), here.as_fd()).map_err(fail)?;
    let mapped = |tree: &Option<OwnedFd>, place: &str, what: &str| -> Result<Option<OwnedFd>> {
        let Some(tree) = tree else { return Ok(None) };
        mkdirat(&stage, place, Mode::from_bits_truncate(0o700)).map_err(fail)?;
        // What came from another mount namespace can be cloned once it is attached in this one (`may_copy_tree`).
        let name = own_mounts::c_string(place)?;
        mounts::attach_at(tree.as_fd(), stage.as_fd(), &name).map_err(fail)?;
        let copy = mounts::clone_tree(tree.as_fd(), c"", false).map_err(fail)?;
        userns.map_owners(copy.as_fd(), false).map_err(|error| {
            let message = format!("{what}: {}", error.message);
            error.message(message)
        })?;
        Ok(Some(copy))
    };
    let data_root = mapped(&setup.data_root, PLACES[0], "the data root")?;
    let directory = mapped(&setup.directory, PLACES[1], "the root directory")?;
    let tree = root::mount_root(
        setup.overlay,
        &setup.rootfs,
        &setup.id,
        data_root.as_ref().map(AsFd::as_fd),
        directory.as_ref().map(AsFd::as_fd),
    )?;
    // That one is attached here, and goes with this namespace.
    let root = mounts::clone_tree(tree.as_fd(), c"", false);
    Ok((root.map_err(|errno| Error::sys("clone the root", errno))?, data_root))
}

fn fresh(kind: &std::ffi::CStr) -> Result<OwnedFd> {
    let fail = |errno| Error::sys("mount a procfs or sysfs to be seen", errno);
    let context = Context::open(kind).map_err(fail)?;
    context.create().map_err(fail)?;
    // No flag that the container's own mount lacks: the kernel compares them.
    context.mount(0).map_err(fail)
}

/// Nobody can make a device node in a user namespace (mknod(2)), but one of the host's root works there.
fn populate(tree: OwnedFd, setup: &Setup, maps: &IdMaps) -> Result<OwnedFd> {
    let devices: Vec<Device> =
        setup.devices.iter().map(|device| owned(device, maps)).collect::<Result<_>>()?;
    dev::populate(tree.as_fd(), &devices, setup.terminal.is_some())?;
    Ok(tree)
}

/// The device with its owner as a user of the host.
fn owned(device: &Device, maps: &IdMaps) -> Result<Device> {
    let (uid, gid) = (device.uid.unwrap_or(0), device.gid.unwrap_or(0));
    let missing = |what: &str, id: u32| {
        let path = device.path.display();
        Error::invalid(format!(
            "device `{path}`: {what} {id} is not mapped in the container's user namespace"
        ))
    };
    let owner = maps.user(uid).ok_or_else(|| missing("user", uid))?;
    let group = maps.group(gid).ok_or_else(|| missing("group", gid))?;
    Ok(Device { uid: Some(owner), gid: Some(group), ..device.clone() })
}
