//! Another process in the container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use rocker_core::container::exec;
use rocker_core::protocol::{ExecRequest, Inbox, Status};
use rocker_core::{Error, Kind, Result};
use rocker_sys::clone::{Cloned, clone_process};

use super::prepare::{self, Handed};
use super::supervise::Shim;
use super::task::{Pipes, Task, unblock};
use super::userns::root_of;

impl Shim<'_> {
    /// Starts the process and attaches the client to it.
    pub(super) fn exec(&mut self, index: usize, request: ExecRequest, fds: Vec<OwnedFd>) -> Result<()> {
        match self.record.state.status {
            Status::Running => {}
            Status::Paused => {
                return Err(Error::new(Kind::Conflict, "the container is paused").hint("unpause it first"));
            }
            Status::Restarting => return Err(self.restarting()),
            Status::Created | Status::Exited => return Err(Self::not_running()),
        }
        let handed = Handed::sort(&request.fds, fds)?;
        let detach = request.detach;
        let command = command_line(&request.process.args);
        let task = self.clone_exec(request, None)?;
        self.tell_exec(&command, &task);
        let position = self.seat(Task { detached: detach, ..task });
        if let Some(client) = self.clients[index].as_mut() {
            client.task = Some(position);
        }
        self.watch_task(position)?;
        self.connect_streams(index, handed.streams)
    }

    /// The events of another process in the container. Docker's order: the second is written whether or not the program can
    /// be run.
    pub(super) fn tell_exec(&self, command: &str, task: &Task) {
        for step in ["exec_create", "exec_start"] {
            self.exec_event(&format!("{step}: {command}"), task, &[]);
        }
    }

    /// Gives a process a position, one that is free or a new one.
    pub(super) fn seat(&mut self, task: Task) -> usize {
        let position = match self.tasks.iter().skip(1).position(Option::is_none) {
            Some(free) => free + 1,
            None => {
                self.tasks.push(None);
                self.tasks.len() - 1
            }
        };
        self.tasks[position] = Some(task);
        position
    }

    /// Clones the process, in the container's cgroup of v2 or in `nest`, one below that.
    pub(super) fn clone_exec(&mut self, request: ExecRequest, nest: Option<BorrowedFd<'_>>) -> Result<Task> {
        let (Some(cgroup), Some(Some(init))) = (&self.cgroup, self.tasks.first()) else {
            return Err(Self::not_running());
        };
        let join = match self.join.take() {
            Some(join) => join,
            None => cgroup.join_handle()?,
        };
        let join = &*self.join.insert(join);
        let filter = match (request.unconfined, &request.seccomp) {
            (true, _) => Vec::new(),
            (false, Some(text)) => prepare::filter(Some(text), None)?,
            (false, None) => self.template.filter.clone(),
        };
        let outside = self.template.traces;
        let pipes = Pipes::make(request.stdin && !request.tty, root_of(self.template.userns.as_deref())?)?;
        let terminal = request.tty.then(|| request.process.console_size.unwrap_or_default());
        let stdin = request.stdin;
        let exec_id = request.id;
        let setup = exec::Setup {
            init: duplicate(&init.pidfd)?,
            namespaces: if outside {
                self.template.namespaces.difference(CloneFlags::CLONE_NEWUSER)
            } else {
                self.template.namespaces.difference(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID)
            },
            userns: self.template.userns.as_deref().map(|userns| (userns, self.host.proc.as_fd())),
            outside: outside.then(|| exec::Outside { proof: self.host.proof, proc: self.host.proc.as_fd() }),
            cgroup: join,
            terminal,
            streams: pipes.child,
            program: prepare::program(self.host, request.process, request.user, request.groups, filter)?,
        };
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
            .map_err(|errno| Error::sys("socketpair", errno))?;
        if !outside && self.template.namespaces.contains(CloneFlags::CLONE_NEWPID) {
            // For the children of this process only; it stays where it is (setns(2)).
            setns(&init.pidfd, CloneFlags::CLONE_NEWPID).map_err(|errno| match errno {
                Errno::ESRCH => Self::not_running(),
                _ => Error::sys("join pid namespace", errno),
            })?;
        }
        match clone_process(self.host.proof, CloneFlags::empty(), nest.or_else(|| cgroup.v2_fd())) {
            // In a pid namespace whose init has ended nothing can be born (pid_namespaces(7)).
            Err(Errno::ENOMEM) if has_ended(&init.pidfd) => Err(Self::not_running()),
            Err(errno) => Err(Error::sys("clone3", errno)),
            Ok(Cloned::Child) => {
                drop(ours);
                exec::run(setup, theirs)
            }
            Ok(Cloned::Parent(pid, pidfd)) => {
                drop(theirs);
                unblock(&ours)?;
                Ok(Task {
                    pid,
                    pidfd,
                    report: Some((ours, Inbox::default())),
                    sources: if terminal.is_some() { [None, None] } else { pipes.sources },
                    input: pipes.input,
                    terminal: None,
                    wants_input: stdin,
                    stdin_once: true,
                    started_ns: 0,
                    exit: None,
                    executes: true,
                    moves: outside,
                    detached: false,
                    exec_id,
                })
            }
        }
    }
}

/// As Docker's events have it: the program, a space, and its arguments, if there are any.
pub fn command_line(args: &[String]) -> String {
    let (program, rest) = args.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    format!("{program} {}", rest.join(" "))
}

fn has_ended(pidfd: &OwnedFd) -> bool {
    rocker_sys::pidfd::send_signal(pidfd.as_fd(), 0) == Err(Errno::ESRCH)
}

fn duplicate(fd: &OwnedFd) -> Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate", &error))
}
