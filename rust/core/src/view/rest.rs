//! The root of a container that does not run, mounted as its start would, in a mount namespace of one thread.
//!
//! To be read, its own changes are one more lower layer: nothing is in use then, and it may be started meanwhile. To
//! be written, they are the upper layer as ever, and its lock is held.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, Flock, FlockArg, OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount as mount_at, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, fstat};
use rocker_sys::mount as mounts;

use super::{Access, Request};
use crate::client::source_of;
use crate::container::overlay::{Overlay, mount_overlay};
use crate::container::{MountOptions, Planned, attach_bind, fill_volume};
use crate::{Error, Kind, Result};

/// Holds the namespace; letting go of it unmounts everything before it returns.
#[derive(Debug)]
pub(super) struct Keeper {
    hold: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.hold.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes the lock that a shim holds: nobody starts the container meanwhile. None: it is taken.
pub(super) fn lock(run: &Path, id: &str) -> Result<Option<Flock<File>>> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let directory = run.join("containers").join(id);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
    made.map_err(|error| Error::io_at("make", &directory, &error))?;
    let path = directory.join("shim.lock");
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(|error| Error::io_at("open", &path, &error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(Error::at("lock", &path, errno)),
    }
}

/// Mounts the container's root, and what the request mounts in it.
pub(super) fn mount(root: &Path, request: &Request, access: Access) -> Result<(Keeper, OwnedFd)> {
    let (hold, held) = channel::<()>();
    let (answer, answered) = channel();
    let plan = Plan::new(root, request, access)?;
    let thread = std::thread::spawn(move || {
        let mut made = Vec::new();
        let _ = answer.send(plan.mount(&mut made));
        drop(answer);
        // Until the sender is dropped.
        let _ = held.recv();
        for place in made.iter().rev() {
            // Not lazily: whoever mounts this upper directory next finds it unused.
            if umount2(place, MntFlags::UMOUNT_NOFOLLOW).is_err() {
                let _ = umount2(place, MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH);
            }
        }
    });
    let keeper = Keeper { hold: Some(hold), thread: Some(thread) };
    let opened = answered.recv().map_err(|_| Error::new(Kind::System, "the mounting thread panicked"))?;
    Ok((keeper, opened?))
}

/// Everything by path, and the sources opened already, in the caller's own namespace.
struct Plan {
    access: Access,
    /// The container's own directory, over which its root is mounted.
    place: PathBuf,
    /// Covered by a tmpfs with the mount points that the root may lack.
    scratch: PathBuf,
    /// Lowest first.
    lower: Vec<PathBuf>,
    /// The lowest, without which it is tried again where the layers are not beside each other.
    base: Option<PathBuf>,
    mounts: Vec<Planned>,
}

impl Plan {
    fn new(root: &Path, request: &Request, access: Access) -> Result<Self> {
        let place = root.join("containers").join(&request.id);
        let rootfs = &request.rootfs;
        let mut lower: Vec<PathBuf> = rootfs.directory.iter().map(PathBuf::from).collect();
        lower.extend(rootfs.layers.iter().map(|layer| root.join(layer)));
        let upper = place.join("upper");
        if matches!(access, Access::Read | Access::Root) && upper.exists() {
            lower.push(upper);
        }
        let mut planned = Vec::new();
        if matches!(access, Access::Read | Access::Write) {
            for mount in &request.mounts {
                let Some(source) = source_of(mount)? else { continue };
                let options = MountOptions::parse(&mount.options)?;
                let (tree, volume) = (Some(source.tree), source.directory);
                planned.push(Planned { mount: mount.clone(), options, tree, volume });
            }
        }
        let base = rootfs.base.as_ref().map(|base| root.join(base));
        Ok(Self { access, place, scratch: root.join("tmp"), lower, base, mounts: planned })
    }

