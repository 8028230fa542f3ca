//! Names for the container: answers at 127.0.0.11 in its network namespace, from records or from servers elsewhere.
//!
//! | file | duty |
//! |---|---|
//! | `datagram` | questions over UDP |
//! | `upstream` | a question passed on to a server, and its answer |
//! | `stream` | questions over TCP |

mod datagram;
mod stream;
mod upstream;

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rocker_core::network::dns::{self, Answer, Code, Question};
use rocker_core::network::zone::Zone;
use rocker_core::network::{Inside, RESOLVER, redirect};
use rocker_core::{Error, Result};
use rocker_sys::nft::Nft;

use crate::clock;
use stream::Stream;
use upstream::Upstream;

/// Nanoseconds that a server has for its answer; then the next is asked.
const PATIENCE: i64 = 4_000_000_000;
/// Questions that are passed on at a time; what comes beyond fails at once.
const MOST: usize = 1000;
/// Positions of the sockets that are always there; those of others come after.
const DATAGRAMS: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;

/// Whom to ask, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Its address; the port is 53.
    pub address: IpAddr,
    /// Whether it is asked from within the container's network namespace: what the user named. The host's own servers
    /// are asked from the host's, where they may be at 127.0.0.53.
    pub inside: bool,
}

/// One container's resolver.
#[derive(Debug)]
pub struct Resolver {
    /// What it knows.
    pub zone: Zone,
    /// Whom it asks.
    pub servers: Vec<Server>,
    epoll: Epoll,
    datagrams: UdpSocket,
    listener: TcpListener,
    /// A position is used again once it is free.
    slots: Vec<Option<Slot>>,
    /// Kept open: its end may have to wait.
    _nft: Nft,
}

/// A socket that comes and goes.
#[derive(Debug)]
enum Slot {
    Upstream(Upstream),
    Stream(Stream),
}

/// What a question comes to.
enum Outcome {
    /// A message for whoever asked.
    Reply(Vec<u8>),
    /// Nothing is said.
    Silence,
    /// Others are to be asked.
    Ask,
}

impl Resolver {
    /// Binds it in the container's namespace, whose loopback is up.
    pub fn open(inside: &Inside, zone: Zone, servers: Vec<Server>) -> Result<Self> {
        let fail = |step: &'static str| move |error: std::io::Error| Error::io(step, &error);
        let (datagrams, listener, nft) = inside.visit(|| {
            let any = SocketAddr::from((RESOLVER, 0));
            let datagrams = UdpSocket::bind(any).map_err(fail("bind the resolver"))?;
            let listener = TcpListener::bind(any).map_err(fail("bind the resolver"))?;
            let port = |address: std::io::Result<SocketAddr>| {
                address.map(|address| address.port()).map_err(fail("bind the resolver"))
            };
            let nft = redirect(port(datagrams.local_addr())?, port(listener.local_addr())?)?;
            Ok((datagrams, listener, nft))
        })?;
        datagrams.set_nonblocking(true).map_err(fail("set non-blocking"))?;
        listener.set_nonblocking(true).map_err(fail("set non-blocking"))?;
        let fail = |errno| Error::sys("epoll", errno);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(fail)?;
        epoll.add(&datagrams, EpollEvent::new(EpollFlags::EPOLLIN, DATAGRAMS)).map_err(fail)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER)).map_err(fail)?;
        Ok(Self { zone, servers, epoll, datagrams, listener, slots: Vec::new(), _nft: nft })
    }

    /// Readable when there is something to do.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }

    /// Does what there is to do; a flood of questions is left for the next call.
    pub fn handle(&mut self, inside: &Inside) {
        let mut events = [EpollEvent::empty(); 16];
        let Ok(count) = self.epoll.wait(&mut events, EpollTimeout::ZERO) else { return };
        for event in &events[..count] {
            match event.data() {
                DATAGRAMS => self.read_datagrams(inside),
                LISTENER => self.accept(),
                place => self.slot_ready(place as usize, inside),
            }
        }
    }

    /// Monotonic time at which [`Resolver::act_on_time`] has something to do.
    pub fn deadline(&self) -> Option<i64> {
        self.slots.iter().flatten().map(Slot::deadline).min()
    }

    /// Asks the next server where one did not answer in time, and lets go of connections on which nothing happens.
    pub fn act_on_time(&mut self, inside: &Inside) {
        let now = clock::monotonic_ns();
        for place in 0..self.slots.len() {
            if self.slots[place].as_ref().is_some_and(|slot| slot.deadline() <= now) {
                match self.slots[place].take() {
                    Some(Slot::Upstream(upstream)) => self.ask_next(upstream, inside),
                    Some(Slot::Stream(_)) | None => {}
                }
            }
        }
    }

    fn slot_ready(&mut self, place: usize, inside: &Inside) {
        match self.slots.get_mut(place).and_then(Option::take) {
            Some(Slot::Upstream(upstream)) => self.upstream_ready(place, upstream, inside),
            Some(Slot::Stream(stream)) => self.stream_ready(place, stream, inside),
            None => {}
        }
    }

    /// Gives a socket a place and waits for it.
    fn add(&mut self, slot: Slot) -> Option<usize> {
        let place = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let event = EpollEvent::new(slot.events(), place as u64);
        self.epoll.add(slot.as_fd(), event).ok()?;
        if place == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[place] = Some(slot);
        Some(place)
    }

    /// Gives a socket its place back, waiting for what it wants now.
    fn put_back(&mut self, place: usize, slot: Slot) {
        let mut event = EpollEvent::new(slot.events(), place as u64);
        if self.epoll.modify(slot.as_fd(), &mut event).is_ok() {
            self.slots[place] = Some(slot);
        }
    }

    /// What can be said of a message without asking anybody.
    fn outcome(&mut self, message: &[u8], udp: bool) -> Outcome {
        let question = match dns::read(message) {
            Ok(question) => question,
            Err(Some(code)) => return dns::refuse(message, code).map_or(Outcome::Silence, Outcome::Reply),
            Err(None) => return Outcome::Silence,
        };
        match self.zone.answer(&question) {
            Some(answer) => Outcome::Reply(question.answer(&answer, udp)),
            None if self.servers.is_empty() => Outcome::Reply(nobody(&question).1),
            None => Outcome::Ask,
        }
    }
}

/// The answer where nobody is to be asked, or nobody answers: a name without a dot is nobody's but a container's.
fn nobody(question: &Question<'_>) -> (Code, Vec<u8>) {
    let single = question.name.as_ref().is_some_and(|name| !name.contains('.'));
    let code = if single { Code::NoName } else { Code::Failed };
    (code, question.answer(&Answer::None(code), true))
}

impl Slot {
    fn deadline(&self) -> i64 {
        match self {
            Self::Upstream(upstream) => upstream.deadline,
            Self::Stream(stream) => stream.deadline,
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Upstream(upstream) => upstream.as_fd(),
            Self::Stream(stream) => stream.as_fd(),
        }
    }

    fn events(&self) -> EpollFlags {
        match self {
            Self::Upstream(upstream) => upstream.events(),
            Self::Stream(stream) => stream.events(),
        }
    }
}
