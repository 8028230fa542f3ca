//! From a request to a cloned child on its way to becoming the program.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket, socketpair,
};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Pid, fchdir};
use rocker_core::cgroup::Cgroup;
use rocker_core::container::{Gate, Hooks, Joined, Userns, init, open_below};
use rocker_core::log::{LogConfig, Remote, Writer};
use rocker_core::protocol::{
    Inbox, NetworkMode, SHIM_SOCKET, STATE_FILE, StartRequest, State, StdinMode, TEARDOWN_PATIENCE,
};
use rocker_core::spec::NamespaceType;
use rocker_core::{Error, Result};
use rocker_sys::clone::Cloned;

use super::backoff::Backoff;
use super::clone;
use super::health::Health;
use super::kept::Kept;
use super::network::Network;
use super::prepare::{self, Handed, Namespaces};
use super::record::Record;
use super::supervise::{Policy, Shim};
use super::task::{Pipes, Task};
use super::teardown::tear_down;
use super::tell::{Volume, tell, uses};
use super::userns;
use crate::clock;
use crate::host::Host;
use crate::standby::SYSCTLS;

/// What exists on the way to a start, and goes again when the start fails.
struct Scaffold<'h> {
    host: &'h Host,
    id: String,
    remove: bool,
    attributes: BTreeMap<String, String>,
    root: Option<OwnedFd>,
    directory: OwnedFd,
    /// Let go of last: nobody else may start it meanwhile.
    lock: Option<Flock<OwnedFd>>,
    cradle: Cradle,
    network: Option<Network>,
}

/// What of a start holds processes.
#[derive(Debug, Default)]
pub struct Cradle {
    /// Made before the child.
    pub cgroup: Option<Cgroup>,
    child: Option<(Pid, OwnedFd)>,
}

impl Cradle {
    /// Ends the child of a start that fails; its cgroup is left to remove.
    pub fn end_child(&self) {
        if let Some((pid, pidfd)) = &self.child {
            let _ = rocker_sys::pidfd::kill(pidfd.as_fd());
            let _ = nix::sys::wait::waitpid(*pid, None);
        }
    }
}

impl Scaffold<'_> {
    fn undo(self) {
        self.cradle.end_child();
        let (host, directory) = (self.host, self.directory.as_fd());
        let mut network = self.network;
        // Its program has never run: there is nobody whose connections could stay.
        drop(network.as_mut().and_then(|network| network.tear_down(host, directory)));
        let root = self.root.as_ref();
        if tear_down(self.cradle.cgroup, &self.host.run, &self.directory, root, &self.id, self.remove) {
            let state = State { id: self.id, attributes: self.attributes, ..State::default() };
            tell(self.host, &state, "destroy", &[]);
        }
        // It has never been: what is told of it is what the data root keeps of its last run, if it had one.
        let _ = nix::unistd::unlinkat(&self.directory, STATE_FILE, nix::unistd::UnlinkatFlags::NoRemoveDir);
        drop(self.lock);
    }
}

/// Starts the container; on failure everything that was made is removed again.
pub fn start<'h>(
    host: &'h Host,
    request: StartRequest,
    fds: Vec<OwnedFd>,
    network: Option<OwnedFd>,
    connection: &OwnedFd,
) -> Result<Shim<'h>> {
    check_id(&request.id)?;
    let mut handed = Handed::sort(&request.fds, fds)?;
    handed.network = network;
    let directory = run_directory(host, &request.id)?;
    let lock = Some(lock(&directory, &request.id)?);
    let mut scaffold = Scaffold {
        host,
        id: request.id.clone(),
        remove: request.remove,
        attributes: request.attributes.clone(),
        root: None,
        directory,
        lock,
        cradle: Cradle::default(),
        network: None,
    };
    match build(&mut scaffold, request, handed) {
        Ok(mut shim) => {
            shim.adopt_first(connection)?;
            Ok(shim)
        }
        Err(error) => {
            scaffold.undo();
            Err(error)
        }
    }
}

