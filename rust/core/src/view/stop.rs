//! A call that can be interrupted: the work is done on a thread, and asks at every step whether it is still wanted.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::{Error, Kind, Result};

/// Whether the work is to stop. Wraps readers and writers, which fail once it is.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Runs `work` on a thread, and calls `interrupted` meanwhile: its error ends the work.
    ///
    /// Work that is stuck (a pipe that nobody reads) is left behind after a second; it ends with the pipe.
    pub fn run<T: Send + 'static>(
        interrupted: &mut dyn FnMut() -> Result<()>,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let stop = Self::default();
        let (done, result) = channel();
        let inner = stop.clone();
        thread::spawn(move || {
            let _ = done.send(work(&inner));
        });
        loop {
            match result.recv_timeout(Duration::from_millis(20)) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(Kind::System, "the copying thread panicked"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = interrupted() {
                        stop.0.store(true, Ordering::Relaxed);
                        let _ = result.recv_timeout(Duration::from_secs(1));
                        return Err(error);
                    }
                }
            }
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::other("interrupted")) } else { Ok(()) }
    }

    /// A reader that fails once the work is to stop.
    pub fn reader<R: Read>(&self, inner: R) -> Stopping<R> {
        Stopping { stop: self.clone(), inner }
    }

    /// A writer that fails once the work is to stop.
    pub fn writer<W: Write>(&self, inner: W) -> Stopping<W> {
        Stopping { stop: self.clone(), inner }
    }
}

/// See [`Stop`].
#[derive(Debug)]
pub struct Stopping<T> {
    stop: Stop,
    inner: T,
}

impl<R: Read> Read for Stopping<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.inner.read(buffer)
    }
}

impl<W: Write> Write for Stopping<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.inner.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
