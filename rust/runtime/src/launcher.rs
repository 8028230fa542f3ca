//! The launcher: one for each data root, listening, forking a shim for each connection.
//!
//! It reads no request itself: a slow or hostile client can only stall its own shim. It leaves when it has been
//! idle, and containers do not notice.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, getsockopt, listen, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{chdir, pipe2, setsid};
use rocker_core::{Error, Kind, Result};
use rocker_sys::clone::{Cloned, clone_process, exit_now};

use crate::host::Host;
use crate::{clock, shim};

/// Seconds without a request after which the launcher leaves.
const IDLE_SECONDS: i64 = 60;
/// Name of the socket in the run root.
pub const SOCKET: &str = "launcher.sock";
/// Name of the lock in the run root: held for the launcher's whole life.
pub const LOCK: &str = "launcher.lock";
/// Said by the launcher once it can serve.
const READY: &str = "ready";
/// The launchers' and shims' own cgroup.
const CGROUP: &str = "rocker/launcher";

/// `launcher ROOT RUN`: becomes the launcher of the run root, in the background.
///
/// Returns in the first process once the socket listens, so that whoever started it may connect.
pub fn main(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let (Some(_root), Some(run)) = (arguments.next(), arguments.next()) else {
        return Err(Error::invalid("usage: rocker-runtime launcher ROOT RUN"));
    };
    let run = PathBuf::from(run);
    let mut host = Host::open(&run)?;
    let Some(lock) = take_lock(&run)? else { return Ok(()) };
    let listener = listen_at(&run)?;
    let fail = |errno| Error::sys("go to the background", errno);
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
    match clone_process(host.proof, CloneFlags::empty(), None).map_err(fail)? {
        Cloned::Parent(..) => {
            drop(writer);
            // The lock belongs to the open file, which the child shares: only forget it here.
            std::mem::forget(lock);
            heard(reader)
        }
        Cloned::Child => {
            drop(reader);
            exit_now(i32::from(live(&mut host, &run, &listener, writer).is_err()))
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

/// The launcher's life, from the background process's first moment on.
fn live(host: &mut Host, run: &Path, listener: &OwnedFd, writer: OwnedFd) -> Result<()> {
    use std::io::Write as _;
    let mut writer = std::fs::File::from(writer);
    let settled = settle(host, run);
    let word = match &settled {
        Ok(_) => READY.to_owned(),
        Err(error) => serde_json::to_string(error).unwrap_or_default(),
    };
    let _ = writer.write_all(word.as_bytes());
    drop(writer);
    serve(host, listener, &settled?)
}

fn take_lock(run: &Path) -> Result<Option<Flock<std::fs::File>>> {
    let path = run.join(LOCK);
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| Error::io_at("open", &path, &error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(Error::at("lock", &path, errno)),
    }
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
    reset_score();
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
fn enter_cgroup(host: &Host) -> Result<()> {
    let path = Path::new(CGROUP);
    let cgroup = match host.hierarchies.create(path, None) {
        Err(error) if error.kind == Kind::Conflict => host.hierarchies.open(path)?,
        other => other?,
    };
    cgroup.enter_self()
}

/// The first caller may have been a process that volunteers to be killed first.
fn reset_score() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "0");
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

fn serve(host: &Host, listener: &OwnedFd, signals: &SignalFd) -> Result<()> {
    let mut last = clock::monotonic_ns();
    let idle = idle_ns();
    loop {
        let remaining = (last + idle - clock::monotonic_ns()) / 1_000_000;
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = PollTimeout::try_from(remaining.max(0)).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(0) => return leave(host, listener),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(Error::sys("poll", errno)),
        }
        let ready = |at: usize| fds[at].revents().is_some_and(|events| !events.is_empty());
        let (connection, signal) = (ready(0), ready(1));
        if signal && !handle_signals(signals) {
            return leave(host, listener);
        }
        if connection && accept_all(host, listener)? {
            last = clock::monotonic_ns();
        }
    }
}

/// Serves whoever came in the last moment, then goes: a client that finds no socket starts the next launcher.
fn leave(host: &Host, listener: &OwnedFd) -> Result<()> {
    let _ = nix::unistd::unlinkat(&host.run, SOCKET, nix::unistd::UnlinkatFlags::NoRemoveDir);
    accept_all(host, listener)?;
    // The last of all launchers and shims takes their cgroup along; a busy one stays.
    host.hierarchies.leave()?;
    for path in [CGROUP, "rocker"] {
        host.hierarchies.remove_if_empty(Path::new(path));
    }
    Ok(())
}

fn idle_ns() -> i64 {
    let seconds = std::env::var("ROCKER_LAUNCHER_IDLE").ok().and_then(|text| text.parse::<f64>().ok());
    seconds.map_or(IDLE_SECONDS * 1_000_000_000, |seconds| (seconds * 1e9) as i64)
}

/// Reaps shims; false when the launcher is asked to leave.
fn handle_signals(signals: &SignalFd) -> bool {
    while let Ok(Some(info)) = signals.read_signal() {
        if info.ssi_signo == Signal::SIGTERM as u32 {
            return false;
        }
    }
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if matches!(status, WaitStatus::StillAlive) {
            break;
        }
    }
    true
}

/// Forks a shim for every waiting connection; whether there was one.
fn accept_all(host: &Host, listener: &OwnedFd) -> Result<bool> {
    let mut any = false;
    loop {
        let number = match accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
            Ok(number) => number,
            Err(Errno::EAGAIN) => return Ok(any),
            Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
            // Out of descriptors or memory: the connection stays queued until a child has ended.
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS) => return Ok(any),
            Err(errno) => return Err(Error::sys("accept", errno)),
        };
        let connection = rocker_sys::fds::inherited(number).map_err(|errno| Error::sys("accept", errno))?;
        any = true;
        if !is_owner(&connection) {
            continue;
        }
        match clone_process(host.proof, CloneFlags::empty(), None) {
            Ok(Cloned::Child) => exit_now(shim::main(host, connection)),
            Ok(Cloned::Parent(..)) => {}
            // The client sees the end of its connection; the next may fare better.
            Err(_) => {}
        }
    }
}

/// Only the owner of the engine may start containers, whatever the socket's mode has become.
fn is_owner(connection: &OwnedFd) -> bool {
    getsockopt(connection, sockopt::PeerCredentials)
        .is_ok_and(|peer| peer.uid() == nix::unistd::geteuid().as_raw())
}
