//! The shim's loop: what happened, and who handles it.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::Flock;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::Pid;
use rocker_core::cgroup::{Cgroup, JoinHandle};
use rocker_core::log::Writer;
use rocker_core::protocol::Exit;
use rocker_core::{Error, Result};

use super::backoff::Backoff;
use super::client::Client;
use super::health::Health;
use super::kept::Kept;
use super::network::{Network, Parting};
use super::record::Record;
use super::start::Template;
use super::task::Task;
use super::tell::Volume;
use crate::clock;
use crate::host::Host;

/// Decisions that the request made.
#[derive(Debug)]
pub struct Policy {
    /// Whether the end of init ends everything.
    pub own_pid_namespace: bool,
    /// Monotonic time at which the time limit ends it.
    pub kill_at: Option<i64>,
    /// Sent by a stop that names no signal.
    pub stop_signal: i32,
    /// Seconds between stop signal and SIGKILL.
    pub stop_timeout: f64,
}

/// What a descriptor in the loop is; the number is a position in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// New connections.
    Listener,
    /// The owner has ended.
    Owner,
    /// A child's report.
    Report(usize),
    /// A process has ended.
    Ended(usize),
    /// Output of a process: stream 0 or 1.
    Output(usize, usize),
    /// A process can take input again.
    Input(usize),
    /// A client's socket.
    Client(usize),
    /// A client's input.
    ClientInput(usize),
    /// A client's pipe can be written again: stream 0 or 1.
    Sink(usize, usize),
    /// The log server's socket.
    Log,
    /// A question for the resolver.
    Resolver,
    /// Something of the host's rule set has gone.
    News,
}

impl Token {
    fn pack(self) -> u64 {
        let (kind, number, stream) = match self {
            Self::Listener => (0, 0, 0),
            Self::Owner => (1, 0, 0),
            Self::Report(number) => (2, number, 0),
            Self::Ended(number) => (3, number, 0),
            Self::Output(number, stream) => (4, number, stream),
            Self::Input(number) => (5, number, 0),
            Self::Client(number) => (6, number, 0),
            Self::ClientInput(number) => (7, number, 0),
            Self::Sink(number, stream) => (8, number, stream),
            Self::Resolver => (9, 0, 0),
            Self::News => (10, 0, 0),
            Self::Log => (11, 0, 0),
        };
        kind << 56 | (stream as u64) << 48 | number as u64
    }

    fn unpack(data: u64) -> Self {
        let (number, stream) = ((data & 0xffff_ffff) as usize, (data >> 48 & 1) as usize);
        match data >> 56 {
            0 => Self::Listener,
            1 => Self::Owner,
            2 => Self::Report(number),
            3 => Self::Ended(number),
            4 => Self::Output(number, stream),
            5 => Self::Input(number),
            6 => Self::Client(number),
            7 => Self::ClientInput(number),
            8 => Self::Sink(number, stream),
            9 => Self::Resolver,
            10 => Self::News,
            _ => Self::Log,
        }
    }
}

/// One container's shim.
#[derive(Debug)]
pub struct Shim<'h> {
    pub(super) host: &'h Host,
    /// Held until nothing of the container is left: whoever gets it knows that, or that the shim was killed.
    pub(super) lock: Option<Flock<OwnedFd>>,
    pub(super) listener: OwnedFd,
    pub(super) record: Record,
    pub(super) policy: Policy,
    pub(super) cgroup: Option<Cgroup>,
    pub(super) root: Option<OwnedFd>,
    pub(super) log: Option<Writer>,
    /// The container's own process is the first; others come by exec. A position is used again once it is free.
    pub(super) tasks: Vec<Option<Task>>,
    pub(super) clients: Vec<Option<Client>>,
    pub(super) template: Template,
    /// Namespaces of the container that are not to end with its last process.
    pub(super) namespaces: Vec<OwnedFd>,
    /// Its endpoints and published ports.
    pub(super) network: Option<Network>,
    /// What stays of them when it has ended.
    pub(super) parting: Option<Parting>,
    /// For processes made by exec, from the first on.
    pub(super) join: Option<JoinHandle>,
    /// Processes in whose place others went on, to be reaped.
    pub(super) left: Vec<Pid>,
    pub(super) owner: Option<OwnedFd>,
    pub(super) timed_out: bool,
    /// Monotonic time at which a stop turns into a kill.
    pub(super) stop_at: Option<i64>,
    /// Whether the events tell of a SIGKILL already.
    pub(super) kill_told: bool,
    /// Whether its end is what a `stop` asked for.
    pub(super) stopping: bool,
    /// Its restart policy.
    pub(super) backoff: Backoff,
    /// What a restart needs.
    pub(super) kept: Option<Kept>,
    /// Set once a user, the owner or the time limit wants it to end: then it is not started again.
    pub(super) ending: bool,
    /// Whether it is the end of the machine instead that wants it.
    pub(super) machine_ends: bool,
    /// Monotonic time of the next start, while it waits for that.
    pub(super) restart_at: Option<i64>,
    /// How its program ended last.
    pub(super) last_exit: Exit,
    /// Its health check.
    pub(super) health: Option<Health>,
    /// Set once the container has ended and everything of it is gone.
    pub(super) ended: bool,
    /// What of the log server's socket is waited for: the socket's generation, and whether it is to be written.
    pub(super) log_watched: Option<(u64, bool)>,
    /// Events that are written with the next one.
    pub(super) unsaid: RefCell<Vec<u8>>,
    /// Its volumes.
    pub(super) volumes: Vec<Volume>,
    epoll: Epoll,
    /// Whether what the start needed of the heap has been given back.
    pub(super) trimmed: bool,
    /// Chunks between pipes; freed when idle.
    pub(super) buffer: Vec<u8>,
    first_streams: Option<[Option<OwnedFd>; 3]>,
}

