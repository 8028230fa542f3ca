//! Real cgroups, below `rocker-test-<pid>-<n>` in each hierarchy.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::hierarchy::{Controller, Version};
use super::*;
use crate::Kind;
use crate::spec::{Cpu, DeviceCgroup, DeviceType, HugepageLimit, Memory, Pids, Resources};

/// A parent of its own for each test, removed when the test ends, however it ends.
struct Home {
    hierarchies: Hierarchies,
    path: PathBuf,
}

impl Home {
    /// None where this user may not make cgroups.
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: making cgroups needs root");
            return None;
        }
        let name = format!("rocker-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Some(Self { hierarchies: Hierarchies::detect().unwrap(), path: name.into() })
    }

    fn create(&self, resources: &Resources) -> crate::Result<Cgroup> {
        self.hierarchies.create(&self.path.join("leaf"), Some(resources))
    }

    fn on_v1(&self, controller: Controller) -> bool {
        self.hierarchies.version(controller) == Some(Version::V1)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Ok(top) = self.hierarchies.open(&self.path) {
            let _ = top.kill();
            top.remove().unwrap();
        }
    }
}

/// A process of the cgroup that waits for its standard input to end.
fn member(cgroup: &Cgroup, script: &str) -> Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // A pid into cgroup.procs: slow, but no code of ours runs before the exec.
    for leaf in &cgroup.dirs {
        dir::write_file(&leaf.fd, "cgroup.procs", &child.id().to_string()).unwrap();
    }
    child
}

fn read(cgroup: &Cgroup, controller: Controller, file: &str) -> String {
    dir::read_file(&cgroup.leaf(controller).unwrap().fd, file).unwrap().trim().to_owned()
}

#[test]
fn a_cgroup_is_limited_listed_and_removed() {
    let Some(home) = Home::new() else { return };
    let resources = Resources {
        memory: Some(Memory { limit: Some(64 << 20), ..Memory::default() }),
        cpu: Some(Cpu { shares: Some(512), quota: Some(50_000), period: Some(100_000), ..Cpu::default() }),
        pids: Some(Pids { limit: 20 }),
        ..Resources::default()
    };
    let cgroup = home.create(&resources).unwrap();
    let stats = cgroup.stats().unwrap();
    assert_eq!(stats.memory.limit, Some(64 << 20));
    assert_eq!(stats.pids, PidsStats { current: 0, limit: Some(20) });
    if home.on_v1(Controller::Cpu) {
        assert_eq!(read(&cgroup, Controller::Cpu, "cpu.shares"), "512");
        assert_eq!(read(&cgroup, Controller::Cpu, "cpu.cfs_quota_us"), "50000");
    }
    assert_eq!(cgroup.pids().unwrap(), Vec::<i32>::new());
    let path = cgroup.path().to_owned();
    cgroup.remove().unwrap();
    let error = home.hierarchies.open(&path).unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(error.message, format!("no cgroup `{}`", path.display()));
}

#[test]
fn the_child_enters_every_v1_hierarchy_through_the_handle() {
    let Some(home) = Home::new() else { return };
    let cgroup = home.create(&Resources::default()).unwrap();
    let handle = cgroup.join_handle().unwrap();
    assert_eq!(handle.fds().count(), cgroup.dirs.iter().filter(|dir| dir.version == Version::V1).count());
    // `tasks` takes a single thread, so a thread of this test can stand in for the child.
    let v1: Vec<bool> = std::thread::scope(|scope| {
        let entered = scope.spawn(|| {
            handle.enter().unwrap();
            let mine = std::fs::read_to_string("/proc/thread-self/cgroup").unwrap();
            let path = format!("/{}", cgroup.path().display());
            let v1 = cgroup.dirs.iter().filter(|dir| dir.version == Version::V1);
            let names = v1.flat_map(|dir| home.hierarchies.0[dir.hierarchy].controllers.iter());
            names
                .map(|one| {
                    let name = one.name(Version::V1);
                    mine.lines().any(|line| line.contains(name) && line.ends_with(&path))
                })
                .collect()
        });
        entered.join().unwrap()
    });
    assert!(v1.iter().all(|there| *there), "{v1:?}");
}