/// An id becomes part of paths: nothing but 64 hex digits may pass.
fn check_id(id: &str) -> Result<()> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if id.len() == 64 && id.bytes().all(hex) {
        return Ok(());
    }
    Err(Error::invalid(format!("`{}` is no container id: 64 hex digits are", id.escape_debug())))
}

fn run_directory(host: &Host, id: &str) -> Result<OwnedFd> {
    let mode = Mode::from_bits_truncate(0o700);
    for path in ["containers".to_owned(), format!("containers/{id}")] {
        match mkdirat(&host.run, path.as_str(), mode) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(Errno::ENOENT) => return Err(Error::at("make run directory", &path, Errno::ENOENT)),
            Err(errno) => return Err(Error::at("make run directory", &path, errno)),
        }
    }
    // The fd must not be O_PATH: files are created below it and a lock is taken.
    open_below(host.run.as_fd(), &format!("containers/{id}"))
}

fn lock(directory: &OwnedFd, id: &str) -> Result<Flock<OwnedFd>> {
    let flags = OFlag::O_CREAT | OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let file = openat(directory, "shim.lock", flags, Mode::from_bits_truncate(0o600))
        .map_err(|errno| Error::at("open", "shim.lock", errno))?;
    take_lock(file, directory).map_err(|errno| match errno {
        Errno::EWOULDBLOCK => {
            Error::new(rocker_core::Kind::Conflict, format!("container {} is running already", &id[..12]))
        }
        _ => Error::at("lock", "shim.lock", errno),
    })
}

/// A shim tells that its container has ended before it has tidied up: whoever starts the container again right then
/// waits for that. Looking again beats a lock that waits, which would also wait for another start's whole container.
fn take_lock(mut file: OwnedFd, directory: &OwnedFd) -> nix::Result<Flock<OwnedFd>> {
    let begun = Instant::now();
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((file, Errno::EWOULDBLOCK))
                if begun.elapsed() < TEARDOWN_PATIENCE && has_ended(directory) =>
            {
                file
            }
            Err((_, errno)) => return Err(errno),
        };
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the state file says of the container that was here last.
fn has_ended(directory: &OwnedFd) -> bool {
    let open = openat(directory, STATE_FILE, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let state = open.ok().and_then(|fd| serde_json::from_reader::<_, State>(File::from(fd)).ok());
    state.is_some_and(|state| state.has_ended())
}

fn build<'h>(scaffold: &mut Scaffold<'h>, mut request: StartRequest, mut handed: Handed) -> Result<Shim<'h>> {
    let host = scaffold.host;
    let backoff = Backoff::new(request.restart);
    let streams = std::mem::take(&mut handed.streams);
    let (owner, ready, resolv_conf) = (handed.owner.take(), handed.network.take(), handed.resolv.take());
    let log_server = handed.log.take();
    // Before the request is kept for later starts, which need no other log: it may hold keys.
    let log = std::mem::take(&mut request.log);
    let kept = if backoff.is_active() { Some(Kept::new(host, &request, &mut handed)?) } else { None };
    if let Some(kept) = &kept {
        (request, handed) = kept.next(host)?;
        scaffold.root = kept.root()?;
    } else {
        scaffold.root = handed.root.take();
    }
    handed.network = ready;
    let volumes = Volume::among(&request.spec.mounts);
    let (mut record, policy) = describe(host, &scaffold.directory, &request, kept.is_some())?;
    let health = request.health.take().map(|check| Health::new(*check));
    record.state.uses = uses(&request.network, &volumes);
    record.state.health = health.as_ref().map(|_| rocker_core::protocol::Health::default());
    scaffold.network = Network::plan(host, &mut request, resolv_conf)?;
    record.state.network = scaffold.network.as_ref().map(Network::state);
    // Before there is a cgroup: whoever finds the shim dead knows from it what to end.
    record.write()?;
    let Scaffold { cradle, root, directory, network, .. } = &mut *scaffold;
    let (task, template) = bear(host, cradle, root.as_ref(), directory, request, handed, network.as_mut())?;
    record.state.pid = task.pid.as_raw();
    let log = open_log(scaffold.root.as_ref(), &log, log_server)?;
    let listener = listen_in(&scaffold.directory)?;
    // Last, so that nothing of the program has run when one of these fails.
    release(&task, scaffold.cradle.cgroup.as_ref())?;
    let lock = scaffold.lock.take();
    let cgroup = scaffold.cradle.cgroup.take();
    let root = scaffold.root.take();
    let mut shim =
        Shim::new(host, lock, listener, record, policy, cgroup, root, log, task, template, owner, streams)?;
    (shim.kept, shim.backoff, shim.health) = (kept, backoff, health);
    (shim.network, shim.volumes) = (scaffold.network.take(), volumes);
    Ok(shim)
}

