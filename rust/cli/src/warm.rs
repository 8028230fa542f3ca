//! A worker is asked, and heard to its end.

use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{pipe2, read, write};
use rocker_core::client::{ProxyOptions, Session, timeout_until};
use rocker_core::protocol::{Event, receive, send};
use rocker_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::caller;
use crate::identity::Status;
use crate::relay::{Relay, is_transient};

/// How long a worker may take to begin before Python is run instead: a template that has been stopped, or a machine
/// that is out of breath.
const PATIENCE: Duration = Duration::from_millis(300);

/// What came of asking.
#[derive(Debug)]
pub enum Answer {
    /// The work is done.
    Ended(ExitCode),
    /// No worker has begun with it, and none will.
    Nobody,
}

/// What a worker says.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Said {
    /// It has the token, and becomes like its caller.
    Begun { pid: i32 },
    /// It cannot become like its caller, and has done nothing.
    Declined,
    /// Be the mouthpiece of a process; its socket and streams come along.
    Proxy { streams: Vec<String>, tty: bool, detach_keys: Vec<u8>, sig_proxy: bool },
    /// The work is done.
    Exit { code: u8 },
}

/// What a worker is told of a process whose mouthpiece this one was.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Event(Event),
    Error(Error),
}

/// Hands the work to a worker, if one answers.
pub fn ask(prefix: &Path, status: &Status) -> Answer {
    let Ok(socket) = dial(&prefix.with_extension("sock")) else { return Answer::Nobody };
    // Until the token is taken nothing has happened, whatever fails. Signals are taken before: a worker may be at work, and
    // be seen to be, as soon as it has the request.
    let Ok((token, writer)) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK) else { return Answer::Nobody };
    let Ok(mut relay) = Relay::start(&status.ignored_signals()) else { return Answer::Nobody };
    let written = write(&writer, b"t").map_err(|errno| Error::sys("write the token", errno));
    let heard = written
        .and_then(|_| caller::send(socket.as_fd(), token.as_fd(), status))
        .and_then(|()| listen(&socket, &mut relay, &token));
    match heard {
        Ok(Some(code)) => Answer::Ended(ExitCode::from(code)),
        Ok(None) => Answer::Nobody,
        Err(_) if take_back(&token) => Answer::Nobody,
        // The end of this process, or of its connection, is the worker's: it holds the other end of `writer`.
        Err(error) => {
            drop(writer);
            Answer::Ended(ExitCode::from(ended_badly(relay, &error)))
        }
    }
}

/// Takes the token back. Whoever has it does the work, and nobody else.
fn take_back(token: &OwnedFd) -> bool {
    matches!(read(token, &mut [0]), Ok(1))
}

/// A worker that ended without a word: by a signal that was passed on to it, or by somebody else's hand.
fn ended_badly(relay: Relay, error: &Error) -> u8 {
    match relay.last {
        Some(signal) => relay.end_by(signal),
        None => {
            let _ = writeln!(std::io::stderr(), "rocker: the worker of this command has died: {error}");
            125
        }
    }
}

fn dial(path: &Path) -> Result<OwnedFd> {
    let fail = |errno| Error::at("connect", path, errno);
    // Not blocking: where the queue is full Python itself is faster than waiting.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(fail)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path).map_err(fail)?).map_err(fail)?;
    let peer = getsockopt(&socket, sockopt::PeerCredentials).map_err(fail)?;
    if peer.uid() != nix::unistd::geteuid().as_raw() {
        return Err(fail(Errno::EPERM));
    }
    nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_SETFL(OFlag::empty())).map_err(fail)?;
    // A request that does not fit the queue of one that has been stopped is not waited for either.
    setsockopt(&socket, sockopt::SendTimeout, &TimeVal::milliseconds(PATIENCE.as_millis() as i64))
        .map_err(fail)?;
    Ok(socket)
}

/// Hears the worker until it has done the work: its exit code. None: it has not begun and will not.
fn listen(socket: &OwnedFd, relay: &mut Relay, token: &OwnedFd) -> Result<Option<u8>> {
    let mut deadline = Some(Instant::now() + PATIENCE);
    loop {
        if !wait(socket, relay, deadline)? {
            if take_back(token) {
                return Ok(None);
            }
            deadline = None;
            continue;
        }
        let gone = || Error::new(Kind::Gone, "it has closed its connection");
        match receive::<Said>(socket.as_fd())?.ok_or_else(gone)? {
            (Said::Begun { pid }, _) => {
                deadline = None;
                relay.serve(pid)?;
                caller::send_files(socket.as_fd())?;
            }
            (Said::Declined, _) => return Ok(None),
            (Said::Proxy { streams, tty, detach_keys, sig_proxy }, fds) => {
                let options = ProxyOptions { tty, detach_keys, sig_proxy };
                let told = proxy(relay, &streams, fds, &options)?;
                send(socket.as_fd(), &told, &[])?;
            }
            (Said::Exit { code }, _) => return Ok(Some(code)),
        }
    }
}

/// Waits for the worker, passing signals on meanwhile; false when the time is over.
fn wait(socket: &OwnedFd, relay: &mut Relay, deadline: Option<Instant>) -> Result<bool> {
    loop {
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN), relay.poll_fd()];
        match poll(&mut fds, timeout_until(deadline)) {
            Ok(0) => return Ok(false),
            Err(errno) if is_transient(errno) => continue,
            Err(errno) => return Err(Error::sys("poll", errno)),
            Ok(_) => {}
        }
        let [said, signalled] = fds.map(|fd| fd.any().unwrap_or(true));
        if signalled {
            relay.pass();
        }
        if said {
            return Ok(true);
        }
    }
}

/// Is the mouthpiece of a process, in this process's own session: terminal, signals and job control are as ever.
fn proxy(relay: &mut Relay, names: &[String], fds: Vec<OwnedFd>, options: &ProxyOptions) -> Result<Told> {
    let mut fds = fds.into_iter();
    let socket = fds.next().ok_or_else(|| Error::invalid("a process came without its socket"))?;
    let mut streams = [None, None, None];
    for (name, fd) in names.iter().zip(fds) {
        let place = ["stdin", "stdout", "stderr"].iter().position(|known| known == name);
        streams[place.ok_or_else(|| Error::invalid(format!("`{name}` is no stream")))?] = Some(fd);
    }
    let mut session = Session::new(socket, streams);
    let heard = relay.pause(|| session.proxy_numbers([0, 1, 2], options, &mut || Ok(())))?;
    Ok(match heard {
        Ok(event) => Told::Event(event),
        Err(error) => Told::Error(error),
    })
}
