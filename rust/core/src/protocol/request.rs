//! Requests to the launcher and to a shim.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::life::{HealthCheck, Restart};
use crate::log::LogConfig;
use crate::protocol::network::{Dns, Endpoint, Network};
use crate::spec::{Process, Resources, Spec};

/// One request; the connection's first frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// To the launcher: start a container.
    Start(Box<StartRequest>),
    /// To the launcher: leave as soon as possible; containers stay.
    Shutdown,
    /// Join the container's streams.
    Attach(AttachRequest),
    /// Run another process.
    Exec(Box<ExecRequest>),
    /// Tell when it has exited, or is healthy.
    Wait {
        /// What is waited for.
        #[serde(default)]
        condition: WaitCondition,
    },
    /// Change limits and the restart policy.
    Update(Box<UpdateRequest>),
    /// Send a signal to its init.
    Signal {
        /// Number of the signal.
        signal: i32,
    },
    /// Send a signal, then kill.
    Stop {
        /// Number of the signal; the container's own when absent.
        #[serde(default)]
        signal: Option<i32>,
        /// Seconds before SIGKILL; less than 0 waits for ever; the container's own when absent.
        #[serde(default)]
        timeout: Option<f64>,
        /// It is a `kill`, which has no event `stop`.
        #[serde(default)]
        kill: bool,
        /// It is the machine that goes down, and no user's wish: the start of the machine starts it again.
        #[serde(default)]
        machine: bool,
    },
    /// Kill all of its processes.
    Kill,
    /// Freeze all of its processes.
    Pause {
        /// Only as long as the connection lasts: whoever asked may be killed.
        #[serde(default)]
        hold: bool,
    },
    /// Thaw them.
    Resume,
    /// Pids of its processes, as the host numbers them.
    Pids,
    /// Its name from now on, for its events.
    Rename {
        /// The new name.
        name: String,
    },
    /// Set whether it is removed when it ends.
    Remove {
        /// The new value.
        value: bool,
    },
    /// Join another network.
    Connect(Box<ConnectRequest>),
    /// Leave a network.
    Disconnect(DisconnectRequest),
    /// Be found by other names in a network: the container was renamed.
    Names {
        /// The network's id.
        network: String,
        /// What others call it; its own name is the first.
        names: Vec<String>,
    },
}

/// Join another network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectRequest {
    /// The place in it.
    pub endpoint: Endpoint,
    /// The nftables table of the engine.
    pub table: String,
    /// Names with fixed addresses, beside those that the container started with; `servers` stay as they are.
    #[serde(default)]
    pub dns: Dns,
    /// New contents of files in /etc.
    #[serde(default)]
    pub files: Files,
}

/// Leave a network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisconnectRequest {
    /// The network's id.
    pub network: String,
    /// New contents of files in /etc.
    #[serde(default)]
    pub files: Files,
}

/// What a client waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitCondition {
    /// The next end of its program.
    #[default]
    Exited,
    /// Its health check succeeds; it is also told when the container becomes unhealthy or has ended.
    Healthy,
}

/// A message on a connection that carries streams.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Control {
    /// The terminal's size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// A signal for the process.
    Signal {
        /// Number of the signal.
        signal: i32,
    },
    /// The user typed the detach keys.
    Detach,
}

/// What each descriptor of a frame is, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Fd {
    /// Read end of a pipe with the process's input.
    Stdin,
    /// Write end of a pipe for its output.
    Stdout,
    /// Write end of a pipe for its errors.
    Stderr,
    /// Detached clone of the data root.
    Root,
    /// Detached clone of a plain directory that serves as the lowest layer.
    Rootfs,
    /// pidfd of the process whose end ends the container.
    Owner,
    /// The host's `/etc/resolv.conf`.
    Resolv,
    /// Detached clone of the source of `spec.mounts[n]`.
    Mount(usize),
    /// Directory of the volume that is the source of `spec.mounts[n]`: its lock, and whether it is being filled.
    Volume(usize),
    /// Namespace file of `spec.linux.namespaces[n]`.
    Namespace(usize),
    /// Directory of the log server's unix socket.
    Log,
    /// Detached clone of the caller's root with all mounts below it, in which `spec.hooks` run.
    Host,
}

impl From<Fd> for String {
    fn from(fd: Fd) -> Self {
        match fd {
            Fd::Stdin => "stdin".into(),
            Fd::Stdout => "stdout".into(),
            Fd::Stderr => "stderr".into(),
            Fd::Root => "root".into(),
            Fd::Rootfs => "rootfs".into(),
            Fd::Owner => "owner".into(),
            Fd::Resolv => "resolv.conf".into(),
            Fd::Mount(index) => format!("mount:{index}"),
            Fd::Volume(index) => format!("volume:{index}"),
            Fd::Namespace(index) => format!("ns:{index}"),
            Fd::Log => "log".into(),
            Fd::Host => "host".into(),
        }
    }
}

impl TryFrom<String> for Fd {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let numbered = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
        match name.as_str() {
            "stdin" => Ok(Self::Stdin),
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            "root" => Ok(Self::Root),
            "rootfs" => Ok(Self::Rootfs),
            "owner" => Ok(Self::Owner),
            "log" => Ok(Self::Log),
            "host" => Ok(Self::Host),
            "resolv.conf" => Ok(Self::Resolv),
            _ => numbered("mount:")
                .map(Self::Mount)
                .or_else(|| numbered("volume:").map(Self::Volume))
                .or_else(|| numbered("ns:").map(Self::Namespace))
                .ok_or_else(|| format!("unknown file descriptor `{name}`")),
        }
    }
}

