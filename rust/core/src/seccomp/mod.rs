//! An OCI seccomp profile compiled to a BPF program by an interval tree.
//!
//! System calls that are treated alike and have neighbouring numbers become one
//! interval; a binary search over the intervals' starts finds the one that a
//! call is in. Docker's profile has some 330 calls but 40 intervals: a filter of
//! 80 instructions instead of 400, of which a call executes about 10.
//!
//! # Meaning
//!
//! - An unconditional rule for a call wins over all conditional ones, the first
//!   of several over the others; without one, the first conditional rule that
//!   holds decides. So it is in libseccomp. A rule equal to the default action
//!   takes part like any other, where runc drops it.
//! - Conditions of one rule must all hold, but several on the *same* argument
//!   are alternatives, as in runc.
//! - A name that no table knows is skipped.
//! - A number above all known ones gets ENOSYS unless the default lets calls
//!   pass, so that programs fall back to older calls, as in runc.
//! - A call of an architecture that is not listed ends the process. The native
//!   one is always listed; i386 can be, on x86_64. Others are skipped, as this
//!   CPU cannot make such calls or there is no table for them.
//! - Numbers of the x32 ABI get the default action, or ENOSYS where that lets
//!   calls pass, even when `SCMP_ARCH_X32` is listed.
//! - Arguments are compared in 64 bits on 64-bit architectures, and values cut
//!   to 32 bits for i386. The kernel uses only 32 of many arguments (`socket`'s
//!   family): rules for those need `SCMP_CMP_MASKED_EQ` with 0xffffffff.
//!
//! Manual: <https://man7.org/linux/man-pages/man2/seccomp.2.html>; specification:
//! <https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp>.

mod action;
mod arch;
mod program;
mod rules;
mod table;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;

use crate::spec::Seccomp;
use crate::{Error, Result};

use arch::Arch;

/// `BPF_MAXINSNS`.
const MAX_INSTRUCTIONS: usize = 4096;

/// Compiles a profile for this CPU to the bytes of `struct sock_filter[]`.
///
/// Invalid: an unknown action, operator, architecture or flag, a bad argument
/// index or error number, or more than 4096 instructions. Unsupported:
/// notification agents (`SCMP_ACT_NOTIFY`, `listenerPath`).
pub fn compile(profile: &Seccomp) -> Result<Vec<u8>> {
    flags(profile)?;
    let code = compile_for(Arch::NATIVE, profile)?;
    Ok(code.iter().flat_map(|one| one.bytes()).collect())
}

/// The profile's flags as `seccomp(2)` takes them.
///
/// Invalid: an unknown one. Unsupported: one that needs a notification agent.
pub fn flags(profile: &Seccomp) -> Result<u32> {
    profile.flags.iter().try_fold(0, |bits, name| match name.as_str() {
        "SECCOMP_FILTER_FLAG_TSYNC" => Ok(bits | 1),
        "SECCOMP_FILTER_FLAG_LOG" => Ok(bits | 2),
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => Ok(bits | 4),
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => Err(Error::unsupported(format!(
            "seccomp flag `{name}` needs a notification agent, which is not offered"
        ))),
        _ => Err(Error::invalid(format!("unknown seccomp flag `{}`", name.escape_default()))
            .hint("known are SECCOMP_FILTER_FLAG_TSYNC, _LOG and _SPEC_ALLOW")),
    })
}

fn compile_for(native: Arch, profile: &Seccomp) -> Result<Vec<program::Instruction>> {
    if profile.listener_path.is_some() || profile.listener_metadata.is_some() {
        return Err(Error::unsupported("seccomp `listenerPath`: notification agents are not offered"));
    }
    let mut sections = Vec::new();
    for arch in arch::enabled(native, &profile.architectures)? {
        sections.push((arch, rules::intervals(arch, profile)?));
    }
    let code = program::generate(&sections);
    if code.len() > MAX_INSTRUCTIONS {
        return Err(Error::invalid(format!(
            "the seccomp profile needs {} instructions, and the kernel takes {MAX_INSTRUCTIONS}",
            code.len()
        ))
        .hint("use fewer conditions on arguments"));
    }
    Ok(code)
}
