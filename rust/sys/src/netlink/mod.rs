//! Netlink: `netlink(7)`.
//!
//! | file | what |
//! |---|---|
//! | `conntrack` | connections that the kernel remembers, forgotten |
//! | `filter` | what a socket is not to hear |
//! | `wire` | messages and attributes as bytes |
//! | `route` | `rtnetlink(7)`: links, addresses, routes |

pub mod conntrack;
mod filter;
mod route;
mod wire;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

pub use filter::keep_messages;
pub use route::{Address, Child, Config, IpvlanFlag, LOOPBACK, Link, MacvlanMode, Route, Upper, Veth};
pub use wire::{Attributes, Batch, Message, Messages, be_number, number, text};

/// Room for one datagram: the kernel fills dumps up to 32 KiB each (`NLMSG_GOODSIZE`, `netlink_dump`).
const ROOM: usize = 32 * 1024;

/// No answer of the kernel takes as long.
const PATIENCE_SECONDS: i64 = 10;

/// A netlink socket in the calling thread's network namespace.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens one, close-on-exec.
    pub fn open(protocol: SockProtocol) -> nix::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        // The kernel has answered when `send` returns: this only keeps a lost answer from being waited for.
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE_SECONDS, 0))?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Opens one that does not block and hears the news of these groups (bit n-1 for group n).
    pub fn subscribe(protocol: SockProtocol, groups: u32) -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Sends the batch; returns the number of its first message.
    fn send(&mut self, batch: Batch) -> nix::Result<(u32, u32)> {
        let (first, count) = (self.sequence.wrapping_add(1), batch.count());
        self.sequence = self.sequence.wrapping_add(count);
        let bytes = batch.number(first);
        loop {
            match sendto(self.fd.as_raw_fd(), &bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
                Ok(_) => return Ok((first, count)),
            }
        }
    }

    /// One datagram.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> nix::Result<&'b [u8]> {
        loop {
            match recv(self.fd.as_raw_fd(), buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
                Ok(count) => return Ok(&buffer[..count]),
            }
        }
    }

    /// Sends messages that each ask for an acknowledgement; the result of each, in order. All are tried.
    pub fn each(&mut self, batch: Batch) -> nix::Result<Vec<nix::Result<()>>> {
        let (first, count) = self.send(batch)?;
        let mut results = vec![None; count as usize];
        let mut buffer = vec![0; ROOM];
        while results.iter().any(Option::is_none) {
            for message in Messages(self.receive(&mut buffer)?) {
                let place = message.sequence.wrapping_sub(first) as usize;
                if let (Some(result), Some(verdict)) = (results.get_mut(place), message.verdict()) {
                    *result = Some(verdict);
                }
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    /// Sends a transaction of nfnetlink: BATCH_BEGIN, messages of which the last but one asks for an acknowledgement,
    /// BATCH_END. All of it happens, or nothing and the first error is returned.
    pub fn transaction(&mut self, batch: Batch) -> nix::Result<()> {
        let (first, count) = self.send(batch)?;
        let mut buffer = vec![0; ROOM];
        let mut outcome = Ok(());
        loop {
            for message in Messages(self.receive(&mut buffer)?) {
                let place = message.sequence.wrapping_sub(first);
                let Some(verdict) = message.verdict().filter(|_| place < count) else { continue };
                outcome = outcome.and(verdict);
                // The kernel answers a refused transaction with its first message's number and may say no more;
                // an accepted one with that of the message that asked, after all errors.
                if place == 0 || place + 2 == count {
                    return outcome;
                }
            }
        }
    }

    /// Sends one message and gives every answer to `each`, to the end of a dump or the one answer.
    ///
    /// With NLM_F_DUMP a table that changes meanwhile gives EINTR, for the caller to ask again.
    pub fn ask(&mut self, batch: Batch, mut each: impl FnMut(&Message<'_>)) -> nix::Result<()> {
        let (first, _) = self.send(batch)?;
        let mut buffer = vec![0; ROOM];
        let mut torn = false;
        loop {
            for message in Messages(self.receive(&mut buffer)?) {
                if message.sequence != first {
                    continue;
                }
                torn |= i32::from(message.flags) & libc::NLM_F_DUMP_INTR != 0;
                if let Some(verdict) = message.verdict() {
                    return verdict;
                }
                if i32::from(message.kind) == libc::NLMSG_DONE {
                    return if torn { Err(Errno::EINTR) } else { Ok(()) };
                }
                each(&message);
                if i32::from(message.flags) & libc::NLM_F_MULTI == 0 {
                    return Ok(());
                }
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
