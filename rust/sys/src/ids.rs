//! Names and keyrings of a container.

use crate::check;

/// `int setdomainname(const char *name, size_t len)`, at most 64 bytes.
pub fn set_domain_name(name: &str) -> nix::Result<()> {
    // SAFETY: pointer and length describe `name`, which outlives the call; the kernel only reads it.
    check(i64::from(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) })).map(drop)
}

/// `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)`, `keyctl(2)`: an anonymous session keyring, so that the keys of
/// the engine's session cannot be reached.
pub fn new_session_keyring() -> nix::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name is allowed and means an anonymous keyring.
    let joined = unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    };
    check(joined).map(drop)
}
