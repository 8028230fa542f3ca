//! Another process in a running container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::Mode;
use nix::unistd::setsid;
use rocker_sys::clone::SingleThreaded;
use rocker_sys::ids;

use super::appear::appear;
use super::init::{given_root, place_streams, set_oom_score};
use super::process::Program;
use super::report::Report;
use super::terminal;
use super::userns::{Userns, become_root};
use crate::cgroup::JoinHandle;
use crate::spec::ConsoleSize;
use crate::{Error, Kind, Result};

/// Everything the child needs.
#[derive(Debug)]
pub struct Setup<'a> {
    /// pidfd of the container's init.
    pub init: OwnedFd,
    /// The namespaces that are not the host's; the pid namespace only where the child was not born in it.
    pub namespaces: CloneFlags,
    /// The container's user namespace, and the engine's own procfs.
    pub userns: Option<(&'a Userns, BorrowedFd<'a>)>,
    /// For a child that was not.
    pub outside: Option<Outside<'a>>,
    /// The cgroups of v1 to enter.
    pub cgroup: &'a JoinHandle,
    /// A terminal of this size.
    pub terminal: Option<ConsoleSize>,
    /// Standard streams, unless there is a terminal.
    pub streams: [OwnedFd; 3],
    /// The program.
    pub program: Program,
}

/// What a child needs that joins the container's pid namespace last; see `appear`.
#[derive(Debug)]
pub struct Outside<'a> {
    /// It clones once more.
    pub proof: SingleThreaded,
    /// A procfs in which it has a number.
    pub proc: BorrowedFd<'a>,
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
    if let (Some(outside), Some(score)) = (&setup.outside, setup.program.process.oom_score_adj) {
        // In the container's own procfs its number is somebody else's, or nobody's.
        set_oom_score(outside.proc, score)?;
    }
    if let Some((_, proc)) = &setup.userns {
        // The container's root may neither write the file of a process that cannot be dumped nor raise a limit.
        setup.program.take_what_needs_the_host(*proc)?;
    }
    setns(&setup.init, setup.namespaces).map_err(|errno| match errno {
        Errno::ESRCH => Error::new(Kind::NotRunning, "the container is not running"),
        _ => Error::sys("join namespaces", errno),
    })?;
    if let Some((userns, _)) = &setup.userns {
        // Its file, and not the init's: the program may have moved that into another one.
        userns.enter()?;
        become_root()?;
    }
    // A session of its own: no terminal of another can be typed into (TIOCSTI).
    setsid().map_err(|errno| Error::sys("setsid", errno))?;
    let _ = ids::new_session_keyring();
    let root = given_root()?;
    let program = setup.program.look_up(root.as_fd())?;
    if let (None, None, Some(score)) = (&setup.outside, &setup.userns, setup.program.process.oom_score_adj)
        && let Ok(proc) = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
    {
        set_oom_score(proc.as_fd(), score)?;
    }
    program.enter_directory(root.as_fd(), false)?;
    match setup.terminal {
        Some(size) => {
            let terminal = terminal::open(root.as_fd(), Some(size))?;
            Report::Terminal.send(socket.as_fd(), &[terminal.master.as_fd()])?;
            match setup.outside {
                // A session's terminal goes with its first process.
                Some(_) => terminal::place(&terminal.slave, program.user.uid)?,
                None => terminal::take(&terminal.slave, program.user.uid)?,
            }
        }
        None => place_streams(&setup.streams, program.user.uid)?,
    }
    let failed = program.become_program(|| match &setup.outside {
        Some(outside) => appear(outside.proof, socket, setup.terminal.is_some()),
        None => Ok(()),
    });
    match failed {
        Ok(never) => match never {},
        // Right here: nothing that owns a descriptor is dropped.
        Err(error) => Report::fail_and_exit(socket, error),
    }
}