/// Makes the container's cgroup and its child, on its way to becoming the program as soon as it is [`release`]d.
///
/// `root` is the data root, unless the descriptors bring a clone for this start alone. `network` is brought up at the first
/// start.
pub fn bear(
    host: &Host,
    cradle: &mut Cradle,
    root: Option<&OwnedFd>,
    directory: &OwnedFd,
    mut request: StartRequest,
    mut handed: Handed,
    network: Option<&mut Network>,
) -> Result<(Task, Template)> {
    let mut plan = Namespaces::plan(&request, &mut handed)?;
    let userns = userns::of(host, &request, &mut handed, &mut plan)?;
    if plan.ready {
        request.spec.linux.sysctl.retain(|name, value| !SYSCTLS.contains(&(name.as_str(), value.as_str())));
    }
    let hooks = prepare::hooks(&request, &mut handed, userns.is_some())?;
    let mounts = prepare::mounts(host, &mut request, &mut handed, userns.as_deref())?;
    let files = prepare::files(&mut request, &mounts);
    let linux = &request.spec.linux;
    let path = cgroup_path(linux.cgroups_path.as_deref(), &request.id);
    let (cgroup, rest) = host.hierarchies.begin(&path, linux.resources.as_ref())?;
    let cgroup = cradle.cgroup.insert(cgroup);
    let gate = Gate::new(plan.cgroup);
    let bound = prepare::bound(&request.id, &files);
    let namespace = plan.network()?.filter(|_| network.is_some());
    let root = handed.root.as_ref().or(root);
    let (setup, pipes) =
        arrange(host, root, request, handed.directory, mounts, bound, hooks, gate, &plan, userns.as_deref())?;
    let (task, template, setup) = launch(host, cgroup, plan, setup, pipes, userns)?;
    let pidfd = task.pidfd.as_fd().try_clone_to_owned();
    cradle.child = Some((task.pid, pidfd.map_err(|error| Error::io("duplicate a pidfd", &error))?));
    // From here on the child mounts what it can without the following.
    cgroup.finish(rest)?;
    match network {
        // As they are since a network was joined or left.
        Some(network) if network.is_up() => {}
        Some(network) => {
            prepare::write_files(directory, &files, template.userns.as_deref())?;
            let child = cradle.child.as_ref().map(|(pid, pidfd)| (*pid, pidfd.as_fd()));
            network.bring_up(host, namespace, child)?;
        }
        None => prepare::write_files(directory, &files, template.userns.as_deref())?,
    }
    if let (Some(userns), Some(setup), Some((socket, _))) = (&template.userns, &setup, &task.report) {
        // Last: it takes the files of /etc along.
        userns::furnish(host, userns, setup, cgroup, socket)?;
    }
    Ok((task, template))
}

/// Lets the child go on to become the program.
pub fn release(task: &Task, cgroup: Option<&Cgroup>) -> Result<()> {
    match (&task.report, cgroup) {
        (Some((socket, _)), Some(cgroup)) => Gate::let_pass(socket, cgroup),
        _ => Ok(()),
    }
}

/// What exec takes over from the container's own process.
#[derive(Debug)]
pub struct Template {
    /// Its namespaces.
    pub namespaces: nix::sched::CloneFlags,
    /// Its filter.
    pub filter: Vec<u8>,
    /// Its user namespace, if it is not the host's.
    pub userns: Option<Rc<Userns>>,
    /// Whether somebody in its pid namespace may trace others, which then join it last.
    pub traces: bool,
}

