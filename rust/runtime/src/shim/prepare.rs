//! Request and descriptors turned into a checked setup, before anything exists that would have to be undone.

use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::{OFlag, openat};
use nix::sched::CloneFlags;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, fchown};
use rocker_core::container::{Hooks, Masks, MountOptions, Planned, Program, Userns, check_sysctls};
use rocker_core::protocol::{Fd, Files, StartRequest};
use rocker_core::spec::{Namespace, NamespaceType, Process, Seccomp};
use rocker_core::{Error, Result, seccomp};
use rocker_sys::mount::Propagation;

use super::userns;
use crate::host::{Host, RUN};
use crate::standby::SYSCTLS;

/// The frame's descriptors by what they are.
#[derive(Debug, Default)]
pub struct Handed {
    /// What the container's init is attached to.
    pub streams: [Option<OwnedFd>; 3],
    /// Detached clone of the data root.
    pub root: Option<OwnedFd>,
    /// Detached clone of a plain directory.
    pub directory: Option<OwnedFd>,
    /// pidfd of the owner.
    pub owner: Option<OwnedFd>,
    /// Sources of binds, by the mount's position.
    pub mounts: Vec<(usize, OwnedFd)>,
    /// Directories of volumes, by the mount's position.
    pub volumes: Vec<(usize, OwnedFd)>,
    /// Namespace files, by the namespace's position.
    pub namespaces: Vec<(usize, OwnedFd)>,
    /// Directory of the log server's socket.
    pub log: Option<OwnedFd>,
    /// Detached clone of the host's root, for hooks.
    pub host: Option<OwnedFd>,
    /// A network namespace made beforehand, with loopback up.
    pub network: Option<OwnedFd>,
    /// Whether that is the container's own since an earlier start.
    pub network_is_own: bool,
    /// The user namespace of an earlier start, which owns that.
    pub userns: Option<Rc<Userns>>,
    /// The host's resolv.conf(5).
    pub resolv: Option<OwnedFd>,
}

impl Handed {
    /// Sorts descriptors by the names that came with them.
    pub fn sort(names: &[Fd], fds: Vec<OwnedFd>) -> Result<Self> {
        if names.len() != fds.len() {
            return Err(Error::invalid(format!("{} descriptors came with {} names", fds.len(), names.len())));
        }
        let mut handed = Self::default();
        for (name, fd) in names.iter().zip(fds) {
            match name {
                Fd::Stdin => handed.streams[0] = Some(fd),
                Fd::Stdout => handed.streams[1] = Some(fd),
                Fd::Stderr => handed.streams[2] = Some(fd),
                Fd::Root => handed.root = Some(fd),
                Fd::Rootfs => handed.directory = Some(fd),
                Fd::Owner => handed.owner = Some(fd),
                Fd::Resolv => handed.resolv = Some(fd),
                Fd::Mount(index) => handed.mounts.push((*index, fd)),
                Fd::Log => handed.log = Some(fd),
                Fd::Host => handed.host = Some(fd),
                Fd::Volume(index) => handed.volumes.push((*index, fd)),
                Fd::Namespace(index) => handed.namespaces.push((*index, fd)),
            }
        }
        Ok(handed)
    }
}

/// Namespaces of a container: made by clone, joined by the child, joined by the shim before it clones.
#[derive(Debug)]
pub struct Namespaces {
    /// Flags of clone3.
    pub new: CloneFlags,
    /// Joined by the child.
    pub joined: Vec<(NamespaceType, OwnedFd)>,
    /// The pid namespace to join, with the host pid of a process in it.
    pub pid: Option<(OwnedFd, i32)>,
    /// The user namespace, if it is not the host's: its file, or None for a new one.
    pub user: Option<Option<OwnedFd>>,
    /// Whether the cgroup namespace is its own; made by the child once it is in its cgroup.
    pub cgroup: bool,
    /// Whether the network namespace was made beforehand.
    pub ready: bool,
    /// All that are not the host's, for exec.
    pub all: CloneFlags,
    /// Sorts that are the container's own.
    pub own: Vec<NamespaceType>,
}

