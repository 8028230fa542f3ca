//! What a child tells its shim before it becomes the program.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::protocol;
use crate::{Error, Kind, Result};

/// One message on the pair of sockets between child and shim; its end without a failure means execve worked,
/// because the child's socket is close-on-exec.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The terminal's master end comes with this message.
    Terminal,
    /// Another process, whose pidfd comes with this message, goes on in place of this one, which ends.
    Moved {
        /// Its pid, as the host numbers it.
        pid: i32,
    },
    /// It could not be run.
    Failed(Error),
}

impl Report {
    /// Sends it.
    pub fn send(&self, socket: BorrowedFd<'_>, fds: &[BorrowedFd<'_>]) -> Result<()> {
        protocol::send(socket, self, fds)
    }

    /// Receives the next; None at the end.
    pub fn receive(socket: BorrowedFd<'_>) -> Result<Option<(Self, Vec<OwnedFd>)>> {
        protocol::receive(socket)
    }

    /// Reports the failure and ends the child with Docker's exit code for it.
    pub fn fail_and_exit(socket: &OwnedFd, error: Error) -> ! {
        let code = exit_code(error.kind);
        // A shim that is gone cannot be told.
        let _ = Self::Failed(error).send(socket.as_fd(), &[]);
        rocker_sys::clone::exit_now(code)
    }
}

/// 127 for a command that is not there, 126 for one that cannot be executed, else 125.
pub fn exit_code(kind: Kind) -> i32 {
    match kind {
        Kind::CommandNotFound => 127,
        Kind::CommandNotExecutable => 126,
        _ => 125,
    }
}
