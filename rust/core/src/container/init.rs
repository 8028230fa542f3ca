//! The start of a container, told in order: from a cloned child to its program.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Uid, chdir, fchown, pivot_root, setsid};
use rocker_sys::clone::SingleThreaded;
use rocker_sys::mount::Propagation;
use rocker_sys::{fds, ids, mount, netlink};

use super::appear::appear;
use super::furnish::{self, Furniture};
use super::gate::Gate;
use super::hooks::Hooks;
use super::joined::Joined;
use super::mounts::{self, Made, Planned, Scene};
use super::process::{Program, Ready};
use super::report::Report;
use super::root::Overlay;
use super::terminal::{self, Terminal};
use super::userns::become_root;
use super::{masks, reaper, root, sysctl};
use crate::protocol::Rootfs;
use crate::spec::{ConsoleSize, Device, NamespaceType};
use crate::{Error, Result};

/// Everything the child needs, prepared and checked by its parent.
#[derive(Debug)]
pub struct Setup {
    /// 64 hex digits.
    pub id: String,
    /// Its cgroup.
    pub gate: Gate,
    /// Whether it is born in a user namespace of the container's, where it is sent its [`Furniture`].
    pub unprivileged: bool,
    /// Namespaces that are joined, but for the pid namespace.
    pub joined: Vec<(NamespaceType, OwnedFd)>,
    /// The pid namespace, if it is joined: last of all, see [`appear`].
    pub pids: Option<Joined>,
    /// How overlay takes its directories.
    pub overlay: Overlay,
    /// The root file system.
    pub rootfs: Rootfs,
    /// Detached clone of the data root.
    pub data_root: Option<OwnedFd>,
    /// Detached clone of a plain directory.
    pub directory: Option<OwnedFd>,
    /// Read-only root.
    pub read_only: bool,
    /// Propagation of the root mount.
    pub propagation: Option<Propagation>,
    /// The specification's mounts.
    pub mounts: Vec<Planned>,
    /// Files of the run directory that are bound into /etc: source in this mount namespace, and destination.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// Programs of the host that complete the root.
    pub hooks: Option<Hooks>,
    /// Additional device nodes.
    pub devices: Vec<Device>,
    /// Paths that show nothing.
    pub masked: Vec<PathBuf>,
    /// Paths that cannot be written.
    pub protected: Vec<PathBuf>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Host name.
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domainname: Option<String>,
    /// Whether loopback is to be brought up: a new network namespace.
    pub loopback: bool,
    /// A terminal of this size.
    pub terminal: Option<ConsoleSize>,
    /// Standard streams, unless there is a terminal.
    pub streams: [OwnedFd; 3],
    /// Whether an init reaps in front of the program.
    pub reaper: bool,
    /// The program.
    pub program: Program,
}

/// Runs in the child and never returns: execve, or a report of what failed.
pub fn run(proof: SingleThreaded, setup: Setup, socket: OwnedFd) -> ! {
    match start(proof, &setup, &socket) {
        Ok(never) => match never {},
        Err(error) => Report::fail_and_exit(&socket, error),
    }
}

fn start(proof: SingleThreaded, setup: &Setup, socket: &OwnedFd) -> Result<std::convert::Infallible> {
    enter_namespaces(setup)?;
    // In a mount namespace that others have made the root is what setns(2) has given, and the request has been checked to
    // ask for nothing that mounts.
    let in_place = setup.joins_mounts();
    let shows_pids = setup.mounts.iter().any(|planned| planned.mount.kind == "proc");
    let procfs = setup.pids.as_ref().filter(|_| shows_pids).map(Joined::procfs).transpose()?;
    let furniture =
        if setup.unprivileged && !in_place { Some(furnish::receive(setup, socket)?) } else { None };
    let root = match &furniture {
        Some(furniture) => furniture.set_root(),
        None if in_place => given_root(),
        None => own_root(setup),
    }?;
    let made = dress(setup, root.as_fd(), socket, procfs, furniture.as_ref())?;
    let terminal = open_terminal(setup, root.as_fd(), &made, socket)?;
    let proc = own_procfs(setup, made)?;
    if let Some(hooks) = &setup.hooks {
        hooks.run(proof, root.as_fd())?;
    }
    masks_and_sysctls(setup, root.as_fd(), &proc)?;
    if !in_place {
        pivot(setup, root.as_fd())?;
    }
    name_and_connect(setup)?;
    become_program(proof, setup, &root, terminal, proc.proc, socket)
}

impl Setup {
    /// Whether its mount namespace is one that others have made.
    pub fn joins_mounts(&self) -> bool {
        self.joined.iter().any(|(kind, _)| *kind == NamespaceType::Mount)
    }
}

fn own_root(setup: &Setup) -> Result<OwnedFd> {
    root::mount_root(
        setup.overlay,
        &setup.rootfs,
        &setup.id,
        setup.data_root.as_ref().map(AsFd::as_fd),
        setup.directory.as_ref().map(AsFd::as_fd),
    )
}

