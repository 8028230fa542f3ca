//! Container logs: written by the shim, rotated, read and followed by clients.
//!
//! | module | duty |
//! |---|---|
//! | [`config`] | the `log` object of a start request |
//! | [`writer`] | chunks of output to records: what a shim calls |
//! | `lines` | chunks to lines, long lines to parts of 16 KiB |
//! | `encode`, `json`, `escape`, `time` | Docker's json-file records |
//! | `local` | our own compact binary records |
//! | `file`, `rotate`, `compress`, `id` | the file on disk, its older generations |
//! | [`reader`], `source`, `segments`, `tail` | records back, oldest first |
//! | [`follow`], `watch` | waiting for more |
//! | [`remote`] | records sent to a server as well |
//! | [`copy`] | `docker logs`: a log written to two descriptors |
//!
//! Rotated files are `<name>.1` (newest) to `<name>.<max_files - 1>`, each plain or, with `compress`, `.gz`.

pub mod config;
pub mod copy;
pub mod follow;
pub mod reader;
pub mod remote;
pub mod writer;

mod compress;
mod encode;
mod escape;
mod file;
mod id;
mod json;
mod lines;
mod local;
mod rotate;
mod segments;
mod source;
mod tail;
#[cfg(test)]
mod tests;
mod time;
mod watch;

pub use config::{Driver, LogConfig};
pub use copy::{CopyOptions, copy_to};
pub use follow::Follow;
pub use reader::{Entry, Reader, Records};
pub use remote::{Interest, Remote, RemoteConfig};
pub use writer::Writer;

/// A line longer than this many bytes is recorded in parts, as Docker's copier does.
pub const PART: usize = 16 * 1024;

/// Which output of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

impl Stream {
    /// The name in json-file records and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Stdout => 0,
            Self::Stderr => 1,
        }
    }
}