/// CAP_SYS_PTRACE (capabilities(7)).
const TRACE: u64 = 1 << 19;

fn cgroup_path(wanted: Option<&Path>, id: &str) -> PathBuf {
    let path = wanted.map_or_else(|| Path::new("rocker").join(id), Path::to_owned);
    path.strip_prefix("/").map_or(path.clone(), Path::to_owned)
}

fn open_log(root: Option<&OwnedFd>, log: &LogConfig, directory: Option<OwnedFd>) -> Result<Option<Writer>> {
    let remote = log.remote.as_ref().map(|remote| Remote::open(remote, directory)).transpose()?;
    let local = if log.driver == rocker_core::log::Driver::None {
        None
    } else {
        let root = root.ok_or_else(|| Error::invalid("a log needs the data root's descriptor"))?;
        Some(Writer::open(root.as_fd(), log)?)
    };
    Ok(match (local, remote) {
        (local, None) => local,
        (local, Some(remote)) => Some(local.unwrap_or_else(Writer::without_file).with_remote(remote)),
    })
}

/// Binds below the run directory by a relative name: `sun_path` has room for 107 bytes only.
fn listen_in(directory: &OwnedFd) -> Result<OwnedFd> {
    let fail = |errno| Error::at("listen", SHIM_SOCKET, errno);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(fail)?;
    fchdir(directory).map_err(fail)?;
    let address = UnixAddr::new(SHIM_SOCKET).map_err(fail)?;
    let bound = match bind(listener.as_raw_fd(), &address) {
        Err(Errno::EADDRINUSE) => {
            // Left by a shim that was killed: we hold its lock.
            nix::unistd::unlink(SHIM_SOCKET).map_err(fail)?;
            bind(listener.as_raw_fd(), &address)
        }
        other => other,
    };
    nix::unistd::chdir("/").map_err(fail)?;
    bound.map_err(fail)?;
    listen(&listener, Backlog::new(128).unwrap_or(Backlog::MAXCONN)).map_err(fail)?;
    Ok(listener)
}

fn describe(
    host: &Host,
    directory: &OwnedFd,
    request: &StartRequest,
    keep: bool,
) -> Result<(Record, Policy)> {
    let cgroup = cgroup_path(request.spec.linux.cgroups_path.as_deref(), &request.id);
    let state = State {
        version: 1,
        id: request.id.clone(),
        shim_pid: Pid::this().as_raw(),
        boot_id: host.boot_id.clone(),
        cgroup: Path::new("/").join(cgroup).to_string_lossy().into_owned(),
        remove: request.remove,
        attributes: request.attributes.clone(),
        ..State::default()
    };
    let directory = directory
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| Error::io("duplicate the run directory", &error))?;
    let policy = Policy {
        own_pid_namespace: request
            .spec
            .linux
            .namespaces
            .iter()
            .any(|namespace| namespace.kind == NamespaceType::Pid && namespace.path.is_none()),
        kill_at: request.timeout.map(|seconds| clock::monotonic_ns() + (seconds * 1e9) as i64),
        stop_signal: request.stop_signal,
        stop_timeout: request.stop_timeout,
    };
    Ok((Record { state, directory, keep }, policy))
}

