//! From a prepared container to its program: limits, user, capabilities, filter, execve.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use rocker_sys::{caps, fds, seccomp, signals};

use super::capability::Masks;
use super::user;
use crate::spec::{Process, Rlimit, User};
use crate::{Error, Kind, Result};

/// A program, checked as far as that can be done outside the container.
#[derive(Debug)]
pub struct Program {
    /// The specification's process.
    pub process: Process,
    /// Its capabilities.
    pub masks: Masks,
    /// A compiled filter; empty for none.
    pub filter: Vec<u8>,
    /// Flags of `seccomp(2)`.
    pub filter_flags: u32,
    /// `name[:group]` to look up, if not the numbers of the specification.
    pub user: Option<String>,
    /// Additional groups to look up.
    pub groups: Vec<String>,
}

/// The program with its user known, ready for [`Ready::become_program`].
#[derive(Debug)]
pub struct Ready<'a> {
    program: &'a Program,
    /// Numeric user and groups.
    pub user: User,
    environment: Vec<CString>,
}

impl Program {
    /// Does what only the host's root may, for a process that is about to enter a user namespace: `oom_score_adj`, and
    /// hard limits that are raised. `proc` is a procfs in which this process has a number.
    pub fn take_what_needs_the_host(&self, proc: BorrowedFd<'_>) -> Result<()> {
        if let Some(score) = self.process.oom_score_adj {
            super::init::write_oom_score(proc, "self", score)?;
        }
        raise_limits(&self.process.rlimits)
    }

    /// Looks up user, groups and home in the container below `root`.
    pub fn look_up(&self, root: BorrowedFd<'_>) -> Result<Ready<'_>> {
        let mut user = self.process.user.clone();
        let home_given = self.process.env.iter().any(|entry| entry.starts_with("HOME="));
        let mut home = None;
        if self.user.is_some() || !self.groups.is_empty() {
            let wanted = self.user.clone().unwrap_or_else(|| format!("{}:{}", user.uid, user.gid));
            let found = user::look_up(root, &wanted, &self.groups)?;
            let umask = user.umask;
            user = User { umask, ..found.user };
            home = Some(found.home);
        } else if !home_given {
            home = Some(user::home_of(root, user.uid)?);
        }
        let mut environment = Vec::with_capacity(self.process.env.len() + 1);
        for entry in &self.process.env {
            environment.push(c_string(entry)?);
        }
        if let Some(home) = home.filter(|_| !home_given) {
            environment.push(c_string(&format!("HOME={home}"))?);
        }
        Ok(Ready { program: self, user, environment })
    }
}

impl Ready<'_> {
    /// Enters the working directory; with `make` it is made if it is missing, as Docker does at the start alone.
    ///
    /// `/proc/self/fd/N` and other magic links are not followed out of the root (CVE-2024-21626).
    pub fn enter_directory(&self, root: BorrowedFd<'_>, make: bool) -> Result<()> {
        let cwd = Path::new(&self.program.process.cwd);
        let cwd = if cwd.as_os_str().is_empty() { Path::new("/") } else { cwd };
        if !cwd.is_absolute() {
            return Err(Error::invalid(format!(
                "the working directory `{}` is invalid, it needs to be an absolute path",
                cwd.display()
            )));
        }
        let fail = |errno| match errno {
            Errno::ENOTDIR => Error::at("enter working directory", cwd, errno)
                .message(format!("the working directory `{}` is not a directory", cwd.display())),
            Errno::ENOENT => Error::at("enter working directory", cwd, errno)
                .message(format!("the working directory `{}` is not in the container", cwd.display()))
                .hint("make it first, or leave out -w"),
            _ => Error::at("enter working directory", cwd, errno),
        };
        let directory = if make {
            super::path::directory_in_root(root, cwd, false)
        } else {
            super::path::open_in_root(root, cwd, OFlag::O_PATH | OFlag::O_DIRECTORY)
        };
        let directory = directory.map_err(fail)?;
        nix::unistd::fchdir(&directory).map_err(fail)?;
        // A directory that lies outside the root has no path here (`(unreachable)` in getcwd(3)).
        match nix::unistd::getcwd() {
            Ok(path) if path.is_absolute() => Ok(()),
            _ => Err(Error::invalid(format!(
                "the working directory `{}` is outside the container",
                cwd.display()
            ))),
        }
    }

