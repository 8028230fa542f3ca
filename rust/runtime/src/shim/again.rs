//! From the end of the program to its next start.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use rocker_core::protocol::{Exit, Status};
use rocker_core::{Error, Kind, Result, container};
use std::os::fd::AsFd;

use super::kept::own_namespace;
use super::network::Network;
use super::start::{Cradle, bear, release};
use super::supervise::{Shim, Token};
use crate::clock;

impl Shim<'_> {
    /// The program has ended: waits for its next start, unless the policy, a user or the owner wants none.
    pub(super) fn wait_for_restart(&mut self, exit: &Exit) -> bool {
        self.last_exit = exit.clone();
        let started = self.tasks[0].as_ref().map_or(0, |task| task.started_ns);
        self.schedule(exit, (clock::now_ns() - started).max(0))
    }

    fn schedule(&mut self, exit: &Exit, ran: i64) -> bool {
        if self.ending || self.kept.is_none() {
            return false;
        }
        let Some(delay) = self.backoff.next(exit.exit_code, ran) else { return false };
        self.stop_at = None;
        self.pause_health();
        // A full run root must not end a container that is to run.
        let _ = self.record.restarting(exit, self.backoff.count);
        self.tell_end(0, exit);
        self.part_from_clients(exit);
        self.clear_away();
        self.restart_at = Some(clock::monotonic_ns() + delay);
        true
    }

    /// Who was attached, or waited, has seen the end; the next start is nobody's.
    fn part_from_clients(&mut self, exit: &Exit) {
        self.tell_exit(0, exit);
        for index in 0..self.clients.len() {
            if self.clients[index].as_ref().is_some_and(|client| client.task == Some(0)) {
                self.unwatch(Token::ClientInput(index));
                if let Some(client) = self.clients[index].as_mut() {
                    (client.task, client.stdin) = (None, None);
                }
            }
        }
    }

    /// Takes away what the program has left: other processes, namespaces, the cgroup.
    fn clear_away(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            let _ = cgroup.kill();
        }
        for index in 1..self.tasks.len() {
            self.await_end(index);
            self.task_ended(index);
            self.tasks[index] = None;
        }
        self.tasks[0] = None;
        self.join = None;
        self.namespaces.clear();
        if let Some(cgroup) = self.cgroup.take() {
            let _ = cgroup.remove();
        }
    }

    /// Waits until a process that has been killed has ended.
    fn await_end(&self, index: usize) {
        let Some(Some(task)) = self.tasks.get(index) else { return };
        let _ = rocker_sys::pidfd::kill(task.pidfd.as_fd());
        let mut fds = [PollFd::new(task.pidfd.as_fd(), PollFlags::POLLIN)];
        while poll(&mut fds, PollTimeout::NONE) == Err(Errno::EINTR) {}
    }

    /// The wait is over: for the next start, or because there will be none.
    pub(super) fn start_again(&mut self) {
        self.restart_at = None;
        if self.ending || self.kept.is_none() {
            return self.finish(Exit { timed_out: self.timed_out, ..self.last_exit.clone() });
        }
        if let Err(error) = self.remake() {
            self.restart_failed(error);
        }
    }

    fn remake(&mut self) -> Result<()> {
        let Some(kept) = &self.kept else { return Err(Self::not_running()) };
        // An exec has had the children of this process born in the pid namespace that has ended.
        let pids = own_namespace(self.host.proc.as_fd(), "pid")?;
        setns(&pids, CloneFlags::CLONE_NEWPID)
            .map_err(|errno| Error::sys("return to the pid namespace", errno))?;
        let (request, mut handed) = kept.next(self.host)?;
        // Its links, ports and names stay as they are from one start to the next.
        handed.network = self.network.as_ref().map(Network::namespace).transpose()?.flatten();
        handed.network_is_own = handed.network.is_some();
        handed.userns = self.template.userns.clone();
        let mut cradle = Cradle::default();
        let root = self.root.as_ref();
        let network = self.network.as_mut();
        let made = bear(self.host, &mut cradle, root, &self.record.directory, request, handed, network);
        let released = made.and_then(|made| release(&made.0, cradle.cgroup.as_ref()).map(|()| made));
        let (task, template) = match released {
            Ok(made) => made,
            Err(error) => {
                cradle.end_child();
                if let Some(cgroup) = cradle.cgroup.take() {
                    let _ = cgroup.kill();
                    let _ = cgroup.remove();
                }
                return Err(error);
            }
        };
        self.cgroup = cradle.cgroup.take();
        self.trimmed = false;
        self.template = template;
        self.tasks[0] = Some(task);
        self.watch_task(0)
    }

    /// The program could not be started again. What will not change by itself ends the container, as in Docker; after
    /// anything else, such as a full disk, the policy goes on.
    pub(super) fn restart_failed(&mut self, error: Error) {
        let lasting = [Kind::CommandNotFound, Kind::CommandNotExecutable, Kind::Invalid, Kind::Unsupported];
        let exit = Exit {
            exit_code: container::exit_code(error.kind),
            finished_at: clock::rfc3339(clock::now_ns()),
            oom_killed: false,
            ..self.last_exit.clone()
        };
        if !lasting.contains(&error.kind) && self.schedule(&exit, 0) {
            return;
        }
        let exit = if self.ending { self.last_exit.clone() } else { exit };
        if !self.ending {
            self.record.state.error = Some(error);
        }
        self.finish(exit);
    }

    /// It is not to be started again: what waits for that ends with its last exit, once whoever asked for it has been
    /// answered.
    pub(super) fn give_up_restart(&mut self) {
        if self.restart_at.is_some() {
            self.restart_at = Some(0);
        }
    }

    /// Whether its program is between an end and the next start.
    pub(super) fn is_restarting(&self) -> bool {
        self.record.state.status == Status::Restarting
    }
}
