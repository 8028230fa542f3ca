//! `capabilities(7)`: capset, the bounding set and the ambient set, as 64-bit masks (bit n is capability n).

use nix::errno::Errno;

use crate::check;

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The three sets of a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sets {
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept over an execve of a file with inheritable capabilities.
    pub inheritable: u64,
}

/// `int capget(cap_user_header_t, cap_user_data_t)` of the calling thread.
pub fn get() -> nix::Result<Sets> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 fills two Data elements, which are there.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok(Sets {
        effective: join(data[0].effective, data[1].effective),
        permitted: join(data[0].permitted, data[1].permitted),
        inheritable: join(data[0].inheritable, data[1].inheritable),
    })
}

/// `int capset(cap_user_header_t, const cap_user_data_t)` for the calling thread.
pub fn set(sets: Sets) -> nix::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let half = |shift: u32| Data {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads two Data elements, which are there.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) }).map(drop)
}

/// Whether capability `number` is in the bounding set; EINVAL when the kernel does not know the number.
pub fn bounding_has(number: u32) -> nix::Result<bool> {
    // SAFETY: PR_CAPBSET_READ takes a number and no pointer.
    let has = unsafe { libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(number), 0, 0, 0) };
    check(i64::from(has)).map(|value| value == 1)
}

/// Drops from the bounding set every capability that `keep` lacks.
pub fn limit_bounding(keep: u64) -> nix::Result<()> {
    for number in 0..64 {
        if keep & (1 << number) != 0 {
            continue;
        }
        // SAFETY: PR_CAPBSET_DROP takes a number and no pointer.
        match check(i64::from(unsafe {
            libc::prctl(libc::PR_CAPBSET_DROP, number as libc::c_ulong, 0, 0, 0)
        })) {
            Err(Errno::EINVAL) => break, // past the last capability of this kernel
            Err(errno) => return Err(errno),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Makes the ambient set exactly `wanted`; each must be permitted and inheritable.
pub fn set_ambient(wanted: u64) -> nix::Result<()> {
    const CLEAR: libc::c_ulong = libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong;
    const RAISE: libc::c_ulong = libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong;
    // SAFETY: PR_CAP_AMBIENT takes numbers and no pointer.
    check(i64::from(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, CLEAR, 0, 0, 0) }))?;
    for number in 0..64u64 {
        if wanted & (1 << number) == 0 {
            continue;
        }
        // SAFETY: as above.
        check(i64::from(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, RAISE, number, 0, 0) }))?;
    }
    Ok(())
}

/// Keeps the capabilities of the calling **thread** over changes of its ids (SECBIT_NO_SETUID_FIXUP), for as long as the
/// returned bits are not set back by [`set_securebits`].
pub fn keep_over_ids() -> nix::Result<u32> {
    const SECBIT_NO_SETUID_FIXUP: u32 = 1 << 2;
    // SAFETY: PR_GET_SECUREBITS takes no pointer.
    let bits = check(i64::from(unsafe { libc::prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, 0) }))? as u32;
    set_securebits(bits | SECBIT_NO_SETUID_FIXUP)?;
    Ok(bits)
}

/// `prctl(PR_SET_SECUREBITS)` of the calling thread; needs CAP_SETPCAP.
pub fn set_securebits(bits: u32) -> nix::Result<()> {
    // SAFETY: PR_SET_SECUREBITS takes a number and no pointer.
    check(i64::from(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, libc::c_ulong::from(bits), 0, 0, 0) }))
        .map(drop)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_effective_is_permitted() {
        let sets = super::get().unwrap();
        assert_eq!(sets.effective & !sets.permitted, 0);
    }
}
