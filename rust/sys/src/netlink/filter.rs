//! `SO_ATTACH_FILTER`, `socket(7)`: the kernel keeps from a socket what it does not want to hear.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

use crate::check;

/// Keeps of a netlink socket's datagrams those whose first message has one of these types.
pub fn keep_messages(socket: BorrowedFd<'_>, types: &[u16]) -> nix::Result<()> {
    let instruction =
        |code: u32, yes: u8, no: u8, k: u32| libc::sock_filter { code: code as u16, jt: yes, jf: no, k };
    // struct nlmsghdr has the type at 4, in the machine's order; the filter loads in network order.
    let mut program = vec![instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 0, 0, 4)];
    for (place, kind) in types.iter().enumerate() {
        let to_the_end = u8::try_from(types.len() - place).map_err(|_| Errno::E2BIG)?;
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        program.push(instruction(equal, to_the_end, 0, u32::from(kind.to_be())));
    }
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0));
    program.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the pointer is to a sock_fprog whose program has `len` instructions; both outlive the call, which copies.
    check(i64::from(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    }))
    .map(drop)
}
