//! The client's half of the protocol; it runs inside the caller's process, which may have threads.
//!
//! | file | duty |
//! |---|---|
//! | `launcher` | find the launcher or start it from a sealed memfd |
//! | `start` | a launch request's paths turned into descriptors, in the caller's mount namespace |
//! | `volume` | volumes and images as sources of mounts |
//! | `session` | a connection: events, signals, window sizes |
//! | `communicate` | feed input, collect output, until the end |
//! | `proxy` | be the mouthpiece of a process: terminal, signals, detach keys |
//! | `files` | what a caller names by descriptor or path |
//! | `states` | `state.json` of many containers; ends those whose shim died |

mod communicate;
pub mod files;
mod launcher;
mod proxy;
mod session;
mod start;
mod states;
mod volume;

pub use communicate::Outcome;
pub use launcher::{ensure, shut_down};
pub use proxy::ProxyOptions;
pub use session::{Interrupted, Session};
pub use start::{Attach, start, update};
pub use states::{is_alive, read_states, settle, shim_pidfd};
pub use volume::{Source, has_layers, image_below, source_of};

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::stat::Mode;

pub use crate::held::timeout_until;

use crate::Result;

/// Connects to a unix socket below a directory.
///
/// Through `/proc/self/fd`, because `sun_path` has room for 107 bytes only and a process with threads cannot change
/// its working directory for a moment.
fn connect_below(directory: &Path, name: &str) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = open(directory, flags, Mode::empty())?;
    let path = format!("/proc/self/fd/{}/{name}", directory.as_raw_fd());
    let address = UnixAddr::new(path.as_str())?;
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    loop {
        match connect(socket.as_raw_fd(), &address) {
            Ok(()) => return Ok(socket),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Sends one request to a container's shim; the session has not heard an answer yet.
pub fn request(run: &Path, id: &str, body: &[u8], attach: Attach) -> Result<Session> {
    let socket = connect_to_shim(run, id)?;
    let streams = start::Streams::make(attach)?;
    let names: Vec<String> = streams.names.iter().cloned().map(String::from).collect();
    let fds: Vec<_> = streams.theirs.iter().map(AsFd::as_fd).collect();
    start::send_with_names(&socket, body, &names, &fds)?;
    Ok(streams.session(socket))
}

fn connect_to_shim(run: &Path, id: &str) -> Result<OwnedFd> {
    let directory = run.join("containers").join(id);
    connect_below(&directory, crate::protocol::SHIM_SOCKET).map_err(|errno| not_running(id, errno))
}

fn not_running(id: &str, errno: Errno) -> crate::Error {
    match errno {
        Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR => crate::Error::new(
            crate::Kind::NotRunning,
            format!("container {} is not running", id.get(..12).unwrap_or(id)),
        ),
        _ => crate::Error::sys("connect to the container's shim", errno),
    }
}