#[test]
fn nested_cgroups_and_their_processes_go_with_the_cgroup() {
    let Some(home) = Home::new() else { return };
    let cgroup = home.create(&Resources::default()).unwrap();
    // In cgroup v2 none that hands controllers down may have processes itself.
    let outer = home.hierarchies.create(&home.path.join("leaf/c"), None).unwrap();
    let inner = home.hierarchies.create(&home.path.join("leaf/a/b"), None).unwrap();
    let (mut one, mut two) = (member(&outer, "read line"), member(&inner, "read line"));
    let mut expected = [one.id(), two.id()].map(|pid| i32::try_from(pid).unwrap());
    expected.sort_unstable();
    assert_eq!(cgroup.pids().unwrap(), expected);
    cgroup.kill().unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(one.wait().unwrap().signal(), Some(9));
    assert_eq!(two.wait().unwrap().signal(), Some(9));
    let path = cgroup.path().to_owned();
    cgroup.remove().unwrap();
    assert_eq!(home.hierarchies.open(&path).unwrap_err().kind, Kind::NotFound);
}

#[test]
fn a_cgroup_with_processes_says_which_when_it_is_removed() {
    let Some(home) = Home::new() else { return };
    let cgroup = home.create(&Resources::default()).unwrap();
    let mut child = member(&cgroup, "read line");
    let pid = child.id();
    let error = cgroup.remove().unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(error.message.ends_with(&format!("still has processes: [{pid}]")), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_frozen_cgroup_stands_still_until_it_is_thawed() {
    let Some(home) = Home::new() else { return };
    let cgroup = home.create(&Resources::default()).unwrap();
    let mut child = member(&cgroup, "read line; echo done");
    cgroup.freeze().unwrap();
    drop(child.stdin.take());
    let cpu = cgroup.stats().unwrap().cpu;
    assert!(child.try_wait().unwrap().is_none());
    assert_eq!(cgroup.stats().unwrap().cpu, cpu);
    cgroup.thaw().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_frozen_cgroup_can_be_killed() {
    let Some(home) = Home::new() else { return };
    let cgroup = home.create(&Resources::default()).unwrap();
    let mut child = member(&cgroup, "read line");
    cgroup.freeze().unwrap();
    cgroup.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn the_v1_way_of_killing_leaves_none() {
    let Some(home) = Home::new() else { return };
    if !home.on_v1(Controller::Freezer) {
        eprintln!("skipped: no v1 freezer here");
        return;
    }
    let v1: Vec<_> =
        std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().map(str::to_owned).collect();
    assert!(!v1.is_empty());
    let mut cgroup =
        Cgroup { hierarchies: home.hierarchies.clone(), path: home.path.join("leaf"), dirs: vec![] };
    cgroup.make(hierarchy::Controllers::of(&[Controller::Freezer]), None).unwrap();
    // As if this host had no v2.
    let path = cgroup.path.clone();
    cgroup.dirs.retain(|leaf| leaf.version == Version::V1);
    let mut child = member(&cgroup, "while :; do (:); done");
    cgroup.freeze().unwrap();
    cgroup.thaw().unwrap();
    // The children of the loop die only with their parent, which is reaped here.
    let reaper = std::thread::spawn(move || child.wait().unwrap());
    cgroup.kill().unwrap();
    assert!(!reaper.join().unwrap().success());
    home.hierarchies.open(&path).unwrap().remove().unwrap();
}

#[test]
fn a_process_killed_for_memory_is_counted() {
    let Some(home) = Home::new() else { return };
    let limit = Resources {
        memory: Some(Memory { limit: Some(8 << 20), swap: Some(8 << 20), ..Memory::default() }),
        ..Resources::default()
    };
    let cgroup = home.create(&limit).unwrap();
    assert!(!cgroup.oom_killed().unwrap());
    let mut child = member(&cgroup, "read line; x=a; while :; do x=$x$x; done");
    drop(child.stdin.take());
    assert!(!child.wait().unwrap().success());
    assert!(cgroup.oom_killed().unwrap());
    assert!(cgroup.stats().unwrap().memory.peak > 4 << 20);
}

#[test]
fn limits_of_a_live_cgroup_change_in_either_direction() {
    let Some(home) = Home::new() else { return };
    let memory = |limit, swap| Resources {
        memory: Some(Memory { limit: Some(limit), swap: Some(swap), ..Memory::default() }),
        ..Resources::default()
    };
    let mut cgroup = home.create(&memory(32 << 20, 48 << 20)).unwrap();
    let mut child = member(&cgroup, "read line");
    cgroup.update(&memory(128 << 20, 256 << 20)).unwrap();
    assert_eq!(cgroup.stats().unwrap().memory.limit, Some(128 << 20));
    cgroup.update(&memory(16 << 20, 16 << 20)).unwrap();
    assert_eq!(cgroup.stats().unwrap().memory.limit, Some(16 << 20));
    let place = Resources {
        cpu: Some(Cpu { cpus: Some("0".into()), ..Cpu::default() }),
        pids: Some(Pids { limit: 3 }),
        ..Resources::default()
    };
    cgroup.update(&place).unwrap();
    assert_eq!(cgroup.stats().unwrap().pids.limit, Some(3));
    assert_eq!(read(&cgroup, Controller::Cpuset, "cpuset.cpus"), "0");
    assert_eq!(read(&cgroup, Controller::Cpuset, "cgroup.procs"), child.id().to_string());
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn only_listed_devices_can_be_opened() {
    let Some(home) = Home::new() else { return };
    let null = |allow| DeviceCgroup {
        allow,
        kind: DeviceType::Char,
        major: Some(1),
        minor: Some(3),
        access: Some("rwm".into()),
    };
    let resources = Resources { devices: vec![DeviceCgroup::default(), null(true)], ..Resources::default() };
    let cgroup = home.create(&resources).unwrap();
    let script = "read line; : </dev/null && echo null; : </dev/zero && echo zero; echo end";
    let mut child = member(&cgroup, script);
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "null\n",
        "the shell ends at the refused redirection"
    );
}

#[test]
fn a_bad_request_makes_nothing() {
    let Some(home) = Home::new() else { return };
    let huge = Resources {
        hugepage_limits: vec![HugepageLimit { page_size: "3MB".into(), limit: 1 }],
        ..Resources::default()
    };
    let error = home.create(&huge).unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert_eq!(home.hierarchies.open(&home.path.join("leaf")).unwrap_err().kind, Kind::NotFound);
    let weight =
        Resources { cpu: Some(Cpu { burst: Some(u64::MAX), ..Cpu::default() }), ..Resources::default() };
    let error = home.create(&weight).unwrap_err();
    assert_eq!(error.kind, Kind::Invalid, "{error}");
    assert!(error.message.starts_with("cpu.burst: the kernel refuses `18446744073709551615`"), "{error}");
    assert_eq!(home.hierarchies.open(&home.path.join("leaf")).unwrap_err().kind, Kind::NotFound);
}

#[test]
fn a_second_cgroup_of_the_same_path_is_a_conflict_and_spares_the_first() {
    let Some(home) = Home::new() else { return };
    let first = home.create(&Resources::default()).unwrap();
    let error = home.create(&Resources::default()).unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert_eq!(home.hierarchies.open(first.path()).unwrap().dirs.len(), first.dirs.len());
}

#[test]
fn a_path_cannot_leave_the_hierarchy() {
    for bad in ["/abs", "../up", "a/../b", "", "."] {
        let error = dir::check_path(Path::new(bad)).unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{bad}");
    }
    dir::check_path(Path::new("rocker/0123")).unwrap();
}

/// `cargo test --release -p rocker-core cgroup::tests::bench -- --ignored --nocapture`
#[test]
#[ignore = "prints times"]
fn bench() {
    let Some(home) = Home::new() else { return };
    home.create(&Resources::default()).unwrap().remove().unwrap();
    let resources = Resources {
        memory: Some(Memory { limit: Some(64 << 20), ..Memory::default() }),
        pids: Some(Pids { limit: 2048 }),
        devices: vec![DeviceCgroup::default()],
        ..Resources::default()
    };
    let mut times: [Vec<u128>; 4] = Default::default();
    for _ in 0..200 {
        let mut start = Instant::now();
        let mut lap = |index: usize| {
            times[index].push(start.elapsed().as_micros());
            start = Instant::now();
        };
        let cgroup = home.create(&resources).unwrap();
        lap(0);
        cgroup.join_handle().unwrap();
        lap(1);
        cgroup.stats().unwrap();
        lap(2);
        cgroup.remove().unwrap();
        lap(3);
    }
    for (name, list) in ["create", "join_handle", "stats", "remove"].iter().zip(&mut times) {
        list.sort_unstable();
        println!("{name}: p50 {} µs, p90 {} µs", list[100], list[180]);
    }
}
