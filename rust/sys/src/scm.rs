//! `SCM_RIGHTS`, `unix(7)`: file descriptors over sockets.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{self, ControlMessage, ControlMessageOwned, MsgFlags};

/// The most descriptors that one message carries here; the kernel's limit is 253 (`SCM_MAX_FD`).
pub const MAX_FDS: usize = 200;

/// Sends bytes with at most [`MAX_FDS`] descriptors; returns how many bytes went out. SIGPIPE is not raised.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> nix::Result<usize> {
    if fds.len() > MAX_FDS {
        return Err(Errno::EINVAL);
    }
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    loop {
        match socket::sendmsg::<()>(
            socket.as_raw_fd(),
            &[IoSlice::new(bytes)],
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        ) {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// Receives bytes and the descriptors that came with them, close-on-exec.
///
/// Zero bytes are the end of the stream. Too many descriptors (`MSG_CTRUNC`) give EMSGSIZE, none is leaked.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<(usize, Vec<OwnedFd>)> {
    let mut space = cmsg_space!([RawFd; MAX_FDS]);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = loop {
        match socket::recvmsg::<()>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        ) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            for number in raw {
                // SAFETY: the kernel has just installed this descriptor for us and nothing else knows it.
                fds.push(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }
    if message.flags.contains(MsgFlags::MSG_CTRUNC) {
        return Err(Errno::EMSGSIZE);
    }
    Ok((message.bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::os::fd::AsFd;

    #[test]
    fn a_descriptor_arrives_close_on_exec() {
        let (one, two) =
            socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(send(one.as_fd(), b"x", &[file.as_fd()]).unwrap(), 1);
        let mut buffer = [0; 8];
        let (count, fds) = receive(two.as_fd(), &mut buffer).unwrap();
        assert_eq!((count, fds.len(), buffer[0]), (1, 1, b'x'));
        let flags = nix::fcntl::fcntl(&fds[0], nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }
}
