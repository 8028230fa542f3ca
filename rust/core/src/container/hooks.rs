//! Hooks of the sort `createContainer`: programs of the host that complete the container's root before it is entered.
//!
//! The specification ("POSIX-platform Hooks") wants them in the container's namespaces, their paths the host's. What the
//! child sees of the host is nothing, so the caller's whole tree comes along as a detached clone. It is attached for
//! as long as the hooks run, with a private `bundle` laid over the container's run directory: there the root is, and a
//! `config.json` that says so. All of it goes with the old root when the new one is entered.
//!
//! A hook gets the environment that it names, and nothing of the container's, which an image chooses: its loader would
//! obey an image's LD_PRELOAD (CVE-2025-23266).

use std::ffi::CString;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, chroot, execve, fchdir};
use rocker_sys::clone::{Cloned, SingleThreaded, clone_process, exit_now};
use rocker_sys::mount::{self, Context, Propagation, attr};
use rocker_sys::{fds, pidfd, signals};
use serde::Serialize;

use super::mounts::c_string;
use super::path::open_in_root;
use crate::spec::{Hook, Root, Spec};
use crate::{Error, Kind, Result};

/// Where the host's tree is attached in the launcher's lean root: nothing below it is needed any more.
const HOST: &str = "/run";
/// The container's root in the bundle.
const ROOT: &str = "rootfs";
/// Bytes of a hook's output that an error shows.
const MOST_OUTPUT: u64 = 4096;

/// The hooks of a container, and what they need.
#[derive(Debug)]
pub struct Hooks {
    hooks: Vec<Hook>,
    /// The caller's root, a detached clone.
    host: OwnedFd,
    /// Directory of the host, absolute.
    bundle: PathBuf,
    /// `config.json`.
    config: Vec<u8>,
    /// The state without the pid, which only the child knows.
    id: String,
    version: String,
}

/// "State" of the runtime specification, which a hook reads from its standard input.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State<'a> {
    oci_version: &'a str,
    id: &'a str,
    status: &'a str,
    pid: u32,
    bundle: &'a Path,
}

impl Hooks {
    /// Prepares them in the parent.
    pub fn new(id: &str, spec: &Spec, hooks: &[Hook], host: OwnedFd, bundle: &Path) -> Result<Self> {
        if let Some(hook) = hooks.iter().find(|hook| !hook.path.is_absolute()) {
            return Err(Error::invalid(format!(
                "the path `{}` of a hook is not absolute",
                hook.path.display()
            )));
        }
        if !bundle.is_absolute() {
            return Err(Error::invalid(format!("the bundle `{}` is no absolute path", bundle.display())));
        }
        let read_only = spec.root.as_ref().is_some_and(|root| root.readonly);
        let root = Root { path: PathBuf::from(ROOT), readonly: read_only };
        let config = serde_json::to_vec(&Spec { root: Some(root), ..spec.clone() });
        Ok(Self {
            hooks: hooks.to_vec(),
            host,
            bundle: bundle.to_owned(),
            config: config.map_err(|error| Error::invalid(error.to_string()))?,
            id: id.to_owned(),
            version: spec.oci_version.clone(),
        })
    }

    /// Runs them one after the other, in the child, once everything is mounted at `root`.
    pub fn run(&self, proof: SingleThreaded, root: BorrowedFd<'_>) -> Result<()> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        self.set_stage(root).map_err(|errno| Error::sys("show the container to its hooks", errno))?;
        let state = State {
            oci_version: &self.version,
            id: &self.id,
            status: "creating",
            pid: std::process::id(),
            bundle: &self.bundle,
        };
        let state = serde_json::to_vec(&state).map_err(|error| Error::invalid(error.to_string()))?;
        for (number, hook) in self.hooks.iter().enumerate() {
            self.run_one(proof, hook, &state).map_err(|error| {
                let what = format!("error running createContainer hook #{number} `{}`", hook.path.display());
                let message = format!("{what}: {}", error.message);
                error.message(message)
            })?;
        }
        Ok(())
    }

