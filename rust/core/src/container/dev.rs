//! A `/dev` of our own: a tmpfs filled through its descriptor before anybody can see it.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, makedev, mkdirat, mknodat};
use nix::unistd::{Gid, Uid, fchownat, symlinkat};

use crate::spec::{Device, DeviceType};
use crate::{Error, Result};

/// The devices that every container has: name, major, minor (specification, "Default Devices").
const NODES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
    ("/proc/kcore", "core"),
];

/// Fills the tmpfs: nodes, links, mount points of the file systems below it.
pub fn populate(dev: BorrowedFd<'_>, devices: &[Device], console: bool) -> Result<()> {
    for (name, major, minor) in NODES {
        node(dev, Path::new(name), SFlag::S_IFCHR, 0o666, makedev(major, minor))?;
    }
    for (target, name) in LINKS {
        symlinkat(target, dev, name).map_err(|errno| Error::at("link", name, errno))?;
    }
    for name in ["pts", "shm", "mqueue"] {
        mkdirat(dev, name, Mode::from_bits_truncate(0o755))
            .map_err(|errno| Error::at("make", name, errno))?;
    }
    if console {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        openat(dev, "console", flags, Mode::from_bits_truncate(0o600))
            .map_err(|errno| Error::at("make", "/dev/console", errno))?;
    }
    devices.iter().try_for_each(|device| additional(dev, device))
}

fn additional(dev: BorrowedFd<'_>, device: &Device) -> Result<()> {
    let Ok(relative) = device.path.strip_prefix("/dev") else {
        return Err(Error::unsupported(format!("device `{}` does not lie in /dev", device.path.display())));
    };
    if NODES.iter().any(|(name, ..)| relative == Path::new(name)) || relative.as_os_str().is_empty() {
        return Ok(());
    }
    make_parents(dev, relative)?;
    let kind = match device.kind {
        DeviceType::Block => SFlag::S_IFBLK,
        DeviceType::Char => SFlag::S_IFCHR,
        DeviceType::Fifo => SFlag::S_IFIFO,
        DeviceType::All => return Err(Error::invalid("a device node needs the type b, c, u or p")),
    };
    let number = match (u64::try_from(device.major), u64::try_from(device.minor)) {
        (Ok(major), Ok(minor)) => makedev(major, minor),
        _ => return Err(Error::invalid(format!("device `{}` has a negative number", device.path.display()))),
    };
    node(dev, relative, kind, device.file_mode.unwrap_or(0o666) & 0o7777, number)?;
    let owner = (device.uid.unwrap_or(0), device.gid.unwrap_or(0));
    if owner != (0, 0) {
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        fchownat(dev, relative, Some(uid), Some(gid), nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| Error::at("chown device", &device.path, errno))?;
    }
    Ok(())
}

fn make_parents(dev: BorrowedFd<'_>, relative: &Path) -> Result<()> {
    let mut so_far = std::path::PathBuf::new();
    for component in relative.parent().into_iter().flat_map(Path::components) {
        let Component::Normal(name) = component else {
            return Err(Error::invalid(format!("device path `/dev/{}` has `..`", relative.display())));
        };
        so_far.push(name);
        match mkdirat(dev, &so_far, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::at("make device directory", &so_far, errno)),
        }
    }
    Ok(())
}

/// The umask takes bits from mknod(2), so the mode is set again.
fn node(dev: BorrowedFd<'_>, name: &Path, kind: SFlag, mode: u32, number: u64) -> Result<()> {
    let mode = Mode::from_bits_truncate(mode);
    match mknodat(dev, name, kind, mode, number) {
        Ok(()) => {}
        Err(Errno::EEXIST) => return Ok(()),
        Err(errno) => return Err(Error::at("make device", Path::new("/dev").join(name), errno)),
    }
    if mode.intersects(Mode::from_bits_truncate(0o022)) {
        fchmodat(dev, name, mode, FchmodatFlags::FollowSymlink)
            .map_err(|errno| Error::at("chmod device", Path::new("/dev").join(name), errno))?;
    }
    Ok(())
}

/// Whether `/dev/null` below the root really is the null device (CVE-2025-31133: a link there moves masks).
pub fn null_is_null(file: BorrowedFd<'_>) -> Result<()> {
    let stat = nix::sys::stat::fstat(file).map_err(|errno| Error::at("look at", "/dev/null", errno))?;
    let char_device = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR;
    if char_device && stat.st_rdev == makedev(1, 3) {
        return Ok(());
    }
    Err(Error::invalid("`/dev/null` in the container is not the null device"))
}

/// Opens a node of a `/dev` of our own.
pub fn open_node(dev: BorrowedFd<'_>, name: &str, flags: OFlag) -> Result<std::os::fd::OwnedFd> {
    openat(dev.as_fd(), name, flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty())
        .map_err(|errno| Error::at("open", Path::new("/dev").join(name), errno))
}
