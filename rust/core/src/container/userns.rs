//! A user namespace: made, entered, and its ids.
//!
//! What a container's own namespaces allow follows from the user namespace that they were made in
//! (`user_namespaces(7)`): so that comes first, and a process that has entered it makes all others.

use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Pid, Uid, pause, setfsgid, setfsuid, setgroups, setresgid, setresuid};
use rocker_sys::clone::{Cloned, SingleThreaded, clone_process};
use rocker_sys::{caps, mount, pidfd};

use crate::spec::IdMapping;
use crate::{Error, Result};

/// The kernel takes so many lines (`user_namespaces(7)`).
const MOST: usize = 340;

/// Users and groups of a user namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdMaps {
    /// Users.
    pub uids: Vec<IdMapping>,
    /// Groups.
    pub gids: Vec<IdMapping>,
}

impl IdMaps {
    /// Checks what the kernel would refuse without a word. `Invalid`: a mapping is missing, empty, or overlaps another.
    pub fn new(uids: &[IdMapping], gids: &[IdMapping]) -> Result<Self> {
        for (name, mappings) in [("uidMappings", uids), ("gidMappings", gids)] {
            check(mappings).map_err(|why| Error::invalid(format!("{name}: {why}")))?;
        }
        Ok(Self { uids: uids.to_vec(), gids: gids.to_vec() })
    }

    /// What user 0 and group 0 are on the host.
    pub fn root(&self) -> Result<(u32, u32)> {
        match (outside(&self.uids, 0), outside(&self.gids, 0)) {
            (Some(uid), Some(gid)) => Ok((uid, gid)),
            _ => Err(Error::invalid("the mappings of a user namespace lack user or group 0")),
        }
    }

    /// What a user is on the host; None for one that is not mapped.
    pub fn user(&self, uid: u32) -> Option<u32> {
        outside(&self.uids, uid)
    }

    /// What a group is on the host; None for one that is not mapped.
    pub fn group(&self, gid: u32) -> Option<u32> {
        outside(&self.gids, gid)
    }

    /// The mappings of a process, from its `uid_map` and `gid_map` below `directory` of a procfs; None where ids are
    /// the host's.
    pub fn of_process(uid_map: &str, gid_map: &str) -> Option<Self> {
        let (uids, gids) = (parse(uid_map)?, parse(gid_map)?);
        let whole = [IdMapping { container: 0, host: 0, size: u32::MAX }];
        (uids != whole || gids != whole).then_some(Self { uids, gids })
    }

    /// A file's capabilities as they are seen in the namespace, from how the host sees them.
    ///
    /// `struct vfs_ns_cap_data` of capabilities(7): version 3 is version 2 with the root of a user namespace behind it.
    pub fn capability_inside(&self, mut value: Vec<u8>) -> Vec<u8> {
        let root = self.user(0).map(u32::to_le_bytes);
        if value.len() == CAPABILITY_3 && value[3] == 3 && root.is_some_and(|root| value.ends_with(&root)) {
            value.truncate(CAPABILITY_2);
            value[3] = 2;
        }
        value
    }

    /// The other way round.
    pub fn capability_outside(&self, mut value: Vec<u8>) -> Vec<u8> {
        if let Some(root) = self.user(0)
            && value.len() == CAPABILITY_2
            && value[3] == 2
        {
            value[3] = 3;
            value.extend(root.to_le_bytes());
        }
        value
    }

    /// What a user of the host is in the namespace; the overflow id for one that is not mapped.
    pub fn user_inside(&self, uid: u32) -> u32 {
        inside(&self.uids, uid)
    }

    /// What a group of the host is in the namespace; the overflow id for one that is not mapped.
    pub fn group_inside(&self, gid: u32) -> u32 {
        inside(&self.gids, gid)
    }
}

/// Who owns what is not mapped (`/proc/sys/kernel/overflowuid`, which nobody changes).
const OVERFLOW: u32 = 65534;

/// Bytes of `security.capability` in its versions.
const CAPABILITY_2: usize = 20;
const CAPABILITY_3: usize = 24;

fn outside(mappings: &[IdMapping], id: u32) -> Option<u32> {
    let found = mappings.iter().find(|one| id.checked_sub(one.container).is_some_and(|at| at < one.size))?;
    Some(found.host + (id - found.container))
}

fn inside(mappings: &[IdMapping], id: u32) -> u32 {
    let found = mappings.iter().find(|one| id.checked_sub(one.host).is_some_and(|at| at < one.size));
    found.map_or(OVERFLOW, |one| one.container + (id - one.host))
}

fn parse(text: &str) -> Option<Vec<IdMapping>> {
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(|word| word.parse().ok());
        Some(IdMapping { container: numbers.next()??, host: numbers.next()??, size: numbers.next()?? })
    };
    text.lines().map(line).collect()
}