    /// On a thread of its own. What is mounted is added to `made`, for a failure too.
    fn mount(mut self, made: &mut Vec<PathBuf>) -> Result<OwnedFd> {
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS).map_err(|errno| {
            Error::sys("make a mount namespace", errno).hint("root with CAP_SYS_ADMIN is needed")
        })?;
        let no = None::<&str>;
        mount_at(no, "/", no, MsFlags::MS_REC | MsFlags::MS_PRIVATE, no)
            .map_err(|errno| Error::sys("make mounts private", errno))?;
        let write = self.access == Access::Write;
        let upper = write.then(|| (self.place.join("upper"), self.place.join("work")));
        for directory in upper.iter().flat_map(|(upper, work)| [upper, work]) {
            make_directory(directory)?;
        }
        let mut lower = Vec::new();
        if !write && !self.mounts.is_empty() {
            lower.push(self.mount_points(made)?);
        }
        let first = lower.len();
        lower.extend(self.base.take());
        lower.append(&mut self.lower);
        let overlay = Overlay { lower, upper, volatile: false };
        self.mount_layers(overlay, first)?;
        made.push(self.place.clone());
        let root = open(&self.place, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open", &self.place, errno))?;
        for planned in &self.mounts {
            fill_volume(root.as_fd(), planned, &|| Ok(()))?;
        }
        for planned in &self.mounts {
            self.attach(root.as_fd(), planned, write)?;
        }
        Ok(root)
    }

    /// `first`: where the base layer is, which is left out where it lies within another.
    fn mount_layers(&self, mut overlay: Overlay, first: usize) -> Result<()> {
        if let ([one], None) = (overlay.lower.as_slice(), &overlay.upper) {
            return bind_alone(one, &self.place);
        }
        match mount_overlay(&self.place, &overlay) {
            Err(error) if error.errno == Some(Errno::ELOOP as i32) && overlay.lower.len() > first + 1 => {
                overlay.lower.remove(first);
                match (overlay.lower.as_slice(), &overlay.upper) {
                    ([one], None) => bind_alone(one, &self.place),
                    _ => mount_overlay(&self.place, &overlay),
                }
            }
            other => other,
        }
    }

    /// A tmpfs with a file or directory for every mount: the lowest layer, where the container's own has none.
    fn mount_points(&self, made: &mut Vec<PathBuf>) -> Result<PathBuf> {
        mount_at(Some("tmpfs"), &self.scratch, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
            .map_err(|errno| Error::at("mount a tmpfs on", &self.scratch, errno))?;
        made.push(self.scratch.clone());
        for planned in &self.mounts {
            let place = planned.mount.destination.strip_prefix("/").unwrap_or(&planned.mount.destination);
            let place = self.scratch.join(place);
            let fail = |error: std::io::Error| Error::io_at("make", &place, &error);
            if is_directory(planned) {
                std::fs::create_dir_all(&place).map_err(fail)?;
            } else {
                std::fs::create_dir_all(place.parent().unwrap_or(&self.scratch)).map_err(fail)?;
                File::create(&place).map_err(fail)?;
            }
        }
        Ok(self.scratch.clone())
    }

    fn attach(&self, root: BorrowedFd<'_>, planned: &Planned, write: bool) -> Result<()> {
        let Some(tree) = &planned.tree else { return Ok(()) };
        match attach_bind(root, planned, tree.as_fd()) {
            // A place that cannot be made where nothing is written is in nobody's way.
            Err(error) if !write && error.errno == Some(Errno::EROFS as i32) => Ok(()),
            other => other,
        }
    }
}

fn is_directory(planned: &Planned) -> bool {
    let kind = planned.tree.as_ref().and_then(|tree| fstat(tree).ok()).map(|stat| stat.st_mode);
    kind.is_none_or(|mode| mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits())
}

fn make_directory(path: &Path) -> Result<()> {
    match nix::unistd::mkdir(path, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(Error::at("make directory", path, errno)),
    }
}

fn bind_alone(source: &Path, place: &Path) -> Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let name = std::ffi::CString::new(source.as_os_str().as_bytes())
        .map_err(|_| Error::invalid("a path with a zero byte"))?;
    let fail = |errno| Error::at("show", source, errno);
    let tree = mounts::clone_tree(AT_FDCWD, &name, false).map_err(fail)?;
    let target =
        open(place, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).map_err(fail)?;
    mounts::attach(tree.as_fd(), target.as_fd()).map_err(fail)
}
