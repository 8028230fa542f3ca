//! A log followed while it is written, across rotations.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::Stream;
use super::reader::{Entry, Reader, Records};
use super::watch::Watch;
use crate::{Error, Kind, Result};

/// Gives what a log has, then waits for more; also an iterator.
///
/// It ends when `running` has said false and everything written until then has been read. Nothing is lost or given
/// twice by a rotation, unless the log is rotated away altogether before it is read.
#[derive(Debug)]
pub struct Follow<F> {
    reader: Reader,
    watch: Watch,
    running: F,
    finished: bool,
}

impl Reader {
    /// Follow the log while `running()` is true. It is asked, twice, whenever everything has been read and nothing has
    /// changed since, and again as soon as `wake` is readable: a pidfd, an eventfd, a socket that closes. Without `wake` it is
    /// asked every 20 ms.
    pub fn follow<F: FnMut() -> bool>(self, running: F, wake: Option<OwnedFd>) -> Follow<F> {
        let watch = Watch::new(self.dir(), wake);
        Follow { reader: self, watch, running, finished: false }
    }
}

impl<F> Follow<F> {
    /// Ask `running()` also when something changes in this directory.
    #[must_use]
    pub fn also_watching(mut self, dir: &Path) -> Self {
        self.watch.also(dir);
        self
    }

    /// As where inotify cannot be had.
    #[cfg(test)]
    pub(super) fn without_inotify(mut self, wake: Option<OwnedFd>) -> Self {
        self.watch = Watch::without_inotify(wake);
        self
    }
}

impl<F: FnMut() -> bool> Records for Follow<F> {
    fn ready(&mut self, out: &mut Vec<u8>) -> Result<Option<(Stream, i64)>> {
        loop {
            let record = self.reader.ready(out)?;
            if record.is_some() || self.reader.ended() || !self.reader.rotated()? {
                return Ok(record);
            }
        }
    }

    fn wait(&mut self) -> Result<bool> {
        if self.finished || self.reader.ended() {
            return Ok(false);
        }
        let (running, finished) = (&mut self.running, &mut self.finished);
        let outcome = self.watch.wait(&mut || match running() {
            true => Ok(()),
            false => {
                *finished = true;
                Err(Error::new(Kind::Gone, "the container has ended"))
            }
        });
        // What was written between the last look and the end is still to be read: one more round.
        if self.finished { Ok(true) } else { outcome.map(|()| true) }
    }
}

impl<F: FnMut() -> bool> Iterator for Follow<F> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}
