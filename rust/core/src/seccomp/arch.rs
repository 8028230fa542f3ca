//! Architectures that a filter knows.

use crate::{Error, Result};

/// An architecture with a table of system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arch {
    X86_64,
    I386,
    #[allow(dead_code, reason = "made only on that CPU and in tests")]
    Aarch64,
}

impl Arch {
    #[cfg(target_arch = "x86_64")]
    pub(super) const NATIVE: Self = Self::X86_64;
    #[cfg(target_arch = "aarch64")]
    pub(super) const NATIVE: Self = Self::Aarch64;

    /// `AUDIT_ARCH_*`, as `seccomp_data.arch` has it.
    pub(super) fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// Whether arguments have 32 bits only.
    pub(super) fn narrow(self) -> bool {
        self == Self::I386
    }

    /// The first number of another ABI under the same `AUDIT_ARCH_*`: x32's
    /// calls are x86_64's with this bit.
    pub(super) fn other_abi(self) -> Option<u32> {
        (self == Self::X86_64).then_some(0x4000_0000)
    }
}

/// Names of architectures in the specification.
const KNOWN: [&str; 21] = [
    "SCMP_ARCH_NATIVE",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64",
];

/// The architectures whose calls are looked at, the native one first.
pub(super) fn enabled(native: Arch, names: &[String]) -> Result<Vec<Arch>> {
    for name in names {
        if !KNOWN.contains(&name.as_str()) {
            return Err(Error::invalid(format!("unknown seccomp architecture `{}`", name.escape_default()))
                .hint("names are like SCMP_ARCH_X86_64"));
        }
    }
    let mut list = vec![native];
    if native == Arch::X86_64 && names.iter().any(|name| name == "SCMP_ARCH_X86") {
        list.push(Arch::I386);
    }
    Ok(list)
}