    /// Takes on limits, user and capabilities, does a last step, and runs the program. Returns only when that failed.
    pub fn become_program(self, last: impl FnOnce() -> Result<()>) -> Result<std::convert::Infallible> {
        let process = &self.program.process;
        let arguments = process.args.iter().map(|text| c_string(text)).collect::<Result<Vec<_>>>()?;
        let Some(name) = process.args.first().filter(|name| !name.is_empty()) else {
            return Err(Error::invalid("no command specified"));
        };
        set_limits(&process.rlimits)?;
        umask(Mode::from_bits_truncate(self.user.umask.unwrap_or(0o022)));
        fds::cloexec_from(3).map_err(|errno| Error::sys("close_range", errno))?;
        self.confine()?;
        last()?;
        signals::default_all();
        execute(name, &arguments, &self.environment)
    }

    /// Takes on user, capabilities and filter. Afterwards this process may do no more than the program.
    pub fn confine(&self) -> Result<()> {
        // Without no_new_privs loading a filter needs CAP_SYS_ADMIN, so it comes before the capabilities go;
        // with it, it comes last, so that the filter need not allow what happens in between.
        let last = self.program.process.no_new_privileges;
        if last {
            prctl::set_no_new_privs().map_err(|errno| Error::sys("set no_new_privs", errno))?;
        } else {
            self.load_filter()?;
        }
        self.take_user()?;
        // The program ends with its shim. Changing ids clears this, so it is set after them (prctl(2)).
        prctl::set_pdeathsig(Signal::SIGKILL)
            .map_err(|errno| Error::sys("set parent death signal", errno))?;
        if last { self.load_filter() } else { Ok(()) }
    }

    /// The same for a process that goes on without execve, which would take a user's capabilities but the ambient.
    pub fn confine_without_execve(&self) -> Result<()> {
        self.confine()?;
        set_rest(self.without_execve())
    }

    /// The capabilities that execve would leave a user; None for root, who keeps what it has.
    pub fn without_execve(&self) -> Option<caps::Sets> {
        let Masks { ambient, sets, .. } = self.program.masks;
        let rest = caps::Sets { effective: ambient, permitted: ambient, inheritable: sets.inheritable };
        (self.user.uid != 0).then_some(rest)
    }

    fn load_filter(&self) -> Result<()> {
        if self.program.filter.is_empty() {
            return Ok(());
        }
        seccomp::load(&self.program.filter, self.program.filter_flags)
            .map_err(|errno| Error::sys("load seccomp filter", errno))
    }

    /// Bounding set, groups, ids, the other sets: in this order, because each step needs what the next removes.
    fn take_user(&self) -> Result<()> {
        let fail = |step: &str| {
            let step = step.to_owned();
            move |errno| Error::sys(step, errno)
        };
        let masks = self.program.masks;
        caps::limit_bounding(masks.bounding).map_err(fail("drop bounding capabilities"))?;
        prctl::set_keepcaps(true).map_err(fail("keep capabilities"))?;
        let groups: Vec<Gid> = self.user.additional_gids.iter().copied().map(Gid::from_raw).collect();
        // Numbers are refused only where a user namespace does not have them.
        let unknown = |errno, what: &str, id: String| match errno {
            Errno::EINVAL => Error::sys(format!("set {what}"), errno)
                .kind(Kind::Invalid)
                .message(format!("{what} {id} is not in the container's user namespace"))
                .hint("--userns=auto:size=N gives it more than 65536"),
            _ => Error::sys(format!("set {what}"), errno),
        };
        let among = || format!("{:?}", self.user.additional_gids);
        setgroups(&groups).map_err(|errno| unknown(errno, "a group of", among()))?;
        let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
        setresgid(gid, gid, gid).map_err(|errno| unknown(errno, "group", self.user.gid.to_string()))?;
        setresuid(uid, uid, uid).map_err(|errno| unknown(errno, "user", self.user.uid.to_string()))?;
        prctl::set_keepcaps(false).map_err(fail("keep capabilities"))?;
        caps::set(masks.sets).map_err(fail("set capabilities"))?;
        caps::set_ambient(masks.ambient).map_err(fail("set ambient capabilities"))
    }
}

/// Takes on what [`Ready::without_execve`] says.
pub fn set_rest(rest: Option<caps::Sets>) -> Result<()> {
    rest.map_or(Ok(()), |sets| caps::set(sets).map_err(|errno| Error::sys("set capabilities", errno)))
}

