//! `getpriority(2)`.

/// This process's nice value, -20 to 19.
pub fn nice() -> i32 {
    // SAFETY: no pointers are passed. It cannot fail for the calling process, whose value may be -1.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}
