//! A connection: its request, its streams, and what it still has to be told.

use std::os::fd::{AsFd, OwnedFd};

use rocker_core::protocol::{Event, Inbox, send};

use super::output::Sink;

/// One connection.
#[derive(Debug)]
pub struct Client {
    /// The socket.
    pub socket: OwnedFd,
    /// Bytes on their way to becoming requests.
    pub inbox: Inbox,
    /// Whether its one request has come.
    pub asked: bool,
    /// Position of the process it is attached to or waits for.
    pub task: Option<usize>,
    /// Whether it wants to hear of the container's health.
    pub waits_for_health: bool,
    /// Whether the container is frozen for as long as this lasts.
    pub freezes: bool,
    /// Its pipes for output and errors.
    pub sinks: [Option<Sink>; 2],
    /// Its pipe with input.
    pub stdin: Option<Stdin>,
    /// Told once its pipes are empty; then the connection ends.
    pub last_words: Option<Event>,
}

/// A client's pipe with input for a process.
#[derive(Debug)]
pub struct Stdin {
    /// Read end, non-blocking.
    pub fd: OwnedFd,
    /// Whether the process is behind, so that nothing is read.
    pub paused: bool,
}

impl Client {
    /// A new connection.
    pub fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            inbox: Inbox::default(),
            asked: false,
            task: None,
            waits_for_health: false,
            freezes: false,
            sinks: [None, None],
            stdin: None,
            last_words: None,
        }
    }

    /// Tells it something; one that is gone cannot be told.
    pub fn tell(&self, event: &Event) {
        let _ = send(self.socket.as_fd(), event, &[]);
    }

    /// Whether everything for it is in its pipes.
    pub fn is_drained(&self) -> bool {
        self.sinks.iter().flatten().all(|sink| sink.backlog() == 0)
    }
}
