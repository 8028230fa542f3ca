//! `state.json`, while the container lives and after.

use std::os::fd::{AsFd, OwnedFd};

use rocker_core::Result;
use rocker_core::container::open_below;
use rocker_core::protocol::{Exit, State, Status};

/// Where the state is kept.
#[derive(Debug)]
pub struct Record {
    /// The document.
    pub state: State,
    /// The container's run directory.
    pub directory: OwnedFd,
    /// Whether the data root is told of the start, too: for containers that the start of the machine starts again.
    pub keep: bool,
}

impl Record {
    /// Writes the document.
    pub fn write(&self) -> Result<()> {
        self.state.write(self.directory.as_fd())
    }

    /// Notes that the program runs.
    pub fn running(&mut self, pid: i32, started: String, data_root: Option<&OwnedFd>) -> Result<()> {
        self.state.status = Status::Running;
        self.state.pid = pid;
        self.state.started_at = Some(started);
        (self.state.exit_code, self.state.oom_killed) = (0, false);
        if self.keep { self.keep(data_root) } else { self.write() }
    }

    /// Notes an end after which the program is started again.
    pub fn restarting(&mut self, exit: &Exit, count: u32) -> Result<()> {
        self.ended(exit);
        self.state.status = Status::Restarting;
        self.state.restart_count = count;
        self.write()
    }

    /// Notes the end, in the run directory and, for after a reboot, in the data root.
    pub fn exited(&mut self, exit: &Exit, data_root: Option<&OwnedFd>) -> Result<()> {
        self.ended(exit);
        self.state.status = Status::Exited;
        self.keep(data_root)
    }

    /// Has the data root know what is known now.
    pub fn keep_now(&self, data_root: Option<&OwnedFd>) -> Result<()> {
        self.keep(data_root)
    }

    fn ended(&mut self, exit: &Exit) {
        self.state.pid = 0;
        self.state.exit_code = exit.exit_code;
        self.state.oom_killed = exit.oom_killed;
        self.state.timed_out = exit.timed_out;
        self.state.finished_at = Some(exit.finished_at.clone());
    }

    /// Notes that the program could not be run: the container stays as if it had only been created.
    pub fn failed(
        &mut self,
        error: rocker_core::Error,
        exit_code: i32,
        data_root: Option<&OwnedFd>,
    ) -> Result<()> {
        self.state.status = Status::Created;
        self.state.pid = 0;
        self.state.exit_code = exit_code;
        self.state.error = Some(error);
        self.keep(data_root)
    }

    fn keep(&self, data_root: Option<&OwnedFd>) -> Result<()> {
        if self.state.remove {
            return Ok(());
        }
        self.write()?;
        let Some(root) = data_root else { return Ok(()) };
        let directory = open_below(root.as_fd(), &format!("containers/{}", self.state.id))?;
        self.state.ended().write(directory.as_fd())
    }
}
