//! The log server's socket in the loop; the container held back while the server is behind.

use nix::sys::epoll::EpollFlags;

use super::supervise::{Shim, Token};
use crate::clock;

impl Shim<'_> {
    /// Monotonic time at which the log server's socket has something to do.
    pub(super) fn log_deadline(&self) -> Option<i64> {
        self.log.as_ref()?.remote()?.deadline()
    }

    /// Whether the container's output is not read for now, because its log server is behind.
    pub(super) fn log_is_behind(&self) -> bool {
        self.log.as_ref().and_then(|log| log.remote()).is_some_and(|remote| remote.is_behind())
    }

    /// The socket is ready, or its time has come.
    pub(super) fn log_goes_on(&mut self, ready: bool) {
        if let Some(log) = &mut self.log {
            log.go_on(ready, clock::now_ns());
        }
        self.watch_log();
        if !self.log_is_behind() {
            self.resume_outputs(0);
        }
    }

    /// Waits for what the socket is to do next. A closed one has left the loop by itself.
    pub(super) fn watch_log(&mut self) {
        let interest = self.log.as_ref().and_then(|log| log.remote()).and_then(|remote| remote.interest());
        let wanted = interest.map(|interest| (interest.generation, interest.write));
        if wanted == self.log_watched {
            return;
        }
        self.unwatch(Token::Log);
        self.log_watched = wanted;
        if let Some((_, write)) = wanted {
            let direction = if write { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
            let _ = self.watch(Token::Log, direction | EpollFlags::EPOLLRDHUP);
        }
    }
}