/// The root directory of this process, opened.
pub(super) fn given_root() -> Result<OwnedFd> {
    open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", "/", errno))
}

fn enter_namespaces(setup: &Setup) -> Result<()> {
    setsid().map_err(|errno| Error::sys("setsid", errno))?;
    if setup.unprivileged {
        become_root()?;
    }
    // A keyring of its own; a kernel without keyrings or a full quota is no reason not to start.
    let _ = ids::new_session_keyring();
    for (kind, namespace) in &setup.joined {
        setns(namespace, clone_flag(*kind)).map_err(|errno| {
            let error = Error::sys(format!("join {kind:?} namespace"), errno);
            match errno {
                Errno::EPERM if setup.unprivileged => {
                    error.hint("it belongs to another user namespace than the container's")
                }
                _ => error,
            }
        })?;
    }
    setup.pids.as_ref().map_or(Ok(()), Joined::choose_for_children)
}

/// The clone flag of a sort of namespace.
pub fn clone_flag(kind: NamespaceType) -> CloneFlags {
    match kind {
        NamespaceType::Pid => CloneFlags::CLONE_NEWPID,
        NamespaceType::Network => CloneFlags::CLONE_NEWNET,
        NamespaceType::Mount => CloneFlags::CLONE_NEWNS,
        NamespaceType::Ipc => CloneFlags::CLONE_NEWIPC,
        NamespaceType::Uts => CloneFlags::CLONE_NEWUTS,
        NamespaceType::Cgroup => CloneFlags::CLONE_NEWCGROUP,
        NamespaceType::User => CloneFlags::CLONE_NEWUSER,
    }
}

fn dress(
    setup: &Setup,
    root: BorrowedFd<'_>,
    socket: &OwnedFd,
    procfs: Option<OwnedFd>,
    furniture: Option<&Furniture>,
) -> Result<Made> {
    let scene = Scene {
        root,
        devices: &setup.devices,
        gate: &setup.gate,
        socket,
        console: setup.terminal.is_some(),
        procfs: RefCell::new(procfs),
        joins: setup.pids.is_some(),
        furniture,
    };
    let made = mounts::mount_all(&scene, &setup.mounts)?;
    setup.gate.pass(socket)?;
    match furniture {
        Some(furniture) => furniture.set_files(root, &setup.files)?,
        None => setup.files.iter().try_for_each(|(from, to)| mounts::bind_file(root, from, to))?,
    }
    Ok(made)
}

fn open_terminal(
    setup: &Setup,
    root: BorrowedFd<'_>,
    made: &Made,
    socket: &OwnedFd,
) -> Result<Option<Terminal>> {
    let Some(size) = setup.terminal else { return Ok(None) };
    let terminal = terminal::open(root, Some(size))?;
    if let Some(dev) = &made.dev {
        terminal::bind_console(dev.as_fd(), terminal.slave.as_fd())?;
    }
    Report::Terminal.send(socket.as_fd(), &[terminal.master.as_fd()])?;
    Ok(Some(terminal))
}

/// A procfs nobody else reaches: the container's own before it is covered, or a fresh one if it has none.
fn own_procfs(setup: &Setup, made: Made) -> Result<Made> {
    if made.proc.is_some() || (setup.sysctls.is_empty() && setup.program.process.oom_score_adj.is_none()) {
        return Ok(made);
    }
    let fail = |errno| Error::sys("mount a private procfs", errno);
    let context = mount::Context::open(c"proc").map_err(fail)?;
    context.create().map_err(fail)?;
    Ok(Made { proc: Some(context.mount(0).map_err(fail)?), ..made })
}

fn masks_and_sysctls(setup: &Setup, root: BorrowedFd<'_>, made: &Made) -> Result<()> {
    if let Some(proc) = &made.proc {
        sysctl::apply(proc.as_fd(), &setup.sysctls)?;
    }
    masks::protect(root, &setup.protected)?;
    masks::mask(root, made.dev.as_ref().map(AsFd::as_fd), &setup.masked)
}

/// Changes to the new root and drops the old one with all that lies below it.
fn pivot(setup: &Setup, root: BorrowedFd<'_>) -> Result<()> {
    nix::unistd::fchdir(root).map_err(|errno| Error::sys("enter root", errno))?;
    // With both arguments `.` the old root is stacked on the new one and needs no directory (pivot_root(2)).
    pivot_root(".", ".").map_err(|errno| Error::sys("pivot_root", errno))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(|errno| Error::sys("unmount the old root", errno))?;
    chdir("/").map_err(|errno| Error::at("chdir", "/", errno))?;
    if setup.read_only {
        mounts::make_read_only(root)?;
    }
    if let Some(propagation) = setup.propagation {
        mount::set_attributes(root, 0, 0, Some(propagation), true)
            .map_err(|errno| Error::sys("set propagation of the root", errno))?;
    }
    Ok(())
}