/// The child's setup, and the shim's ends of its streams.
#[allow(clippy::too_many_arguments)] // the parts of one setup, each prepared by its own step
fn arrange(
    host: &Host,
    root: Option<&OwnedFd>,
    request: StartRequest,
    directory: Option<OwnedFd>,
    mounts: Vec<rocker_core::container::Planned>,
    files: Vec<(PathBuf, PathBuf)>,
    hooks: Option<Hooks>,
    gate: Gate,
    plan: &Namespaces,
    userns: Option<&Userns>,
) -> Result<(init::Setup, Pipes)> {
    let spec = request.spec;
    let filter = prepare::filter(request.seccomp.as_deref(), spec.linux.seccomp.as_ref())?;
    let wants_input = request.stdin != StdinMode::Closed;
    let pipes = Pipes::make(wants_input && !spec.process.terminal, userns::root_of(userns)?)?;
    let terminal = spec.process.terminal.then(|| spec.process.console_size.unwrap_or_default());
    let duplicate =
        |fd: &OwnedFd| fd.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate", &error));
    let [stdin, stdout, stderr] = &pipes.child;
    let setup = init::Setup {
        id: request.id,
        gate,
        unprivileged: userns.is_some(),
        joined: Vec::new(),
        pids: None,
        overlay: host.overlay,
        rootfs: request.rootfs,
        data_root: root.map(duplicate).transpose()?,
        directory,
        read_only: spec.root.as_ref().is_some_and(|root| root.readonly),
        propagation: prepare::propagation(spec.linux.rootfs_propagation.as_deref())?,
        mounts,
        files,
        hooks,
        devices: spec.linux.devices,
        masked: spec.linux.masked_paths,
        protected: spec.linux.readonly_paths,
        sysctls: spec.linux.sysctl,
        hostname: spec.hostname,
        domainname: spec.domainname,
        loopback: request.network.mode == NetworkMode::None
            && plan.new.contains(nix::sched::CloneFlags::CLONE_NEWNET),
        terminal,
        streams: [duplicate(stdin)?, duplicate(stdout)?, duplicate(stderr)?],
        reaper: request.init,
        program: prepare::program(host, spec.process, request.user, request.groups, filter)?,
    };
    let mut pipes = pipes;
    if terminal.is_some() {
        pipes.sources = [None, None];
    }
    pipes.wants_input = wants_input;
    pipes.once = request.stdin == StdinMode::Once;
    Ok((setup, pipes))
}

/// The child, what exec takes over from it, and its setup where that is still needed here.
fn launch(
    host: &Host,
    cgroup: &Cgroup,
    mut plan: Namespaces,
    mut setup: init::Setup,
    pipes: Pipes,
    userns: Option<Rc<Userns>>,
) -> Result<(Task, Template, Option<init::Setup>)> {
    let program = &setup.program;
    let template = Template {
        namespaces: plan.all,
        filter: program.filter.clone(),
        // Who else is in a pid namespace that is joined may be able to, whatever this container may. In a user namespace
        // nobody has the capability over a process of the host's that cannot be dumped, as one that enters is.
        traces: userns.is_none()
            && (plan.pid.is_some()
                || program.masks.bounding & TRACE != 0
                    && plan.new.contains(nix::sched::CloneFlags::CLONE_NEWPID)),
        userns,
    };
    setup.joined = std::mem::take(&mut plan.joined);
    let moves = plan.pid.is_some() && template.userns.is_none();
    if let Some((namespace, process)) = plan.pid.take_if(|_| moves) {
        let proc = host.proc.try_clone().map_err(|error| Error::io("duplicate", &error))?;
        setup.pids = Some(Joined { namespace, process, proc });
    }
    let executes = !setup.reaper;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|errno| Error::sys("socketpair", errno))?;
    let cloned = match &template.userns {
        Some(userns) => userns::clone_inside(host, userns, &plan, &setup.program, cgroup.v2_fd()),
        None => clone::child(host, cgroup, &plan),
    };
    match cloned? {
        Cloned::Child => {
            drop(ours);
            init::run(host.proof, setup, theirs)
        }
        Cloned::Parent(pid, pidfd) => {
            drop(theirs);
            super::task::unblock(&ours)?;
            let task = Task {
                pid,
                pidfd,
                report: Some((ours, Inbox::default())),
                sources: pipes.sources,
                input: pipes.input,
                terminal: None,
                wants_input: pipes.wants_input,
                stdin_once: pipes.once,
                started_ns: 0,
                exit: None,
                executes,
                moves,
                detached: false,
                exec_id: String::new(),
            };
            let left = (setup.unprivileged && !setup.joins_mounts()).then_some(setup);
            Ok((task, template, left))
        }
    }
}