/// Serves until the container has ended and every client knows.
pub fn run(mut shim: Shim<'_>, connection: OwnedFd) {
    drop(connection);
    let mut events = [EpollEvent::empty(); 16];
    while !shim.is_done() {
        let timeout = shim.timeout();
        let count = match shim.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        };
        for event in &events[..count] {
            shim.handle(Token::unpack(event.data()), event.events());
        }
        shim.act_on_time();
        if count == 0 {
            shim.rest();
        }
    }
}

impl<'h> Shim<'h> {
    /// Gathers the parts; [`Shim::adopt_first`] registers them.
    #[allow(clippy::too_many_arguments)] // the parts of one shim, each made by its own step of the start
    pub fn new(
        host: &'h Host,
        lock: Option<Flock<OwnedFd>>,
        listener: OwnedFd,
        record: Record,
        policy: Policy,
        cgroup: Option<Cgroup>,
        root: Option<OwnedFd>,
        log: Option<Writer>,
        task: Task,
        template: Template,
        owner: Option<OwnedFd>,
        streams: [Option<OwnedFd>; 3],
    ) -> Result<Self> {
        let epoll =
            Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|errno| Error::sys("epoll", errno))?;
        Ok(Self {
            host,
            lock,
            listener,
            record,
            policy,
            cgroup,
            root,
            log,
            tasks: vec![Some(task)],
            clients: Vec::new(),
            template,
            namespaces: Vec::new(),
            network: None,
            parting: None,
            join: None,
            left: Vec::new(),
            owner,
            timed_out: false,
            stop_at: None,
            kill_told: false,
            stopping: false,
            backoff: Backoff::default(),
            kept: None,
            ending: false,
            machine_ends: false,
            restart_at: None,
            last_exit: Exit::default(),
            health: None,
            ended: false,
            log_watched: None,
            unsaid: RefCell::default(),
            volumes: Vec::new(),
            epoll,
            trimmed: false,
            buffer: Vec::new(),
            first_streams: Some(streams),
        })
    }

    /// Registers everything, and the connection that brought the request as the first client.
    pub fn adopt_first(&mut self, connection: &OwnedFd) -> Result<()> {
        let socket =
            connection.as_fd().try_clone_to_owned().map_err(|error| Error::io("duplicate", &error))?;
        super::task::unblock(&socket)?;
        let mut client = Client::new(socket);
        client.asked = true;
        client.task = Some(0);
        let index = self.add_client(client)?;
        let streams = self.first_streams.take().unwrap_or_default();
        if streams.iter().any(Option::is_some) {
            self.event_later("attach", &[]);
        }
        self.tell_use();
        self.connect_streams(index, streams)?;
        self.watch(Token::Listener, EpollFlags::EPOLLIN)?;
        self.watch_log();
        if self.owner.is_some() {
            self.watch(Token::Owner, EpollFlags::EPOLLIN)?;
        }
        self.watch(Token::Resolver, EpollFlags::EPOLLIN)?;
        self.watch(Token::News, EpollFlags::EPOLLIN)?;
        self.watch_task(0)
    }

    /// Registers a process: its report, its end, its streams.
    pub fn watch_task(&mut self, index: usize) -> Result<()> {
        self.watch(Token::Report(index), EpollFlags::EPOLLIN)?;
        self.watch(Token::Ended(index), EpollFlags::EPOLLIN)?;
        for stream in 0..2 {
            self.watch(Token::Output(index, stream), EpollFlags::EPOLLIN)?;
        }
        Ok(())
    }

    fn descriptor(&self, token: Token) -> Option<BorrowedFd<'_>> {
        let task = |index: usize| self.tasks.get(index).and_then(Option::as_ref);
        let client = |index: usize| self.clients.get(index).and_then(Option::as_ref);
        match token {
            Token::Listener => Some(self.listener.as_fd()),
            Token::Owner => self.owner.as_ref().map(AsFd::as_fd),
            Token::Report(index) => task(index)?.report.as_ref().map(|(socket, _)| socket.as_fd()),
            Token::Ended(index) => Some(task(index)?.pidfd.as_fd()),
            Token::Output(index, stream) => {
                task(index)?.sources[stream].as_ref().map(|source| source.fd.as_fd())
            }
            Token::Input(index) => task(index)?.input.as_ref().map(|input| input.fd.as_fd()),
            Token::Client(index) => Some(client(index)?.socket.as_fd()),
            Token::ClientInput(index) => client(index)?.stdin.as_ref().map(|stdin| stdin.fd.as_fd()),
            Token::Sink(index, stream) => client(index)?.sinks[stream].as_ref().map(|sink| sink.fd.as_fd()),
            Token::Log => self.log.as_ref()?.remote()?.socket(),
            Token::Resolver => self.network.as_ref()?.resolver_fd(),
            Token::News => self.network.as_ref()?.news_fd(),
        }
    }

    /// Starts to wait for a descriptor, if there is one.
    pub fn watch(&self, token: Token, events: EpollFlags) -> Result<()> {
        let Some(fd) = self.descriptor(token) else { return Ok(()) };
        match self.epoll.add(fd, EpollEvent::new(events, token.pack())) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(Error::sys("epoll_ctl", errno)),
        }
    }

    /// Stops waiting for a descriptor. A paused one is taken out altogether: a hang-up is reported even to those who
    /// ask for no events (epoll_ctl(2)), and would turn the loop.
    pub fn unwatch(&self, token: Token) {
        if let Some(fd) = self.descriptor(token) {
            let _ = self.epoll.delete(fd);
        }
    }

    fn handle(&mut self, token: Token, events: EpollFlags) {
        match token {
            Token::Listener => self.accept(),
            Token::Owner => self.owner_ended(),
            Token::Report(index) => self.read_report(index),
            Token::Ended(index) => self.task_ended(index),
            Token::Output(index, stream) => self.read_output(index, stream),
            Token::Input(index) => self.input_writable(index),
            Token::Client(index) => self.read_client(index),
            Token::ClientInput(index) => self.read_client_input(index),
            Token::Sink(index, stream) => self.sink_writable(index, stream, events),
            Token::Log => self.log_goes_on(true),
            Token::Resolver => self.network.iter_mut().for_each(Network::answer),
            Token::News => self.network.iter_mut().for_each(Network::hear),
        }
    }

    fn owner_ended(&mut self) {
        self.unwatch(Token::Owner);
        self.owner = None;
        self.end();
    }

    /// Ends the container for good, at once.
    pub(super) fn end(&mut self) {
        self.ending = true;
        self.kill_all();
        self.give_up_restart();
    }

    /// Kills every process of the container, at once and without a chance to fork away.
    pub fn kill_all(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            let _ = cgroup.kill();
        }
        for task in self.tasks.iter().flatten() {
            let _ = rocker_sys::pidfd::kill(task.pidfd.as_fd());
        }
    }

    fn timeout(&self) -> EpollTimeout {
        let health = self.health.as_ref().and_then(Health::next_at);
        let network = self.network.as_ref().and_then(Network::deadline);
        let log = self.log_deadline();
        let parting = self.parting.as_ref().map(Parting::deadline);
        let all = [self.policy.kill_at, self.stop_at, self.restart_at, health, network, log, parting];
        let next = all.into_iter().flatten().min();
        let until = next.map(|at| ((at - clock::monotonic_ns()).max(0) + 999_999) / 1_000_000);
        let busy = !self.buffer.is_empty() || !self.trimmed;
        match (until, busy.then_some(200)) {
            (None, None) => EpollTimeout::NONE,
            (Some(until), None) => EpollTimeout::try_from(until).unwrap_or(EpollTimeout::MAX),
            (until, Some(idle)) => {
                EpollTimeout::try_from(until.unwrap_or(idle).min(idle)).unwrap_or(EpollTimeout::MAX)
            }
        }
    }

    fn act_on_time(&mut self) {
        let now = clock::monotonic_ns();
        if self.log_deadline().is_some_and(|at| at <= now) {
            self.log_goes_on(false);
        }
        if let Some(network) = &mut self.network {
            network.act_on_time(now);
        }
        if self.parting.as_ref().is_some_and(|parting| parting.deadline() <= now) {
            self.parting = self.parting.take().and_then(|parting| parting.look(self.host));
        }
        if self.policy.kill_at.is_some_and(|at| at <= now) {
            self.policy.kill_at = None;
            self.timed_out = true;
            self.end();
        }
        if self.stop_at.is_some_and(|at| at <= now) {
            self.stop_at = None;
            if !self.kill_told {
                self.event("kill", &[("signal", "9")]);
            }
            self.kill_all();
        }
        if self.restart_at.is_some_and(|at| at <= now) {
            self.start_again();
        }
        if self.health.as_ref().and_then(Health::next_at).is_some_and(|at| at <= now) {
            self.check_health(now);
        }
    }

    /// Nothing happened for a moment: gives memory back and compresses a piece of a rotated log.
    fn rest(&mut self) {
        let more = self.log.as_mut().is_some_and(Writer::idle);
        if !more {
            self.buffer = Vec::new();
            rocker_sys::give_memory_back();
            self.trimmed = true;
        }
    }

    fn is_done(&self) -> bool {
        self.ended && self.parting.is_none() && self.clients.iter().all(Option::is_none)
    }
}
