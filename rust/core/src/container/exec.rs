//! Another process in a running container.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use nix::unistd::setsid;
use rocker_sys::ids;

use super::init::{given_root, place_streams, set_oom_score};
use super::process::Program;
use super::report::Report;
use super::terminal;
use crate::cgroup::JoinHandle;
use crate::spec::ConsoleSize;
use crate::{Error, Result};

/// Everything the child needs.
#[derive(Debug)]
pub struct Setup<'a> {
    /// pidfd of the container's init.
    pub init: OwnedFd,
    /// The namespaces that are not the host's, but for the pid namespace, in which the child was born.
    pub namespaces: CloneFlags,
    /// The cgroups of v1 to enter.
    pub cgroup: &'a JoinHandle,
    /// A terminal of this size.
    pub terminal: Option<ConsoleSize>,
    /// Standard streams, unless there is a terminal.
    pub streams: [OwnedFd; 3],
    /// The program.
    pub program: Program,
}

/// Runs in the child and never returns.
pub fn run(setup: Setup<'_>, socket: OwnedFd) -> ! {
    match start(&setup, &socket) {
        Ok(never) => match never {},
        Err(error) => Report::fail_and_exit(&socket, error),
    }
}

fn start(setup: &Setup<'_>, socket: &OwnedFd) -> Result<std::convert::Infallible> {
    setup.cgroup.enter().map_err(|errno| Error::sys("enter cgroup", errno))?;
    setns(&setup.init, setup.namespaces).map_err(|errno| Error::sys("join namespaces", errno))?;
    // A session of its own: no terminal of another can be typed into (TIOCSTI).
    setsid().map_err(|errno| Error::sys("setsid", errno))?;
    let _ = ids::new_session_keyring();
    let root = given_root()?;
    let program = setup.program.look_up(root.as_fd())?;
    if let Some(score) = setup.program.process.oom_score_adj
        && let Ok(proc) = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
    {
        set_oom_score(proc.as_fd(), score)?;
    }
    program.enter_directory(root.as_fd(), false)?;
    match setup.terminal {
        Some(size) => {
            let terminal = terminal::open(root.as_fd(), Some(size))?;
            Report::Terminal.send(socket.as_fd(), &[terminal.master.as_fd()])?;
            terminal::take(&terminal.slave, program.user.uid)?;
        }
        None => place_streams(&setup.streams)?,
    }
    program.become_program()
}
