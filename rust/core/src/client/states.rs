//! `state.json` of many containers; ends those whose shim died without a word.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use rocker_sys::pidfd;

use crate::cgroup::Hierarchies;
use crate::events::{self, Message};
use crate::protocol::{RUN_FILES, SHIM_SOCKET, State, Status, TEARDOWN_PATIENCE};
use crate::{Error, Kind, Result};

/// Files for which a thread is worth its start.
const SHARE: usize = 100;
const MOST_THREADS: usize = 4;

/// The state of each container: from the run root, else from the data root, else None.
///
/// A container whose shim is gone although its state says otherwise is ended here.
pub fn read_states(run: &Path, root: &Path, ids: &[String]) -> Vec<Option<State>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let share = ids.len().div_ceil(threads).max(SHARE);
    let read = |ids: &[String]| ids.iter().map(|id| read_state(run, root, id)).collect::<Vec<_>>();
    let (mine, others) = ids.split_at(share.min(ids.len()));
    std::thread::scope(|scope| {
        let others: Vec<_> = others
            .chunks(share)
            .map(|ids| (ids, std::thread::Builder::new().spawn_scoped(scope, move || read(ids))))
            .collect();
        let mut found = read(mine);
        for (ids, thread) in others {
            match thread {
                Ok(thread) => {
                    found.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                }
                // At a limit of processes: the same, one after another.
                Err(_) => found.extend(read(ids)),
            }
        }
        found
    })
}

fn read_state(run: &Path, root: &Path, id: &str) -> Option<State> {
    let directory = run.join("containers").join(id);
    match read(&directory) {
        Some(state) if !is_unfinished(&directory, &state) || shim_lives(&directory) => Some(state),
        // It may have ended between the two looks. What could not be ended stays as it is, for the next to try.
        Some(state) => reconcile(run, root, id).unwrap_or(Some(state)),
        None => read(&root.join("containers").join(id)).map(lost),
    }
}

/// What the data root has is of the last run. One that had not ended then has ended with the machine; its exit code is
/// Docker's for that.
fn lost(mut state: State) -> State {
    if !state.has_ended() {
        (state.status, state.exit_code, state.pid) = (Status::Exited, 255, 0);
    }
    state
}

/// Whether its shim has something left to do: to end the container, or to tidy up after it.
fn is_unfinished(directory: &Path, state: &State) -> bool {
    !state.has_ended() || directory.join(SHIM_SOCKET).exists()
}

fn read(directory: &Path) -> Option<State> {
    let text = std::fs::read(directory.join(crate::protocol::STATE_FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether a container's shim lives and its program is not between an end and the next start: that ends what follows its
/// log, as in Docker.
pub fn is_alive(run: &Path, id: &str) -> bool {
    let directory = run.join("containers").join(id);
    let over = |state: State| matches!(state.status, Status::Restarting | Status::Exited);
    shim_lives(&directory) && !read(&directory).is_some_and(over)
}

/// A container's shim as a pidfd, which is readable once it has ended; None if it is gone.
pub fn shim_pidfd(run: &Path, id: &str) -> Option<OwnedFd> {
    let directory = run.join("containers").join(id);
    let pid = Pid::from_raw(read(&directory)?.shim_pid);
    let fd = pidfd::open(pid).ok()?;
    // The pid is the shim's, not another's later, if the shim lived after that.
    shim_lives(&directory).then_some(fd)
}

/// A shim holds its lock for its whole life, so a free lock means that it is gone.
fn shim_lives(directory: &Path) -> bool {
    let Ok(file) = File::options().read(true).open(directory.join("shim.lock")) else { return false };
    matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, nix::errno::Errno::EWOULDBLOCK)))
}

/// Makes sure that nothing of a container that has ended, or is to be gone, is left but files: waits for its shim to
/// tidy up, 20 s at most, or ends what a killed shim has left.
pub fn settle(run: &Path, root: &Path, id: &str) -> Result<()> {
    let directory = run.join("containers").join(id);
    let begun = Instant::now();
    // A shim lets go of its lock once it has tidied up. A lock that waits could wait for ever.
    while shim_lives(&directory) {
        if begun.elapsed() > TEARDOWN_PATIENCE {
            let pid = read(&directory).map_or(0, |state| state.shim_pid);
            let message = format!(
                "container {} does not end: its shim, pid {pid}, is still there",
                id.get(..12).unwrap_or(id)
            );
            return Err(Error::new(Kind::Conflict, message).hint(format!("`kill -9 {pid}` ends both")));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    reconcile(run, root, id).map(drop)
}

/// Ends a container whose shim is gone: kills its cgroup, removes what the shim would have removed, and records exit
/// code 137 unless it had ended. Returns its state, or None for one that was to be removed.
fn reconcile(run: &Path, root: &Path, id: &str) -> Result<Option<State>> {
    let directory = run.join("containers").join(id);
    let Some(lock) = take_lock(&directory)? else { return Ok(read(&directory)) };
    let Some(mut state) = read(&directory) else { return Ok(None) };
    if !is_unfinished(&directory, &state) {
        return Ok(Some(state));
    }
    end_processes(&state)?;
    if let Some(network) = &state.network {
        crate::network::settle(network, std::os::fd::AsFd::as_fd(&open_directory(run)?), id)?;
    }
    if !state.has_ended() {
        state.status = Status::Exited;
        state.exit_code = 137;
        state.pid = 0;
        state.error =
            Some(Error::new(Kind::Gone, "the container's shim was killed, and the container with it"));
        let fd = open_directory(&directory)?;
        state.write(std::os::fd::AsFd::as_fd(&fd))?;
        let kept = root.join("containers").join(id);
        if let Ok(fd) = open_directory(&kept) {
            state.ended().write(std::os::fd::AsFd::as_fd(&fd))?;
        }
        event(run, &state, "die", &[("exitCode", "137")]);
        tell(run, &state.uses.end_lines(id));
    }
    if state.remove {
        let there = root.join("containers").join(id).exists();
        remove(run, root, id)?;
        if there {
            event(run, &state, "destroy", &[]);
        }
    } else {
        for name in RUN_FILES {
            let _ = std::fs::remove_file(directory.join(name));
        }
    }
    drop(lock);
    Ok(Some(state).filter(|state| !state.remove))
}

/// An event that the shim did not live to write.
fn event(run: &Path, state: &State, action: &str, more: &[(&str, &str)]) {
    let message = Message { kind: "container", action, id: &state.id, attributes: &state.attributes, more };
    tell(run, &message.line());
}

fn tell(run: &Path, lines: &[u8]) {
    if lines.is_empty() {
        return;
    }
    if let Ok(run) = open_directory(run) {
        let _ = events::append(std::os::fd::AsFd::as_fd(&run), lines);
    }
}

fn take_lock(directory: &Path) -> Result<Option<Flock<File>>> {
    let path = directory.join("shim.lock");
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io_at("open", &path, &error)),
    };
    Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).ok())
}

fn end_processes(state: &State) -> Result<()> {
    let path = state.cgroup.trim_start_matches('/');
    let hierarchies = Hierarchies::detect()?;
    let Ok(cgroup) = hierarchies.open(Path::new(path)) else { return Ok(()) };
    cgroup.kill()?;
    cgroup.remove()
}

fn remove(run: &Path, root: &Path, id: &str) -> Result<()> {
    for base in [root, run] {
        let containers = base.join("containers");
        if let Ok(fd) = open_directory(&containers) {
            crate::layer::remove_tree(std::os::fd::AsFd::as_fd(&fd), id.as_bytes())?;
        }
    }
    Ok(())
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", path, errno))
}
