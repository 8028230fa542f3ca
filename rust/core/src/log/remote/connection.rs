//! Sockets to a server, all non-blocking.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, UnixAddr, connect,
    getsockname, getsockopt, recv, send, socket, sockopt,
};
use nix::unistd::{chdir, fchdir, write};

use super::config::Address;
use super::tls::{Session, Trust};

/// A socket, connected or about to be.
#[derive(Debug)]
pub(super) struct Connection {
    pub fd: OwnedFd,
    /// Whether `connect(2)`, or the handshake after it, has not come to its end yet.
    pub pending: bool,
    /// Whether messages are datagrams.
    pub datagrams: bool,
    /// The session of TLS, from when the socket is connected.
    tls: Option<Box<Session>>,
}

impl Connection {
    /// Begin to connect, with TLS where somebody is to be trusted, to the `which`th of a server's addresses. A unix socket's name is looked up below `directory`.
    pub fn begin(
        address: &Address,
        which: usize,
        directory: Option<&OwnedFd>,
        trust: Option<&Trust>,
    ) -> nix::Result<Self> {
        let (kind, datagrams) = match address {
            Address::Udp(_) | Address::Unixgram(_) => (SockType::Datagram, true),
            Address::Tcp(_) | Address::Unix(_) => (SockType::Stream, false),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (fd, result) = match address {
            Address::Udp(list) | Address::Tcp(list) => {
                let to = SockaddrStorage::from(*list.get(which).ok_or(Errno::EADDRNOTAVAIL)?);
                let family = if list[which].is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
                let fd = socket(family, kind, flags, None::<SockProtocol>)?;
                let result = connect(fd.as_raw_fd(), &to);
                (fd, result)
            }
            Address::Unix(name) | Address::Unixgram(name) => {
                let fd = socket(AddressFamily::Unix, kind, flags, None::<SockProtocol>)?;
                let result = connect_below(&fd, name, directory);
                (fd, result)
            }
        };
        match result {
            Ok(()) | Err(Errno::EINPROGRESS) => {
                let pending = result.is_err() || trust.is_some();
                Ok(Self { fd, pending, datagrams, tls: None })
            }
            Err(errno) => Err(errno),
        }
    }

    /// Go on with a pending connection, once the socket is ready for what [`Connection::waits_to_write`] says. What has
    /// come of it: `pending` is no more, or there is more to wait for.
    pub fn go_on(&mut self, trust: Option<&Trust>) -> nix::Result<()> {
        if self.tls.is_none() {
            match getsockopt(&self.fd, sockopt::SocketError)? {
                0 => {}
                number => return Err(Errno::from_raw(number)),
            }
            let Some(trust) = trust else {
                self.pending = false;
                return Ok(());
            };
            self.tls = Some(Box::new(trust.begin()?));
        }
        if let Some(session) = &mut self.tls {
            self.pending = !session.shake_hands(self.fd.as_fd())?;
        }
        Ok(())
    }

    /// Whether a pending connection, or what a session still holds, waits until the socket can be written.
    pub fn waits_to_write(&self) -> bool {
        match &self.tls {
            None => self.pending,
            Some(session) => session.wants_write(),
        }
    }

    /// Send what a session still holds; EAGAIN while it does.
    pub fn flush(&mut self) -> nix::Result<()> {
        match &mut self.tls {
            Some(session) if !self.pending => session.flush(self.fd.as_fd()),
            _ => Ok(()),
        }
    }

    /// Why a session failed, in words.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.tls.as_mut().and_then(|session| session.trouble.take())
    }

    /// Tell the server that nothing follows.
    pub fn say_goodbye(&mut self) {
        if let Some(session) = &mut self.tls {
            session.say_goodbye(self.fd.as_fd());
        }
    }

    /// This side's address as Go writes it: `127.0.0.1:40000`, `[::1]:40000`, and `@` for a unix socket without a name.
    pub fn local(&self) -> String {
        match getsockname::<SockaddrStorage>(self.fd.as_raw_fd()) {
            Ok(address) if address.as_unix_addr().is_none() => address.to_string(),
            _ => "@".to_owned(),
        }
    }

    pub fn send(&mut self, bytes: &[u8]) -> nix::Result<usize> {
        if let Some(session) = &mut self.tls {
            return session.send(self.fd.as_fd(), bytes);
        }
        match send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EINTR) => Err(Errno::EAGAIN),
            other => other,
        }
    }

    /// Send a journal entry that no datagram has room for: as the descriptor of a file in memory.
    pub fn send_by_file(&self, bytes: &[u8]) -> nix::Result<()> {
        let file = memfd_create(c"journal-entry", MFdFlags::MFD_CLOEXEC)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[write(&file, rest)?..];
        }
        rocker_sys::scm::send(self.fd.as_fd(), b"", &[file.as_fd()]).map(drop)
    }

    /// Read what the server says: 0 at the end of the stream.
    pub fn receive(&mut self, buffer: &mut [u8]) -> nix::Result<usize> {
        if let Some(session) = &mut self.tls {
            return session.receive(self.fd.as_fd(), buffer);
        }
        recv(self.fd.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// By a relative name: the socket is the caller's, whose mounts are not seen here.
fn connect_below(fd: &OwnedFd, name: &str, directory: Option<&OwnedFd>) -> nix::Result<()> {
    let directory = directory.ok_or(Errno::ENOENT)?;
    let address = UnixAddr::new(name)?;
    fchdir(directory)?;
    let result = connect(fd.as_raw_fd(), &address);
    chdir("/")?;
    result
}
