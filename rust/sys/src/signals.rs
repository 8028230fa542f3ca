//! Signal dispositions, `signal(7)`.

/// Gives every signal its default disposition, for a child that is about to execve: ignored signals stay ignored
/// in the new program, and the Rust runtime ignores SIGPIPE.
pub fn default_all() {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL is no handler, so no code of ours can run; SIGKILL and SIGSTOP only give EINVAL.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}
