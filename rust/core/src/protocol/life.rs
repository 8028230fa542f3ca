//! When a container is started again, and how its health is found out.

use serde::{Deserialize, Serialize};

use crate::spec::Process;

/// When a container is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// After which ends.
    #[serde(default)]
    pub policy: RestartPolicy,
    /// How often at most, with `on-failure`; 0 is without end.
    #[serde(default)]
    pub max_retries: u32,
}

/// After which ends of its program a container is started again, in Docker's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// After none.
    #[default]
    No,
    /// After every one.
    Always,
    /// After every one; it differs from `always` at the start of the machine alone.
    UnlessStopped,
    /// After one with another exit code than 0.
    OnFailure,
}

/// A command that is run in the container from time to time; exit code 0 says that it is well.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The command.
    pub process: Process,
    /// `name[:group]`, looked up in the container.
    #[serde(default)]
    pub user: Option<String>,
    /// Supplementary groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Seconds between the end of one probe and the start of the next.
    pub interval: f64,
    /// Seconds after which a probe is killed, and has failed.
    pub timeout: f64,
    /// Seconds after the start in which failures do not count, until the first success.
    #[serde(default)]
    pub start_period: f64,
    /// Seconds between probes in that time.
    pub start_interval: f64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
}

/// What the probes say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// None has succeeded yet, and not enough have failed.
    #[default]
    Starting,
    /// The last one succeeded, or too few have failed since.
    Healthy,
    /// Too many in a row have failed.
    Unhealthy,
}

/// `health` of `state.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Health {
    /// What the probes say.
    pub status: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last five probes, the oldest first.
    pub log: Vec<Probe>,
}

/// One probe that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Probe {
    /// RFC 3339 with nanoseconds.
    pub start: String,
    /// RFC 3339 with nanoseconds.
    pub end: String,
    /// -1 when it was killed by its timeout, or could not be run.
    pub exit_code: i32,
    /// What it wrote, at most 4096 bytes and `...` where more was cut off.
    pub output: String,
}
