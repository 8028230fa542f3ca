//! The command `rocker`: a small native program in front of the Python one.
//!
//! Where a warm worker answers, the work is handed to it with everything that belongs to this process, and this process
//! is its mouthpiece. Where none answers, or `ROCKER_WARM=0` says so, this process becomes Python.
//!
//! | module | duty |
//! |---|---|
//! | [`interpreter`] | which Python |
//! | [`identity`] | who may serve whom: the key of a worker's socket |
//! | [`caller`] | what is handed over |
//! | [`warm`] | a worker is asked, and heard to its end |
//! | [`relay`] | signals and job control while a worker works |
//! | [`cold`] | Python itself, and a template left behind for the next time |
//!
//! docs/warm.md tells the whole.

pub mod caller;
pub mod cold;
pub mod identity;
pub mod interpreter;
pub mod relay;
pub mod warm;

use std::path::PathBuf;
use std::process::ExitCode;

/// Where workers listen, unless `ROCKER_WARM` names another directory: root's alone.
const DIRECTORY: &str = "/run/rocker-warm";

/// Does what the command line says; returns only when neither a worker nor Python could.
pub fn main() -> ExitCode {
    let python = interpreter::find();
    let wanted = directory().and_then(|directory| Some((directory, identity::Status::read()?)));
    let found = wanted.and_then(|(directory, status)| Some((prefix(directory, &python, &status)?, status)));
    if let Some((prefix, status)) = found {
        match warm::ask(&prefix, &status) {
            warm::Answer::Ended(code) => return code,
            warm::Answer::Nobody => cold::leave_template(&prefix, &python),
        }
    }
    cold::become_python(&python)
}

/// The directory of the workers' sockets; None when none are wanted.
fn directory() -> Option<PathBuf> {
    match std::env::var_os("ROCKER_WARM") {
        Some(value) if value == "0" => None,
        Some(value) if value.as_encoded_bytes().starts_with(b"/") => Some(value.into()),
        _ => Some(DIRECTORY.into()),
    }
}

/// What the names of the worker's files begin with. None where there is no such directory, it is not ours alone, or its
/// path is too long for a socket's.
fn prefix(directory: PathBuf, python: &interpreter::Python, status: &identity::Status) -> Option<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    let found = match directory.symlink_metadata() {
        Ok(found) => found,
        Err(_) => {
            std::fs::DirBuilder::new().mode(0o700).create(&directory).ok()?;
            directory.symlink_metadata().ok()?
        }
    };
    // Whoever could write there could be taken for a worker.
    let ours = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o077 == 0;
    let key = identity::key(python, status).filter(|_| ours)?;
    let prefix = directory.join(format!("{key:016x}"));
    nix::sys::socket::UnixAddr::new(&prefix.with_extension("sock")).ok()?;
    Some(prefix)
}
