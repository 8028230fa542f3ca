//! `process` of the specification.

use serde::{Deserialize, Serialize};

/// The program that a container runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Process {
    /// Whether it gets a pseudo-terminal.
    #[serde(default)]
    pub terminal: bool,
    /// The terminal's size at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_size: Option<ConsoleSize>,
    /// Working directory, absolute, in the container; made when missing.
    #[serde(default)]
    pub cwd: String,
    /// Environment as `NAME=value`.
    #[serde(default)]
    pub env: Vec<String>,
    /// The command; the first is looked up in the container's PATH.
    #[serde(default)]
    pub args: Vec<String>,
    /// Numeric user and groups.
    #[serde(default)]
    pub user: User,
    /// The five sets; all empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// `setrlimit(2)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<Rlimit>,
    /// `PR_SET_NO_NEW_PRIVS`.
    #[serde(default)]
    pub no_new_privileges: bool,
    /// `/proc/self/oom_score_adj`, -1000 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSize {
    /// Rows.
    pub height: u16,
    /// Columns.
    pub width: u16,
}

/// Who the program runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// User id.
    #[serde(default)]
    pub uid: u32,
    /// Group id.
    #[serde(default)]
    pub gid: u32,
    /// `umask(2)`; 0022 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Supplementary groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
}

/// The five capability sets, as names such as `CAP_CHOWN`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Limits what can ever be gained.
    #[serde(default)]
    pub bounding: Vec<String>,
    /// In force.
    #[serde(default)]
    pub effective: Vec<String>,
    /// Kept over an execve of a file with inheritable capabilities.
    #[serde(default)]
    pub inheritable: Vec<String>,
    /// May be put in force.
    #[serde(default)]
    pub permitted: Vec<String>,
    /// Kept over an execve of an ordinary file.
    #[serde(default)]
    pub ambient: Vec<String>,
}

/// One resource limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rlimit {
    /// For example `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Ceiling for the soft limit; clamped where it cannot be raised.
    pub hard: u64,
    /// The limit in force.
    pub soft: u64,
}
