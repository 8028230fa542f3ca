//! A pseudo-terminal of the container's own devpts, `pty(7)`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid, fchown};
use rocker_sys::{fds, mount, tty};

use super::path::open_without_links;
use crate::spec::ConsoleSize;
use crate::{Error, Result};

/// Both ends of a terminal.
#[derive(Debug)]
pub struct Terminal {
    /// Kept by the shim.
    pub master: OwnedFd,
    /// Becomes the program's 0, 1 and 2.
    pub slave: OwnedFd,
}

/// Opens a new terminal below the root's `/dev/pts`.
pub fn open(root: BorrowedFd<'_>, size: Option<ConsoleSize>) -> Result<Terminal> {
    let multiplexer = Path::new("/dev/pts/ptmx");
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY;
    let master = open_without_links(root, multiplexer, flags)
        .map_err(|errno| Error::at("open", multiplexer, errno))?;
    let number = tty::unlock(master.as_fd()).map_err(|errno| Error::sys("unlock terminal", errno))?;
    let name = format!("/dev/pts/{number}");
    let slave =
        open_without_links(root, Path::new(&name), flags).map_err(|errno| Error::at("open", &name, errno))?;
    if let Some(size) = size.filter(|size| size.height != 0 || size.width != 0) {
        tty::set_window_size(master.as_fd(), size.height, size.width)
            .map_err(|errno| Error::sys("set the terminal's size", errno))?;
    }
    Ok(Terminal { master, slave })
}

/// Binds the terminal to `/dev/console` of a `/dev` of our own.
pub fn bind_console(dev: BorrowedFd<'_>, slave: BorrowedFd<'_>) -> Result<()> {
    let fail = |errno| Error::at("bind terminal", "/dev/console", errno);
    let tree = mount::clone_tree(slave, c"", false).map_err(fail)?;
    mount::attach_at(tree.as_fd(), dev, c"console").map_err(fail)
}

/// Makes the terminal the controlling one of this session and its standard streams, owned by the user.
pub fn take(slave: &OwnedFd, uid: u32) -> Result<()> {
    tty::make_controlling(slave.as_fd()).map_err(|errno| Error::sys("take the terminal", errno))?;
    place(slave, uid)
}

/// Makes the terminal the standard streams of this process, owned by the user.
pub fn place(slave: &OwnedFd, uid: u32) -> Result<()> {
    // The group is devpts' own option `gid=5`; only the owner changes (grantpt(3)).
    let _ = fchown(slave, Some(Uid::from_raw(uid)), None::<Gid>);
    for number in 0..3 {
        fds::place(slave.as_fd(), number).map_err(|errno| Error::sys("place the terminal", errno))?;
    }
    Ok(())
}
