//! Output and input on their way between processes, log and clients.

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use super::input::Flow;
use super::output::{HIGH, LIMIT};
use super::supervise::{Shim, Token};
use crate::clock;

/// One read; as large as a pipe, so that a flood costs few system calls.
const CHUNK: usize = 64 << 10;
/// What a process that has ended may still have left in its pipes: at most one pipe of the largest size.
const LEFTOVER: usize = 1 << 20;

impl Shim<'_> {
    /// Reads one chunk of a stream and gives it to log and clients; false at its end.
    fn read_chunk(&mut self, index: usize, stream: usize) -> nix::Result<usize> {
        let Some(Some(task)) = self.tasks.get(index) else { return Ok(0) };
        let Some(source) = &task.sources[stream] else { return Ok(0) };
        self.buffer.resize(CHUNK, 0);
        let count = loop {
            match nix::unistd::read(&source.fd, &mut self.buffer) {
                Err(Errno::EINTR) => {}
                // A terminal whose last slave was closed says EIO (pty(7)).
                Err(Errno::EIO) => break 0,
                other => break other?,
            }
        };
        let kind = source.stream;
        if count > 0 {
            let chunk = std::mem::take(&mut self.buffer);
            if index == 0
                && let Some(log) = &mut self.log
            {
                let _ = log.write(kind, &chunk[..count], clock::now_ns());
                self.watch_log();
            }
            self.keep_probe_output(index, &chunk[..count]);
            self.deliver(index, stream, &chunk[..count]);
            self.buffer = chunk;
        }
        Ok(count)
    }

    /// A stream has something, or has ended.
    pub(super) fn read_output(&mut self, index: usize, stream: usize) {
        match self.read_chunk(index, stream) {
            Ok(0) => self.close_output(index, stream),
            Ok(_) => self.pause_if_behind(index, stream),
            Err(Errno::EAGAIN) => {}
            Err(_) => self.close_output(index, stream),
        }
    }

    /// Takes what is left in the pipes of a process that has ended, however slow its readers are.
    pub(super) fn drain_outputs(&mut self, index: usize) {
        for stream in 0..2 {
            let mut taken = 0;
            while taken < LEFTOVER {
                match self.read_chunk(index, stream) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => taken += count,
                }
            }
            self.close_output(index, stream);
        }
    }

    fn close_output(&mut self, index: usize, stream: usize) {
        self.unwatch(Token::Output(index, stream));
        let Some(Some(task)) = self.tasks.get_mut(index) else { return };
        let Some(source) = task.sources[stream].take() else { return };
        if index == 0
            && let Some(log) = &mut self.log
        {
            let _ = log.flush_partial(source.stream, clock::now_ns());
        }
    }

    fn deliver(&mut self, task: usize, stream: usize, chunk: &[u8]) {
        for index in 0..self.clients.len() {
            let Some(client) = self.clients[index].as_mut() else { continue };
            if client.task != Some(task) {
                continue;
            }
            let Some(sink) = client.sinks[stream].as_mut() else { continue };
            if sink.push(chunk).is_err() {
                client.sinks[stream] = None;
            } else if sink.backlog() > 0 && !sink.waiting {
                sink.waiting = true;
                let _ = self.watch(Token::Sink(index, stream), EpollFlags::EPOLLOUT);
            }
        }
    }

    /// Backlogs of the readers of a stream.
    fn backlogs(&self, task: usize, stream: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let attached = move |client: &&super::client::Client| client.task == Some(task);
        self.clients.iter().enumerate().filter_map(move |(index, client)| {
            let client = client.as_ref().filter(attached)?;
            client.sinks[stream].as_ref().map(|sink| (index, sink.backlog()))
        })
    }

    fn pause_if_behind(&mut self, task: usize, stream: usize) {
        let held = task == 0 && self.log_is_behind();
        let least = self.backlogs(task, stream).map(|(_, backlog)| backlog).min();
        if held || least.is_some_and(|least| least > HIGH) {
            self.unwatch(Token::Output(task, stream));
            if let Some(Some(task)) = self.tasks.get_mut(task)
                && let Some(source) = task.sources[stream].as_mut()
            {
                source.paused = true;
            }
            return;
        }
        let too_slow: Vec<usize> = self
            .backlogs(task, stream)
            .filter(|(_, backlog)| *backlog > LIMIT)
            .map(|(index, _)| index)
            .collect();
        for index in too_slow {
            self.detach_slow(index);
        }
    }

    /// Reads again from streams whose readers have caught up or gone.
    pub(super) fn resume_outputs(&mut self, task: usize) {
        for stream in 0..2 {
            let held = task == 0 && self.log_is_behind();
            let least = self.backlogs(task, stream).map(|(_, backlog)| backlog).min();
            let behind = held || least.is_some_and(|least| least > HIGH / 2);
            let Some(Some(process)) = self.tasks.get_mut(task) else { return };
            let Some(source) = process.sources[stream].as_mut() else { continue };
            if source.paused && !behind {
                source.paused = false;
                let _ = self.watch(Token::Output(task, stream), EpollFlags::EPOLLIN);
            }
        }
    }

    /// A client's pipe can be written again, or its reader is gone.
    pub(super) fn sink_writable(&mut self, index: usize, stream: usize, events: EpollFlags) {
        let Some(client) = self.clients[index].as_mut() else { return };
        let task = client.task;
        let Some(sink) = client.sinks[stream].as_mut() else { return };
        let gone = events.contains(EpollFlags::EPOLLERR) || sink.flush().is_err();
        let empty = sink.backlog() == 0;
        sink.waiting = !empty && !gone;
        if empty || gone {
            self.unwatch(Token::Sink(index, stream));
        }
        if gone && let Some(client) = self.clients[index].as_mut() {
            client.sinks[stream] = None;
        }
        if let Some(task) = task {
            self.resume_outputs(task);
        }
        self.finish_if_drained(index);
    }

    /// A client has input for its process.
    pub(super) fn read_client_input(&mut self, index: usize) {
        self.buffer.resize(CHUNK, 0);
        let Some(client) = self.clients[index].as_mut() else { return };
        let (Some(stdin), Some(task)) = (client.stdin.as_mut(), client.task) else { return };
        match nix::unistd::read(&stdin.fd, &mut self.buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(0) | Err(_) => {
                self.unwatch(Token::ClientInput(index));
                if let Some(client) = self.clients[index].as_mut() {
                    client.stdin = None;
                }
                self.end_of_client_input(task);
            }
            Ok(count) => self.feed(index, task, count),
        }
    }

    fn feed(&mut self, index: usize, task: usize, count: usize) {
        let Some(Some(process)) = self.tasks.get_mut(task) else { return };
        let Some(input) = process.input.as_mut() else { return };
        match input.write(&self.buffer[..count]) {
            Flow::Open => {}
            Flow::Closed => process.input = None,
            Flow::Full => {
                self.unwatch(Token::ClientInput(index));
                if let Some(Some(client)) = self.clients.get_mut(index)
                    && let Some(stdin) = client.stdin.as_mut()
                {
                    stdin.paused = true;
                }
                let _ = self.watch(Token::Input(task), EpollFlags::EPOLLOUT);
            }
        }
    }

    /// A process takes input again.
    pub(super) fn input_writable(&mut self, task: usize) {
        let Some(Some(process)) = self.tasks.get_mut(task) else { return };
        let Some(input) = process.input.as_mut() else { return };
        let flow = input.flush();
        if flow == Flow::Full {
            return;
        }
        let close = flow == Flow::Closed || input.closing;
        self.unwatch(Token::Input(task));
        if close && let Some(Some(process)) = self.tasks.get_mut(task) {
            process.input = None;
        }
        for index in 0..self.clients.len() {
            let Some(client) = self.clients[index].as_mut().filter(|client| client.task == Some(task)) else {
                continue;
            };
            if let Some(stdin) = client.stdin.as_mut().filter(|stdin| stdin.paused) {
                stdin.paused = false;
                let _ = self.watch(Token::ClientInput(index), EpollFlags::EPOLLIN);
            }
        }
    }

    /// The input of a client has ended: so does that of its process, unless it stays open for others.
    pub(super) fn end_of_client_input(&mut self, task: usize) {
        let Some(Some(process)) = self.tasks.get_mut(task) else { return };
        if !process.stdin_once || process.terminal.is_some() {
            return;
        }
        let Some(input) = process.input.as_mut() else { return };
        if input.flush() == Flow::Full {
            input.closing = true;
        } else {
            self.unwatch(Token::Input(task));
            if let Some(Some(process)) = self.tasks.get_mut(task) {
                process.input = None;
            }
        }
    }
}
