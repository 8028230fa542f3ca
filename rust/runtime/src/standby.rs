//! A shim that is forked ahead of its connection and has a network namespace ready.
//!
//! A new network namespace takes 0.4 to 0.6 ms (Linux 6.18), more than all others together, and is the same for
//! every container: it need not wait for one.

use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use rocker_sys::clone::{Cloned, clone_process};
use rocker_sys::{netlink, scm};

use crate::host::Host;
use crate::shim;

/// Network parameters that are set beforehand: those that the engine asks for when nothing else is said.
pub const SYSCTLS: [(&str, &str); 2] =
    [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")];

/// The launcher's side.
#[derive(Debug)]
pub struct Standby {
    socket: OwnedFd,
    pid: Pid,
}

impl Standby {
    /// Forks one into `place`; in the fork, returns the socket over which its connection will come.
    ///
    /// Without one the launcher works as well, only slower: no failure is reported.
    pub fn fork(host: &Host, place: &mut Option<Self>) -> Option<OwnedFd> {
        let pair = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC);
        let (ours, theirs) = pair.ok()?;
        match clone_process(host.proof, CloneFlags::empty(), None).ok()? {
            Cloned::Child => Some(theirs),
            Cloned::Parent(pid, _) => {
                *place = Some(Self { socket: ours, pid });
                None
            }
        }
    }

    /// Gives it its connection; false when it is not there any more.
    pub fn hand_over(self, connection: &OwnedFd) -> bool {
        scm::send(self.socket.as_fd(), b"c", &[connection.as_fd()]).is_ok()
    }

    /// Lets it go and waits until it is gone.
    pub fn dismiss(self) {
        drop(self.socket);
        let _ = waitpid(self.pid, None);
    }
}

/// The fork's life: it prepares, waits, and becomes the shim of the connection that comes. Its exit code.
pub fn live(host: &Host, socket: &OwnedFd) -> i32 {
    let _ = nix::sys::prctl::set_name(c"rocker-standby");
    let network = network_namespace(host);
    let mut byte = [0];
    match scm::receive(socket.as_fd(), &mut byte) {
        Ok((1, mut fds)) => fds.pop().map_or(1, |connection| shim::main(host, connection, network)),
        // The launcher has left.
        _ => 0,
    }
}

/// A network namespace with loopback up and [`SYSCTLS`] set, made without staying in it; None where that fails, as it
/// will again, with its message, in the start itself.
fn network_namespace(host: &Host) -> Option<OwnedFd> {
    let home = netlink::Route::open().and_then(|route| route.namespace()).ok()?;
    unshare(CloneFlags::CLONE_NEWNET).ok()?;
    let sysctls = SYSCTLS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // `/proc/sys/net` is that of the network namespace of whoever looks.
    let set = rocker_core::container::set_sysctls(host.proc.as_fd(), &sysctls.into());
    let made = netlink::Route::open().and_then(|mut route| {
        route.set_up(netlink::LOOPBACK)?;
        route.namespace()
    });
    // A shim in a network namespace of nobody would be no shim: it must not serve.
    match setns(home, CloneFlags::CLONE_NEWNET) {
        Ok(()) => made.ok().filter(|_| set.is_ok()),
        Err(_) => rocker_sys::clone::exit_now(1),
    }
}
