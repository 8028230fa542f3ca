//! Which Python runs the engine.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// An interpreter and how it is to be started.
#[derive(Debug)]
pub struct Python {
    /// Its path, or only a name where none was found.
    pub path: PathBuf,
    /// Its options.
    pub options: &'static [&'static str],
}

/// Neither the current directory nor variables nor the user's packages change what is imported; text is UTF-8 whatever
/// the locale, so that cold and warm say the same.
const ISOLATED: &[&str] = &["-I", "-X", "utf8"];
/// The same, but for packages of the user: `pip install --user` has put this program into `~/.local/bin`.
const WITH_USER_SITE: &[&str] = &["-E", "-P", "-X", "utf8"];

/// The one beside this program, as in every virtual environment and prefix, else the first of PATH.
pub fn find() -> Python {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(|directory| directory.join("python3"));
    if let Some(path) = beside.filter(|path| is_executable(path)) {
        return Python { path, options: ISOLATED };
    }
    let directories = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    let found = env::split_paths(&directories)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("python3"))
        .find(|path| is_executable(path));
    Python { path: found.unwrap_or_else(|| PathBuf::from("/usr/bin/python3")), options: WITH_USER_SITE }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_executed_is_an_interpreter() {
        assert!(is_executable(Path::new("/bin/sh")));
        assert!(!is_executable(Path::new("/etc/passwd")));
        assert!(!is_executable(Path::new("/bin")));
        assert!(!is_executable(Path::new("/no/such")));
    }
}