    /// The root moves: a second mount of it would not have what a hook mounts.
    fn set_stage(&self, root: BorrowedFd<'_>) -> nix::Result<()> {
        let host = self.host.as_fd();
        // A clone of a shared mount is shared with the host's: what is mounted here would be there, too.
        mount::set_attributes(host, 0, 0, Some(Propagation::Private), true)?;
        let here = open(HOST, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        mount::attach(host, here.as_fd())?;
        let context = Context::open(c"tmpfs")?;
        context.string(c"mode", c"0700")?;
        context.create()?;
        let bundle = context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC;
        let config = openat(&bundle, "config.json", flags, Mode::S_IRUSR)?;
        std::fs::File::from(config).write_all(&self.config).map_err(errno_of)?;
        mkdirat(&bundle, ROOT, Mode::S_IRWXU)?;
        let place = open_in_root(host, &self.bundle, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        mount::attach(bundle.as_fd(), place.as_fd())?;
        mount::attach_at(root, bundle.as_fd(), c"rootfs")
    }

    fn run_one(&self, proof: SingleThreaded, hook: &Hook, state: &[u8]) -> Result<()> {
        let fail = |errno| Error::sys("start it", errno);
        let file = || memfd_create(c"hook", MFdFlags::MFD_CLOEXEC).map(std::fs::File::from).map_err(fail);
        let (mut input, output) = (file()?, file()?);
        let written = input.write_all(state).and_then(|()| input.rewind());
        written.map_err(|error| fail(errno_of(error)))?;
        match clone_process(proof, CloneFlags::empty(), None).map_err(fail)? {
            Cloned::Child => {
                let error = self.execute(hook, input.as_fd(), output.as_fd());
                let _ = (&output).write_all(error.message.as_bytes());
                exit_now(127)
            }
            Cloned::Parent(pid, pidfd) => {
                let status = await_end(pid, &pidfd, hook.timeout)?;
                match status {
                    WaitStatus::Exited(_, 0) => Ok(()),
                    WaitStatus::Exited(_, code) => Err(failed(&format!("exit status {code}"), output)),
                    WaitStatus::Signaled(_, signal, _) => Err(failed(&format!("signal: {signal}"), output)),
                    other => Err(failed(&format!("{other:?}"), output)),
                }
            }
        }
    }

    /// Becomes the hook. Returns only when that failed.
    fn execute(&self, hook: &Hook, input: BorrowedFd<'_>, output: BorrowedFd<'_>) -> Error {
        let become_it = || -> Result<std::convert::Infallible> {
            let path = c_string(&hook.path.to_string_lossy())?;
            let mut arguments = hook.args.iter().map(|text| c_string(text)).collect::<Result<Vec<_>>>()?;
            if arguments.is_empty() {
                arguments.push(path.clone());
            }
            let environment = hook.env.iter().map(|text| c_string(text)).collect::<Result<Vec<_>>>()?;
            let bundle = CString::new(self.bundle.as_os_str().as_bytes())
                .map_err(|_| Error::invalid("the bundle's path contains a zero byte"))?;
            let fail = |errno| Error::sys("enter the host's root", errno);
            fchdir(&self.host).map_err(fail)?;
            chroot(".").map_err(fail)?;
            nix::unistd::chdir(bundle.as_c_str()).map_err(fail)?;
            for (number, fd) in [(0, input), (1, output), (2, output)] {
                fds::place(fd, number).map_err(|errno| Error::sys("place standard streams", errno))?;
            }
            fds::cloexec_from(3).map_err(|errno| Error::sys("close_range", errno))?;
            prctl::set_pdeathsig(Signal::SIGKILL).map_err(fail)?;
            signals::default_all();
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).map_err(fail)?;
            execve(&path, &arguments, &environment).map_err(|errno| Error::sys("execve", errno))
        };
        match become_it() {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }
}

/// Waits for the end, and makes it come when the time is over.
fn await_end(pid: Pid, pidfd: &OwnedFd, timeout: Option<u32>) -> Result<WaitStatus> {
    let fail = |errno| Error::sys("wait for it", errno);
    if let Some(seconds) = timeout {
        let begun = std::time::Instant::now();
        let whole = std::time::Duration::from_secs(seconds.into());
        loop {
            let left = whole.saturating_sub(begun.elapsed());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], left) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(fail(errno)),
                Ok(0) if begun.elapsed() < whole => {}
                Ok(0) => {
                    let _ = pidfd::kill(pidfd.as_fd());
                    let _ = waitpid(pid, None);
                    let message = format!("it did not end within {seconds} s");
                    return Err(Error::new(Kind::Timeout, message));
                }
                Ok(_) => break,
            }
        }
    }
    loop {
        match waitpid(pid, None) {
            Err(Errno::EINTR) => {}
            other => return other.map_err(fail),
        }
    }
}

fn failed(how: &str, mut output: std::fs::File) -> Error {
    let mut said = Vec::new();
    let _ = output.rewind().and_then(|()| output.take(MOST_OUTPUT).read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said);
    Error::new(Kind::System, format!("{how}: {}", said.trim()))
}

fn errno_of(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
