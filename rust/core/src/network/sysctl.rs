//! Parameters of links and of the host's forwarding, below a procfs that shows the caller's network namespace.

use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::{Error, Result};

/// Sets `sys/net/…`. Writing what it holds already is avoided: some parameters act on every write.
pub fn set(proc: BorrowedFd<'_>, path: &str, value: &str) -> Result<()> {
    if get(proc, path).is_ok_and(|now| now == value) {
        return Ok(());
    }
    let fail = |errno| Error::at("set", format!("/proc/sys/net/{path}"), errno);
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let file = openat(proc, format!("sys/net/{path}").as_str(), flags, Mode::empty()).map_err(fail)?;
    nix::unistd::write(file.as_fd(), value.as_bytes()).map(drop).map_err(fail)
}

/// The same, but a kernel without the parameter is no failure: one that lacks IPv6 has none to switch off.
pub fn set_if_there(proc: BorrowedFd<'_>, path: &str, value: &str) -> Result<()> {
    match set(proc, path, value) {
        Err(error) if error.errno == Some(Errno::ENOENT as i32) => Ok(()),
        other => other,
    }
}

/// What `sys/net/…` holds.
pub fn get(proc: BorrowedFd<'_>, path: &str) -> Result<String> {
    let fail = |errno| Error::at("read", format!("/proc/sys/net/{path}"), errno);
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let file = openat(proc, format!("sys/net/{path}").as_str(), flags, Mode::empty()).map_err(fail)?;
    let mut text = String::new();
    std::fs::File::from(file)
        .read_to_string(&mut text)
        .map_err(|error| Error::io_at("read", format!("/proc/sys/net/{path}"), &error))?;
    Ok(text.trim_end().to_owned())
}

/// Switches the forwarding of a family on.
pub fn forward(proc: BorrowedFd<'_>, six: bool) -> Result<()> {
    if !six {
        return set(proc, "ipv4/ip_forward", "1");
    }
    if get(proc, "ipv6/conf/all/forwarding")? == "1" {
        return Ok(());
    }
    // A router listens to no other router's advertisements unless told to (accept_ra 2): a host that has its own
    // default route from one would lose it.
    for link in links_of_ipv6(proc) {
        let path = format!("ipv6/conf/{link}/accept_ra");
        if get(proc, &path).is_ok_and(|value| value == "1") {
            set_if_there(proc, &path, "2")?;
        }
    }
    set(proc, "ipv6/conf/all/forwarding", "1")
}

fn links_of_ipv6(proc: BorrowedFd<'_>) -> Vec<String> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut directory) = nix::dir::Dir::openat(proc, "sys/net/ipv6/conf", flags, Mode::empty()) else {
        return Vec::new();
    };
    let names = directory.iter().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !matches!(name.as_str(), "." | ".." | "all" | "default" | "lo")).collect()
}
