//! `linux.seccomp` of the specification: a system call filter.

use serde::{Deserialize, Serialize};

/// A filter. Actions, operators, architectures and flags keep the
/// specification's names (`SCMP_ACT_ERRNO`, `SCMP_CMP_EQ`, `SCMP_ARCH_X86_64`,
/// `SECCOMP_FILTER_FLAG_LOG`); the compiler refuses the ones it does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seccomp {
    /// What happens to a system call that no rule names.
    pub default_action: String,
    /// Error number of the default action; EPERM when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures beside the native one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Flags of `seccomp(2)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Socket of a notification agent; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<String>,
    /// Data for the notification agent; refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<String>,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<SeccompSyscall>,
}

/// One rule for several system calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeccompSyscall {
    /// Names of system calls; an unknown name is skipped, as libseccomp does.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: String,
    /// Error number of the action; EPERM when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<SeccompArg>,
}

/// A condition on one argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeccompArg {
    /// Which argument, 0 to 5.
    pub index: u32,
    /// Compared with; the mask where the operator is `SCMP_CMP_MASKED_EQ`.
    pub value: u64,
    /// The masked value where the operator is `SCMP_CMP_MASKED_EQ`.
    #[serde(default)]
    pub value_two: u64,
    /// The operator.
    pub op: String,
}
