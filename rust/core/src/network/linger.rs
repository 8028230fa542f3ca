//! Connections that outlive the processes that had them.

use std::io::Read as _;
use std::os::fd::BorrowedFd;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::Inside;
use crate::{Error, Result};

/// Protocols whose sockets stay until the peer has heard of the end, as they are called in `/proc/net/protocols`.
const PROTOCOLS: [&str; 7] = ["TCP", "TCPv6", "MPTCP", "MPTCPv6", "SCTP", "SCTPv6", "SMC"];

/// Whether a namespace has such sockets, but for those in TIME_WAIT, which do not keep it. `proc` is a procfs.
///
/// Once nobody is in it any more they are those of connections whose peer has not acknowledged everything. The kernel
/// tries for 100 s (`tcp_orphan_retries` in tcp(7)), with a peer that lives but does not read for ever; until then they keep
/// the namespace, and that its links.
pub fn lingers(proc: BorrowedFd<'_>, inside: &Inside) -> Result<bool> {
    let fail = |error: &std::io::Error| Error::io_at("read", "/proc/thread-self/net/protocols", error);
    inside.visit(|| {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = openat(proc, "thread-self/net/protocols", flags, Mode::empty());
        let mut text = String::new();
        let read = file
            .map_err(std::io::Error::from)
            .and_then(|file| std::fs::File::from(file).read_to_string(&mut text));
        read.map_err(|error| fail(&error))?;
        Ok(text.lines().any(is_used))
    })
}

/// A line is the name, the size of a socket, and how many there are in this namespace (`proto_seq_printf`).
fn is_used(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let count = words.nth(1).and_then(|word| word.parse::<i64>().ok());
    PROTOCOLS.contains(&name) && count.is_some_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protocols_that_linger_count() {
        let head = "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em";
        for (line, used) in [
            (head, false),
            (
                "TCPv6     2560      0       0   no     320   yes  kernel      y  y  y  y  y  y  y  y  y  y  y  y  n",
                false,
            ),
            (
                "TCP       2304      2       1   no     320   yes  kernel      y  y  y  y  y  y  y  y  y  y  y  y  n",
                true,
            ),
            (
                "UDP       1280      7       3   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y  y  y  y  y",
                false,
            ),
            (
                "SCTP      1856      1       0   no       0   yes  sctp        y  y  y  n  y  y  y  n  y  y  y  y  y",
                true,
            ),
            ("", false),
        ] {
            assert_eq!(is_used(line), used, "{line}");
        }
    }
}
