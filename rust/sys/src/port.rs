//! Ports of this host, taken by a socket that is bound and no more.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{Backlog, SockaddrStorage, bind, getsockname, listen, setsockopt, sockopt};

use crate::check;

/// Binds a socket of this protocol (6 TCP, 17 UDP, 132 SCTP) to an address; EADDRINUSE where somebody has it.
///
/// Nothing is accepted. SO_REUSEADDR is not set, for two sockets that have it and do not listen may share a port of TCP.
/// Where only connections of a program that has gone (TIME_WAIT) are in the way, it is set, and the socket listens.
pub fn hold(protocol: i32, address: SocketAddr) -> nix::Result<OwnedFd> {
    let socket = open(protocol, address)?;
    match bind(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Err(Errno::EADDRINUSE) if protocol == libc::IPPROTO_TCP && address.port() != 0 => {}
        other => return other.map(|()| socket),
    }
    let socket = open(protocol, address)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&socket, Backlog::new(0)?)?;
    Ok(socket)
}

/// The port that the kernel chose for a socket bound to port 0.
pub fn of(socket: &OwnedFd) -> nix::Result<u16> {
    let address: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let four = address.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::port);
    four.or_else(|| address.as_sockaddr_in6().map(nix::sys::socket::SockaddrIn6::port))
        .ok_or(Errno::EAFNOSUPPORT)
}

fn open(protocol: i32, address: SocketAddr) -> nix::Result<OwnedFd> {
    let (domain, six) = match address.ip() {
        IpAddr::V4(_) => (libc::AF_INET, false),
        IpAddr::V6(_) => (libc::AF_INET6, true),
    };
    let kind = if protocol == libc::IPPROTO_UDP { libc::SOCK_DGRAM } else { libc::SOCK_STREAM };
    // SAFETY: no pointers are passed.
    let fd = check(i64::from(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) }))?;
    // SAFETY: the kernel has just made this descriptor, close-on-exec, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) };
    if six {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if protocol == libc::IPPROTO_UDP {
        // What comes to it while the rules are not there is read by nobody: little of it is kept.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &0);
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_held_is_nobody_elses() {
        for (protocol, text) in [(6, "127.0.0.1:0"), (17, "127.0.0.1:0"), (6, "[::1]:0")] {
            let held = hold(protocol, text.parse().unwrap()).unwrap();
            let mut address: SocketAddr = text.parse().unwrap();
            address.set_port(of(&held).unwrap());
            assert_eq!(hold(protocol, address).map(drop), Err(Errno::EADDRINUSE));
            if protocol == 6 {
                assert!(std::net::TcpListener::bind(address).is_err());
                assert!(std::net::TcpStream::connect(address).is_err());
            }
            drop(held);
            hold(protocol, address).unwrap();
        }
    }

    #[test]
    fn connections_that_have_ended_keep_no_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        drop(listener.accept().unwrap()); // closed first on this side: TIME_WAIT
        drop((client, listener));
        let held = hold(6, address).unwrap();
        assert_eq!(hold(6, address).map(drop), Err(Errno::EADDRINUSE));
        drop(held);
    }
}