fn check(mappings: &[IdMapping]) -> std::result::Result<(), String> {
    if mappings.is_empty() {
        return Err("a user namespace needs at least one".to_owned());
    }
    if mappings.len() > MOST {
        return Err(format!("the kernel takes {MOST}, not {}", mappings.len()));
    }
    for (number, one) in mappings.iter().enumerate() {
        if one.size == 0 {
            return Err("a size of 0 maps nothing".to_owned());
        }
        // 2^32-1 is no id, but "unchanged" (chown(2)).
        if one.container.checked_add(one.size).is_none() || one.host.checked_add(one.size).is_none() {
            return Err(format!("{} ids from {} on are more than there are", one.size, one.host));
        }
        let apart = |a: u32, b: u32, other: &IdMapping| a + one.size <= b || b + other.size <= a;
        let clash = mappings[..number].iter().find(|other| {
            !apart(one.container, other.container, other) || !apart(one.host, other.host, other)
        });
        if clash.is_some() {
            return Err(format!("the mapping of {} overlaps another one", one.container));
        }
    }
    Ok(())
}

/// A user namespace, alive as long as this is.
#[derive(Debug)]
pub struct Userns {
    /// Its file.
    pub file: OwnedFd,
    /// Its ids.
    pub maps: IdMaps,
}

impl Userns {
    /// Makes one. `proc` is a procfs in which this process's children have their numbers.
    pub fn create(proof: SingleThreaded, proc: BorrowedFd<'_>, maps: IdMaps) -> Result<Self> {
        let hint = "a limit may be reached, or the kernel be told to make none: see /proc/sys/user/max_user_namespaces";
        match clone_process(proof, CloneFlags::CLONE_NEWUSER, None) {
            Err(errno) => Err(Error::sys("make a user namespace", errno).hint(hint)),
            Ok(Cloned::Child) => {
                let _ = prctl::set_pdeathsig(Signal::SIGKILL);
                loop {
                    pause();
                }
            }
            Ok(Cloned::Parent(pid, process)) => {
                let file = configure(proc, pid, &maps);
                let _ = pidfd::kill(process.as_fd());
                let _ = waitpid(pid, None);
                Ok(Self { file: file?, maps })
            }
        }
    }

    /// Enters it with this process, which keeps its ids, and from then on makes namespaces that belong to it.
    pub fn enter(&self) -> Result<()> {
        setns(&self.file, CloneFlags::CLONE_NEWUSER)
            .map_err(|errno| Error::sys("enter the user namespace", errno))
    }

    /// Shows owners of files in a detached tree that nobody has attached yet as this namespace maps them.
    pub fn map_owners(&self, tree: BorrowedFd<'_>, recursive: bool) -> Result<()> {
        mount::map_owners(tree, self.file.as_fd(), recursive).map_err(Self::not_mapped)
    }

    /// The same for a tmpfs that another container has. One that was mounted in a user namespace, as `/dev/shm` is, shows
    /// its owners so already, and to map it again is EINVAL; who shares it is in the same one.
    pub fn map_shared_owners(&self, tree: BorrowedFd<'_>) -> Result<()> {
        match mount::map_owners(tree, self.file.as_fd(), true) {
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(errno) => Err(Self::not_mapped(errno)),
        }
    }

    fn not_mapped(errno: Errno) -> Error {
        match errno {
            Errno::EINVAL => Error::unsupported(
                "the file system, or one that is mounted below, cannot be id-mapped",
            )
            .hint("ext4, xfs and btrfs can, tmpfs since Linux 6.3; overlay and network file systems cannot"),
            Errno::EPERM => Error::unsupported(
                "it is id-mapped already, or belongs to a user namespace: another container has it mounted",
            ),
            _ => Error::sys("map the owners of a mount", errno),
        }
    }
}

/// What a process that has entered a user namespace does first: it becomes the root of that.
pub fn become_root() -> Result<()> {
    let fail = |errno| Error::sys("become root of the user namespace", errno);
    setgroups(&[]).map_err(fail)?;
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid).map_err(fail)?;
    setresuid(uid, uid, uid).map_err(fail)
}

fn configure(proc: BorrowedFd<'_>, pid: Pid, maps: &IdMaps) -> Result<OwnedFd> {
    for (name, mappings) in [("uid_map", &maps.uids), ("gid_map", &maps.gids)] {
        let path = format!("{pid}/{name}");
        let line = |one: &IdMapping| format!("{} {} {}\n", one.container, one.host, one.size);
        let text: String = mappings.iter().map(line).collect();
        let file = openat(proc, path.as_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| Error::at("open", &path, errno))?;
        // One write: the kernel takes no second (user_namespaces(7)).
        std::fs::File::from(file)
            .write_all(text.as_bytes())
            .map_err(|error| Error::io_at("write the mappings of a user namespace", &path, &error))?;
    }
    let path = format!("{pid}/ns/user");
    openat(proc, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::at("open", &path, errno))
}

