//! The last step of exec into a container that may trace, and of the start of one that joins the processes of another.
//!
//! No flag keeps a process with CAP_SYS_PTRACE from the memory and the descriptors of another: that neither is dumpable nor
//! has the same capabilities does not stop it (ptrace(2), "Ptrace access mode checking"). So the process that joins such
//! a container stays outside its pid namespace, where it can be neither named nor found, until it may do no more than its
//! program; then a copy of it is born inside.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, pipe2, read, setsid, write};
use rocker_sys::clone::{Cloned, SingleThreaded, clone_sibling, exit_now};
use rocker_sys::{fds, tty};

use super::report::Report;
use crate::{Error, Kind, Result};

/// Clones into the pid namespace that was joined for children. Returns in the child, a child of the shim too, once the
/// shim knows of it; the caller's process ends here.
///
/// The child has its standard streams and the socket, no other descriptor of the shim's; with `terminal` the first of the streams
/// becomes its controlling terminal. Whoever comes back must not drop owners of other descriptors.
pub fn appear(proof: SingleThreaded, socket: &OwnedFd, terminal: bool) -> Result<()> {
    let fail = |errno| Error::sys("enter the pid namespace", errno);
    let (told, tell) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
    fds::close_others_and_forget(&[socket.as_fd(), told.as_fd(), tell.as_fd()]).map_err(fail)?;
    match clone_sibling(proof) {
        Ok(Cloned::Child) => {
            drop(tell);
            // Before it has been told of its new child the shim would take the next report for that of the old one.
            if !matches!(read(&told, &mut [0]), Ok(1)) {
                exit_now(1);
            }
            live(terminal)
        }
        Ok(Cloned::Parent(pid, pidfd)) => hand_over(socket, pid, pidfd.as_fd(), &tell),
        Err(Errno::ENOMEM) => {
            Err(fail(Errno::ENOMEM).kind(Kind::NotRunning).message("the container is not running".to_owned()))
        }
        Err(Errno::EPERM | Errno::ENOSYS) => Err(fail(Errno::EPERM).hint(
            "to join processes that may be traced needs clone(2): the container's seccomp profile forbids it",
        )),
        Err(errno) => Err(fail(errno)),
    }
}

fn hand_over(socket: &OwnedFd, pid: Pid, pidfd: BorrowedFd<'_>, tell: &OwnedFd) -> ! {
    // A shim that is gone cannot be told; without the byte the child ends, too.
    let report = Report::Moved { pid: pid.as_raw() };
    let sent = report.send(socket.as_fd(), &[pidfd]);
    // The end of the socket says that the child runs the program: it must not have to wait for this process.
    if sent.is_ok() && fds::close_others_and_forget(&[tell.as_fd()]).is_ok() {
        let _ = write(tell, b"m");
    }
    exit_now(0)
}

/// What a child does not take over from its parent: a session of its own, its terminal, the death signal.
pub(super) fn live(terminal: bool) -> Result<()> {
    setsid().map_err(|errno| Error::sys("setsid", errno))?;
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| Error::sys("set parent death signal", errno))?;
    if terminal {
        fds::borrow(0)
            .and_then(tty::make_controlling)
            .map_err(|errno| Error::sys("take the terminal", errno))?;
    }
    Ok(())
}
