//! What launcher and shims need of the host, kept as descriptors, and the lean namespace they live in.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{chdir, pivot_root};
use rocker_core::cgroup::Hierarchies;
use rocker_core::container::Overlay;
use rocker_core::{Error, Result, container};
use rocker_sys::clone::SingleThreaded;
use rocker_sys::mount::{self as mounts, Context, attr};

/// Where the run root is mounted in the lean namespace.
pub const RUN: &str = "/run";

/// The host, as far as a shim sees it.
#[derive(Debug)]
pub struct Host {
    /// Proof that this process may clone itself.
    pub proof: SingleThreaded,
    /// The cgroup hierarchies.
    pub hierarchies: Hierarchies,
    /// The run root.
    pub run: OwnedFd,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Capabilities that can be given away.
    pub capabilities: u64,
    /// How overlay takes its directories.
    pub overlay: Overlay,
    /// A procfs of the engine's own, mounted nowhere.
    pub proc: OwnedFd,
}

impl Host {
    /// Opens everything while the host's file system is still visible.
    pub fn open(run: &Path) -> Result<Self> {
        let proof = SingleThreaded::prove().map_err(|errno| Error::sys("count threads", errno))?;
        let boot_id = "/proc/sys/kernel/random/boot_id";
        let boot_id =
            std::fs::read_to_string(boot_id).map_err(|error| Error::io_at("read", boot_id, &error))?;
        let hierarchies = Hierarchies::detect()?;
        let capabilities = rocker_sys::caps::get().map_err(|errno| Error::sys("capget", errno))?;
        let run = open(run, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open", run, errno))?;
        Ok(Self {
            proof,
            hierarchies,
            run,
            boot_id: boot_id.trim().to_owned(),
            capabilities: capabilities.permitted,
            overlay: Overlay::ByPath,
            proc: own_procfs().map_err(|errno| Error::sys("mount a procfs of one's own", errno))?,
        })
    }

    /// Moves into a mount namespace that holds nothing but an empty tmpfs and the run root.
    ///
    /// A new mount namespace costs 1.4 us for each mount it copies, a start pays that twice, and what is not
    /// there cannot leak into a container.
    pub fn make_lean(&mut self, run: &Path) -> Result<()> {
        let fail = |step: &'static str| move |errno| Error::sys(step, errno);
        unshare(CloneFlags::CLONE_NEWNS).map_err(fail("unshare mount namespace"))?;
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .map_err(fail("make mounts private"))?;
        // Opened anew: a descriptor of the old namespace's mount cannot be cloned in this one (EINVAL).
        let point = open(run, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open", run, errno))?;
        let run_tree = mounts::clone_tree(point.as_fd(), c"", false).map_err(fail("clone the run root"))?;
        let context = Context::open(c"tmpfs").map_err(fail("fsopen tmpfs"))?;
        context.string(c"mode", c"0755").map_err(fail("configure tmpfs"))?;
        context.string(c"size", c"64k").map_err(fail("configure tmpfs"))?;
        context.create().map_err(fail("create tmpfs"))?;
        let root = context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC).map_err(fail("fsmount tmpfs"))?;
        let directories = [container::MOUNT_POINT, RUN].map(|path| path.trim_start_matches('/'));
        for directory in directories {
            mkdirat(&root, directory, Mode::from_bits_truncate(0o755)).map_err(fail("make a mount point"))?;
        }
        self.overlay = Overlay::detect(root.as_fd(), directories);
        mounts::attach(root.as_fd(), point.as_fd()).map_err(fail("attach tmpfs"))?;
        nix::unistd::fchdir(&root).map_err(fail("enter the lean root"))?;
        pivot_root(".", ".").map_err(fail("pivot_root"))?;
        umount2(".", MntFlags::MNT_DETACH).map_err(fail("unmount the host"))?;
        chdir("/").map_err(fail("chdir"))?;
        mounts::attach_at(run_tree.as_fd(), root.as_fd(), c"run").map_err(fail("attach the run root"))?;
        self.run = run_tree;
        Ok(())
    }
}

fn own_procfs() -> nix::Result<OwnedFd> {
    let context = Context::open(c"proc")?;
    context.create()?;
    context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC)
}
