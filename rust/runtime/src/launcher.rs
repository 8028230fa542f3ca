//! The launcher's start: one for each run root, in the background, in a lean mount namespace.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, chdir, pipe2, setsid};
use rocker_core::{Error, Kind, Result};
use rocker_sys::clone::{Cloned, clone_process, exit_now};

use crate::host::Host;
use crate::serve::{Post, Role, serve};
use crate::{shim, standby};

/// Name of the socket in the run root.
pub const SOCKET: &str = "launcher.sock";
/// Name of the lock in the run root: held for the launcher's whole life.
pub const LOCK: &str = "launcher.lock";
/// Said by the launcher once it can serve.
const READY: &str = "ready";
/// How often the launchers' cgroup is made again when another launcher takes it along.
const ATTEMPTS: usize = 100;
/// The launchers' and shims' own cgroup.
pub const CGROUP: &str = "rocker/launcher";

/// `launcher ROOT RUN`: becomes the launcher of the run root, in the background.
///
/// Returns in the first process once the socket listens, so that whoever started it may connect.
pub fn main(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let (Some(_root), Some(run)) = (arguments.next(), arguments.next()) else {
        return Err(Error::invalid("usage: rocker-runtime launcher ROOT RUN"));
    };
    // What the first caller had open, perhaps the end of a pipe that somebody reads, must not live on here.
    rocker_sys::fds::close_inherited().map_err(|errno| Error::sys("close inherited descriptors", errno))?;
    let run = PathBuf::from(run);
    let mut host = Host::open(&run)?;
    let Some(lock) = take_lock(&run)? else { return Ok(()) };
    let listener = listen_at(&run)?;
    let fail = |errno| Error::sys("go to the background", errno);
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
    match clone_process(host.proof, CloneFlags::empty(), None).map_err(fail)? {
        Cloned::Parent(..) => {
            drop(writer);
            heard(reader)
        }
        Cloned::Child => {
            drop(reader);
            exit_now(live(&mut host, &run, listener, lock, writer))
        }
    }
}

/// What the launcher said: nothing, once it is ready, or why it cannot be.
fn heard(reader: OwnedFd) -> Result<()> {
    let mut text = String::new();
    let read = std::io::Read::read_to_string(&mut std::fs::File::from(reader), &mut text);
    read.map_err(|error| Error::io("hear from the launcher", &error))?;
    match text.as_str() {
        READY => Ok(()),
        text => {
            Err(serde_json::from_str(text)
                .unwrap_or_else(|_| Error::invalid("the launcher died at its start")))
        }
    }
}

/// The launcher's life, from the background process's first moment on, or that of a fork of it; its exit code.
fn live(host: &mut Host, run: &Path, listener: OwnedFd, lock: OwnedFd, writer: OwnedFd) -> i32 {
    use std::io::Write as _;
    let mut writer = std::fs::File::from(writer);
    let settled = settle(host, run);
    let word = match &settled {
        Ok(_) => READY.to_owned(),
        Err(error) => serde_json::to_string(error).unwrap_or_default(),
    };
    let _ = writer.write_all(word.as_bytes());
    drop(writer);
    let Ok(signals) = settled else { return 1 };
    // What belongs to the launcher is closed when `serve` returns, in its forks too: a lock or a listening socket
    // that lived on in a shim would keep the next launcher from starting.
    match serve(host, Post { listener, lock, signals, standby: None }) {
        Ok(Role::Launcher) => 0,
        Ok(Role::Shim(connection)) => shim::main(host, connection, None),
        Ok(Role::Standby(socket)) => standby::live(host, &socket),
        Err(_) => 1,
    }
}

fn take_lock(run: &Path) -> Result<Option<OwnedFd>> {
    let path = run.join(LOCK);
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| Error::io_at("open", &path, &error))?;
    let taken = rocker_sys::fds::lock_exclusive(file.as_fd());
    let taken = taken.map_err(|errno| Error::at("lock", &path, errno))?;
    Ok(taken.then(|| file.into()))
}

/// Binds below the run root by a short relative name: `sun_path` has room for 107 bytes only.
fn listen_at(run: &Path) -> Result<OwnedFd> {
    let fail = |errno| Error::at("listen", run.join(SOCKET), errno);
    chdir(run).map_err(fail)?;
    match nix::unistd::unlink(SOCKET) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(fail(errno)),
    }
    umask(Mode::from_bits_truncate(0o077));
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(fail)?;
    let address = UnixAddr::new(SOCKET).map_err(fail)?;
    bind(listener.as_raw_fd(), &address).map_err(fail)?;
    listen(&listener, Backlog::new(4095).unwrap_or(Backlog::MAXCONN)).map_err(fail)?;
    chdir("/").map_err(fail)?;
    Ok(listener)
}

/// Lets go of everything that came from whoever happened to start the launcher first.
fn settle(host: &mut Host, run: &Path) -> Result<SignalFd> {
    let fail = |step: &'static str| move |errno| Error::sys(step, errno);
    setsid().map_err(fail("setsid"))?;
    umask(Mode::from_bits_truncate(0o022));
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", "/dev/null", errno))?;
    for number in 0..3 {
        rocker_sys::fds::place(null.as_fd(), number).map_err(fail("reset standard streams"))?;
    }
    // A process of a container that may trace must find no host's descriptors in what is about to enter it: nobody
    // without CAP_SYS_PTRACE reads a process that is not dumpable (ptrace(2)); execve makes it so again.
    nix::sys::prctl::set_dumpable(false).map_err(fail("prctl PR_SET_DUMPABLE"))?;
    reset_score();
    reset_schedule();
    reset_limits();
    enter_cgroup(host)?;
    host.make_lean(run)?;
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.add(Signal::SIGTERM);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None).map_err(fail("block signals"))?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(fail("signalfd"))
}

/// Leaves the first caller's cgroup, with which it would be killed and on whose account it would live.
///
/// The launchers of all run roots share it, and one that leaves may take it along just before it is entered.
fn enter_cgroup(host: &Host) -> Result<()> {
    let path = Path::new(CGROUP);
    let enter = || match host.hierarchies.create(path, None) {
        Err(error) if error.kind == Kind::Conflict => host.hierarchies.open(path)?.enter_self(),
        other => other?.enter_self(),
    };
    let vanished = |error: &Error| error.kind == Kind::NotFound || error.errno == Some(Errno::ENODEV as i32);
    for _ in 0..ATTEMPTS {
        match enter() {
            Err(error) if vanished(&error) => {}
            other => return other,
        }
    }
    enter()
}

/// The first caller may have been a process that volunteers to be killed first.
fn reset_score() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "0");
}

/// The first caller may have been started by nice(1) or taskset(1), and containers would be as slow as it.
fn reset_schedule() {
    use nix::sched::{CpuSet, sched_setaffinity};

    let mut all = CpuSet::new();
    let filled = (0..CpuSet::count()).try_for_each(|number| all.set(number));
    let _ = filled.and_then(|()| sched_setaffinity(Pid::this(), &all));
    let _ = rocker_sys::nice::set_nice(0);
}

/// Soft limits go up to the hard ones: what the first caller was limited to concerns no other.
fn reset_limits() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    for resource in
        [Resource::RLIMIT_NOFILE, Resource::RLIMIT_NPROC, Resource::RLIMIT_FSIZE, Resource::RLIMIT_DATA]
    {
        if let Ok((_, hard)) = getrlimit(resource) {
            let _ = setrlimit(resource, hard, hard);
        }
    }
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, getrlimit(Resource::RLIMIT_CORE).map_or(0, |(_, hard)| hard));
}
