//! Connections: accepted, read, answered, let go.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::signal::Signal;
use nix::sys::socket::{SockFlag, accept4, getsockopt, sockopt};
use rocker_core::protocol::{AttachRequest, Control, Event, Request, Status, WaitCondition};
use rocker_core::{Error, Kind, Result, container};

use super::client::{Client, Stdin};
use super::output::Sink;
use super::prepare::Handed;
use super::supervise::{Shim, Token};
use super::task::unblock;
use crate::clock;

/// Signals by which a user ends a program.
const ENDING: [i32; 4] =
    [Signal::SIGINT as i32, Signal::SIGQUIT as i32, Signal::SIGTERM as i32, Signal::SIGKILL as i32];

impl Shim<'_> {
    /// Takes every waiting connection of the engine's owner.
    pub(super) fn accept(&mut self) {
        loop {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let Ok(number) = accept4(self.listener.as_raw_fd(), flags) else { return };
            let Ok(socket) = rocker_sys::fds::inherited(number) else { return };
            let owner = nix::unistd::geteuid().as_raw();
            if getsockopt(&socket, sockopt::PeerCredentials).is_ok_and(|peer| peer.uid() == owner) {
                let _ = self.add_client(Client::new(socket));
            }
        }
    }

    /// Gives a connection a place and waits for its requests.
    pub(super) fn add_client(&mut self, client: Client) -> Result<usize> {
        let index = match self.clients.iter().position(Option::is_none) {
            Some(index) => {
                self.clients[index] = Some(client);
                index
            }
            None => {
                self.clients.push(Some(client));
                self.clients.len() - 1
            }
        };
        self.watch(Token::Client(index), EpollFlags::EPOLLIN)?;
        Ok(index)
    }

    /// Connects a client's pipes with the process it is attached to.
    pub(super) fn connect_streams(&mut self, index: usize, streams: [Option<OwnedFd>; 3]) -> Result<()> {
        let [stdin, stdout, stderr] = streams;
        for fd in [&stdin, &stdout, &stderr].into_iter().flatten() {
            unblock(fd)?;
        }
        let Some(client) = self.clients[index].as_mut() else { return Ok(()) };
        client.sinks = [stdout.map(Sink::new), stderr.map(Sink::new)];
        client.stdin = stdin.map(|fd| Stdin { fd, paused: false });
        self.watch(Token::ClientInput(index), EpollFlags::EPOLLIN)
    }

    /// Reads what a client says, or that it went away.
    pub(super) fn read_client(&mut self, index: usize) {
        let Some(client) = self.clients[index].as_mut() else { return };
        match client.inbox.fill(client.socket.as_fd(), usize::MAX) {
            Ok(0) => return self.drop_client(index),
            Ok(_) => {}
            Err(error) if error.errno == Some(Errno::EAGAIN as i32) => return,
            Err(_) => return self.drop_client(index),
        }
        if let Err(error) = self.act_on_messages(index) {
            self.refuse(index, error);
        }
    }

    fn act_on_messages(&mut self, index: usize) -> Result<()> {
        loop {
            let Some(client) = self.clients[index].as_mut() else { return Ok(()) };
            if client.asked {
                let Some((control, _)) = client.inbox.take::<Control>()? else { return Ok(()) };
                let task = client.task;
                self.control(task, control);
            } else {
                let Some((request, fds)) = client.inbox.take::<Request>()? else { return Ok(()) };
                client.asked = true;
                self.answer(index, request, fds)?;
            }
        }
    }

    fn answer(&mut self, index: usize, request: Request, fds: Vec<OwnedFd>) -> Result<()> {
        match request {
            Request::Start(_) | Request::Shutdown => {
                return Err(Error::invalid("a shim does not answer `start` or `shutdown`"));
            }
            Request::Attach(request) => return self.attach(index, request, fds),
            Request::Exec(request) => return self.exec(index, *request, fds),
            Request::Wait { condition: WaitCondition::Exited } => return self.wait(index),
            Request::Wait { condition: WaitCondition::Healthy } => return self.wait_healthy(index),
            Request::Update(request) => self.update(*request, fds)?,
            Request::Signal { signal } => self.signal_init(signal)?,
            Request::Stop { signal, timeout, kill, machine } => {
                self.stopping |= !kill;
                // What a user has ended already stays ended by a user, and the other way round.
                self.machine_ends = machine && (self.machine_ends || !self.ending);
                return self.stop(index, signal, timeout);
            }
            Request::Kill => {
                self.machine_ends = false;
                self.end();
            }
            Request::Pause { hold: true } => return self.freeze_for(index),
            Request::Pause { hold: false } => self.freeze(true)?,
            Request::Resume => self.freeze(false)?,
            Request::Pids => {
                let pids = self.cgroup.as_ref().map_or_else(|| Ok(Vec::new()), |cgroup| cgroup.pids())?;
                self.say_last(index, Event::Ok { pids: Some(pids), health: None });
                return Ok(());
            }
            Request::Rename { name } => {
                self.record.state.attributes.insert("name".into(), name);
                self.record.write()?;
            }
            Request::Remove { value } => {
                self.record.state.remove = value;
                self.record.write()?;
            }
            Request::Connect(request) => self.connect_network(*request)?,
            Request::Disconnect(request) => self.disconnect_network(&request)?,
            Request::Names { network, names } => self.rename_in_network(&network, names)?,
        }
        self.say_last(index, Event::DONE);
        Ok(())
    }

    fn attach(&mut self, index: usize, request: AttachRequest, fds: Vec<OwnedFd>) -> Result<()> {
        let handed = Handed::sort(&request.fds, fds)?;
        // One without streams only waits, which it may do between two starts as well.
        if !request.fds.is_empty() && self.is_restarting() {
            return Err(self.restarting());
        }
        self.wait(index)?;
        let pid = self.record.state.pid;
        if let Some(client) = &self.clients[index] {
            client.tell(&Event::Started { pid });
        }
        self.event("attach", &[]);
        self.connect_streams(index, handed.streams)
    }

    /// Lets a client wait for the container's end, which may have come already.
    pub(super) fn wait(&mut self, index: usize) -> Result<()> {
        if let Some(client) = self.clients[index].as_mut() {
            client.task = Some(0);
        }
        let exit = self.tasks[0].as_ref().and_then(|task| task.exit.clone());
        if let Some(exit) = exit {
            self.say_last(index, Event::Exited(exit));
        }
        Ok(())
    }

    fn stop(&mut self, index: usize, signal: Option<i32>, timeout: Option<f64>) -> Result<()> {
        self.ending = true;
        self.wait(index)?;
        self.give_up_restart();
        if self.restart_at.is_some() {
            return Ok(());
        }
        // A frozen process would not see the signal.
        self.freeze(false)?;
        self.signal_init(signal.unwrap_or(self.policy.stop_signal))?;
        let timeout = timeout.unwrap_or(self.policy.stop_timeout);
        if timeout >= 0.0 {
            self.stop_at = Some(clock::monotonic_ns() + (timeout * 1e9) as i64);
        }
        Ok(())
    }

    /// Freezes it until the client lets go, or somebody thaws it.
    fn freeze_for(&mut self, index: usize) -> Result<()> {
        if self.record.state.status == Status::Paused {
            let message = format!("Container {} is already paused", self.record.state.id);
            return Err(Error::new(Kind::Conflict, message));
        }
        self.freeze(true)?;
        if let Some(client) = self.clients[index].as_mut() {
            client.freezes = self.record.state.status == Status::Paused;
            client.tell(&Event::DONE);
        }
        Ok(())
    }

    fn freeze(&mut self, freeze: bool) -> Result<()> {
        if freeze && self.is_restarting() {
            return Err(self.restarting());
        }
        let Some(cgroup) = &self.cgroup else { return Ok(()) };
        let (now, then) =
            if freeze { (Status::Running, Status::Paused) } else { (Status::Paused, Status::Running) };
        if self.record.state.status != now {
            return Ok(());
        }
        if freeze {
            cgroup.freeze()?
        } else {
            cgroup.thaw()?
        }
        self.record.state.status = then;
        self.clients.iter_mut().flatten().for_each(|client| client.freezes = false);
        self.hold_health(freeze);
        self.record.write()?;
        self.event(if freeze { "pause" } else { "unpause" }, &[]);
        Ok(())
    }

    /// A signal for the container's program, with its event. One that is meant to end it ends its restarts too, as in
    /// Docker.
    fn signal_init(&mut self, signal: i32) -> Result<()> {
        self.signal(0, signal)?;
        if !self.record.state.has_ended() {
            self.event("kill", &[("signal", &signal.to_string())]);
            self.kill_told |= signal == nix::libc::SIGKILL;
        }
        if signal == self.policy.stop_signal || ENDING.contains(&signal) {
            self.ending = true;
            self.give_up_restart();
        }
        Ok(())
    }

    pub(super) fn signal(&mut self, task: usize, signal: i32) -> Result<()> {
        let Some(Some(task)) = self.tasks.get(task) else { return Ok(()) };
        match rocker_sys::pidfd::send_signal(task.pidfd.as_fd(), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(Errno::EINVAL) => Err(Error::invalid(format!("{signal} is no signal"))),
            Err(errno) => Err(Error::sys(format!("send signal {signal}"), errno)),
        }
    }

    fn control(&mut self, task: Option<usize>, control: Control) {
        let Some(index) = task else { return };
        match control {
            Control::Signal { signal } => {
                let _ = if index == 0 { self.signal_init(signal) } else { self.signal(index, signal) };
            }
            Control::Resize { width, height } => {
                if let Some(Some(task)) = self.tasks.get(index)
                    && let Some(terminal) = &task.terminal
                {
                    let _ = rocker_sys::tty::set_window_size(terminal.as_fd(), height, width);
                    if index == 0 {
                        let size = [("height", &*height.to_string()), ("width", &*width.to_string())];
                        self.event("resize", &size);
                    }
                }
            }
            Control::Detach => match self.tasks.get(index) {
                Some(Some(task)) if index > 0 => self.exec_event("exec_detach", task, &[]),
                _ => self.event("detach", &[]),
            },
        }
    }

    /// Tells a client why its request was not met.
    pub(super) fn refuse(&mut self, index: usize, error: Error) {
        let exit_code = container::exit_code(error.kind);
        self.say_last(index, Event::Failed { error, exit_code });
    }

    /// Tells a client its last event as soon as its pipes are empty.
    pub(super) fn say_last(&mut self, index: usize, event: Event) {
        let Some(client) = self.clients[index].as_mut() else { return };
        client.last_words = Some(event);
        self.finish_if_drained(index);
    }

    pub(super) fn finish_if_drained(&mut self, index: usize) {
        let Some(client) = self.clients[index].as_mut() else { return };
        if client.last_words.is_none() || !client.is_drained() {
            return;
        }
        // The pipes end before the event: who has read the event finds everything in its pipes, and their end.
        client.sinks = [None, None];
        if let Some(event) = client.last_words.take() {
            client.tell(&event);
        }
        self.drop_client(index);
    }

    /// Lets go of a connection. What waited only for its pipe goes on.
    pub(super) fn drop_client(&mut self, index: usize) {
        let Some(client) = self.clients[index].take() else { return };
        if client.freezes {
            let _ = self.freeze(false);
        }
        if client.stdin.is_some()
            && let Some(task) = client.task
        {
            self.end_of_client_input(task);
        }
        if let Some(task) = client.task {
            self.resume_outputs(task);
        }
    }

    /// Detaches a client that fell too far behind.
    pub(super) fn detach_slow(&mut self, index: usize) {
        let reason = format!("the reader fell {} MiB behind", super::output::LIMIT >> 20);
        if let Some(client) = &self.clients[index] {
            client.tell(&Event::Detached { reason });
        }
        self.drop_client(index);
    }

    /// The error of a request to a container that is ending.
    pub(super) fn not_running() -> Error {
        Error::new(Kind::NotRunning, "the container is not running")
    }

    /// The error of a request to a container that waits for its next start.
    pub(super) fn restarting(&self) -> Error {
        let id = &self.record.state.id;
        let message = format!("Container {id} is restarting, wait until the container is running");
        Error::new(Kind::Conflict, message).hint("`rocker logs` may say why it ends")
    }
}
