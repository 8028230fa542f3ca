//! A launch request's paths turned into descriptors, in the caller's mount namespace.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open};
use nix::sys::socket::{MsgFlags, recv};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, pipe2};
use rocker_sys::{mount, pidfd};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::session::Session;
use super::volume;
use crate::protocol::{Fd, send_json};
use crate::spec::Mount;
use crate::{Error, Kind, Result};

/// Which standard streams a client wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attach {
    /// Input.
    pub stdin: bool,
    /// Output.
    pub stdout: bool,
    /// Errors.
    pub stderr: bool,
}

/// The parts of a request that name something on the host.
#[derive(Deserialize)]
struct Sources {
    #[serde(default)]
    spec: SpecSources,
    #[serde(default)]
    rootfs: RootfsSource,
    #[serde(default)]
    log: LogSource,
    #[serde(default)]
    network: NetworkSources,
}

#[derive(Default, Deserialize)]
struct LogSource {
    #[serde(default)]
    remote: Option<RemoteSource>,
}

#[derive(Deserialize)]
struct RemoteSource {
    #[serde(default)]
    directory: Option<PathBuf>,
}

/// Present where there may be a resolver.
#[derive(Default, Deserialize)]
struct NetworkSources {
    #[serde(default)]
    endpoints: Vec<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct SpecSources {
    #[serde(default)]
    mounts: Vec<Mount>,
    #[serde(default)]
    hooks: Option<IgnoredAny>,
    #[serde(default)]
    linux: LinuxSources,
}

#[derive(Default, Deserialize)]
struct LinuxSources {
    #[serde(default)]
    namespaces: Vec<NamespaceSource>,
}

#[derive(Deserialize)]
struct NamespaceSource {
    #[serde(default)]
    path: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct RootfsSource {
    #[serde(default)]
    directory: Option<PathBuf>,
}

/// Pipes of a session: our ends and theirs.
pub(super) struct Streams {
    pub(super) names: Vec<Fd>,
    pub(super) theirs: Vec<OwnedFd>,
    ours: [Option<OwnedFd>; 3],
}

impl Streams {
    pub(super) fn make(attach: Attach) -> Result<Self> {
        let fail = |errno| Error::sys("make pipes", errno);
        let mut streams = Self { names: Vec::new(), theirs: Vec::new(), ours: [None, None, None] };
        let wanted = [(attach.stdin, Fd::Stdin), (attach.stdout, Fd::Stdout), (attach.stderr, Fd::Stderr)];
        for (index, (wanted, name)) in wanted.into_iter().enumerate() {
            if !wanted {
                continue;
            }
            let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(fail)?;
            let (ours, theirs) = if name == Fd::Stdin { (write, read) } else { (read, write) };
            streams.ours[index] = Some(ours);
            streams.theirs.push(theirs);
            streams.names.push(name);
        }
        Ok(streams)
    }

