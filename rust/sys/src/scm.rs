//! `SCM_RIGHTS`, `unix(7)`: file descriptors over sockets.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{self, ControlMessage, MsgFlags};

use crate::check;

/// The most descriptors that one message carries here; the kernel's limit is 253 (`SCM_MAX_FD`).
pub const MAX_FDS: usize = 200;
/// Bytes of a control message before its data.
// SAFETY: CMSG_LEN only computes.
const HEADER: usize = unsafe { libc::CMSG_LEN(0) } as usize;
/// Bytes of control data for so many descriptors.
// SAFETY: CMSG_SPACE only computes.
const CONTROL: usize = unsafe { libc::CMSG_SPACE((MAX_FDS * size_of::<RawFd>()) as u32) } as usize;

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
/// Zero bytes are the end of the stream. Descriptors that there was no room for (`MSG_CTRUNC`: too many in the message, or no
/// number left in this process) give EMSGSIZE, and those that did come are closed.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<(usize, Vec<OwnedFd>)> {
    let mut control = [0_u64; CONTROL / size_of::<u64>()];
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is plain data, for which zeros are a valid value: no name, no buffers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut slice;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    let count = loop {
        // SAFETY: `message` points to `slice` and `control`, which outlive the call, with their lengths.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        match check(received as i64) {
            Err(Errno::EINTR) => {}
            other => break other? as usize,
        }
    };
    // Each has its owner before anything else is looked at, so that none is left open whatever is found.
    let fds = take_rights(&message);
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(Errno::EMSGSIZE);
    }
    Ok((count, fds))
}

/// Owns every descriptor of a received message (cmsg(3)).
fn take_rights(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel has written whole control messages into the buffer, and their length into `msg_controllen`.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, and so a header within the buffer, which is aligned for one.
        let found = unsafe { &*header };
        if (found.cmsg_level, found.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: `header` is one, and its data follow it.
            let data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: the kernel has written so many bytes, header and all, into the buffer.
            let data = unsafe { std::slice::from_raw_parts(data, found.cmsg_len as usize - HEADER) };
            for number in data.as_chunks().0 {
                let number = RawFd::from_ne_bytes(*number);
                // SAFETY: the kernel has just installed this descriptor for us and nothing else knows it.
                fds.push(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
        // SAFETY: `header` lies in the buffer that `message` describes, as does the next, if there is one.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    fds
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

    /// Not a test by itself: it lowers the limit of its whole process, which is therefore one of its own.
    #[test]
    #[ignore = "run by the next test in a process of its own"]
    fn receive_with_few_numbers_left() {
        use nix::sys::resource::{Resource, setrlimit};
        let (one, two) =
            socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        send(one.as_fd(), b"x", &[file.as_fd(); 20]).unwrap();
        send(one.as_fd(), b"y", &[file.as_fd(); 3]).unwrap();
        let open = || {
            let free = file.try_clone().unwrap();
            free.as_raw_fd()
        };
        let before = open();
        let (_, hard) = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, before as u64 + 5, hard).unwrap();
        assert_eq!(receive(two.as_fd(), &mut [0; 8]).unwrap_err(), Errno::EMSGSIZE);
        assert_eq!(open(), before, "descriptors of a message that was cut off are left open");
        let (count, fds) = receive(two.as_fd(), &mut [0; 8]).unwrap();
        assert_eq!((count, fds.len()), (1, 3));
    }

    #[test]
    fn descriptors_of_a_message_that_was_cut_off_are_closed() {
        let test = std::env::current_exe().unwrap();
        let name = "scm::tests::receive_with_few_numbers_left";
        let done = std::process::Command::new(test)
            .args(["--exact", name, "--ignored", "--test-threads=1"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("1 passed"), "{said}");
    }
}