/// Whether the container's input stays open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StdinMode {
    /// `/dev/null`.
    #[default]
    Closed,
    /// Open until the container ends, whoever comes and goes.
    Open,
    /// Closed when the first attached client closes its side.
    Once,
}

/// Everything that a start needs beside the specification.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// 64 hex digits.
    pub id: String,
    /// The OCI runtime specification.
    pub spec: Spec,
    /// Compiled filter, base64; wins over `spec.linux.seccomp`.
    #[serde(default)]
    pub seccomp: Option<String>,
    /// The root file system.
    #[serde(default)]
    pub rootfs: Rootfs,
    /// `name[:group]`, looked up in the container; wins over `spec.process.user`.
    #[serde(default)]
    pub user: Option<String>,
    /// Supplementary groups by name or number, looked up in the container.
    #[serde(default)]
    pub groups: Vec<String>,
    /// A directory of the host, absolute, in the place of which `spec.hooks` find the container (their `bundle`).
    #[serde(default)]
    pub bundle: Option<PathBuf>,
    /// Run an init that reaps.
    #[serde(default)]
    pub init: bool,
    /// Remove everything when it ends.
    #[serde(default)]
    pub remove: bool,
    /// The input.
    #[serde(default)]
    pub stdin: StdinMode,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
    /// The network.
    #[serde(default)]
    pub network: Network,
    /// Contents of files in /etc.
    #[serde(default)]
    pub files: Files,
    /// Sent by a stop that names no signal.
    #[serde(default = "sigterm")]
    pub stop_signal: i32,
    /// Seconds between the stop signal and SIGKILL.
    #[serde(default = "ten")]
    pub stop_timeout: f64,
    /// Seconds after which the container is killed.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// What its events say of it: name, image, labels.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// When it is started again.
    #[serde(default)]
    pub restart: Restart,
    /// How its health is found out.
    #[serde(default)]
    pub health: Option<Box<HealthCheck>>,
    /// What each descriptor is.
    #[serde(default)]
    pub fds: Vec<Fd>,
}

fn sigterm() -> i32 {
    nix::libc::SIGTERM
}

fn ten() -> f64 {
    10.0
}

/// Where the root file system comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rootfs {
    /// Layers, lowest first, relative to the data root.
    #[serde(default)]
    pub layers: Vec<String>,
    /// A plain directory as the one layer: the client turns it into a descriptor.
    #[serde(default)]
    pub directory: Option<String>,
    /// A directory below all of them, relative to the data root: what nearly every container mounts over, so that it
    /// need not be made where the image lacks it.
    #[serde(default)]
    pub base: Option<String>,
    /// Whether it can be written: into `containers/<id>/upper`.
    #[serde(default)]
    pub upper: bool,
    /// Spare the disk the syncs: for containers that are never started again.
    #[serde(default)]
    pub volatile: bool,
}

/// Files that are bound to /etc unless the specification mounts something there.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// /etc/hosts
    #[serde(default)]
    pub hosts: Option<String>,
    /// /etc/resolv.conf
    #[serde(rename = "resolv.conf", default)]
    pub resolv_conf: Option<String>,
    /// /etc/hostname
    #[serde(default)]
    pub hostname: Option<String>,
}

/// Which streams a client wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// Input.
    #[serde(default)]
    pub stdin: bool,
    /// Output.
    #[serde(default)]
    pub stdout: bool,
    /// Errors.
    #[serde(default)]
    pub stderr: bool,
}

/// Join the container's streams.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachRequest {
    /// What each descriptor is.
    #[serde(default)]
    pub fds: Vec<Fd>,
}

/// Change a running container.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// Limits; what is not named stays.
    #[serde(default)]
    pub resources: Resources,
    /// The launch request by which it is started again from now on, with its restart policy. Without one the container is
    /// not started again.
    #[serde(default)]
    pub launch: Option<Box<StartRequest>>,
    /// What each descriptor is; they are those of `launch`.
    #[serde(default)]
    pub fds: Vec<Fd>,
}

/// Run another process in the container.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    /// 64 hex digits that its events name it by.
    #[serde(default)]
    pub id: String,
    /// The process.
    pub process: Process,
    /// `name[:group]`, looked up in the container.
    #[serde(default)]
    pub user: Option<String>,
    /// Supplementary groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Compiled filter, base64; the container's own when absent.
    #[serde(default)]
    pub seccomp: Option<String>,
    /// Run without any filter (`exec --privileged`).
    #[serde(default)]
    pub unconfined: bool,
    /// Whether it has input.
    #[serde(default)]
    pub stdin: bool,
    /// Whether it gets a terminal.
    #[serde(default)]
    pub tty: bool,
    /// Answer when it runs, and do not wait for it.
    #[serde(default)]
    pub detach: bool,
    /// What each descriptor is.
    #[serde(default)]
    pub fds: Vec<Fd>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_documented_form() {
        let text = r#"{"op":"start","id":"ab","spec":{"process":{"args":["true"],"cwd":"/"}},
            "rootfs":{"layers":["layers/sha256/x"],"upper":true,"volatile":true},
            "fds":["stdin","root","mount:3","ns:0"],"stdin":"once"}"#;
        let Request::Start(request) = serde_json::from_str(text).unwrap() else { panic!("not a start") };
        assert_eq!(request.fds, [Fd::Stdin, Fd::Root, Fd::Mount(3), Fd::Namespace(0)]);
        assert_eq!((request.stop_signal, request.stdin), (15, StdinMode::Once));
    }

    #[test]
    fn an_unknown_member_is_refused_by_name() {
        let error = serde_json::from_str::<Request>(r#"{"op":"start","id":"x","spec":{},"colour":1}"#);
        assert!(error.unwrap_err().to_string().contains("unknown field `colour`"));
    }
}