fn name_and_connect(setup: &Setup) -> Result<()> {
    if let Some(name) = &setup.hostname {
        nix::unistd::sethostname(name).map_err(|errno| Error::at("sethostname", name, errno))?;
    }
    if let Some(name) = &setup.domainname {
        ids::set_domain_name(name).map_err(|errno| Error::at("setdomainname", name, errno))?;
    }
    if setup.loopback {
        let up = netlink::Route::open().and_then(|mut route| route.set_up(netlink::LOOPBACK));
        up.map_err(|errno| Error::sys("bring loopback up", errno))?;
    }
    Ok(())
}

fn become_program(
    proof: SingleThreaded,
    setup: &Setup,
    root: &OwnedFd,
    terminal: Option<Terminal>,
    proc: Option<OwnedFd>,
    socket: &OwnedFd,
) -> Result<std::convert::Infallible> {
    let program = setup.program.look_up(root.as_fd())?;
    program.enter_directory(root.as_fd(), true)?;
    // Outside its pid namespace it has no number in the container's own procfs; in a user namespace it has it from its birth
    // on.
    let numbered = setup.pids.as_ref().map(|joined| &joined.proc).or(proc.as_ref());
    if let (false, Some(proc), Some(score)) =
        (setup.unprivileged, numbered, setup.program.process.oom_score_adj)
    {
        set_oom_score(proc.as_fd(), score)?;
    }
    if setup.pids.is_some() {
        appear_as_program(proof, setup.reaper, program, terminal.as_ref(), &setup.streams, socket)
    }
    if setup.reaper {
        // Returns only in the child, which goes on to become the program.
        reaper::stay_behind(proof, &program, socket)?;
        if terminal.is_some() {
            setsid().map_err(|errno| Error::sys("setsid", errno))?;
        }
    }
    match &terminal {
        Some(terminal) => terminal::take(&terminal.slave, program.user.uid)?,
        None => place_streams(&setup.streams, program.user.uid)?,
    }
    program.become_program(|| Ok(()))
}

/// Becomes the program in a pid namespace of others, where it comes to be only when it is confined. With `behind` an
/// init stays in front of it there.
fn appear_as_program(
    proof: SingleThreaded,
    behind: bool,
    program: Ready<'_>,
    terminal: Option<&Terminal>,
    streams: &[OwnedFd; 3],
    socket: &OwnedFd,
) -> ! {
    let has_terminal = terminal.is_some();
    let placed = match terminal {
        // A session's terminal goes with its first process.
        Some(terminal) => terminal::place(&terminal.slave, program.user.uid),
        None => place_streams(streams, program.user.uid),
    };
    let rest = program.without_execve();
    let failed = placed.and_then(|()| {
        program.become_program(|| {
            appear(proof, socket, has_terminal && !behind)?;
            if behind {
                reaper::stay_behind_confined(proof, rest, has_terminal)?;
            }
            Ok(())
        })
    });
    match failed {
        Ok(never) => match never {},
        // Right here: nothing that owns a descriptor is dropped.
        Err(error) => Report::fail_and_exit(socket, error),
    }
}

/// Puts the standard streams in place; the prepared descriptors are all above 2.
///
/// Pipes become the user's: to open `/dev/stdout`, which leads to an inode of root's, takes its permission (proc(5)).
pub(super) fn place_streams(streams: &[OwnedFd; 3], uid: u32) -> Result<()> {
    for (number, stream) in (0..).zip(streams) {
        if uid != 0
            && fstat(stream).is_ok_and(|found| found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFIFO.bits())
        {
            // In a user namespace without this user it will fail by its name in a moment.
            let _ = fchown(stream, Some(Uid::from_raw(uid)), None);
        }
        fds::place(stream.as_fd(), number).map_err(|errno| Error::sys("place standard streams", errno))?;
    }
    Ok(())
}

/// Writes `oom_score_adj` of this process. Lowering it below the engine's own needs CAP_SYS_RESOURCE; without
/// it the value stays where it is, as with limits.
pub(super) fn set_oom_score(proc: BorrowedFd<'_>, score: i32) -> Result<()> {
    write_oom_score(proc, &std::process::id().to_string(), score)
}

/// The same by the name of a process's directory, `self` in a procfs of a namespace above.
pub(super) fn write_oom_score(proc: BorrowedFd<'_>, process: &str, score: i32) -> Result<()> {
    let path = format!("{process}/oom_score_adj");
    let fail = |errno| Error::at("set oom_score_adj", Path::new("/proc").join(&path), errno);
    let file =
        openat(proc, path.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(fail)?;
    match nix::unistd::write(file.as_fd(), score.to_string().as_bytes()) {
        Ok(_) | Err(Errno::EACCES | Errno::EPERM) => Ok(()),
        Err(errno) => Err(fail(errno)),
    }
}
