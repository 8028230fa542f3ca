//! `name[:group]` looked up in the container's own passwd(5) and group(5).
//!
//! Hostile files are met with limits: no more than 1 MiB is read, only of a regular file (a FIFO would block),
//! and a field that is no number in range makes its line count as absent.

use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat};

use super::path::open_in_root;
use crate::spec::User;
use crate::{Error, Kind, Result};

const MAX_FILE: usize = 1 << 20;
/// The largest id; the kernel keeps 2^32-1 for "no change".
const MAX_ID: u32 = i32::MAX as u32;

/// What a look-up found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Numeric user and groups.
    pub user: User,
    /// Home directory; `/` when there is no entry.
    pub home: String,
}

/// Looks up `wanted` (`name`, `uid`, `name:group`, `uid:gid`, `:group`) and the additional `groups`.
pub fn look_up(root: BorrowedFd<'_>, wanted: &str, groups: &[String]) -> Result<Found> {
    let passwd = read_small(root, Path::new("/etc/passwd"))?;
    let group = read_small(root, Path::new("/etc/group"))?;
    find(&passwd, &group, wanted, groups)
}

/// The home directory of a numeric user; `/` when there is no entry.
pub fn home_of(root: BorrowedFd<'_>, uid: u32) -> Result<String> {
    let passwd = read_small(root, Path::new("/etc/passwd"))?;
    let entry = Entry::all(&passwd).find(|entry| entry.uid == uid);
    Ok(entry.map_or_else(|| "/".to_owned(), |entry| entry.home.to_owned()))
}

fn find(passwd: &str, group: &str, wanted: &str, groups: &[String]) -> Result<Found> {
    let (name, group_name) = match wanted.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let number = id(name)?;
    let entry = Entry::all(passwd).find(|entry| entry.name == name || Some(entry.uid) == number);
    let Some(uid) = entry.as_ref().map(|entry| entry.uid).or(number) else {
        return Err(Error::invalid(format!(
            "unable to find user {name}: no matching entries in passwd file"
        ))
        .hint("use a numeric uid, or add the user to the image"));
    };
    let mut user = User { uid, gid: entry.as_ref().map_or(0, |entry| entry.gid), ..User::default() };
    match group_name {
        Some(wanted) => user.gid = group_id(group, wanted)?,
        None => {
            if let Some(entry) = &entry {
                user.additional_gids = memberships(group, entry.name);
            }
        }
    }
    for wanted in groups {
        let gid = group_id(group, wanted)?;
        if !user.additional_gids.contains(&gid) {
            user.additional_gids.push(gid);
        }
    }
    let home = entry.map(|entry| entry.home).filter(|home| !home.is_empty()).unwrap_or("/");
    Ok(Found { user, home: home.to_owned() })
}

fn group_id(group: &str, wanted: &str) -> Result<u32> {
    let number = id(wanted)?;
    let mut entries = group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?;
        Some((name, parse_id(gid)?))
    });
    entries
        .find(|(name, gid)| *name == wanted || Some(*gid) == number)
        .map(|(_, gid)| gid)
        .or(number)
        .ok_or_else(|| {
            Error::invalid(format!("unable to find group {wanted}: no matching entries in group file"))
                .hint("use a numeric gid, or add the group to the image")
        })
}

fn memberships(group: &str, user: &str) -> Vec<u32> {
    let mut gids = Vec::new();
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { continue };
        let Some(gid) = parse_id(gid) else { continue };
        if members.split(',').any(|member| member == user) && !gids.contains(&gid) {
            gids.push(gid);
        }
    }
    gids
}

/// A purely numeric text is an id: None when it is no number, an error when it is out of range.
fn id(text: &str) -> Result<Option<u32>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match parse_id(text) {
        Some(id) => Ok(Some(id)),
        None => Err(Error::invalid(format!("uids and gids must be in range 0-{MAX_ID}, not {text}"))),
    }
}

fn parse_id(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|id| *id <= MAX_ID)
}

struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Entry<'a> {
    fn all(passwd: &'a str) -> impl Iterator<Item = Self> {
        passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            let uid = parse_id(fields.nth(1)?)?;
            let gid = parse_id(fields.next()?)?;
            let home = fields.nth(1).unwrap_or("");
            Some(Self { name, uid, gid, home })
        })
    }
}

/// Reads a small regular file; empty when it is not there.
fn read_small(root: BorrowedFd<'_>, path: &Path) -> Result<String> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = match open_in_root(root, path, flags) {
        Ok(file) => file,
        Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) => return Ok(String::new()),
        Err(errno) => return Err(Error::at("read", path, errno)),
    };
    let kind = fstat(&file).map_err(|errno| Error::at("read", path, errno))?.st_mode;
    if SFlag::from_bits_truncate(kind) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(Error::new(
            Kind::Invalid,
            format!("`{}` in the image is no regular file", path.display()),
        ));
    }
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while bytes.len() <= MAX_FILE {
        match nix::unistd::read(&file, &mut chunk).map_err(|errno| Error::at("read", path, errno))? {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    Err(Error::new(Kind::Invalid, format!("`{}` in the image is larger than 1 MiB", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nbin:x:2:2::/bin:\n7:x:1007:7::/seven:\nbad:x:4294967296:0::/:\n";
    const GROUP: &str = "root:x:0:\naudio:x:29:bin,nobody\nvideo:x:44:bin\nbin:x:2:\n";

    fn ids(wanted: &str) -> (u32, u32, Vec<u32>, String) {
        let found = find(PASSWD, GROUP, wanted, &[]).unwrap();
        (found.user.uid, found.user.gid, found.user.additional_gids, found.home)
    }

    #[test]
    fn names_numbers_and_groups() {
        assert_eq!(ids(""), (0, 0, vec![], "/root".into()));
        assert_eq!(ids("bin"), (2, 2, vec![29, 44], "/bin".into()));
        assert_eq!(ids("bin:audio"), (2, 29, vec![], "/bin".into()));
        assert_eq!(ids("2:5"), (2, 5, vec![], "/bin".into()));
        assert_eq!(ids("4711"), (4711, 0, vec![], "/".into()));
        assert_eq!(ids("00"), (0, 0, vec![], "/root".into()));
        assert_eq!(ids("7"), (1007, 7, vec![], "/seven".into()));
    }

    #[test]
    fn what_is_neither_name_nor_number_in_range_is_refused() {
        for wanted in ["4294967296", "4294967295", "2147483648"] {
            assert!(find(PASSWD, GROUP, wanted, &[]).unwrap_err().message.contains("must be in range"));
        }
        for wanted in ["+1", "-1", "nobody", "bad", " 1", "1\n"] {
            let error = find(PASSWD, GROUP, wanted, &[]).unwrap_err();
            assert!(error.message.contains("no matching entries in passwd file"), "{wanted}: {error}");
        }
        let error = find(PASSWD, GROUP, "bin:nogroup", &[]).unwrap_err();
        assert!(error.message.contains("unable to find group nogroup"));
    }

    #[test]
    fn additional_groups_join_those_of_the_file() {
        let groups = ["video".to_owned(), "77".to_owned()];
        let found = find(PASSWD, GROUP, "bin", &groups).unwrap();
        assert_eq!(found.user.additional_gids, [29, 44, 77]);
    }
}
