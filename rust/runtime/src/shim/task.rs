//! A process with its streams: the container's own, or one made by exec.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{Gid, Pid, Uid, fchown, pipe2};
use rocker_core::log::Stream;
use rocker_core::protocol::{Exit, Inbox};
use rocker_core::{Error, Result};

use super::input::Input;

/// One process.
#[derive(Debug)]
pub struct Task {
    /// Its pid, as the host numbers it.
    pub pid: Pid,
    /// Its pidfd.
    pub pidfd: OwnedFd,
    /// Where its child reports until it has become the program; None afterwards.
    pub report: Option<(OwnedFd, Inbox)>,
    /// Its output: stdout and stderr, or a terminal as the first.
    pub sources: [Option<Source>; 2],
    /// Its input.
    pub input: Option<Input>,
    /// The terminal's master end, for its size.
    pub terminal: Option<OwnedFd>,
    /// Whether it has input at all.
    pub wants_input: bool,
    /// Whether its input closes with the first client's.
    pub stdin_once: bool,
    /// Nanoseconds since 1970 when it started.
    pub started_ns: i64,
    /// How it ended.
    pub exit: Option<Exit>,
    /// Whether it becomes the program itself; with `--init` its child does.
    pub executes: bool,
    /// Whether another process will go on in its place.
    pub moves: bool,
    /// Whether its client is told of its start only (`exec -d`).
    pub detached: bool,
    /// What its events name it by, if it was made by exec.
    pub exec_id: String,
}

/// One output stream of a process.
#[derive(Debug)]
pub struct Source {
    /// Read end of a pipe, or a terminal's master; non-blocking.
    pub fd: OwnedFd,
    /// Which stream it is.
    pub stream: Stream,
    /// Whether its readers are behind, so that nothing is read.
    pub paused: bool,
}

/// Both ends of the standard streams of a process without a terminal.
#[derive(Debug)]
pub struct Pipes {
    /// For the child.
    pub child: [OwnedFd; 3],
    /// For the shim: input, output, errors.
    pub sources: [Option<Source>; 2],
    /// The writing end of its input.
    pub input: Option<Input>,
    /// Whether it has input at all.
    pub wants_input: bool,
    /// Whether its input closes with the first client's.
    pub once: bool,
}

impl Pipes {
    /// Makes pipes for output and errors, and one for the input where it is wanted.
    ///
    /// `owner`: the host's ids of a user namespace's root, who could not open `/dev/stdout` otherwise.
    pub fn make(stdin: bool, owner: Option<(u32, u32)>) -> Result<Self> {
        let fail = |errno| Error::sys("make pipes", errno);
        let (out_read, out_write) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
        let (err_read, err_write) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
        let (child_in, input) = if stdin {
            let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
            unblock(&write)?;
            (read, Some(Input::new(write)))
        } else {
            (super::prepare::null()?, None)
        };
        if let Some((uid, gid)) = owner {
            let input = stdin.then_some(&child_in);
            [&out_write, &err_write].into_iter().chain(input).try_for_each(|pipe| {
                fchown(pipe, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).map_err(fail)
            })?;
        }
        unblock(&out_read)?;
        unblock(&err_read)?;
        let source = |fd, stream| Some(Source { fd, stream, paused: false });
        Ok(Self {
            child: [child_in, out_write, err_write],
            sources: [source(out_read, Stream::Stdout), source(err_read, Stream::Stderr)],
            input,
            wants_input: stdin,
            once: false,
        })
    }
}

/// Sets O_NONBLOCK. Only for descriptors whose open file belongs to the shim alone: the flag is the file's, not the
/// descriptor's, and a terminal shared with a shell would change under it.
pub fn unblock(fd: &OwnedFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map(drop)
        .map_err(|errno| Error::sys("set non-blocking", errno))
}

impl Task {
    /// Takes the terminal's master end as the only source and the input.
    pub fn adopt_terminal(&mut self, master: OwnedFd) -> Result<()> {
        unblock(&master)?;
        let copy =
            |fd: &OwnedFd| fd.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate", &error));
        if self.wants_input {
            self.input = Some(Input::new(copy(&master)?));
        }
        self.terminal = Some(copy(&master)?);
        self.sources = [Some(Source { fd: master, stream: Stream::Stdout, paused: false }), None];
        Ok(())
    }
}
