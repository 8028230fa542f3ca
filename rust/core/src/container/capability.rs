//! Names of capabilities, `capabilities(7)`, as bits of a mask.

use rocker_sys::caps;

use crate::spec::Capabilities;
use crate::{Error, Result};

/// Every capability by number.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The five sets as masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Masks {
    /// Limits what can ever be gained.
    pub bounding: u64,
    /// In force, permitted, inheritable.
    pub sets: caps::Sets,
    /// Kept over an execve of an ordinary file.
    pub ambient: u64,
}

impl Masks {
    /// Reads the names; an unknown one is refused by name. Absent sets are empty.
    pub fn parse(sets: Option<&Capabilities>) -> Result<Self> {
        let Some(sets) = sets else { return Ok(Self::default()) };
        Ok(Self {
            bounding: mask(&sets.bounding)?,
            sets: caps::Sets {
                effective: mask(&sets.effective)?,
                permitted: mask(&sets.permitted)?,
                inheritable: mask(&sets.inheritable)?,
            },
            ambient: mask(&sets.ambient)?,
        })
    }

    /// Takes away what `available` lacks: an engine without a capability cannot give it.
    #[must_use]
    pub fn clamped(self, available: u64) -> Self {
        Self {
            bounding: self.bounding & available,
            sets: caps::Sets {
                effective: self.sets.effective & available,
                permitted: self.sets.permitted & available,
                inheritable: self.sets.inheritable & available,
            },
            ambient: self.ambient & available,
        }
    }
}

fn mask(names: &[String]) -> Result<u64> {
    names.iter().try_fold(0, |mask, name| {
        let number = NAMES.iter().position(|known| known == name);
        let number = number.ok_or_else(|| Error::invalid(format!("unknown capability `{name}`")))?;
        Ok(mask | 1 << number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(mask(&["CAP_CHOWN".into(), "CAP_SYS_ADMIN".into()]).unwrap(), 1 | 1 << 21);
        assert_eq!(NAMES[40], "CAP_CHECKPOINT_RESTORE");
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert_eq!(mask(&["CAP_FLY".into()]).unwrap_err().message, "unknown capability `CAP_FLY`");
    }
}