    /// The session with our ends; theirs are closed, so that the end of the process is the end of the pipes.
    pub(super) fn session(self, socket: OwnedFd) -> Session {
        drop(self.theirs);
        Session::new(socket, self.ours)
    }
}

/// Starts a container: `request` is the launch request of `docs/protocol.md` without `fds`.
///
/// Returns when the program runs.
pub fn start(
    runtime: &Path,
    root: &Path,
    run: &Path,
    request: &[u8],
    attach: Attach,
    bind_to_caller: bool,
) -> Result<Session> {
    let sources: Sources = serde_json::from_slice(request)
        .map_err(|error| Error::invalid(format!("the launch request is not understood: {error}")))?;
    let mut streams = Streams::make(attach)?;
    let mut names = std::mem::take(&mut streams.names);
    let mut fds = std::mem::take(&mut streams.theirs);
    collect(&sources, root, bind_to_caller, &mut names, &mut fds)?;
    let names: Vec<String> = names.into_iter().map(String::from).collect();
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let socket = connect_and_send(runtime, root, run, request, &names, &borrowed)?;
    drop(fds);
    let mut session = streams.session(socket);
    session.wait_started()?;
    Ok(session)
}

/// The part of an update that names something on the host.
#[derive(Deserialize)]
struct UpdateSources {
    #[serde(default)]
    launch: Option<Sources>,
}

/// Changes a running container: `request` is the update request of `docs/protocol.md` without `fds`. Returns the answer.
pub fn update(root: &Path, run: &Path, id: &str, request: &[u8]) -> Result<crate::protocol::Event> {
    let sources: UpdateSources = serde_json::from_slice(request)
        .map_err(|error| Error::invalid(format!("the update request is not understood: {error}")))?;
    let (mut names, mut fds) = (Vec::new(), Vec::new());
    if let Some(sources) = &sources.launch {
        collect(sources, root, false, &mut names, &mut fds)?;
    }
    let names: Vec<String> = names.into_iter().map(String::from).collect();
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let socket = super::connect_to_shim(run, id)?;
    send_with_names(&socket, request, &names, &borrowed)?;
    Session::new(socket, [None, None, None]).next_event()
}

/// A launcher that was just leaving, or was killed, may drop the connection before anyone read the request: then the
/// next one gets it. Returns once there is an answer, or the end of the connection.
fn connect_and_send(
    runtime: &Path,
    root: &Path,
    run: &Path,
    request: &[u8],
    names: &[String],
    fds: &[BorrowedFd<'_>],
) -> Result<OwnedFd> {
    for _ in 0..3 {
        let socket = super::launcher::ensure(runtime, root, run)?;
        match send_with_names(&socket, request, names, fds) {
            Ok(()) if was_read(&socket) => return Ok(socket),
            Ok(()) => {}
            Err(error) if error.kind == Kind::Gone => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(Kind::Gone, "the launcher goes away whenever it is asked"))
}

/// Waits for the answer; false when the other side closed with the request unread, which is when the kernel says
/// ECONNRESET instead of the end of the stream (unix(7), `unix_release_sock`): nothing has been started.
fn was_read(socket: &OwnedFd) -> bool {
    loop {
        match recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK) {
            Err(Errno::EINTR) => {}
            Err(Errno::ECONNRESET) => return false,
            _ => return true,
        }
    }
}

/// Sends a JSON object with one more member, `fds`.
pub(super) fn send_with_names(
    socket: &OwnedFd,
    object: &[u8],
    names: &[String],
    fds: &[BorrowedFd<'_>],
) -> Result<()> {
    let object = object.trim_ascii_end();
    let Some(open) = object.strip_suffix(b"}").filter(|_| object.len() > 2) else {
        return Err(Error::invalid("a request is a JSON object"));
    };
    if names.is_empty() {
        return send_json(socket.as_fd(), &[object], &[]);
    }
    let names = serde_json::to_vec(names).map_err(|error| Error::invalid(error.to_string()))?;
    send_json(socket.as_fd(), &[open, b",\"fds\":", &names, b"}"], fds)
}

fn collect(
    sources: &Sources,
    root: &Path,
    bind_to_caller: bool,
    names: &mut Vec<Fd>,
    fds: &mut Vec<OwnedFd>,
) -> Result<()> {
    let mut add = |name, fd| {
        names.push(name);
        fds.push(fd);
    };
    add(Fd::Root, clone_path("clone the data root", root, false)?);
    if let Some(directory) = &sources.rootfs.directory {
        add(Fd::Rootfs, clone_path("open the root directory", directory, true)?);
    }
    if bind_to_caller {
        add(Fd::Owner, pidfd::open(Pid::this()).map_err(|errno| Error::sys("pidfd_open", errno))?);
    }
    if let Some(directory) = sources.log.remote.as_ref().and_then(|remote| remote.directory.as_ref()) {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = open(directory, flags, Mode::empty())
            .map_err(|errno| Error::at("open the directory of the log server's socket", directory, errno))?;
        add(Fd::Log, fd);
    }
    if sources.spec.hooks.is_some() {
        add(Fd::Host, clone_path("clone the host's root", Path::new("/"), true)?);
    }
    if !sources.network.endpoints.is_empty() {
        // A host without the file has no servers that could be asked.
        let opened = open("/etc/resolv.conf", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        opened.into_iter().for_each(|fd| add(Fd::Resolv, fd));
    }
    for (index, mount) in sources.spec.mounts.iter().enumerate() {
        let Some(opened) = volume::source_of(mount)? else { continue };
        add(Fd::Mount(index), opened.tree);
        if let Some(directory) = opened.directory {
            add(Fd::Volume(index), directory);
        }
    }
    for (index, namespace) in sources.spec.linux.namespaces.iter().enumerate() {
        let Some(path) = &namespace.path else { continue };
        let fd = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open namespace", path, errno))?;
        add(Fd::Namespace(index), fd);
    }
    Ok(())
}

/// A detached copy of the mount at a path of the caller, with those below it when `recursive`.
pub(super) fn clone_path(step: &str, path: &Path, recursive: bool) -> Result<OwnedFd> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::invalid(format!("`{}` contains a zero byte", path.display())))?;
    mount::clone_tree(AT_FDCWD, &name, recursive).map_err(|errno| match errno {
        Errno::ENOENT => Error::at(step, path, errno)
            .kind(Kind::Invalid)
            .message(format!("bind source path does not exist: {}", path.display())),
        Errno::EPERM => Error::at(step, path, errno).hint("root with CAP_SYS_ADMIN is needed"),
        _ => Error::at(step, path, errno),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_request_that_nobody_read_is_told_from_one_that_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut queued = UnixStream::connect(&path).unwrap();
        queued.write_all(b"request").unwrap();
        let mut read = UnixStream::connect(&path).unwrap();
        read.write_all(b"request").unwrap();
        drop(listener.accept().unwrap()); // accepted, and closed with the request unread
        let mut accepted = listener.accept().unwrap().0;
        accepted.read_exact(&mut [0; 7]).unwrap();
        drop(accepted);
        let waiting = UnixStream::connect(&path).unwrap();
        drop(listener); // with one still in its queue
        assert!(!was_read(&queued.into()));
        assert!(was_read(&read.into()));
        assert!(!was_read(&waiting.into()));
    }
}
