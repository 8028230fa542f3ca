//! A process's start and end.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::epoll::EpollFlags;
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rocker_core::container::{self, Report};
use rocker_core::protocol::{Event, Exit, Usage};
use rocker_core::{Error, Kind};
use rocker_sys::pidfd;

use super::network::Network;
use super::supervise::{Shim, Token};
use super::task::Task;
use super::teardown::tear_down;
use crate::clock;
use crate::host::Host;

impl Shim<'_> {
    /// A child reports; the end of its socket without a failure means that it became the program.
    pub(super) fn read_report(&mut self, index: usize) {
        loop {
            let Some(Some(task)) = self.tasks.get_mut(index) else { return };
            let Some((socket, inbox)) = &mut task.report else { return };
            match inbox.take::<Report>() {
                Ok(Some((report, fds))) => self.act_on_report(index, report, fds),
                Err(error) => self.start_failed(index, error),
                Ok(None) => match inbox.fill(socket.as_fd(), usize::MAX) {
                    // Its end is the same whether it became the program or was killed on the way.
                    Ok(0) if task.executes && died_before_execve(self.host, task) => {
                        return self.unwatch(Token::Report(index));
                    }
                    Ok(0) => return self.started(index),
                    Ok(_) => {}
                    Err(error) if error.errno == Some(Errno::EAGAIN as i32) => return,
                    Err(error) => self.start_failed(index, error),
                },
            }
        }
    }

    fn act_on_report(&mut self, index: usize, report: Report, mut fds: Vec<OwnedFd>) {
        let Some(Some(task)) = self.tasks.get_mut(index) else { return };
        match (report, fds.pop()) {
            (Report::Terminal, Some(master)) => {
                if let Err(error) = task.adopt_terminal(master) {
                    return self.start_failed(index, error);
                }
                let _ = self.watch(Token::Output(index, 0), EpollFlags::EPOLLIN);
            }
            (Report::Moved { pid }, Some(pidfd)) if task.moves => {
                self.moved(index, Pid::from_raw(pid), pidfd)
            }
            (Report::Failed(error), _) => self.start_failed(index, error),
            _ => self.start_failed(index, Error::invalid("a report came without its descriptor, or twice")),
        }
    }

    /// Another process goes on in place of one, once: from here on what is reported comes out of the container.
    fn moved(&mut self, index: usize, pid: Pid, pidfd: OwnedFd) {
        self.unwatch(Token::Ended(index));
        let Some(Some(task)) = self.tasks.get_mut(index) else { return };
        task.moves = false;
        task.pidfd = pidfd;
        self.left.push(std::mem::replace(&mut task.pid, pid));
        let _ = self.watch(Token::Ended(index), EpollFlags::EPOLLIN);
    }

    /// Without waiting: one that is frozen together with its container has not ended yet.
    fn reap_left(&mut self) {
        self.left
            .retain(|pid| matches!(waitpid(*pid, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive)));
    }

    fn started(&mut self, index: usize) {
        self.unwatch(Token::Report(index));
        self.reap_left();
        let now = clock::now_ns();
        let Some(Some(task)) = self.tasks.get_mut(index) else { return };
        task.report = None;
        task.started_ns = now;
        let (pid, detached) = (task.pid.as_raw(), task.detached);
        if index == 0 {
            // The end of a mount namespace unmounts everything in it, before the process counts as ended; that of a
            // network or IPC namespace keeps a processor busy right then. Held here, they end only when whoever waits
            // has been told.
            let sorts = [pidfd::Namespace::Mount, pidfd::Namespace::Network, pidfd::Namespace::Ipc];
            let held = sorts.into_iter().filter_map(|sort| pidfd::namespace(task.pidfd.as_fd(), sort).ok());
            self.namespaces.extend(held);
            self.begin_health();
            // A full run root must not end a container that runs: who asks sees it as being created.
            let _ = self.record.running(pid, clock::rfc3339(now), self.root.as_ref());
            self.event("start", &[]);
        }
        for client in 0..self.clients.len() {
            let Some(one) = self.clients[client].as_ref().filter(|one| one.task == Some(index)) else {
                continue;
            };
            one.tell(&Event::Started { pid });
            if detached {
                self.drop_client(client);
            }
        }
    }

    /// A program could not be run; its child exits by itself.
    fn start_failed(&mut self, index: usize, error: Error) {
        self.unwatch(Token::Report(index));
        let Some(Some(task)) = self.tasks.get_mut(index) else { return };
        task.report = None;
        let _ = pidfd::kill(task.pidfd.as_fd());
        let _ = waitpid(task.pid, None);
        self.unwatch(Token::Ended(index));
        self.drain_outputs(index);
        self.tasks[index] = None;
        let exit_code = container::exit_code(error.kind);
        if self.is_probe(index) {
            return self.probe_failed(error);
        }
        if index == 0 && self.is_restarting() {
            return self.restart_failed(error);
        }
        if index == 0 {
            let _ = self.record.failed(error.clone(), exit_code, self.root.as_ref());
            self.network.iter_mut().for_each(Network::release_ports);
            self.tasks[0] = None;
        }
        for client in 0..self.clients.len() {
            if self.clients[client].as_ref().is_some_and(|one| one.task == Some(index)) {
                self.say_last(client, Event::Failed { error: error.clone(), exit_code });
            }
        }
        if index == 0 {
            self.end_container();
        }
    }

    /// A process has ended.
    pub(super) fn task_ended(&mut self, index: usize) {
        // Before it is reaped: all that it reported is in the socket by now, and its end can still be told from execve.
        self.read_report(index);
        self.reap_left();
        let Some(Some(task)) = self.tasks.get(index) else { return };
        // Without waiting: the event may be a late one of another task at this position.
        let (code, times) = match pidfd::reap(task.pid) {
            Ok(Some((WaitStatus::Exited(_, code), times))) => (code, times),
            Ok(Some((WaitStatus::Signaled(_, signal, _), times))) => (128 + signal as i32, times),
            Ok(_) | Err(Errno::EINTR) => return,
            Err(_) => (255, pidfd::Times::default()),
        };
        self.unwatch(Token::Ended(index));
        if task.report.is_some() {
            return self.start_failed(index, died_early(code));
        }
        if index == 0 && !self.policy.own_pid_namespace {
            self.kill_all();
        }
        let exit = self.describe_exit(index, code, times);
        self.drain_outputs(index);
        if self.is_probe(index) {
            self.tell_end(index, &exit);
            self.tasks[index] = None;
            return self.probe_ended(code);
        }
        if index == 0 {
            return self.program_ended(exit);
        }
        self.tell_end(index, &exit);
        if let Some(Some(task)) = self.tasks.get_mut(index) {
            task.exit = Some(exit.clone());
        }
        self.tell_exit(index, &exit);
        if !self.clients.iter().flatten().any(|client| client.task == Some(index)) {
            self.tasks[index] = None;
        }
    }

    /// The container's own program has ended: it is started again, or the container ends with it.
    fn program_ended(&mut self, exit: Exit) {
        if !self.wait_for_restart(&exit) {
            self.finish(exit);
        }
    }

    /// Notes how the container ended for good, tells who waits, and takes everything away.
    pub(super) fn finish(&mut self, exit: Exit) {
        self.close_log();
        self.end_health();
        self.record.state.stopped = self.ending && !self.machine_ends;
        let _ = self.record.exited(&exit, self.root.as_ref());
        self.tell_end(0, &exit);
        self.network.iter_mut().for_each(Network::release_ports);
        if let Some(Some(task)) = self.tasks.first_mut() {
            task.exit = Some(exit.clone());
        }
        self.tell_exit(0, &exit);
        self.end_container();
    }

    /// Tells all clients of a process how it ended.
    pub(super) fn tell_exit(&mut self, index: usize, exit: &Exit) {
        for client in 0..self.clients.len() {
            if self.clients[client].as_ref().is_some_and(|one| one.task == Some(index)) {
                self.say_last(client, Event::Exited(exit.clone()));
            }
        }
    }

    fn describe_exit(&self, index: usize, exit_code: i32, times: pidfd::Times) -> Exit {
        let started = self.tasks[index].as_ref().map_or(0, |task| task.started_ns);
        let main = index == 0;
        let cgroup = self.cgroup.as_ref().filter(|_| main);
        let (cpu_ns, memory_peak) = cgroup.and_then(|cgroup| cgroup.totals().ok()).unwrap_or_default();
        let usage = Usage { cpu_ns, memory_peak, user_us: times.user_us, system_us: times.system_us };
        Exit {
            exit_code,
            oom_killed: cgroup.is_some_and(|cgroup| cgroup.oom_killed().unwrap_or(false)),
            timed_out: main && self.timed_out,
            started_at: clock::rfc3339(started),
            finished_at: clock::rfc3339(clock::now_ns()),
            usage,
        }
    }

    /// The events of a process's end, before anybody is told of it.
    pub(super) fn tell_end(&mut self, index: usize, exit: &Exit) {
        let code = exit.exit_code.to_string();
        let task = self.tasks.get(index).and_then(Option::as_ref);
        match task {
            Some(task) if index > 0 => return self.exec_event("exec_die", task, &[("exitCode", &code)]),
            Some(task) => {
                let seconds = (clock::now_ns() - task.started_ns).max(0) / 1_000_000_000;
                if exit.oom_killed {
                    self.event("oom", &[]);
                }
                self.event("die", &[("execDuration", &seconds.to_string()), ("exitCode", &code)]);
            }
            // It has died before: what ends is the wait for its next start.
            None => {}
        }
        self.kill_told = false;
        if std::mem::take(&mut self.stopping) {
            self.event("stop", &[]);
        }
    }

    fn close_log(&mut self) {
        if let Some(log) = self.log.take() {
            let _ = log.close(clock::now_ns());
        }
    }

    /// Nothing of the container is needed any more; clients that still read keep the shim, not the container.
    pub(super) fn end_container(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.tell_end_of_use();
        self.close_log();
        if let Some(cgroup) = &self.cgroup {
            let _ = cgroup.kill();
        }
        // The kernel has killed them; reaping them here lets their cgroup be removed.
        for pid in self.tasks.iter().skip(1).flatten().map(|task| task.pid).chain(self.left.drain(..)) {
            let _ = waitpid(pid, None);
        }
        let directory = self.record.directory.as_fd();
        let mut network = self.network.take();
        let parting = network.as_mut().and_then(|network| network.tear_down(self.host, directory));
        self.health = None;
        self.kept = None;
        self.namespaces.clear();
        self.unwatch(Token::Listener);
        let waiting: Vec<usize> = (0..self.clients.len())
            .filter(|index| self.clients[*index].as_ref().is_some_and(|client| client.last_words.is_none()))
            .collect();
        for index in waiting {
            self.refuse(index, Self::not_running());
        }
        let id = self.record.state.id.clone();
        let removed = tear_down(
            self.cgroup.take(),
            &self.host.run,
            &self.record.directory,
            self.root.as_ref(),
            &id,
            self.record.state.remove,
        );
        if removed {
            self.event("destroy", &[]);
        }
        // A client that still reads must not keep the container from being started again.
        self.lock = None;
        drop(network);
        self.parting = parting.and_then(|parting| parting.look(self.host));
    }
}

/// Whether a process whose socket has ended never called execve: PF_FORKNOEXEC of its flags, field 9 of
/// `/proc/PID/stat` (proc(5), `include/linux/sched.h`). execve clears it before it closes the socket, and one that
/// dies closes the socket before it counts as ended.
fn died_before_execve(host: &Host, task: &Task) -> bool {
    const PF_FORKNOEXEC: u64 = 0x40;
    let path = format!("{}/stat", task.pid);
    let Ok(file) = openat(&host.proc, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
    else {
        return false;
    };
    // The name, the one field that could hold anything, has 15 bytes at most.
    let mut bytes = [0; 128];
    let count = nix::unistd::read(&file, &mut bytes).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..count]);
    let flags = text.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(6));
    flags.and_then(|flags| flags.parse::<u64>().ok()).is_some_and(|flags| flags & PF_FORKNOEXEC != 0)
}

/// The child was killed before it became the program.
fn died_early(code: i32) -> Error {
    let message = match code {
        137 => "the process was killed while it was being set up: perhaps the memory limit is too small"
            .to_owned(),
        code => format!("the process ended with {code} while it was being set up"),
    };
    Error::new(Kind::System, message)
}