impl Namespaces {
    /// Sorts the specification's namespaces.
    pub fn plan(request: &StartRequest, handed: &mut Handed) -> Result<Self> {
        let own = handed.network_is_own;
        let is_user = |namespace: &Namespace| namespace.kind == NamespaceType::User;
        // One that was made beforehand belongs to the host's user namespace.
        let fits = !request.spec.linux.namespaces.iter().any(is_user) && fits(request);
        let (handed, ready) = (&mut handed.namespaces, &mut handed.network);
        let mut plan = Self {
            new: CloneFlags::empty(),
            joined: Vec::new(),
            pid: None,
            user: None,
            cgroup: false,
            ready: false,
            all: CloneFlags::empty(),
            own: Vec::new(),
        };
        for (index, namespace) in request.spec.linux.namespaces.iter().enumerate() {
            let flag = rocker_core::container::init::clone_flag(namespace.kind);
            if plan.all.contains(flag) {
                return Err(Error::invalid(format!("namespace {:?} is given twice", namespace.kind)));
            }
            plan.all |= flag;
            let fd = handed.iter().position(|(at, _)| *at == index).map(|at| handed.swap_remove(at).1);
            match (namespace.path.is_some(), fd, namespace.kind) {
                (false, _, NamespaceType::Cgroup) => plan.cgroup = true,
                (false, _, NamespaceType::User) => plan.user = Some(None),
                (false, _, kind @ NamespaceType::Network) if ready.is_some() && (own || fits) => {
                    plan.joined.extend(ready.take().map(|fd| (kind, fd)));
                    plan.own.push(kind);
                    plan.ready = true;
                }
                (false, _, kind) => {
                    plan.new |= flag;
                    plan.own.push(kind);
                }
                (true, None, _) => return Err(Error::invalid("a namespace came without its descriptor")),
                (true, Some(fd), NamespaceType::User) => plan.user = Some(Some(fd)),
                (true, Some(fd), NamespaceType::Pid) => {
                    plan.pid = Some((fd, process_of(namespace.path.as_deref())?));
                }
                (true, Some(fd), kind) => plan.joined.push((kind, fd)),
            }
        }
        if !plan.all.contains(CloneFlags::CLONE_NEWNS) {
            return Err(Error::unsupported(
                "a container in the engine's own mount namespace is not supported",
            ));
        }
        if !plan.new.contains(CloneFlags::CLONE_NEWNS) {
            check_joins_mounts(request)?;
        }
        check_sysctls(&request.spec.linux.sysctl, &plan.own)?;
        // Not wanted: it need not live as long as the container.
        drop(ready.take());
        Ok(plan)
    }

    /// The network namespace that was made beforehand, for the shim's own work in it.
    pub fn network(&self) -> Result<Option<OwnedFd>> {
        let own = self.joined.iter().find(|(kind, _)| self.ready && *kind == NamespaceType::Network);
        let copy = own.map(|(_, fd)| fd.as_fd().try_clone_to_owned()).transpose();
        copy.map_err(|error| Error::io("duplicate the network namespace", &error))
    }
}

/// The process that a namespace file belongs to: `/proc/PID/ns/pid`.
fn process_of(path: Option<&Path>) -> Result<i32> {
    let text =
        path.and_then(Path::to_str).and_then(|path| path.strip_prefix("/proc/")?.strip_suffix("/ns/pid"));
    text.and_then(|number| number.parse().ok()).ok_or_else(|| {
        Error::invalid("a pid namespace is joined by the file of a process in it: /proc/PID/ns/pid")
    })
}

/// In a mount namespace that it joins a container finds its root and mounts: to change them would be to change them for
/// those who are there.
fn check_joins_mounts(request: &StartRequest) -> Result<()> {
    let (spec, rootfs) = (&request.spec, &request.rootfs);
    let wanted = [
        ("a root file system", !rootfs.layers.is_empty() || rootfs.directory.is_some()),
        ("mounts", !spec.mounts.is_empty()),
        ("a read-only root", spec.root.as_ref().is_some_and(|root| root.readonly)),
        (
            "masked or read-only paths",
            !(spec.linux.masked_paths.is_empty() && spec.linux.readonly_paths.is_empty()),
        ),
        ("devices", !spec.linux.devices.is_empty()),
        ("hooks", spec.hooks.is_some()),
        ("a propagation of its root", spec.linux.rootfs_propagation.is_some()),
        ("files", request.files != Files::default()),
    ];
    match wanted.into_iter().find(|(_, is)| *is) {
        Some((what, _)) => Err(Error::invalid(format!(
            "a container that joins a mount namespace has {what} in its specification, which it finds there"
        ))),
        None => Ok(()),
    }
}

/// Whether a network namespace with [`SYSCTLS`] set serves the container: it sets these itself, to whatever value.
fn fits(request: &StartRequest) -> bool {
    SYSCTLS.iter().all(|(name, _)| request.spec.linux.sysctl.contains_key(*name))
}

/// What runs the specification's hooks, if it has any. Asked for before anything is taken out of the request: hooks read
/// the whole specification. `maps`: whether the container has a user namespace.
pub fn hooks(request: &StartRequest, handed: &mut Handed, maps: bool) -> Result<Option<Hooks>> {
    let Some(hooks) = &request.spec.hooks else { return Ok(None) };
    if maps {
        // Its init, which would run them, has no power over the host's files.
        return Err(Error::unsupported("hooks of a container in a user namespace")
            .hint("a CDI device asks for them: start the container with --userns host"));
    }
    let (Some(host), Some(bundle)) = (handed.host.take(), &request.bundle) else {
        return Err(Error::invalid("hooks came without the host's root or the directory of their bundle"));
    };
    Hooks::new(&request.id, &request.spec, &hooks.create_container, host, bundle).map(Some)
}

