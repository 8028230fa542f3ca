//! What a shim calls: chunks of output in, records in a file out.
//!
//! A failed write never fails the container: what could not be written is counted, and when there is space again one
//! record of the log says how many bytes were lost.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use super::compress::Job;
use super::encode::{self, Format};
use super::file::LogFile;
use super::lines::{Line, Lines};
use super::{LogConfig, Remote, Stream, local, rotate};
use crate::Result;

/// Records are written once this many bytes of them are waiting, and at the end of every chunk.
const BATCH: usize = 64 * 1024;
/// After a failed rotation the next is tried when the file has grown by this.
const RETRY: u64 = 1024 * 1024;

/// Writes one container's log. Idle it holds two descriptors and, after [`Writer::idle`], no buffers.
#[derive(Debug)]
pub struct Writer {
    lines: [Lines; 2],
    sink: Option<Sink>,
    remote: Option<Box<Remote>>,
}

impl Writer {
    /// Open the log of `config` below the directory `root`: parents are made (0750), the file is made (0640) or
    /// appended to. Links are not followed.
    ///
    /// # Errors
    /// [`crate::Kind::Invalid`] for a path that is absolute or has `..`; else what the system said.
    pub fn open(root: BorrowedFd, config: &LogConfig) -> Result<Self> {
        let sink = match Format::new(config) {
            Some(format) => Some(Sink::open(root, config, format)?),
            None => None,
        };
        Ok(Self { lines: Default::default(), sink, remote: None })
    }

    /// A writer that keeps nothing here.
    #[must_use]
    pub fn without_file() -> Self {
        Self { lines: Default::default(), sink: None, remote: None }
    }

    /// The same, with a server that gets the records, too.
    #[must_use]
    pub fn with_remote(mut self, remote: Remote) -> Self {
        self.remote = Some(Box::new(remote));
        self
    }

    /// The server, if there is one.
    #[must_use]
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_deref()
    }

    /// Let the server's socket go on, which can be read or written (`ready`), or whose time has come.
    pub fn go_on(&mut self, ready: bool, now: i64) {
        let Some(remote) = &mut self.remote else { return };
        if ready {
            remote.ready();
        } else {
            remote.pump();
        }
        self.report(now, false);
    }

    /// Say in the file what was not sent.
    fn report(&mut self, now: i64, last: bool) {
        let Some(text) = self.remote.as_mut().and_then(|remote| remote.take_dropped(last)) else { return };
        if let Some(sink) = &mut self.sink {
            sink.record(Stream::Stderr, &Line { bytes: text.as_bytes(), partial: false, ns: now });
            sink.flush();
        }
    }

    /// Log a chunk as it was read from the container at `now` (nanoseconds since the epoch). An unfinished last line
    /// waits for the next chunk of its stream.
    ///
    /// # Errors
    /// None at present: a failing disk is counted in [`Writer::lost`] instead.
    pub fn write(&mut self, stream: Stream, bytes: &[u8], now: i64) -> Result<()> {
        let Self { lines, sink, remote } = self;
        lines[stream.index()].feed(bytes, now, |line| record(sink, remote, stream, line));
        self.flush(now);
        Ok(())
    }

    /// Log the unfinished last line of a stream, at its end, as a part without newline.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn flush_partial(&mut self, stream: Stream, now: i64) -> Result<()> {
        let Self { lines, sink, remote } = self;
        lines[stream.index()].flush(now, |line| record(sink, remote, stream, line));
        self.flush(now);
        Ok(())
    }

    fn flush(&mut self, now: i64) {
        if let Some(sink) = &mut self.sink {
            sink.flush();
        }
        if let Some(remote) = &mut self.remote {
            remote.pump();
            self.report(now, false);
        }
    }

    /// To be called when there is nothing else to do: frees buffers and compresses a piece of a rotated file. Whether
    /// there is more to compress.
    pub fn idle(&mut self) -> bool {
        self.lines.iter_mut().for_each(Lines::release);
        self.sink.as_mut().is_some_and(Sink::idle)
    }

    /// How many bytes of output could not be written and are not reported in the log yet.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sink.as_ref().map_or(0, |sink| sink.lost)
    }

    /// Log unfinished lines of both streams and close the file. A compression under way is finished; a server has 10 s
    /// to take what is left.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn close(mut self, now: i64) -> Result<()> {
        self.flush_partial(Stream::Stdout, now)?;
        self.flush_partial(Stream::Stderr, now)?;
        if let Some(remote) = &mut self.remote {
            remote.close();
            self.report(now, true);
        }
        while self.idle() {}
        Ok(())
    }
}

fn record(sink: &mut Option<Sink>, remote: &mut Option<Box<Remote>>, stream: Stream, line: &Line) {
    if let Some(sink) = sink {
        sink.record(stream, line);
    }
    if let Some(remote) = remote {
        remote.record(stream, line);
    }
}

