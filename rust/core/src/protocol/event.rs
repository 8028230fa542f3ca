//! Events from a shim to its clients.

use serde::{Deserialize, Serialize};

use super::life::HealthStatus;
use crate::Error;

/// One event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The program runs.
    Started {
        /// Host pid of the process.
        pid: i32,
    },
    /// The program could not be run, or the request could not be met.
    Failed {
        /// Why.
        error: Error,
        /// 125, 126 or 127.
        exit_code: i32,
    },
    /// The process has ended, and everything it wrote is in the client's pipes.
    Exited(Exit),
    /// The client has been let go.
    Detached {
        /// Why.
        reason: String,
    },
    /// The request is done.
    Ok {
        /// Answer to `pids`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pids: Option<Vec<i32>>,
        /// Answer to a wait for health.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        health: Option<HealthStatus>,
    },
}

impl Event {
    /// The request is done, and there is nothing to tell.
    pub const DONE: Self = Self::Ok { pids: None, health: None };
}

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 128+n after signal n.
    pub exit_code: i32,
    /// Whether the kernel killed something in it for want of memory.
    pub oom_killed: bool,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// RFC 3339 with nanoseconds.
    pub started_at: String,
    /// RFC 3339 with nanoseconds.
    pub finished_at: String,
    /// What it used.
    pub usage: Usage,
}

/// What a process used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of the whole cgroup in nanoseconds.
    pub cpu_ns: u64,
    /// Largest memory of the cgroup in bytes.
    pub memory_peak: u64,
    /// Time in user mode of the process and its reaped children, microseconds.
    pub user_us: u64,
    /// The same in the kernel.
    pub system_us: u64,
}