/// The specification's mounts with their options sorted and their sources, whose owners are mapped where that is wanted.
pub fn mounts(
    host: &Host,
    request: &mut StartRequest,
    handed: &mut Handed,
    userns: Option<&Userns>,
) -> Result<Vec<Planned>> {
    let mounts = std::mem::take(&mut request.spec.mounts);
    let plan = |(index, mount): (usize, rocker_core::spec::Mount)| {
        let options = MountOptions::parse(&mount.options)?;
        let tree = taken(&mut handed.mounts, index);
        if (options.bind || matches!(mount.kind.as_str(), "bind" | "volume" | "image")) && tree.is_none() {
            return Err(Error::invalid(format!(
                "bind `{}` came without its source",
                mount.destination.display()
            )));
        }
        let planned = Planned { mount, options, tree, volume: taken(&mut handed.volumes, index) };
        userns::map_owners(host, &planned, userns).map_err(|error| {
            let message = format!("mount `{}`: {}", planned.mount.destination.display(), error.message);
            error.message(message)
        })?;
        Ok(planned)
    };
    mounts.into_iter().enumerate().map(plan).collect()
}

fn taken(handed: &mut Vec<(usize, OwnedFd)>, index: usize) -> Option<OwnedFd> {
    handed.iter().position(|(at, _)| *at == index).map(|at| handed.swap_remove(at).1)
}

/// The files of /etc that are to be written and bound: name in the run directory and content.
pub fn files(request: &mut StartRequest, mounts: &[Planned]) -> Vec<(&'static str, String)> {
    let files = &mut request.files;
    let wanted = [
        ("hosts", files.hosts.take()),
        ("resolv.conf", files.resolv_conf.take()),
        ("hostname", files.hostname.take()),
    ];
    let is_free = |name: &str| {
        let destination = Path::new("/etc").join(name);
        !mounts.iter().any(|planned| planned.mount.destination == destination)
    };
    let chosen = wanted.into_iter().filter_map(|(name, content)| Some((name, content?)));
    chosen.filter(|(name, _)| is_free(name)).collect()
}

/// Writes them into the run directory, for the root of the container's user namespace if it has one.
pub fn write_files(
    directory: &OwnedFd,
    files: &[(&'static str, String)],
    userns: Option<&Userns>,
) -> Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    for (name, content) in files {
        let fail = |error: std::io::Error| Error::io_at("write", *name, &error);
        let file = openat(directory, *name, flags, Mode::from_bits_truncate(0o644))
            .map_err(|errno| fail(errno.into()))?;
        if let Some(userns) = userns {
            let (uid, gid) = userns.maps.root()?;
            fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(|errno| fail(errno.into()))?;
        }
        std::fs::File::from(file).write_all(content.as_bytes()).map_err(fail)?;
    }
    Ok(())
}

/// Where the child finds them, and where they are bound.
pub fn bound(id: &str, files: &[(&'static str, String)]) -> Vec<(PathBuf, PathBuf)> {
    let bind = |(name, _): &(&'static str, String)| {
        (PathBuf::from(format!("{RUN}/containers/{id}/{name}")), Path::new("/etc").join(name))
    };
    files.iter().map(bind).collect()
}

/// Propagation of the root by name.
pub fn propagation(name: Option<&str>) -> Result<Option<Propagation>> {
    Ok(Some(match name {
        None | Some("") => return Ok(None),
        Some("private" | "rprivate") => Propagation::Private,
        Some("slave" | "rslave") => Propagation::Slave,
        Some("shared" | "rshared") => Propagation::Shared,
        Some("unbindable" | "runbindable") => Propagation::Unbindable,
        Some(other) => return Err(Error::invalid(format!("unknown root propagation `{other}`"))),
    }))
}

/// The program with its capabilities as masks and its filter as instructions.
pub fn program(
    host: &Host,
    process: Process,
    user: Option<String>,
    groups: Vec<String>,
    filter: Vec<u8>,
) -> Result<Program> {
    let masks = Masks::parse(process.capabilities.as_ref())?.clamped(host.capabilities);
    Ok(Program { process, masks, filter, filter_flags: 0, user, groups })
}

/// The filter's instructions: compiled ahead by the client, or now from the specification.
pub fn filter(compiled: Option<&str>, specified: Option<&Seccomp>) -> Result<Vec<u8>> {
    match (compiled, specified) {
        (Some(text), _) => STANDARD
            .decode(text)
            .map_err(|error| Error::invalid(format!("the filter is not base64: {error}"))),
        (None, Some(profile)) => seccomp::compile(profile),
        (None, None) => Ok(Vec::new()),
    }
}

/// Another descriptor of `/dev/null`, which the launcher has as its standard input.
pub fn null() -> Result<OwnedFd> {
    let stdin = rocker_sys::fds::borrow(0).map_err(|errno| Error::sys("borrow", errno))?;
    stdin.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate /dev/null", &error))
}
