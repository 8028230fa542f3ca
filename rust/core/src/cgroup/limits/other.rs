//! Tasks, huge pages and the files of cgroup v2 by name.

use std::collections::BTreeMap;

use super::{Homes, Write, home};
use crate::cgroup::hierarchy::{Controller, Version};
use crate::spec::{HugepageLimit, Pids};
use crate::{Error, Result};

/// Largest number of tasks.
pub(super) fn pids(pids: &Pids, homes: Homes<'_>) -> Result<Vec<Write>> {
    let value = if pids.limit > 0 { pids.limit.to_string() } else { "max".to_owned() };
    if pids.limit <= 0 && homes(Controller::Pids).is_none() {
        return Ok(Vec::new());
    }
    home(homes, Controller::Pids, "pids.limit")?;
    Ok(vec![Write::new(Controller::Pids, "pids.limit", "pids.max", value)])
}

/// Huge pages, and their reservations (Linux 5.7), as runc does.
pub(super) fn hugetlb(limits: &[HugepageLimit], homes: Homes<'_>) -> Result<Vec<Write>> {
    let what = "hugepageLimits";
    let mut writes = Vec::new();
    for limit in limits {
        let version = home(homes, Controller::Hugetlb, what)?;
        let size = &limit.page_size;
        if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::invalid(format!("{what}: page size `{}`", size.escape_default()))
                .hint("give for example 2MB"));
        }
        let files = match version {
            Version::V1 => {
                [format!("hugetlb.{size}.limit_in_bytes"), format!("hugetlb.{size}.rsvd.limit_in_bytes")]
            }
            Version::V2 => [format!("hugetlb.{size}.max"), format!("hugetlb.{size}.rsvd.max")],
        };
        let [file, reserved] = files.map(|file| Write::new(Controller::Hugetlb, what, file, limit.limit));
        writes.push(file);
        writes.push(Write { optional: true, ..reserved });
    }
    Ok(writes)
}

/// Files of v2 by name. Only those of controllers, which hold nothing but limits.
pub(super) fn unified(files: &BTreeMap<String, String>, homes: Homes<'_>) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    for (file, value) in files {
        let what = format!("unified `{}`", file.escape_default());
        let plain = file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
        let prefix = file.split('.').next().unwrap_or_default();
        let controller = match prefix {
            "cpu" => Controller::Cpu,
            "cpuset" => Controller::Cpuset,
            "memory" => Controller::Memory,
            "pids" => Controller::Pids,
            "io" => Controller::Io,
            "hugetlb" => Controller::Hugetlb,
            _ => return Err(Error::invalid(format!("{what}: not a file of a cgroup v2 controller"))),
        };
        if !plain || !file.contains('.') {
            return Err(Error::invalid(format!("{what}: not a file of a cgroup v2 controller")));
        }
        if homes(controller) != Some(Version::V2) {
            return Err(Error::unsupported(format!(
                "{what}: the controller `{prefix}` is not on cgroup v2 here"
            ))
            .hint("use the limits of cgroup v1, for example memory.limit"));
        }
        writes.push(Write::new(controller, "unified", file, value));
    }
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_on_tasks_is_max() {
        let value = |limit| pids(&Pids { limit }, &|_| Some(Version::V2)).unwrap()[0].choices[0].1.clone();
        assert_eq!([value(-1), value(0), value(7)], ["max", "max", "7"]);
    }

    #[test]
    fn a_unified_file_is_refused_by_name_on_v1_and_outside_controllers() {
        let refused = |file: &str, version| {
            let files = BTreeMap::from([(file.to_owned(), "1".to_owned())]);
            unified(&files, &|_| Some(version)).unwrap_err().message
        };
        let v1 = refused("memory.high", Version::V1);
        assert_eq!(v1, "unified `memory.high`: the controller `memory` is not on cgroup v2 here");
        for bad in ["cgroup.procs", "memory./../../x", "memory", "../x"] {
            let message = refused(bad, Version::V2);
            assert!(message.ends_with("not a file of a cgroup v2 controller"), "{message}");
        }
    }

    #[test]
    fn a_page_size_is_no_path() {
        let limit = HugepageLimit { page_size: "2MB/..".into(), limit: 1 };
        let error = hugetlb(&[limit], &|_| Some(Version::V2)).unwrap_err();
        assert_eq!(error.message, "hugepageLimits: page size `2MB/..`");
    }
}
