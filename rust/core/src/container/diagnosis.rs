//! Why a program could not be run, in words: execve(2) says ENOENT for four different mistakes.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
#[cfg(test)]
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::{Error, Kind};

/// The command is nowhere in PATH, or not where its path says.
pub fn not_found(name: &str) -> Error {
    let text = if name.contains('/') {
        format!("exec: \"{name}\": stat {name}: no such file or directory")
    } else {
        format!("exec: \"{name}\": executable file not found in $PATH")
    };
    Error {
        step: Some("execve".into()),
        errno: Some(Errno::ENOENT as i32),
        ..Error::new(Kind::CommandNotFound, text)
    }
}

/// The command is there, and yet execve failed.
pub fn explain(path: &CStr, errno: Errno) -> Error {
    let name = path.to_string_lossy();
    let base = Error::at("execve", &*name, errno);
    let start = beginning(path);
    let not_executable = |reason: String| {
        base.clone().kind(Kind::CommandNotExecutable).message(format!("exec: \"{name}\": {reason}"))
    };
    match (errno, start) {
        (Errno::EACCES, Start::Directory) => not_executable("is a directory".into()),
        (Errno::EACCES, _) => not_executable("permission denied".into())
            .hint(format!("chmod +x {name} in the image, or run it through its interpreter")),
        (Errno::ENOENT, Start::Script(interpreter)) => missing_interpreter(&base, &name, &interpreter),
        (Errno::ENOENT, Start::Elf(machine)) => base
            .kind(Kind::CommandNotFound)
            .message(format!(
                "exec: \"{name}\": the program is there, but its dynamic loader is not in the image"
            ))
            .hint(format!(
                "it was built for {}: use a static build or an image with that C library",
                machine.name()
            )),
        (Errno::ENOEXEC, Start::Elf(machine)) if !machine.is_native() => not_executable(format!(
            "exec format error: it is built for {}, this machine is {}",
            machine.name(),
            std::env::consts::ARCH
        ))
        .hint("use an image for this architecture"),
        (Errno::ENOEXEC, _) => {
            not_executable("exec format error: neither a program nor a script with `#!`".into())
                .hint("add `#!/bin/sh` as the first line, or run it through its interpreter")
        }
        _ => not_executable(errno.desc().to_lowercase()),
    }
}

fn missing_interpreter(base: &Error, name: &str, interpreter: &str) -> Error {
    let error = base.clone().kind(Kind::CommandNotFound);
    if let Some(clean) = interpreter.strip_suffix('\r') {
        return error
            .message(format!("exec: \"{name}\": its first line ends with a carriage return (CRLF), so `{clean}\\r` is not found"))
            .hint("convert the script to Unix line ends, for example with dos2unix");
    }
    error
        .message(format!("exec: \"{name}\": its interpreter `{interpreter}` is not in the image"))
        .hint("install the interpreter in the image or change the script's first line")
}

/// What the first bytes of a file say.
enum Start {
    Directory,
    Script(String),
    Elf(Machine),
    Other,
}

fn beginning(path: &CStr) -> Start {
    let Ok(file) =
        nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK, Mode::empty())
    else {
        return Start::Other;
    };
    if is_directory(&file) {
        return Start::Directory;
    }
    let mut bytes = [0u8; 256];
    let count = nix::unistd::read(&file, &mut bytes).unwrap_or(0);
    let bytes = &bytes[..count];
    if let Some(line) = bytes.strip_prefix(b"#!") {
        let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
        let line = String::from_utf8_lossy(&line[..end]);
        let line = line.trim_start_matches([' ', '\t']);
        let interpreter = line.split([' ', '\t']).next().unwrap_or("");
        return Start::Script(interpreter.to_owned());
    }
    match (bytes.starts_with(b"\x7fELF"), bytes.get(18..20)) {
        (true, Some(&[low, high])) => Start::Elf(Machine(u16::from_le_bytes([low, high]))),
        _ => Start::Other,
    }
}

fn is_directory(file: &OwnedFd) -> bool {
    fstat(file).is_ok_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
}

/// `e_machine`, elf(5).
#[derive(Clone, Copy)]
struct Machine(u16);

impl Machine {
    fn name(self) -> &'static str {
        match self.0 {
            3 => "i386",
            8 => "mips",
            20 | 21 => "powerpc",
            22 => "s390x",
            40 => "arm",
            62 => "x86_64",
            183 => "aarch64",
            243 => "riscv64",
            258 => "loongarch64",
            _ => "another architecture",
        }
    }

    fn is_native(self) -> bool {
        self.name() == std::env::consts::ARCH
    }
}

/// Whether a path names nothing, for tests.
#[cfg(test)]
fn explain_path(path: &Path, errno: Errno) -> Error {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    explain(&name, errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(content: &[u8], errno: Errno) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        explain_path(file.path(), errno).to_string()
    }

    #[test]
    fn a_crlf_script_is_told_apart_from_a_missing_interpreter() {
        assert!(explained(b"#!/bin/sh\r\necho", Errno::ENOENT).contains("carriage return"));
        assert!(explained(b"#! /bin/zsh -x\n", Errno::ENOENT).contains("its interpreter `/bin/zsh` is not"));
    }

    #[test]
    fn a_foreign_program_names_both_architectures() {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(18, 0);
        elf.extend_from_slice(&183u16.to_le_bytes());
        let text = explained(&elf, Errno::ENOEXEC);
        assert!(text.contains("built for aarch64, this machine is x86_64"), "{text}");
        assert!(explained(b"echo hi", Errno::ENOEXEC).contains("neither a program nor a script"));
    }

    #[test]
    fn kinds_decide_the_exit_code() {
        assert_eq!(not_found("nope").kind, Kind::CommandNotFound);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(explain_path(file.path(), Errno::EACCES).kind, Kind::CommandNotExecutable);
    }
}
