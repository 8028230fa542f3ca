//! `rtnetlink(7)`: the few messages that a container needs.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

use crate::check;

/// A socket of NETLINK_ROUTE in the calling thread's network namespace.
#[derive(Debug)]
pub struct Route {
    socket: OwnedFd,
    sequence: u32,
}

/// Index of `lo`, the first link of every network namespace (`LOOPBACK_IFINDEX`).
pub const LOOPBACK: u32 = 1;

impl Route {
    /// Opens the socket.
    pub fn open() -> nix::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The socket's network namespace as a descriptor (ioctl SIOCGSKNS, Linux 4.9): no `/proc` is needed for it.
    pub fn namespace(&self) -> nix::Result<OwnedFd> {
        const SIOCGSKNS: libc::c_ulong = 0x894c;
        // SAFETY: SIOCGSKNS takes no argument.
        let fd = check(i64::from(unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCGSKNS as _) }))?;
        // SAFETY: the kernel has just made this descriptor, close-on-exec, and nothing else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
    }

    /// Sets IFF_UP of the link with this index (RTM_NEWLINK).
    pub fn set_up(&mut self, index: u32) -> nix::Result<()> {
        let up = libc::IFF_UP as u32;
        let mut body = [0u8; 16]; // struct ifinfomsg: family, pad, type, index, flags, change
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8..12].copy_from_slice(&up.to_ne_bytes());
        body[12..16].copy_from_slice(&up.to_ne_bytes());
        self.request(libc::RTM_NEWLINK, &body)
    }

    /// Sends one message and waits for the kernel's acknowledgement.
    fn request(&mut self, kind: u16, body: &[u8]) -> nix::Result<()> {
        const HEADER: usize = 16; // struct nlmsghdr: len, type, flags, seq, pid
        self.sequence += 1;
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&flags.to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(body);
        sendto(self.socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut reply = [0u8; 4096];
        let count = recv(self.socket.as_raw_fd(), &mut reply, MsgFlags::empty())?;
        acknowledged(&reply[..count])
    }
}

/// Reads NLMSG_ERROR: its first word after the header is 0 or a negative errno.
fn acknowledged(reply: &[u8]) -> nix::Result<()> {
    let word = reply.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    let kind = reply.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    match (kind, word) {
        (Some(kind), Some(0)) if i32::from(kind) == libc::NLMSG_ERROR => Ok(()),
        (Some(kind), Some(error)) if i32::from(kind) == libc::NLMSG_ERROR => Err(Errno::from_raw(-error)),
        _ => Err(Errno::EBADMSG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_can_be_set_up_again() {
        Route::open().unwrap().set_up(LOOPBACK).unwrap();
    }

    #[test]
    fn the_namespace_is_the_callers() {
        let inode = |file: &std::fs::File| std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
        let own = std::fs::File::open("/proc/self/ns/net").unwrap();
        match Route::open().unwrap().namespace() {
            Ok(fd) => assert_eq!(inode(&fd.into()), inode(&own)),
            Err(errno) => assert_eq!(errno, Errno::EPERM), // without CAP_NET_ADMIN
        }
    }

    #[test]
    fn a_link_that_is_not_there_gives_enodev() {
        assert_eq!(Route::open().unwrap().set_up(0x7fff_fff0), Err(Errno::ENODEV));
    }
}
