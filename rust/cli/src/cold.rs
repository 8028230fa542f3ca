//! Python itself, where no worker answers; and a template left behind for the next time.

use std::ffi::{CString, OsString};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use nix::fcntl::{OFlag, open};
use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::waitpid;
use nix::unistd::{chdir, execve, setsid};
use rocker_sys::clone::{Cloned, SingleThreaded, clone_process, exit_now};
use rocker_sys::fds;

use crate::caller::environment;
use crate::identity::LIMITS;
use crate::interpreter::Python;

const COMMAND: &str = "from rocker.cli.main import main; main()";
const TEMPLATE: &str = "from rocker.warm.template import main; main()";
/// How long a template stays without work: all of the caller's environment that reaches it.
const IDLE: &[u8] = b"ROCKER_WARM_IDLE=";
/// The number of the lock in the template.
const LOCK: i32 = 3;

/// Becomes Python with this process's arguments; returns only when that fails.
pub fn become_python(python: &Python) -> ExitCode {
    let error = execute(python, COMMAND, std::env::args_os().skip(1), environment().collect());
    let path = python.path.display();
    // Without anywhere to say it there is still the exit code.
    let _ = writeln!(
        std::io::stderr(),
        "rocker: cannot run {path}: {}\n\
         hint: this command needs the Python interpreter that it was installed for beside itself, or in PATH",
        error.desc()
    );
    ExitCode::from(125)
}

/// Starts a template in the background unless there is one, or one is on its way. Failures are nobody's business: the
/// work is done without it.
pub fn leave_template(prefix: &Path, python: &Python) {
    let Ok(proof) = SingleThreaded::prove() else { return };
    // Held by the template for its whole life.
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(prefix.with_extension("lock"));
    let Ok(lock) = lock else { return };
    if !fds::lock_exclusive(lock.as_fd()).unwrap_or(false) {
        return;
    }
    match clone_process(proof, CloneFlags::empty(), None) {
        // Of this one the Python that this process becomes would hear as of a child it has never had.
        Ok(Cloned::Parent(pid, _)) => drop(waitpid(pid, None)),
        Ok(Cloned::Child) => match clone_process(proof, CloneFlags::empty(), None) {
            Ok(Cloned::Child) => {
                become_template(prefix, python, lock.as_fd());
                exit_now(1)
            }
            _ => exit_now(0),
        },
        Err(_) => {}
    }
}

/// Nothing of the caller's lives on in it: session, directory, files, environment, signals, soft limits.
fn become_template(prefix: &Path, python: &Python, lock: std::os::fd::BorrowedFd<'_>) {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
    let Ok(null) = null else { return };
    let ready = setsid()
        .and_then(|_| chdir("/"))
        .and_then(|()| fds::place(lock, LOCK))
        .and_then(|()| (0..3).try_for_each(|number| fds::place(null.as_fd(), number)))
        .and_then(|()| fds::cloexec_from(LOCK + 1));
    if ready.is_err() {
        return;
    }
    umask(Mode::from_bits_truncate(0o022));
    rocker_sys::signals::default_all();
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    reset_limits();
    let fixed = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"];
    let idle = environment().find(|entry| entry.starts_with(IDLE));
    let environment = fixed.iter().map(|text| text.as_bytes().to_vec()).chain(idle).collect();
    let _ = execute(python, TEMPLATE, [prefix.as_os_str().to_owned()].into_iter(), environment);
}

fn execute(
    python: &Python,
    program: &str,
    arguments: impl Iterator<Item = OsString>,
    environment: Vec<Vec<u8>>,
) -> nix::errno::Errno {
    let first = [python.path.as_os_str().to_owned()].into_iter();
    let options = python.options.iter().copied().chain(["-c", program]).map(OsString::from);
    let words = first.chain(options).chain(arguments).map(OsString::into_vec);
    // Neither arguments nor environment can hold NUL: they came from an execve.
    let words: Vec<CString> = words.filter_map(|word| CString::new(word).ok()).collect();
    let environment: Vec<CString> =
        environment.into_iter().filter_map(|entry| CString::new(entry).ok()).collect();
    let Ok(path) = CString::new(python.path.as_os_str().as_bytes()) else { return nix::errno::Errno::EINVAL };
    match execve(&path, &words, &environment) {
        Ok(never) => match never {},
        Err(errno) => errno,
    }
}

/// The hard ones are part of what a worker's callers have in common.
///
/// Not RLIMIT_STACK: without a limit the kernel lays memory out as it did before 2.6.9 (`mmap_is_legacy`).
fn reset_limits() {
    for limit in LIMITS.into_iter().filter(|limit| *limit != Resource::RLIMIT_STACK) {
        if let Ok((_, hard)) = getrlimit(limit) {
            let _ = setrlimit(limit, hard, hard);
        }
    }
}
