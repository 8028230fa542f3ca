//! The launcher at work: it listens, and gives each connection to a shim.
//!
//! It reads no request itself: a slow or hostile client can only stall its own shim. It leaves when it has been
//! idle, and containers do not notice.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{SockFlag, accept4, getsockopt, sockopt};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rocker_core::{Error, Result};
use rocker_sys::clone::{Cloned, clone_process};

use crate::clock;
use crate::host::Host;
use crate::launcher::{CGROUP, SOCKET};
use crate::standby::Standby;

/// Nanoseconds without a request after which the launcher leaves.
const IDLE: i64 = 60_000_000_000;
/// Nanoseconds without a request after which the next shim is made ready: not while containers start one after
/// another, when its making would only take a processor from them.
const QUIET: i64 = 15_000_000;

/// What belongs to the launcher alone.
#[derive(Debug)]
pub struct Post {
    /// Where clients connect.
    pub listener: OwnedFd,
    /// Says that there is a launcher.
    pub lock: OwnedFd,
    /// SIGCHLD and SIGTERM.
    pub signals: SignalFd,
    /// The shim of the next connection.
    pub standby: Option<Standby>,
}

/// Which process returned from [`serve`].
#[derive(Debug)]
pub enum Role {
    /// The launcher, which is done.
    Launcher,
    /// A shim with its connection.
    Shim(OwnedFd),
    /// The shim of the next connection, with the socket over which it gets it.
    Standby(OwnedFd),
}

/// Works until it has been idle or is asked to leave; the forks return too, and `post` is closed in each.
pub fn serve(host: &Host, mut post: Post) -> Result<Role> {
    let (mut last, idle) = (clock::monotonic_ns(), idle_ns());
    // Not tried again before the next request: what failed once would fail in a loop.
    let mut wants_standby = true;
    loop {
        let quiet = if wants_standby { QUIET.min(idle) } else { idle };
        match wait(&post, last + quiet)? {
            Wake::Time if wants_standby && idle > QUIET => {
                wants_standby = false;
                if let Some(socket) = Standby::fork(host, &mut post.standby) {
                    return Ok(Role::Standby(socket));
                }
            }
            Wake::Time => return leave(host, post),
            Wake::Ready { signal, connection } => {
                if signal && !handle_signals(&post.signals) {
                    return leave(host, post);
                }
                if connection {
                    match accept_all(host, &mut post)? {
                        Accepted::Shim(connection) => return Ok(Role::Shim(connection)),
                        Accepted::Some => last = clock::monotonic_ns(),
                        Accepted::None => {}
                    }
                    wants_standby = post.standby.is_none();
                }
            }
        }
    }
}

enum Wake {
    Time,
    Ready { signal: bool, connection: bool },
}

fn wait(post: &Post, until: i64) -> Result<Wake> {
    loop {
        let remaining = (until - clock::monotonic_ns()).max(0) + 999_999;
        let mut fds = [
            PollFd::new(post.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(post.signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::try_from(remaining / 1_000_000).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Ok(Wake::Time),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(Error::sys("poll", errno)),
        }
        let ready = |at: usize| fds[at].revents().is_some_and(|events| !events.is_empty());
        return Ok(Wake::Ready { connection: ready(0), signal: ready(1) });
    }
}

/// Serves whoever came in the last moment, then goes: a client that finds no socket starts the next launcher.
fn leave(host: &Host, mut post: Post) -> Result<Role> {
    let _ = nix::unistd::unlinkat(&host.run, SOCKET, nix::unistd::UnlinkatFlags::NoRemoveDir);
    if let Accepted::Shim(connection) = accept_all(host, &mut post)? {
        return Ok(Role::Shim(connection));
    }
    if let Some(standby) = post.standby.take() {
        standby.dismiss();
    }
    // The last of all launchers and shims takes their cgroup along; a busy one stays.
    host.hierarchies.leave()?;
    for path in [CGROUP, "rocker"] {
        host.hierarchies.remove_if_empty(Path::new(path));
    }
    Ok(Role::Launcher)
}

fn idle_ns() -> i64 {
    let seconds = std::env::var("ROCKER_LAUNCHER_IDLE").ok().and_then(|text| text.parse::<f64>().ok());
    seconds.map_or(IDLE, |seconds| (seconds * 1e9) as i64)
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

enum Accepted {
    None,
    Some,
    /// This is the fork.
    Shim(OwnedFd),
}

/// Gives every waiting connection to a shim: to the one that stands by, else to a new fork.
fn accept_all(host: &Host, post: &mut Post) -> Result<Accepted> {
    let mut accepted = Accepted::None;
    loop {
        let number = match accept4(post.listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
            Ok(number) => number,
            Err(Errno::EAGAIN) => return Ok(accepted),
            Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
            // Out of descriptors or memory: the connection stays queued until a child has ended.
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS) => return Ok(accepted),
            Err(errno) => return Err(Error::sys("accept", errno)),
        };
        let connection = rocker_sys::fds::inherited(number).map_err(|errno| Error::sys("accept", errno))?;
        accepted = Accepted::Some;
        if !is_owner(&connection) || post.standby.take().is_some_and(|one| one.hand_over(&connection)) {
            continue;
        }
        if let Ok(Cloned::Child) = clone_process(host.proof, CloneFlags::empty(), None) {
            return Ok(Accepted::Shim(connection));
        }
        // Where the fork failed the client sees the end of its connection; the next may fare better.
    }
}

/// Only the owner of the engine may start containers, whatever the socket's mode has become.
fn is_owner(connection: &OwnedFd) -> bool {
    getsockopt(connection, sockopt::PeerCredentials)
        .is_ok_and(|peer| peer.uid() == nix::unistd::geteuid().as_raw())
}
