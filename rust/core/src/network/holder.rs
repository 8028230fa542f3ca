//! Who has a port of the host that is not free: for the error that names them.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::dir::Dir;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::protocol::{Port, Protocol, STATE_FILE, State};

/// Who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A container of this engine: its id.
    Container(String),
    /// The shim of another engine's container: its pid.
    Shim(i32),
    /// Another process: pid and name.
    Process(i32, String),
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(id) => write!(out, "container {} publishes it", id.get(..12).unwrap_or(id)),
            Self::Shim(pid) => write!(out, "another engine's container publishes it: its shim is pid {pid}"),
            Self::Process(pid, name) => write!(out, "{name}, pid {pid}, has it"),
        }
    }
}

/// Whether two ports cannot both be bound.
pub fn clashes(one: &Port, other: &Port) -> bool {
    let same = |a: IpAddr, b: IpAddr| {
        a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
    };
    (one.protocol, one.host_port) == (other.protocol, other.host_port) && same(one.host_ip, other.host_ip)
}

/// Looks among the states below the run root, then among the sockets of this network namespace.
pub fn find(port: &Port, proc: BorrowedFd<'_>, run: BorrowedFd<'_>) -> Option<Holder> {
    container(port, run).or_else(|| process(port, proc))
}

fn container(port: &Port, run: BorrowedFd<'_>) -> Option<Holder> {
    let containers = directory(run, "containers")?;
    names(&containers)?.into_iter().find_map(|id| {
        let state: State =
            serde_json::from_str(&read(containers.as_fd(), &format!("{id}/{STATE_FILE}"))?).ok()?;
        let has = state.network.as_ref()?.ports.iter().any(|other| clashes(other, port));
        (has && !state.has_ended() && state.shim_pid != std::process::id().cast_signed())
            .then_some(Holder::Container(id))
    })
}

fn process(port: &Port, proc: BorrowedFd<'_>) -> Option<Holder> {
    let table = match (port.protocol, port.host_ip.is_ipv6()) {
        (Protocol::Tcp, false) => &["tcp", "tcp6"][..],
        (Protocol::Tcp, true) => &["tcp6"],
        (Protocol::Udp, false) => &["udp", "udp6"],
        (Protocol::Udp, true) => &["udp6"],
        (Protocol::Sctp, _) => return None,
    };
    let inodes: Vec<u64> = table
        .iter()
        .filter_map(|name| read(proc, &format!("thread-self/net/{name}")))
        .flat_map(|text| sockets(&text, port))
        .collect();
    owner(proc, &inodes)
}

/// The inodes of the sockets of `/proc/net/tcp` and its like (proc(5)) that are bound to the port: listeners of TCP.
fn sockets(table: &str, port: &Port) -> Vec<u64> {
    const LISTEN: &str = "0A";
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        let listens = port.protocol != Protocol::Tcp || *fields.get(3)? == LISTEN;
        let inode = fields.get(9)?.parse().ok()?;
        (number == port.host_port && listens && inode != 0).then_some(inode)
    };
    table.lines().skip(1).filter_map(inode).collect()
}

fn owner(proc: BorrowedFd<'_>, inodes: &[u64]) -> Option<Holder> {
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = directory(proc, ".")?;
    for name in names(&processes)? {
        let Ok(pid) = name.parse::<i32>() else { continue };
        let Some(files) = directory(proc, &format!("{pid}/fd")) else { continue };
        let is_it = |file: &String| {
            readlinkat(&files, file.as_str()).is_ok_and(|link| wanted.iter().any(|one| link == one.as_str()))
        };
        if names(&files)?.iter().any(is_it) {
            let comm = read(proc, &format!("{pid}/comm")).unwrap_or_default().trim_end().to_owned();
            return Some(if comm == "rocker-shim" { Holder::Shim(pid) } else { Holder::Process(pid, comm) });
        }
    }
    None
}

fn directory(at: BorrowedFd<'_>, path: &str) -> Option<OwnedFd> {
    openat(at, path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

fn names(directory: &OwnedFd) -> Option<Vec<String>> {
    let mut entries = Dir::from_fd(directory.as_fd().try_clone_to_owned().ok()?).ok()?;
    let names = entries.iter().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Some(names.filter(|name| name != "." && name != "..").collect())
}

fn read(at: BorrowedFd<'_>, path: &str) -> Option<String> {
    let file = openat(at, path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(file).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(host_ip: &str, host_port: u16) -> Port {
        Port { protocol: Protocol::Tcp, host_ip: host_ip.parse().unwrap(), host_port, container_port: 80 }
    }

    #[test]
    fn the_process_that_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = port("0.0.0.0", listener.local_addr().unwrap().port());
        let proc = File::open("/proc").unwrap();
        let empty = tempfile::tempdir().unwrap();
        let run = File::open(empty.path()).unwrap();
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap().trim_end().to_owned();
        let found = find(&wanted, proc.as_fd(), run.as_fd());
        assert_eq!(found, Some(Holder::Process(std::process::id().cast_signed(), comm)));
        drop(listener);
        assert_eq!(find(&wanted, proc.as_fd(), run.as_fd()), None);
    }

    #[test]
    fn ports_clash_where_their_addresses_meet() {
        assert!(clashes(&port("0.0.0.0", 80), &port("127.0.0.1", 80)));
        assert!(!clashes(&port("127.0.0.2", 80), &port("127.0.0.1", 80)));
        assert!(!clashes(&port("::", 80), &port("0.0.0.0", 80)));
        assert!(!clashes(&port("::", 80), &port("::", 81)));
    }
}
