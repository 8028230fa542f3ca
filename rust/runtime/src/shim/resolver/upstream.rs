//! A question passed on to a server, over the protocol that it came by.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};
use rocker_core::network::{Inside, dns};

use super::{MOST, PATIENCE, Resolver, Server, Slot, nobody};
use crate::clock;

const PORT: u16 = 53;

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// At this address.
    Datagram(SocketAddr),
    /// The connection at this place, if it is still the one of this number.
    Stream(usize, u64),
}

/// A question that waits for a server.
#[derive(Debug)]
pub(super) struct Upstream {
    socket: Socket,
    /// The id under which the server was asked: nobody else can guess it, nor the port.
    id: u16,
    /// The message as it came.
    message: Vec<u8>,
    asker: Asker,
    /// Position of the server.
    server: usize,
    /// Monotonic time at which the next is asked.
    pub deadline: i64,
}

#[derive(Debug)]
enum Socket {
    Datagram(UdpSocket),
    /// With what is still to be written, and what was read.
    Stream(TcpStream, Vec<u8>, Vec<u8>),
}

impl Upstream {
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Datagram(socket) => socket.as_fd(),
            Socket::Stream(stream, ..) => stream.as_fd(),
        }
    }

    pub(super) fn events(&self) -> EpollFlags {
        match &self.socket {
            Socket::Stream(_, rest, _) if !rest.is_empty() => EpollFlags::EPOLLOUT,
            _ => EpollFlags::EPOLLIN,
        }
    }

    /// The server's answer under the asker's id; None while there is none, Err when there will be none.
    fn receive(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let mut answer = match &mut self.socket {
            Socket::Datagram(socket) => receive_datagram(socket)?,
            Socket::Stream(stream, rest, read) => receive_stream(stream, rest, read)?,
        };
        let question = dns::read(&self.message).map_err(drop)?;
        // What answers another question is not for us: the right one may still come.
        answer = answer.filter(|answer| question.is_answered_by(answer, self.id));
        if let Some(answer) = &mut answer {
            answer[..2].copy_from_slice(&question.id.to_be_bytes());
        }
        Ok(answer)
    }
}

fn receive_datagram(socket: &UdpSocket) -> Result<Option<Vec<u8>>, ()> {
    let mut buffer = vec![0; 4096];
    match socket.recv(&mut buffer) {
        Ok(count) => {
            buffer.truncate(count);
            Ok(Some(buffer))
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        // ECONNREFUSED and its like: nobody is there.
        Err(_) => Err(()),
    }
}

fn receive_stream(
    stream: &mut TcpStream,
    rest: &mut Vec<u8>,
    read: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, ()> {
    let blocked = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::NotConnected)
    };
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(count) => drop(rest.drain(..count)),
            Err(error) if blocked(&error) => return Ok(None),
            Err(_) => return Err(()),
        }
    }
    let mut buffer = [0; 4096];
    loop {
        if let Some(message) = take_message(read) {
            return Ok(Some(message));
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(()),
            Ok(count) => read.extend(&buffer[..count]),
            Err(error) if blocked(&error) => return Ok(None),
            Err(_) => return Err(()),
        }
    }
}

/// Takes the first whole message, which its length precedes over TCP (RFC 1035 section 4.2.2).
pub(super) fn take_message(read: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes([*read.first()?, *read.get(1)?]));
    if read.len() < 2 + length {
        return None;
    }
    let message = read[2..2 + length].to_vec();
    read.drain(..2 + length);
    Some(message)
}

/// A message with its length before it.
pub(super) fn with_length(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 2);
    bytes.extend((message.len() as u16).to_be_bytes());
    bytes.extend(message);
    bytes
}

impl Resolver {
    /// Asks the first server.
    pub(super) fn ask(&mut self, message: &[u8], asker: Asker, inside: &Inside) {
        if self.slots.iter().flatten().count() >= MOST {
            return self.give_up(message, asker);
        }
        self.ask_from(message.to_vec(), asker, 0, inside);
    }

    /// Asks the server after the one that did not answer.
    pub(super) fn ask_next(&mut self, upstream: Upstream, inside: &Inside) {
        self.ask_from(upstream.message, upstream.asker, upstream.server + 1, inside);
    }

    fn ask_from(&mut self, message: Vec<u8>, asker: Asker, first: usize, inside: &Inside) {
        for server in first..self.servers.len() {
            let mut id = [0; 2];
            let Ok(()) = rocker_sys::random(&mut id) else { break };
            let Ok(socket) = send(&message, id, asker, self.servers[server], inside) else { continue };
            let upstream = Upstream {
                socket,
                id: u16::from_be_bytes(id),
                message: message.clone(),
                asker,
                server,
                deadline: clock::monotonic_ns() + PATIENCE,
            };
            if self.add(Slot::Upstream(upstream)).is_some() {
                return;
            }
        }
        self.give_up(&message, asker);
    }

    fn give_up(&mut self, message: &[u8], asker: Asker) {
        if let Ok(question) = dns::read(message) {
            // Somebody might know the name, had they answered.
            let code = if self.servers.is_empty() { nobody(&question).0 } else { dns::Code::Failed };
            let reply = question.answer(&dns::Answer::None(code), true);
            self.reply(&reply, asker);
        }
    }

    fn reply(&mut self, reply: &[u8], asker: Asker) {
        match asker {
            Asker::Datagram(address) => self.send(reply, address),
            Asker::Stream(place, number) => self.reply_to_stream(place, number, reply),
        }
    }

    pub(super) fn upstream_ready(&mut self, place: usize, mut upstream: Upstream, inside: &Inside) {
        match upstream.receive() {
            Ok(Some(answer)) => self.reply(&answer, upstream.asker),
            Ok(None) => self.put_back(place, Slot::Upstream(upstream)),
            Err(()) => self.ask_next(upstream, inside),
        }
    }
}

fn send(
    message: &[u8],
    id: [u8; 2],
    asker: Asker,
    server: Server,
    inside: &Inside,
) -> rocker_core::Result<Socket> {
    let mut message = message.to_vec();
    message[..2].copy_from_slice(&id);
    let open = || match asker {
        Asker::Datagram(_) => ask_by_datagram(&message, server.address),
        Asker::Stream(..) => connect_stream(server.address)
            .map(|stream| Socket::Stream(stream, with_length(&message), Vec::new())),
    };
    let open = || open().map_err(|error| rocker_core::Error::io("ask a name server", &error));
    // A socket belongs to the namespace that it was opened in.
    if server.inside { inside.visit(open) } else { open() }
}

fn ask_by_datagram(message: &[u8], server: IpAddr) -> std::io::Result<Socket> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect((server, PORT))?;
    socket.send(message)?;
    Ok(Socket::Datagram(socket))
}

fn connect_stream(server: IpAddr) -> std::io::Result<TcpStream> {
    let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd: OwnedFd = socket(family, SockType::Stream, flags, None)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(server, PORT))) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd.into()),
        Err(errno) => Err(errno.into()),
    }
}
