//! Actions, as the filter returns them.

use crate::{Error, Result};

pub(super) const KILL_PROCESS: u32 = 0x8000_0000;
const KILL_THREAD: u32 = 0;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const TRACE: u32 = 0x7ff0_0000;
const LOG: u32 = 0x7ffc_0000;
pub(super) const ALLOW: u32 = 0x7fff_0000;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// The largest error number that the kernel returns from a filter.
const MAX_ERRNO: u32 = 4095;

/// `SECCOMP_RET_ERRNO` with ENOSYS.
pub(super) const NO_SUCH_CALL: u32 = ERRNO | ENOSYS;

/// An action of the specification with its error number (EPERM when absent).
///
/// `SCMP_ACT_KILL` ends the thread, as in libseccomp.
pub(super) fn parse(name: &str, errno: Option<u32>) -> Result<u32> {
    let plain = match name {
        "SCMP_ACT_ERRNO" => {
            let errno = errno.unwrap_or(EPERM);
            if errno > MAX_ERRNO {
                return Err(Error::invalid(format!("seccomp error number {errno} is above {MAX_ERRNO}")));
            }
            return Ok(ERRNO | errno);
        }
        "SCMP_ACT_TRACE" => {
            let message = errno.unwrap_or(EPERM);
            if message > 0xffff {
                return Err(Error::invalid(format!("seccomp trace message {message} is above 65535")));
            }
            return Ok(TRACE | message);
        }
        "SCMP_ACT_ALLOW" => ALLOW,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => KILL_THREAD,
        "SCMP_ACT_KILL_PROCESS" => KILL_PROCESS,
        "SCMP_ACT_TRAP" => TRAP,
        "SCMP_ACT_LOG" => LOG,
        "SCMP_ACT_NOTIFY" => {
            return Err(Error::unsupported("SCMP_ACT_NOTIFY: seccomp notification agents are not offered"));
        }
        _ => return Err(Error::invalid(format!("unknown seccomp action `{}`", name.escape_default()))),
    };
    match errno {
        // 0 is what a program writes that always writes the member.
        Some(errno) if errno != 0 => {
            Err(Error::invalid(format!("{name} takes no error number, but {errno} is given")))
        }
        _ => Ok(plain),
    }
}

/// Whether a call is executed under this action, perhaps after a tracer has seen it.
pub(super) fn passes(action: u32) -> bool {
    matches!(action & 0xffff_0000, ALLOW | LOG | TRACE)
}
