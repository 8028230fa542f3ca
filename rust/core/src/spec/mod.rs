//! The OCI runtime specification's `config.json`, as far as rocker honours it.
//!
//! Own structs, because the crate `oci-spec` costs the runtime 2 MB; it is the
//! tests' oracle. Unknown members are kept out by `deny_unknown_fields` where
//! ignoring one would weaken a container: what is not supported is refused by
//! name.
//!
//! Specification: <https://github.com/opencontainers/runtime-spec/blob/main/config.md>

mod hooks;
mod linux;
mod process;
mod resources;
mod seccomp;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use hooks::{Hook, Hooks};
pub use linux::{Device, DeviceType, IdMapping, Linux, Namespace, NamespaceType};
pub use process::{Capabilities, ConsoleSize, Process, Rlimit, User};
pub use resources::{
    BlockIo, Cpu, DeviceCgroup, HugepageLimit, Memory, Pids, Resources, ThrottleDevice, WeightDevice,
};
pub use seccomp::{Seccomp, SeccompArg, SeccompSyscall};

/// The whole document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// Version of the specification, for example `1.2.0`.
    #[serde(default)]
    pub oci_version: String,
    /// The root file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// What is mounted over it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// The program.
    #[serde(default)]
    pub process: Process,
    /// `sethostname(2)` in the container's UTS namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// `setdomainname(2)` in the container's UTS namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// Linux's own part.
    #[serde(default)]
    pub linux: Linux,
    /// Programs of the host that complete it on its way to the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// For people and tools; the mechanism reads none of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The container's root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Root {
    /// A directory; unused where the launch request names layers.
    pub path: PathBuf,
    /// Whether the root is mounted read-only.
    #[serde(default)]
    pub readonly: bool,
}

/// One mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mount {
    /// Absolute path in the container.
    pub destination: PathBuf,
    /// File system type; `bind` or `none` for binds.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// Options as in `mount(8)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What the owners of its files are shown as, with the option `idmap`; as in the container's user namespace when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// What the groups of its files are shown as.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracles_default_document_is_read_and_written_alike() {
        let oracle = oci_spec::runtime::Spec::default();
        let ours: Spec = serde_json::from_value(serde_json::to_value(&oracle).unwrap()).unwrap();
        let ours = sorted(ours);
        let theirs: oci_spec::runtime::Spec =
            serde_json::from_value(serde_json::to_value(&ours).unwrap()).unwrap();
        let back: Spec = serde_json::from_value(serde_json::to_value(&theirs).unwrap()).unwrap();
        assert_eq!(sorted(back), ours);
        assert_eq!(ours.mounts.len(), 7);
        assert_eq!(ours.linux.namespaces.len(), 6);
    }

    /// The oracle keeps capabilities in hash sets, which have no order.
    fn sorted(mut spec: Spec) -> Spec {
        if let Some(sets) = &mut spec.process.capabilities {
            sets.bounding.sort();
            sets.effective.sort();
            sets.inheritable.sort();
            sets.permitted.sort();
            sets.ambient.sort();
        }
        spec
    }

    #[test]
    fn an_unknown_member_is_refused_by_name() {
        let error = serde_json::from_str::<Spec>(r#"{"vm":{}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `vm`"), "{error}");
    }
}