/// Makes room for limits that are set later; where the host's root itself may not, they are clamped then.
fn raise_limits(limits: &[Rlimit]) -> Result<()> {
    for limit in limits {
        let resource = resource(&limit.kind)?;
        let (soft, hard) = getrlimit(resource).map_err(|errno| Error::sys("getrlimit", errno))?;
        if limit.hard > hard {
            let _ = setrlimit(resource, soft, limit.hard);
        }
    }
    Ok(())
}

/// Sets each limit; one whose hard limit cannot be raised (no CAP_SYS_RESOURCE) is clamped to what there is.
fn set_limits(limits: &[Rlimit]) -> Result<()> {
    for limit in limits {
        let resource = resource(&limit.kind)?;
        let (mut soft, mut hard) = (limit.soft, limit.hard);
        if soft > hard {
            return Err(Error::invalid(format!(
                "ulimit {}: the soft limit {soft} is higher than the hard limit {hard}",
                limit.kind
            )));
        }
        if setrlimit(resource, soft, hard) == Err(Errno::EPERM) {
            let (_, ceiling) = getrlimit(resource).map_err(|errno| Error::sys("getrlimit", errno))?;
            hard = hard.min(ceiling);
            soft = soft.min(hard);
            setrlimit(resource, soft, hard)
                .map_err(|errno| Error::sys(format!("set limit {}", limit.kind), errno))?;
        }
    }
    Ok(())
}

fn resource(name: &str) -> Result<Resource> {
    Ok(match name {
        "RLIMIT_AS" => Resource::RLIMIT_AS,
        "RLIMIT_CORE" => Resource::RLIMIT_CORE,
        "RLIMIT_CPU" => Resource::RLIMIT_CPU,
        "RLIMIT_DATA" => Resource::RLIMIT_DATA,
        "RLIMIT_FSIZE" => Resource::RLIMIT_FSIZE,
        "RLIMIT_LOCKS" => Resource::RLIMIT_LOCKS,
        "RLIMIT_MEMLOCK" => Resource::RLIMIT_MEMLOCK,
        "RLIMIT_MSGQUEUE" => Resource::RLIMIT_MSGQUEUE,
        "RLIMIT_NICE" => Resource::RLIMIT_NICE,
        "RLIMIT_NOFILE" => Resource::RLIMIT_NOFILE,
        "RLIMIT_NPROC" => Resource::RLIMIT_NPROC,
        "RLIMIT_RSS" => Resource::RLIMIT_RSS,
        "RLIMIT_RTPRIO" => Resource::RLIMIT_RTPRIO,
        "RLIMIT_RTTIME" => Resource::RLIMIT_RTTIME,
        "RLIMIT_SIGPENDING" => Resource::RLIMIT_SIGPENDING,
        "RLIMIT_STACK" => Resource::RLIMIT_STACK,
        _ => return Err(Error::invalid(format!("unknown resource limit `{name}`"))),
    })
}

/// Runs `name`, looked up in the environment's PATH unless it has a slash; says in words why it could not.
fn execute(name: &str, arguments: &[CString], environment: &[CString]) -> Result<std::convert::Infallible> {
    let mut refused = None;
    for candidate in candidates(name, environment)? {
        // An execve that finds nothing costs twice as much as this look.
        if is_missing(&candidate) {
            continue;
        }
        let Err(errno) = nix::unistd::execve(&candidate, arguments, environment);
        match errno {
            // PATH look-ups go on after a file that may not be executed, as execvp(3) does.
            Errno::EACCES if !name.contains('/') => refused = Some((candidate, errno)),
            _ => return Err(super::diagnosis::explain(&candidate, errno)),
        }
    }
    Err(match refused {
        Some((candidate, errno)) => super::diagnosis::explain(&candidate, errno),
        None => super::diagnosis::not_found(name),
    })
}

fn candidates(name: &str, environment: &[CString]) -> Result<Vec<CString>> {
    if name.contains('/') {
        return Ok(vec![c_string(name)?]);
    }
    let path = environment.iter().find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="));
    let path = String::from_utf8_lossy(
        path.unwrap_or(b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    path.split(':')
        .filter(|directory| !directory.is_empty())
        .map(|dir| c_string(&format!("{dir}/{name}")))
        .collect()
}

fn is_missing(path: &CStr) -> bool {
    // Without a descriptor: the limit of open files may be the one that the program is to have.
    let found = nix::unistd::access(path, nix::unistd::AccessFlags::F_OK);
    matches!(found, Err(Errno::ENOENT | Errno::ENOTDIR))
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::invalid("a command or environment entry contains a zero byte"))
}
