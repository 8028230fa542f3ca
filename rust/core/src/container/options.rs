//! Mount options as in `mount(8)` and the OCI specification.

use rocker_sys::mount::{Propagation, attr};

use crate::{Error, Result};

/// Options of one mount, sorted by what they act on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Attributes set on the mount itself (`MOUNT_ATTR_*`).
    pub set: u64,
    /// Attributes cleared on the mount itself.
    pub clear: u64,
    /// Attributes set on the mount and all below it.
    pub set_below: u64,
    /// Attributes cleared on the mount and all below it.
    pub clear_below: u64,
    /// Propagation of the mount; private when absent.
    pub propagation: Option<Propagation>,
    /// Whether the propagation concerns all mounts below it too.
    pub propagation_below: bool,
    /// A bind.
    pub bind: bool,
    /// A bind with the mounts below its source.
    pub recursive: bool,
    /// The owners of its files are mapped; true: those of the mounts below its source too.
    pub idmap: Option<bool>,
    /// What the image has there is copied into the tmpfs, or into the volume while that is empty.
    pub copy_up: bool,
    /// `key` or `key=value` of the file system itself.
    pub data: Vec<String>,
}

/// One mount attribute: the option's name, what it sets, what it clears.
const ATTRIBUTES: &[(&str, u64, u64)] = &[
    ("ro", attr::RDONLY, 0),
    ("rw", 0, attr::RDONLY),
    ("nosuid", attr::NOSUID, 0),
    ("suid", 0, attr::NOSUID),
    ("nodev", attr::NODEV, 0),
    ("dev", 0, attr::NODEV),
    ("noexec", attr::NOEXEC, 0),
    ("exec", 0, attr::NOEXEC),
    ("noatime", attr::NOATIME, attr::ATIME_MASK),
    ("atime", attr::RELATIME, attr::ATIME_MASK),
    ("relatime", attr::RELATIME, attr::ATIME_MASK),
    ("norelatime", 0, attr::ATIME_MASK),
    ("strictatime", attr::STRICTATIME, attr::ATIME_MASK),
    ("nostrictatime", 0, attr::ATIME_MASK),
    ("nodiratime", attr::NODIRATIME, 0),
    ("diratime", 0, attr::NODIRATIME),
    ("nosymfollow", attr::NOSYMFOLLOW, 0),
    ("symfollow", 0, attr::NOSYMFOLLOW),
];

/// Known, but not offered.
const UNSUPPORTED: &[&str] = &["remount", "mand", "iversion", "silent", "loud"];

impl MountOptions {
    /// Sorts the options; one that is neither an attribute nor `data` of a file system is refused.
    pub fn parse(options: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        for option in options {
            parsed.add(option)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, option: &str) -> Result<()> {
        if let Some((_, set, clear)) = ATTRIBUTES.iter().find(|(name, ..)| *name == option) {
            self.set = self.set & !clear | set;
            self.clear = self.clear & !set | clear;
            return Ok(());
        }
        let below = option.strip_prefix('r').unwrap_or("");
        if let Some((_, set, clear)) = ATTRIBUTES.iter().find(|(name, ..)| *name == below) {
            self.set_below = self.set_below & !clear | set;
            self.clear_below = self.clear_below & !set | clear;
            return Ok(());
        }
        match option {
            "defaults" | "async" | "nomand" | "noiversion" | "" => {}
            "bind" => self.bind = true,
            "rbind" => (self.bind, self.recursive) = (true, true),
            "idmap" => self.idmap = self.idmap.or(Some(false)),
            "ridmap" => self.idmap = Some(true),
            "tmpcopyup" | "copyup" => self.copy_up = true,
            "private" => self.propagate(Propagation::Private, false),
            "rprivate" => self.propagate(Propagation::Private, true),
            "slave" => self.propagate(Propagation::Slave, false),
            "rslave" => self.propagate(Propagation::Slave, true),
            "shared" => self.propagate(Propagation::Shared, false),
            "rshared" => self.propagate(Propagation::Shared, true),
            "unbindable" => self.propagate(Propagation::Unbindable, false),
            "runbindable" => self.propagate(Propagation::Unbindable, true),
            "sync" | "dirsync" | "lazytime" => self.data.push(option.to_owned()),
            _ if UNSUPPORTED.contains(&option) => {
                return Err(Error::unsupported(format!("mount option `{option}` is not supported")));
            }
            _ => self.data.push(option.to_owned()),
        }
        Ok(())
    }

    fn propagate(&mut self, propagation: Propagation, below: bool) {
        self.propagation = Some(propagation);
        self.propagation_below = below;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> MountOptions {
        let options: Vec<String> = text.split(',').map(str::to_owned).collect();
        MountOptions::parse(&options).unwrap()
    }

    #[test]
    fn the_last_of_two_contrary_options_wins() {
        assert_eq!(parse("ro,rw").set & attr::RDONLY, 0);
        assert_eq!(parse("rw,ro").set & attr::RDONLY, attr::RDONLY);
        assert_eq!(parse("noatime,strictatime").set, attr::STRICTATIME);
    }

    #[test]
    fn recursive_forms_act_below() {
        let options = parse("rbind,rro,rslave");
        assert_eq!(options.set_below, attr::RDONLY);
        assert_eq!((options.bind, options.recursive, options.set), (true, true, 0));
        assert_eq!((options.propagation, options.propagation_below), (Some(Propagation::Slave), true));
    }

    #[test]
    fn the_rest_is_the_file_systems_own() {
        assert_eq!(parse("size=64m,mode=1777").data, ["size=64m", "mode=1777"]);
    }

    #[test]
    fn what_is_not_offered_is_refused_by_name() {
        let error = MountOptions::parse(&["remount".to_owned()]).unwrap_err();
        assert_eq!(error.message, "mount option `remount` is not supported");
    }
}
