//! Kill, freeze, thaw and list the processes of a cgroup and of those inside it.

use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::create::{Cgroup, Leaf};
use super::dir;
use super::hierarchy::{Controller, Version};
use crate::{Error, Kind, Result};

/// How long processes may take to freeze or to die. One that waits for a disk
/// or a network file system does neither.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between looks where v1 offers nothing to wait on.
const PAUSE: Duration = Duration::from_millis(1);

impl Cgroup {
    /// Sends SIGKILL to every process in it and in cgroups made inside it.
    ///
    /// On v2 at once and race-free (`cgroup.kill`, Linux 5.14), also when it is
    /// frozen; the processes end soon after. Elsewhere all are stopped, killed
    /// and let go until none is left; Timeout: some were still there after 10 s.
    pub fn kill(&self) -> Result<()> {
        if let Some(leaf) = self.v2() {
            match dir::write_file(&leaf.fd, "cgroup.kill", "1") {
                Ok(()) => return Ok(()),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(self.error(leaf, "write", "cgroup.kill", errno)),
            }
        }
        self.kill_each()
    }

    fn kill_each(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            // Frozen, nothing can fork between the listing and the signal. That
            // one of them cannot be frozen now is no reason to spare the others.
            let _ = self.set_frozen(true);
            let pids = self.pids()?;
            for pid in &pids {
                // ESRCH: it has ended meanwhile.
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            // A frozen process of v1 acts on SIGKILL only when it is let go.
            self.set_frozen(false)?;
            if pids.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.late(&format!("{} processes survive SIGKILL", pids.len())));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Stops every process in it; returns when all have stopped. Timeout: some
    /// had not after 10 s, and all run again.
    pub fn freeze(&self) -> Result<()> {
        self.set_frozen(true)?;
        let frozen = match self.v2() {
            Some(leaf) => self.await_event(leaf, "frozen 1"),
            None => self.await_v1("FROZEN"),
        };
        frozen.inspect_err(|_| {
            let _ = self.set_frozen(false);
        })
    }

    /// Lets every process in it run again; returns when they do.
    pub fn thaw(&self) -> Result<()> {
        self.set_frozen(false)?;
        match self.v2() {
            Some(leaf) => self.await_event(leaf, "frozen 0"),
            None => self.await_v1("THAWED"),
        }
    }

    fn set_frozen(&self, frozen: bool) -> Result<()> {
        let (leaf, file, value) = match (self.v2(), self.leaf(Controller::Freezer)) {
            (Some(leaf), _) => (leaf, "cgroup.freeze", if frozen { "1" } else { "0" }),
            (None, Some(leaf)) => (leaf, "freezer.state", if frozen { "FROZEN" } else { "THAWED" }),
            (None, None) => return Err(super::hierarchy::no_controller("freeze", Controller::Freezer)),
        };
        dir::write_file(&leaf.fd, file, value).map_err(|errno| self.error(leaf, "write", file, errno))
    }

    /// Waits until `cgroup.events` has a line; the kernel signals each change.
    fn await_event(&self, leaf: &Leaf, line: &str) -> Result<()> {
        let file = "cgroup.events";
        let failed = |errno| self.error(leaf, "wait for", file, errno);
        let events =
            openat(&leaf.fd, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed)?;
        let end = Instant::now() + PATIENCE;
        loop {
            if read_again(&events).map_err(failed)?.lines().any(|one| one == line) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.late(&format!("no `{line}`")));
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLPRI)], timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// Waits until `freezer.state` is as wanted. Reading it also drives the
    /// change on, so there is nothing to wait on but the next look.
    fn await_v1(&self, state: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let Some(leaf) = self.leaf(Controller::Freezer) else { return Ok(()) };
            let now = dir::read_file(&leaf.fd, "freezer.state")
                .map_err(|errno| self.error(leaf, "read", "freezer.state", errno))?;
            if now.trim() == state {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.late(&format!("it stays {}", now.trim())));
            }
            // A process that was being forked can miss the first request.
            self.set_frozen(state == "FROZEN")?;
            thread::sleep(PAUSE);
        }
    }

    fn late(&self, what: &str) -> Error {
        Error::new(Kind::Timeout, format!("cgroup `{}`: {what} after {PATIENCE:?}", self.path.display()))
            .hint("a process may wait for a disk or a network file system: see /proc/<pid>/stack")
    }

    /// Processes in it and in cgroups made inside it, in the numbers of the
    /// caller's PID namespace, sorted.
    pub fn pids(&self) -> Result<Vec<i32>> {
        let Some(leaf) = self.census() else { return Ok(Vec::new()) };
        let mut pids = Vec::new();
        let done = dir::walk(&leaf.fd, &mut |at| {
            match dir::read_file(at, "cgroup.procs") {
                Ok(text) => pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok())),
                // A threaded cgroup: its processes are listed above it.
                Err(Errno::EOPNOTSUPP) => {}
                Err(errno) => return Err(errno),
            }
            Ok(())
        });
        done.map_err(|errno| self.error(leaf, "read", "cgroup.procs", errno))?;
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// The hierarchy whose word counts for which processes are in the cgroup:
    /// v2, where they were born, or the freezer, which stops what is listed.
    fn census(&self) -> Option<&Leaf> {
        self.v2().or_else(|| self.leaf(Controller::Freezer)).or_else(|| self.dirs.first())
    }

    /// Whether the kernel has killed a process of it for want of memory.
    pub fn oom_killed(&self) -> Result<bool> {
        Ok(self.oom_kills()? > 0)
    }

    /// How many processes the kernel has killed for want of memory.
    pub(super) fn oom_kills(&self) -> Result<u64> {
        let Some(leaf) = self.leaf(Controller::Memory) else { return Ok(0) };
        let file = match leaf.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let mut kills = 0;
        let mut count = |at: &OwnedFd| -> nix::Result<()> {
            kills += dir::read_file(at, file)?
                .lines()
                .filter_map(|line| line.strip_prefix("oom_kill "))
                .filter_map(|number| number.trim().parse::<u64>().ok())
                .sum::<u64>();
            Ok(())
        };
        // v2 counts a whole tree in its top; v1 only where the process was.
        let done = match leaf.version {
            Version::V1 => dir::walk(&leaf.fd, &mut count),
            Version::V2 => count(&leaf.fd),
        };
        done.map_err(|errno| self.error(leaf, "read", file, errno))?;
        Ok(kills)
    }
}

/// Reads a small file from its start; reading is what rearms poll.
fn read_again(file: &OwnedFd) -> nix::Result<String> {
    let mut block = [0; 512];
    let size = nix::sys::uio::pread(file, &mut block, 0)?;
    Ok(String::from_utf8_lossy(&block[..size]).into_owned())
}
