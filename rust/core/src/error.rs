//! The one error type of the mechanism.
//!
//! It is data, not text: it crosses the sockets between shim and client as JSON
//! and becomes one Python exception in `rust/python`. [`Kind`] decides which.

use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What sort of failure it was; each kind is one exception class in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The caller's input is wrong; exit code 125.
    Invalid,
    /// Something that was named does not exist.
    NotFound,
    /// It exists already, or its state forbids the operation.
    Conflict,
    /// The container does not run.
    NotRunning,
    /// Known, but not offered here; never silently ignored.
    Unsupported,
    /// The command is not in the container; exit code 127.
    CommandNotFound,
    /// The command is there but cannot be executed; exit code 126.
    CommandNotExecutable,
    /// Permission was refused.
    Denied,
    /// The disk, its inodes or a quota are full.
    NoSpace,
    /// Content does not match its digest or its format.
    Corrupt,
    /// A limit on time was reached.
    Timeout,
    /// The other side of a socket went away.
    Gone,
    /// A system call failed for any other reason.
    System,
}

impl Kind {
    /// Every kind, for tests of completeness.
    pub const ALL: [Self; 13] = [
        Self::Invalid,
        Self::NotFound,
        Self::Conflict,
        Self::NotRunning,
        Self::Unsupported,
        Self::CommandNotFound,
        Self::CommandNotExecutable,
        Self::Denied,
        Self::NoSpace,
        Self::Corrupt,
        Self::Timeout,
        Self::Gone,
        Self::System,
    ];
}

/// A failure: what was being done (`step`), to what (`path`), with which errno.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// The sort of failure.
    pub kind: Kind,
    /// What was wrong, in words, without a final full stop.
    pub message: String,
    /// What was being done, for example `mount overlay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The file or directory concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The system's error number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// What the user can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Error {
    /// An error without a system call behind it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), step: None, path: None, errno: None, hint: None }
    }

    /// Wrong input.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// Known, but not offered.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// Content that is not what it should be.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, message)
    }

    /// A failed system call; the errno decides the kind.
    pub fn sys(step: impl Into<String>, errno: Errno) -> Self {
        let step = step.into();
        Self {
            kind: kind_of(errno),
            message: format!("{step}: {}", errno.desc()),
            step: Some(step),
            path: None,
            errno: Some(errno as i32),
            hint: None,
        }
    }

    /// A failed system call on a path; the errno decides the kind.
    pub fn at(step: impl Into<String>, path: impl AsRef<Path>, errno: Errno) -> Self {
        let step = step.into();
        let path = path.as_ref();
        Self {
            message: format!("{step} `{}`: {}", path.display(), errno.desc()),
            path: Some(path.to_owned()),
            ..Self::sys(step, errno)
        }
    }

    /// A failed operation of `std::io`.
    pub fn io(step: impl Into<String>, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(raw) => Self::sys(step, Errno::from_raw(raw)),
            None => {
                let step = step.into();
                Self { step: Some(step.clone()), ..Self::new(Kind::System, format!("{step}: {error}")) }
            }
        }
    }

    /// A failed operation of `std::io` on a path.
    pub fn io_at(step: impl Into<String>, path: impl AsRef<Path>, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(raw) => Self::at(step, path, Errno::from_raw(raw)),
            None => {
                let path = path.as_ref();
                let step = step.into();
                Self {
                    path: Some(path.to_owned()),
                    step: Some(step.clone()),
                    ..Self::new(Kind::System, format!("{step} `{}`: {error}", path.display()))
                }
            }
        }
    }

    /// The same error with advice for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error as another kind.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error with another message; step, path and errno stay.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(out, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// The kind that an errno stands for when nothing more is known.
fn kind_of(errno: Errno) -> Kind {
    match errno {
        Errno::ENOSPC | Errno::EDQUOT => Kind::NoSpace,
        Errno::EACCES | Errno::EPERM => Kind::Denied,
        Errno::ENOENT | Errno::ESRCH => Kind::NotFound,
        Errno::EEXIST => Kind::Conflict,
        Errno::EPIPE | Errno::ECONNRESET | Errno::ECONNREFUSED => Kind::Gone,
        Errno::ETIMEDOUT => Kind::Timeout,
        _ => Kind::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_socket() {
        let error = Error::at("open", "/x", Errno::ENOSPC).hint("free some space");
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<Error>(&text).unwrap(), error);
        assert_eq!(error.kind, Kind::NoSpace);
        assert_eq!(error.to_string(), "open `/x`: No space left on device; hint: free some space");
    }
}
