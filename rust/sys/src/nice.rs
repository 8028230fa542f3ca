//! `getpriority(2)`, `setpriority(2)`.

use crate::check;

/// This process's nice value, -20 to 19.
pub fn nice() -> i32 {
    // SAFETY: no pointers are passed. It cannot fail for the calling process, whose value may be -1.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// Sets this process's nice value; a smaller one than it has needs CAP_SYS_NICE.
pub fn set_nice(value: i32) -> nix::Result<()> {
    // SAFETY: no pointers are passed.
    check(i64::from(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) })).map(drop)
}
