//! The init of `--init`: process 1 reaps what is re-parented to it and passes signals on.
//!
//! No program is executed for it: process 1 stays the shim's own code, whose `/proc/1/exe` is a sealed memfd. It has
//! the program's user, capabilities and filter, because a container with CAP_SYS_PTRACE can make it do anything.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rocker_sys::clone::{Cloned, SingleThreaded, clone_child, clone_process, exit_now};
use rocker_sys::{caps, fds};

use super::appear::live;
use super::process::{Ready, set_rest};
use super::report::Report;
use crate::{Error, Result};

/// Clones; returns in the child. The parent stays as process 1 and ends with the child's exit code.
///
/// Process 1 closes all of its descriptors: the shim waits for the end of the socket and of the pipes. So the shim
/// hears of the start only when process 1 is confined.
pub fn stay_behind(proof: SingleThreaded, program: &Ready<'_>, socket: &OwnedFd) -> Result<()> {
    let fail = |errno| Error::sys("start behind init", errno);
    let all = SigSet::all();
    let mut old = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&all), Some(&mut old)).map_err(fail)?;
    match clone_process(proof, CloneFlags::empty(), None).map_err(fail)? {
        Cloned::Child => {
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&old), None).map_err(fail)?;
            Ok(())
        }
        Cloned::Parent(child, _) => {
            if let Err(error) = program.confine_without_execve() {
                Report::fail_and_exit(socket, error)
            }
            fds::close_all_and_forget();
            exit_now(reap(&all, child))
        }
    }
}

/// The same in a process that is confined already, by a system call that its filter lets through. With `terminal` the
/// child's standard streams are one, which it takes for its own.
pub fn stay_behind_confined(proof: SingleThreaded, rest: Option<caps::Sets>, terminal: bool) -> Result<()> {
    let fail = |errno| Error::sys("start behind init", errno);
    let all = SigSet::all();
    let mut old = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&all), Some(&mut old)).map_err(fail)?;
    match clone_child(proof).map_err(fail)? {
        Cloned::Child => {
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&old), None).map_err(fail)?;
            if terminal {
                return live(true);
            }
            // Its parent's went with the clone (prctl(2)).
            prctl::set_pdeathsig(Signal::SIGKILL)
                .map_err(|errno| Error::sys("set parent death signal", errno))
        }
        Cloned::Parent(child, _) => {
            // Without the capabilities that a user's program lacks; where that fails nothing goes on.
            if set_rest(rest).is_err() {
                exit_now(1);
            }
            fds::close_all_and_forget();
            exit_now(reap(&all, child))
        }
    }
}

fn reap(signals: &SigSet, child: Pid) -> i32 {
    loop {
        let Ok(signal) = signals.wait() else { continue };
        if signal != Signal::SIGCHLD {
            // A signal for a child that has just ended has nowhere to go.
            let _ = kill(child, signal);
            continue;
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == child => return code,
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => return 128 + signal as i32,
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(_) | Err(_) => {}
            }
        }
    }
}