/// As long as this lives the calling **thread** makes files as a user of a user namespace, with all capabilities that it has.
///
/// A mount with mapped owners can hold no file of an id that is not mapped, as the host's root is not (EOVERFLOW).
#[derive(Debug)]
pub struct FileOwner {
    dumpable: bool,
    securebits: u32,
    ids: (Uid, Gid),
}

impl FileOwner {
    /// Files belong to these ids of the host.
    pub fn new(uid: u32, gid: u32) -> Result<Self> {
        let fail = |errno| Error::sys("make files for a user namespace", errno);
        let dumpable = prctl::get_dumpable().map_err(fail)?;
        let securebits = caps::keep_over_ids().map_err(fail)?;
        let old_gid = setfsgid(Gid::from_raw(gid));
        let old_uid = setfsuid(Uid::from_raw(uid));
        let owner = Self { dumpable, securebits, ids: (old_uid, old_gid) };
        // The calls tell of no failure but by what they leave (setfsuid(2)).
        let now = (setfsuid(Uid::from_raw(u32::MAX)), setfsgid(Gid::from_raw(u32::MAX)));
        if now == (Uid::from_raw(uid), Gid::from_raw(gid)) { Ok(owner) } else { Err(fail(Errno::EPERM)) }
    }
}

impl Drop for FileOwner {
    fn drop(&mut self) {
        setfsuid(self.ids.0);
        setfsgid(self.ids.1);
        let _ = caps::set_securebits(self.securebits);
        // A change of ids takes it away from the whole process (prctl(2)).
        let _ = prctl::set_dumpable(self.dumpable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(container: u32, host: u32, size: u32) -> IdMapping {
        IdMapping { container, host, size }
    }

    #[test]
    fn ids_are_mapped_both_ways() {
        let mappings = [one(0, 100_000, 10), one(10, 5, 1)];
        let maps = IdMaps::new(&mappings, &mappings).unwrap();
        assert_eq!(maps.root().unwrap(), (100_000, 100_000));
        assert_eq!((maps.user(9), maps.user(10), maps.user(11)), (Some(100_009), Some(5), None));
        assert_eq!((maps.user_inside(100_003), maps.group_inside(5), maps.user_inside(0)), (3, 10, 65534));
    }

    #[test]
    fn capabilities_of_files_name_the_root_outside() {
        let mappings = [one(0, 100_000, 65536)];
        let maps = IdMaps::new(&mappings, &mappings).unwrap();
        let two = [vec![1, 0, 0, 2], vec![7; 16]].concat();
        let three = [vec![1, 0, 0, 3], vec![7; 16], 100_000_u32.to_le_bytes().to_vec()].concat();
        assert_eq!(maps.capability_outside(two.clone()), three);
        assert_eq!(maps.capability_inside(three), two);
        let anothers = [vec![1, 0, 0, 3], vec![7; 16], vec![1, 0, 0, 0]].concat();
        assert_eq!(maps.capability_inside(anothers.clone()), anothers);
    }

    #[test]
    fn what_the_kernel_would_refuse_is_said_in_words() {
        for (mappings, why) in [
            (&[][..], "needs at least one"),
            (&[one(0, 1, 0)], "maps nothing"),
            (&[one(0, u32::MAX, 1)], "more than there are"),
            (&[one(0, 100, 10), one(9, 200, 10)], "overlaps"),
            (&[one(0, 100, 10), one(10, 109, 10)], "overlaps"),
        ] {
            let error = IdMaps::new(&[one(0, 1, 1)], mappings).unwrap_err();
            assert!(error.message.starts_with("gidMappings: ") && error.message.contains(why), "{error}");
        }
        let error = IdMaps::new(&[one(1, 1, 1)], &[one(0, 1, 1)]).unwrap().root().unwrap_err();
        assert!(error.message.contains("lack user or group 0"));
    }

    #[test]
    fn a_thread_makes_files_for_others_and_is_itself_again() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: making files for others needs root");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            std::fs::write(directory.path().join(name), b"").unwrap();
            let found = std::fs::metadata(directory.path().join(name)).unwrap();
            (std::os::unix::fs::MetadataExt::uid(&found), std::os::unix::fs::MetadataExt::gid(&found))
        };
        let before = (prctl::get_dumpable().unwrap(), caps::get().unwrap());
        let owner = FileOwner::new(700_000, 700_001).unwrap();
        assert_eq!(make("theirs"), (700_000, 700_001));
        assert_eq!(caps::get().unwrap(), before.1);
        drop(owner);
        assert_eq!(make("ours"), (0, 0));
        assert_eq!((prctl::get_dumpable().unwrap(), caps::get().unwrap()), before);
    }

    #[test]
    fn the_hosts_own_mapping_is_none() {
        let whole = "         0          0 4294967295\n";
        assert_eq!(IdMaps::of_process(whole, whole), None);
        let maps = IdMaps::of_process("0 100000 65536\n", whole).unwrap();
        assert_eq!(maps.uids, [one(0, 100_000, 65536)]);
    }
}