/// The file end of a writer.
#[derive(Debug)]
struct Sink {
    format: Format,
    log: LogFile,
    /// Records not yet written.
    out: Vec<u8>,
    /// How many bytes at the start of `out` are not the container's.
    ours: usize,
    /// Whether `out` starts with a file's header.
    header: bool,
    max_size: u64,
    max_files: u32,
    compress: bool,
    /// A failed rotation is not tried again before the file has this size.
    retry_at: u64,
    lost: u64,
    errno: Errno,
    job: Option<Job>,
}

impl Sink {
    fn open(root: BorrowedFd, config: &LogConfig, mut format: Format) -> Result<Self> {
        let log = LogFile::open(root, &config.path, format.driver())?;
        rotate::clean(&log);
        if let Format::Local(base) = &mut format {
            *base = local::base(&log.start());
        }
        let foreign = log.size > 0 && matches!(format, Format::Local(None));
        let mut sink = Self {
            format,
            log,
            out: Vec::new(),
            ours: 0,
            header: false,
            max_size: config.max_size.filter(|&size| size > 0).unwrap_or(u64::MAX),
            max_files: config.max_files.max(1),
            compress: config.compress,
            retry_at: 0,
            lost: 0,
            errno: Errno::ENOSPC,
            job: None,
        };
        sink.compress();
        if foreign {
            sink.rotate();
        }
        Ok(sink)
    }

    fn record(&mut self, stream: Stream, line: &Line) {
        if self.out.len() >= BATCH {
            self.flush();
        }
        let size = self.log.size + self.out.len() as u64;
        if size >= self.max_size && size >= self.retry_at {
            self.flush();
            if self.log.size >= self.max_size {
                self.rotate();
            }
        }
        if self.out.is_empty() {
            self.begin(line.ns);
        }
        self.format.record(&mut self.out, stream, line);
    }

    /// Start a batch with what has to come before the container's next record.
    fn begin(&mut self, ns: i64) {
        self.header = self.log.size == 0;
        if self.header {
            self.format.begin(&mut self.out, ns);
        }
        if self.lost > 0 {
            let text =
                format!("rocker: {} bytes of output are not in this log: {}", self.lost, self.errno.desc());
            let line = Line { bytes: text.as_bytes(), partial: false, ns };
            self.format.record(&mut self.out, Stream::Stderr, &line);
        }
        self.ours = self.out.len();
    }

    fn flush(&mut self) {
        if self.out.is_empty() {
            return;
        }
        let written = self.out.len();
        // A disk on the brink of being full would take a report of a loss but not what follows it, again and again: the
        // batch that reports is written once there is space for all of it.
        let space = if self.lost > 0 { self.log.reserve(written) } else { Ok(()) };
        match space.and_then(|()| self.log.append(&self.out)) {
            Ok(()) => self.lost = 0,
            Err(short) => {
                let driver = self.format.driver();
                let kept = encode::whole(driver, &self.out[..short.written], self.header);
                self.log.keep(kept);
                self.errno = short.errno;
                self.lost += encode::payload(driver, &self.out[kept.max(self.ours)..]);
            }
        }
        self.out.clear();
        if let Some(job) = &mut self.job {
            let done = job.pay(written);
            self.compressed(done);
        }
    }

    fn rotate(&mut self) {
        // At the pace at which pieces are paid for, the last rotation's file is nearly always done by now.
        while self.step() {}
        if rotate::rotate(&mut self.log, self.max_files).is_err() {
            self.retry_at = self.log.size + RETRY;
            return;
        }
        self.retry_at = 0;
        self.compress();
    }

    /// Begin to compress the newest rotated file, if it is plain.
    fn compress(&mut self) {
        if self.compress && self.max_files > 1 {
            // Failure leaves it plain, which readers take as well.
            self.job = Job::start(&self.log.dir, rotate::generation(&self.log.name, 1)).ok();
        }
    }

    fn idle(&mut self) -> bool {
        self.out = Vec::new();
        self.step()
    }

    /// Compress a piece; whether there is more.
    fn step(&mut self) -> bool {
        if let Some(job) = &mut self.job {
            let done = job.step();
            self.compressed(done);
        }
        self.job.is_some()
    }

    fn compressed(&mut self, done: std::io::Result<bool>) {
        match (done, &self.job) {
            (Ok(false), _) | (_, None) => {}
            (Ok(true), _) => {
                if let Some(job) = self.job.take() {
                    // The temporary file of a failure is overwritten by the next job.
                    let _ = job.finish(&self.log.dir);
                }
            }
            (Err(_), _) => {
                if let Some(job) = self.job.take() {
                    job.abandon(&self.log.dir);
                }
            }
        }
    }
}
