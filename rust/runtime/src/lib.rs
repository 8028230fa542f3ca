//! The resident half of rocker: one static executable with several names.
//!
//! | module | duty |
//! |---|---|
//! | [`launcher`] | how the background process comes about |
//! | [`serve`] | listens, and gives each connection to a shim |
//! | [`standby`] | the shim of the next connection, ready beforehand |
//! | [`shim`] | starts one container and stays with it: streams, log, exec, exit, teardown |
//! | [`host`] | what both need of the host, as descriptors, because their mount namespace is empty |
//! | [`clock`] | times as state files and logs write them |

pub mod clock;
pub mod host;
pub mod launcher;
pub mod serve;
pub mod shim;
pub mod standby;

use std::process::ExitCode;

/// Runs the program that the first argument names.
#[allow(clippy::print_stderr)] // the one place that reports: nobody is connected yet
pub fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("launcher") => match launcher::main(arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}", serde_json::to_string(&error).unwrap_or_else(|_| error.to_string()));
                ExitCode::from(125)
            }
        },
        Some("--version") => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stdout(), "rocker-runtime {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!(
                "usage: rocker-runtime launcher ROOT RUN\nThe engine runs this program; it is not for hands."
            );
            ExitCode::from(64)
        }
    }
}
