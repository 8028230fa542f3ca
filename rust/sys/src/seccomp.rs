//! `int seccomp(unsigned operation, unsigned flags, void *args)`, <https://man7.org/linux/man-pages/man2/seccomp.2.html>

use nix::errno::Errno;

use crate::check;

/// Size of `struct sock_filter` in bytes.
pub const INSTRUCTION: usize = 8;

/// Loads a filter given as the bytes of `struct sock_filter[]` into the calling thread.
///
/// `flags` are SECCOMP_FILTER_FLAG_*. EINVAL when the bytes are no whole, non-empty program; EACCES without
/// no_new_privs or CAP_SYS_ADMIN.
pub fn load(program: &[u8], flags: u32) -> nix::Result<()> {
    if program.is_empty() || !program.len().is_multiple_of(INSTRUCTION) || program.len() / INSTRUCTION > 4096
    {
        return Err(Errno::EINVAL);
    }
    // The kernel reads 8-byte elements: copy, because a byte slice need not be aligned.
    let words: Vec<libc::sock_filter> = program
        .chunks_exact(INSTRUCTION)
        .map(|chunk| libc::sock_filter {
            code: u16::from_ne_bytes([chunk[0], chunk[1]]),
            jt: chunk[2],
            jf: chunk[3],
            k: u32::from_ne_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]),
        })
        .collect();
    let filter = libc::sock_fprog { len: words.len() as u16, filter: words.as_ptr().cast_mut() };
    // SAFETY: `filter` points at `words`, which outlives the call; the kernel only reads it.
    check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter)
    })
    .map(drop)
}
