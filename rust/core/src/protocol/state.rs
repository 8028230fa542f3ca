//! `state.json`: what is known of a container, written by its shim alone.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::life::Health;
use super::network::NetworkState;
use crate::events::Message;
use crate::{Error, Result};

/// Files of a container's run directory that go with its shim, after its cgroup. The socket is the last: where it stands
/// and the shim is gone, the shim was killed before it had tidied up.
pub const RUN_FILES: [&str; 5] = ["hosts", "resolv.conf", "hostname", LENT, SOCKET];

/// A file of the run directory of a container whose network namespace others have joined.
pub const LENT: &str = "lent";

/// A shim's socket in the run directory.
pub const SOCKET: &str = "shim.sock";

/// How long one who needs a container's place waits for its shim to tidy up.
pub const TEARDOWN_PATIENCE: Duration = Duration::from_secs(20);

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being set up.
    #[default]
    Created,
    /// Its program runs.
    Running,
    /// Frozen.
    Paused,
    /// Between an end of its program and the next start by its restart policy.
    Restarting,
    /// Ended.
    Exited,
}

/// The document.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// 1
    pub version: u32,
    /// 64 hex digits.
    pub id: String,
    /// Where it is in its life.
    pub status: Status,
    /// Host pid of its init; 0 unless running or paused.
    pub pid: i32,
    /// Host pid of its shim.
    pub shim_pid: i32,
    /// `/proc/sys/kernel/random/boot_id` when it started.
    pub boot_id: String,
    /// Its cgroup, relative to each hierarchy's root.
    pub cgroup: String,
    /// RFC 3339 with nanoseconds.
    pub started_at: Option<String>,
    /// RFC 3339 with nanoseconds.
    pub finished_at: Option<String>,
    /// 128+n after signal n.
    pub exit_code: i32,
    /// Whether something was killed for want of memory.
    pub oom_killed: bool,
    /// Whether its time limit ended it.
    pub timed_out: bool,
    /// Whether everything goes when it ends.
    pub remove: bool,
    /// How often it was started again by its restart policy since it was started by hand.
    #[serde(default)]
    pub restart_count: u32,
    /// Whether it was a stop or a kill that ended it: then the start of the machine does not start it.
    #[serde(default)]
    pub stopped: bool,
    /// What its health check says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Why it could not be run.
    pub error: Option<Error>,
    /// What its events say of it: name, image, labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Its endpoints and published ports, while it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkState>,
    /// What it uses while it lives.
    #[serde(default, skip_serializing_if = "Uses::is_empty")]
    pub uses: Uses,
}

/// Networks and volumes whose events tell of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    /// The networks it is on; one for `host` and `none` too, as in Docker.
    #[serde(default)]
    pub networks: Vec<UsedNetwork>,
    /// Names of volumes.
    #[serde(default)]
    pub volumes: Vec<String>,
}

/// A network that a container is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedNetwork {
    /// 64 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its driver: `bridge`, `host` or `null`.
    pub driver: String,
}

impl Uses {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.volumes.is_empty()
    }

    /// The events of their end, in Docker's order, each as a line.
    pub fn end_lines(&self, container: &str) -> Vec<u8> {
        let networks = self.networks.iter().flat_map(|network| network.line("disconnect", container));
        let volumes = self.volumes.iter().flat_map(|volume| {
            let more = [("container", container), ("driver", "local")];
            let attributes = &BTreeMap::new();
            Message { kind: "volume", action: "unmount", id: volume, attributes, more: &more }.line()
        });
        networks.chain(volumes).collect()
    }
}

impl UsedNetwork {
    /// An event of a container in it, as a line.
    pub fn line(&self, action: &str, container: &str) -> Vec<u8> {
        let more = [("container", container), ("name", &*self.name), ("type", &*self.driver)];
        let attributes = &BTreeMap::new();
        Message { kind: "network", action, id: &self.id, attributes, more: &more }.line()
    }
}

/// Name of the document in a container's directories.
pub const FILE: &str = "state.json";

impl State {
    /// Whether it says how the container ended, or why it never ran.
    pub fn has_ended(&self) -> bool {
        self.status == Status::Exited || self.error.is_some()
    }

    /// As it is kept once everything of the container has been undone: without what would have to be.
    #[must_use]
    pub fn ended(&self) -> Self {
        Self { network: None, uses: Uses::default(), ..self.clone() }
    }

    /// Writes the document into a directory, whole or not at all (a new file, renamed).
    ///
    /// No fsync: after a power cut a run root on a tmpfs is gone anyway, and the copy in the data root is
    /// either there or the container counts as ended by the reboot.
    pub fn write(&self, directory: BorrowedFd<'_>) -> Result<()> {
        const TEMPORARY: &str = ".state.json";
        let text = serde_json::to_vec(self).map_err(|error| Error::invalid(error.to_string()))?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = openat(directory, TEMPORARY, flags, Mode::from_bits_truncate(0o600))
            .map_err(|errno| Error::at("write state", FILE, errno))?;
        let mut rest = &text[..];
        while !rest.is_empty() {
            let count = nix::unistd::write(file.as_fd(), rest)
                .map_err(|errno| Error::at("write state", FILE, errno))?;
            rest = &rest[count..];
        }
        renameat(directory, TEMPORARY, directory, FILE).map_err(|errno| Error::at("write state", FILE, errno))
    }
}
