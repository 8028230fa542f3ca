//! `bpf(2)`, as far as the device rules of cgroup v2 need it.
//!
//! Manual: <https://man7.org/linux/man-pages/man2/bpf.2.html>; the layout of
//! `union bpf_attr` is that of `linux/bpf.h`.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_ATTACH: libc::c_long = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
/// A program of a parent and one of a child both decide (Linux 4.15).
const BPF_F_ALLOW_MULTI: u32 = 2;

/// The members of `union bpf_attr` for `BPF_PROG_LOAD`, up to `kern_version`.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

/// The members of `union bpf_attr` for `BPF_PROG_ATTACH`.
#[repr(C)]
struct ProgAttach {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
}

/// `bpf(BPF_PROG_LOAD)` of a `BPF_PROG_TYPE_CGROUP_DEVICE` program (Linux 4.15).
///
/// `instructions` are `struct bpf_insn` as native-endian integers. The
/// descriptor is close-on-exec (the kernel makes it so). EACCES or EINVAL: the
/// verifier refused the program; EPERM: CAP_BPF or CAP_SYS_ADMIN is missing.
pub fn load_cgroup_device(instructions: &[u64]) -> nix::Result<OwnedFd> {
    let count = u32::try_from(instructions.len()).map_err(|_| Errno::E2BIG)?;
    let attr = ProgLoad {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: count,
        insns: instructions.as_ptr() as u64,
        // No helper is called, so no licence is asked for; it must be a string.
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    // SAFETY: attr is a prefix of union bpf_attr, whose rest the kernel takes as
    // zero; the instructions and the licence outlive the call, which copies them.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attr, size_of::<ProgLoad>()) };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `bpf(BPF_PROG_ATTACH)` of a device program to the cgroup v2 directory
/// `cgroup` (an `O_PATH` descriptor will do). The cgroup keeps the program.
///
/// `BPF_F_ALLOW_MULTI`: programs of cgroups above and below decide too, so that
/// a cgroup made inside a container can only be stricter.
pub fn attach_cgroup_device(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> nix::Result<()> {
    let number = |fd: BorrowedFd<'_>| u32::try_from(fd.as_raw_fd()).map_err(|_| Errno::EBADF);
    let attr = ProgAttach {
        target_fd: number(cgroup)?,
        attach_bpf_fd: number(program)?,
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: BPF_F_ALLOW_MULTI,
    };
    // SAFETY: attr is a prefix of union bpf_attr, whose rest the kernel takes as
    // zero; it holds numbers of descriptors that are borrowed for the call.
    let done =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, &raw const attr, size_of::<ProgAttach>()) };
    Errno::result(done).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_returns_one_is_loaded() {
        // r0 = 1; exit
        let program = [0x0000_0001_0000_00b7_u64, 0x95];
        match load_cgroup_device(&program) {
            Ok(_) | Err(Errno::EPERM) => {}
            Err(errno) => panic!("load: {errno}"),
        }
    }

    #[test]
    fn a_program_without_exit_is_refused() {
        let refused = load_cgroup_device(&[0x0000_0001_0000_00b7_u64]).unwrap_err();
        assert!([Errno::EINVAL, Errno::EPERM].contains(&refused), "{refused}");
    }
}
