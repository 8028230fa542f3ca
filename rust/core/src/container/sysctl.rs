//! Kernel parameters of the container's own namespaces.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::spec::NamespaceType;
use crate::{Error, Result};

/// Names that an IPC namespace keeps for itself (`ipc_namespaces(7)`).
const IPC: [&str; 9] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.msg_next_id",
];

/// Checks every name against the namespaces that are the container's own.
///
/// Any other parameter is the host's. A name may use dots or, for a link with dots in its name, slashes.
pub fn check(sysctls: &BTreeMap<String, String>, own: &[NamespaceType]) -> Result<()> {
    sysctls.keys().try_for_each(|name| check_one(name, own))
}

fn check_one(name: &str, own: &[NamespaceType]) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let odd = name.split(['.', '/']).any(str::is_empty);
    if name.is_empty() || odd || !name.bytes().all(plain) {
        return Err(Error::invalid(format!("`{}` is no name of a sysctl", name.escape_debug())));
    }
    let needed = if name.starts_with("net.") {
        (NamespaceType::Network, "a network namespace of its own: not with --network host")
    } else if IPC.contains(&name) || name.starts_with("fs.mqueue.") {
        (NamespaceType::Ipc, "an IPC namespace of its own: not with --ipc host")
    } else if name == "kernel.hostname" || name == "kernel.domainname" {
        return Err(Error::invalid(format!("sysctl `{name}` is set with --hostname or --domainname")));
    } else {
        return Err(Error::invalid(format!(
            "sysctl `{name}` is not the container's own: the host would change"
        ))
        .hint("allowed: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*"));
    };
    if own.contains(&needed.0) {
        return Ok(());
    }
    Err(Error::invalid(format!("sysctl `{name}` needs {}", needed.1)))
}

/// Writes them through a procfs that nobody else can reach (T03), without links and never past its mount.
pub fn apply(proc: BorrowedFd<'_>, sysctls: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in sysctls {
        let path = format!("sys/{}", name.replace('.', "/"));
        let how = OpenHow::new().flags(OFlag::O_WRONLY | OFlag::O_CLOEXEC).resolve(
            ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV,
        );
        let fail = |errno| {
            let error = Error::at("set sysctl", name, errno).kind(crate::Kind::Invalid);
            let message =
                format!("cannot set sysctl `{name}` to `{}`: {}", value.escape_debug(), errno.desc());
            let error = error.message(message);
            match errno {
                Errno::ENOENT => {
                    error.hint("`ls /proc/sys/net /proc/sys/fs/mqueue` in a container lists those there are")
                }
                _ => error,
            }
        };
        let file = openat2(proc, path.as_str(), how).map_err(fail)?;
        nix::unistd::write(file.as_fd(), value.as_bytes()).map_err(fail)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, own: &[NamespaceType]) -> std::result::Result<(), String> {
        check(&BTreeMap::from([(name.to_owned(), "1".to_owned())]), own).map_err(|error| error.message)
    }

    #[test]
    fn only_parameters_of_own_namespaces_pass() {
        let all = [NamespaceType::Network, NamespaceType::Ipc];
        verdict("net.ipv4.ip_forward", &all).unwrap();
        verdict("kernel.shmmax", &all).unwrap();
        verdict("fs.mqueue.msg_max", &all).unwrap();
        assert!(verdict("net.ipv4.ip_forward", &[]).unwrap_err().contains("--network host"));
        assert!(verdict("kernel.shmmax", &[]).unwrap_err().contains("--ipc host"));
        assert!(verdict("kernel.core_pattern", &all).unwrap_err().contains("the host would change"));
        assert!(verdict("kernel.hostname", &all).unwrap_err().contains("--hostname"));
    }

    #[test]
    fn injected_names_are_refused() {
        let all = [NamespaceType::Network, NamespaceType::Ipc];
        for name in [
            "kernel.shm_rmid_forced=1+kernel.core_pattern",
            "net...",
            "net/../kernel/core_pattern",
            "net.ipv4.\n",
            "",
        ] {
            assert!(verdict(name, &all).is_err(), "{name}");
        }
    }
}
