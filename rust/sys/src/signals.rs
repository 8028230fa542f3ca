//! Signal dispositions, `signal(7)`.

/// Gives every signal its default disposition, for a child that is about to execve: ignored signals stay ignored
/// in the new program, and the Rust runtime ignores SIGPIPE.
///
/// By the system call itself: libc keeps 32 and 33 for its threads and refuses to set them, so that they would be
/// passed on as the first caller had them.
pub fn default_all() {
    // The kernel's struct sigaction: handler SIG_DFL, no flags, no restorer, an empty mask; at most 32 bytes.
    let default = [0u64; 4];
    for number in 1..=64 {
        // SAFETY: `default` outlives the call and is as large as the kernel's structure on every architecture. SIG_DFL
        // is no handler, so no code of ours can run; SIGKILL and SIGSTOP only give EINVAL.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                number,
                default.as_ptr(),
                std::ptr::null_mut::<u64>(),
                size_of::<u64>(),
            )
        };
    }
}
