//! Numbers of system calls, one file an architecture.

mod aarch64;
mod i386;
mod x86_64;

use super::arch::Arch;

/// All calls of an architecture, sorted by name.
pub(super) fn of(arch: Arch) -> &'static [(&'static str, u32)] {
    match arch {
        Arch::X86_64 => x86_64::SYSCALLS,
        Arch::I386 => i386::SYSCALLS,
        Arch::Aarch64 => aarch64::SYSCALLS,
    }
}

/// The number of a call; None when the architecture does not have it.
pub(super) fn number(arch: Arch, name: &str) -> Option<u32> {
    let table = of(arch);
    table.binary_search_by(|(one, _)| one.cmp(&name)).ok().map(|at| table[at].1)
}

/// The largest number of an architecture.
pub(super) fn last(arch: Arch) -> u32 {
    of(arch).iter().map(|(_, number)| *number).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_numbers_are_unique() {
        for arch in [Arch::X86_64, Arch::I386, Arch::Aarch64] {
            let names: Vec<&str> = of(arch).iter().map(|(name, _)| *name).collect();
            assert!(names.is_sorted(), "{arch:?}");
            let mut numbers: Vec<u32> = of(arch).iter().map(|(_, number)| *number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), names.len(), "{arch:?}");
        }
    }

    #[test]
    fn well_known_calls_have_their_numbers() {
        for (name, x86_64, i386, aarch64) in [
            ("read", Some(0), Some(3), Some(63)),
            ("socket", Some(41), Some(359), Some(198)),
            ("socketcall", None, Some(102), None),
            ("clone3", Some(435), Some(435), Some(435)),
            ("file_setattr", Some(469), Some(469), Some(469)),
            ("fstat", Some(5), Some(108), Some(80)),
            ("mmap", Some(9), Some(90), Some(222)),
            ("newfstatat", Some(262), None, Some(79)),
        ] {
            assert_eq!(number(Arch::X86_64, name), x86_64, "{name}");
            assert_eq!(number(Arch::I386, name), i386, "{name}");
            assert_eq!(number(Arch::Aarch64, name), aarch64, "{name}");
        }
    }
}
