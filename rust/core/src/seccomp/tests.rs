use std::process::Command;

use proptest::prelude::*;

use super::simulator::run;
use super::*;
use crate::Kind;
use crate::spec::{SeccompArg, SeccompSyscall};

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const AARCH64: u32 = 0xc000_00b7;

fn errno(number: u32) -> u32 {
    0x0005_0000 | number
}

fn arg(index: u32, op: &str, value: u64, value_two: u64) -> SeccompArg {
    SeccompArg { index, value, value_two, op: format!("SCMP_CMP_{op}") }
}

fn rule(names: &[&str], action: &str, errno_ret: Option<u32>, args: &[SeccompArg]) -> SeccompSyscall {
    SeccompSyscall {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        action: format!("SCMP_ACT_{action}"),
        errno_ret,
        args: args.to_vec(),
    }
}

fn profile(default: &str, syscalls: Vec<SeccompSyscall>) -> Seccomp {
    Seccomp { default_action: format!("SCMP_ACT_{default}"), syscalls, ..Seccomp::default() }
}

fn x86(profile: &Seccomp) -> Vec<program::Instruction> {
    compile_for(Arch::X86_64, profile).unwrap()
}

#[test]
fn a_listed_call_is_allowed_and_others_get_the_default() {
    let code = x86(&profile("ERRNO", vec![rule(&["read", "no_such_call"], "ALLOW", None, &[])]));
    assert_eq!(run(&code, X86_64, 0, [0; 6]), ALLOW);
    assert_eq!(run(&code, X86_64, 1, [0; 6]), errno(1));
}

#[test]
fn a_number_beyond_the_table_is_enosys_unless_calls_pass() {
    let strict = x86(&profile("ERRNO", vec![]));
    assert_eq!(run(&strict, X86_64, 469, [0; 6]), errno(1));
    assert_eq!(run(&strict, X86_64, 470, [0; 6]), errno(38));
    let loose = x86(&profile("ALLOW", vec![]));
    assert_eq!(run(&loose, X86_64, 470, [0; 6]), ALLOW);
}

#[test]
fn x32_is_refused_even_where_it_is_listed() {
    let mut strict = profile("ERRNO", vec![rule(&["read"], "ALLOW", None, &[])]);
    strict.architectures = vec!["SCMP_ARCH_X86_64".into(), "SCMP_ARCH_X32".into()];
    assert_eq!(run(&x86(&strict), X86_64, 0x4000_0000, [0; 6]), errno(1));
    let loose = x86(&profile("ALLOW", vec![rule(&["ptrace"], "ERRNO", None, &[])]));
    assert_eq!(run(&loose, X86_64, 0x4000_0000 | 521, [0; 6]), errno(38));
}

#[test]
fn an_architecture_that_is_not_listed_ends_the_process() {
    let mut allowing = profile("ALLOW", vec![]);
    assert_eq!(run(&x86(&allowing), I386, 3, [0; 6]), KILL_PROCESS);
    allowing.architectures = vec!["SCMP_ARCH_X86".into(), "SCMP_ARCH_S390X".into()];
    assert_eq!(run(&x86(&allowing), I386, 3, [0; 6]), ALLOW);
    assert_eq!(run(&x86(&allowing), AARCH64, 3, [0; 6]), KILL_PROCESS);
    let arm = compile_for(Arch::Aarch64, &allowing).unwrap();
    assert_eq!(run(&arm, AARCH64, 63, [0; 6]), ALLOW);
    assert_eq!(run(&arm, X86_64, 0, [0; 6]), KILL_PROCESS);
}

#[test]
fn i386_has_its_own_numbers_and_short_arguments() {
    let mut listed = profile(
        "ERRNO",
        vec![
            rule(&["socketcall"], "ALLOW", None, &[]),
            rule(&["personality"], "ALLOW", None, &[arg(0, "EQ", u64::MAX, 0)]),
        ],
    );
    listed.architectures = vec!["SCMP_ARCH_X86".into()];
    let code = x86(&listed);
    assert_eq!(run(&code, I386, 102, [0; 6]), ALLOW);
    assert_eq!(run(&code, X86_64, 102, [0; 6]), errno(1));
    assert_eq!(run(&code, I386, 136, [0xffff_ffff, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(run(&code, X86_64, 135, [0xffff_ffff, 0, 0, 0, 0, 0]), errno(1));
}

#[test]
fn a_masked_rule_sees_only_what_the_kernel_sees() {
    let family = arg(0, "MASKED_EQ", 0xffff_ffff, 1);
    let code = x86(&profile("ERRNO", vec![rule(&["socket"], "ALLOW", None, &[family])]));
    let socket = |family| run(&code, X86_64, 41, [family, 0, 0, 0, 0, 0]);
    assert_eq!(socket(1), ALLOW);
    assert_eq!(socket(0x1_0000_0001), ALLOW);
    assert_eq!(socket(0x1_0000_0028), errno(1));
}

#[test]
fn an_unconditional_rule_wins_and_then_the_first_that_holds() {
    let one = arg(0, "EQ", 1, 0);
    let code = x86(&profile(
        "ERRNO",
        vec![
            rule(&["read"], "ERRNO", Some(5), std::slice::from_ref(&one)),
            rule(&["read"], "ALLOW", None, &[]),
            rule(&["read"], "ERRNO", Some(6), &[]),
            rule(&["write"], "ERRNO", Some(7), &[one]),
            rule(&["write"], "ALLOW", None, &[arg(0, "LE", 1, 0)]),
        ],
    ));
    let first = |number, value| run(&code, X86_64, number, [value, 0, 0, 0, 0, 0]);
    assert_eq!(first(0, 1), ALLOW);
    assert_eq!([first(1, 1), first(1, 0), first(1, 2)], [errno(7), ALLOW, errno(1)]);
}

#[test]
fn two_conditions_on_one_argument_are_alternatives() {
    let args = [arg(0, "EQ", 1, 0), arg(0, "EQ", 2, 0)];
    let code = x86(&profile("ERRNO", vec![rule(&["read"], "ALLOW", None, &args)]));
    let read = |value| run(&code, X86_64, 0, [value, 0, 0, 0, 0, 0]);
    assert_eq!([read(1), read(2), read(3)], [ALLOW, ALLOW, errno(1)]);
}

#[test]
fn every_action_has_its_value() {
    for (name, errno_ret, value) in [
        ("KILL", None, 0),
        ("KILL_THREAD", None, 0),
        ("KILL_PROCESS", None, KILL_PROCESS),
        ("TRAP", None, 0x0003_0000),
        ("ERRNO", Some(38), errno(38)),
        ("TRACE", Some(9), 0x7ff0_0009),
        ("LOG", Some(0), 0x7ffc_0000),
        ("ALLOW", None, ALLOW),
    ] {
        let code = x86(&profile("ERRNO", vec![rule(&["read"], name, errno_ret, &[])]));
        assert_eq!(run(&code, X86_64, 0, [0; 6]), value, "{name}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Seccomp)| {
        let mut one = profile("ERRNO", vec![rule(&["read"], "ALLOW", None, &[])]);
        change(&mut one);
        let error = compile(&one).unwrap_err();
        (error.kind, error.message)
    };
    let invalid = |text: &str| (Kind::Invalid, text.to_owned());
    let action = |text: &'static str| move |one: &mut Seccomp| one.default_action = text.into();
    assert_eq!(refused(&action("ALLOW")), invalid("unknown seccomp action `ALLOW`"));
    assert_eq!(refused(&action("SCMP_ACT_NOTIFY")).0, Kind::Unsupported);
    assert_eq!(
        refused(&|one| one.syscalls[0].errno_ret = Some(3)),
        invalid("SCMP_ACT_ALLOW takes no error number, but 3 is given")
    );
    assert_eq!(
        refused(&|one| one.default_errno_ret = Some(5000)),
        invalid("seccomp error number 5000 is above 4095")
    );
    assert_eq!(
        refused(&|one| one.syscalls[0].args = vec![arg(6, "EQ", 0, 0)]),
        invalid("seccomp argument index 6 is above 5")
    );
    assert_eq!(
        refused(&|one| one.syscalls[0].args = vec![arg(0, "IS", 0, 0)]),
        invalid("unknown seccomp operator `SCMP_CMP_IS`")
    );
    assert_eq!(
        refused(&|one| one.architectures = vec!["x86".into()]),
        invalid("unknown seccomp architecture `x86`")
    );
    assert_eq!(refused(&|one| one.flags = vec!["X".into()]), invalid("unknown seccomp flag `X`"));
    let agent = refused(&|one| one.listener_path = Some("/x".into()));
    assert_eq!(agent.0, Kind::Unsupported);
}

#[test]
fn a_profile_that_needs_too_many_instructions_is_refused() {
    let rules = (0..1100).map(|value| rule(&["read"], "ALLOW", None, &[arg(0, "EQ", value, 0)])).collect();
    let error = compile_for(Arch::X86_64, &profile("ERRNO", rules)).unwrap_err();
    assert!(error.message.ends_with("instructions, and the kernel takes 4096"), "{error}");
}

/// Runs Python code under a filter; gives its standard output.
fn under(profile: &Seccomp, code: &str) -> Option<String> {
    let python = "/usr/bin/python3";
    if !std::path::Path::new(python).exists() {
        eprintln!("skipped: no {python}");
        return None;
    }
    let filter = compile(profile).unwrap();
    let hex: String = filter.iter().map(|byte| format!("{byte:02x}")).collect();
    let script = format!(
        "import ctypes, os, socket, sys\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         code = bytes.fromhex('{hex}')\n\
         class Prog(ctypes.Structure):\n    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_char_p)]\n\
         assert libc.prctl(38, 1, 0, 0, 0) == 0\n\
         assert libc.prctl(22, 2, ctypes.byref(Prog(len(code) // 8, code)), 0, 0) == 0, ctypes.get_errno()\n\
         def call(number, *args):\n    \
         done = libc.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, args))\n    \
         return ctypes.get_errno() if done < 0 else 0\n\
         {code}\n"
    );
    let output = Command::new(python).args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_kernel_obeys_the_filter() {
    let allowed = arg(0, "MASKED_EQ", 0xffff_ffff, 1);
    let refused = profile(
        "ALLOW",
        vec![
            rule(&["getppid"], "ERRNO", Some(77), &[]),
            rule(&["socket"], "ERRNO", Some(78), &[arg(0, "NE", 1, 0)]),
            rule(&["umask"], "ALLOW", None, &[allowed]),
            rule(&["umask"], "ERRNO", Some(79), &[arg(0, "GT", 0x1_0000_0000, 0)]),
        ],
    );
    let code = "print(call(110), call(41, 2, 1, 0), call(41, 1, 1, 0), \
                call(95, 0x100000001), call(95, 0x100000012), call(95, 0x12), call(0x40000027))";
    if let Some(text) = under(&refused, code) {
        assert_eq!(text, "77 78 0 0 79 0 38\n");
    }
}

/// The default profile of the Python package, resolved for no capability and this CPU.
#[cfg(target_arch = "x86_64")]
fn default_profile() -> Seccomp {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../python/rocker/seccomp/default.json");
    let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document.as_object_mut().unwrap().remove("archMap");
    let rules = document["syscalls"].as_array_mut().unwrap();
    let arm = serde_json::json!(["arm", "arm64"]);
    rules.retain(|rule| {
        rule["includes"].get("caps").is_none() && rule["includes"].get("arches") != Some(&arm)
    });
    for rule in rules {
        for member in ["comment", "includes", "excludes"] {
            rule.as_object_mut().unwrap().remove(member);
        }
    }
    serde_json::from_value(document).unwrap()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_default_profile_is_short_and_its_names_exist() {
    let default = default_profile();
    let names =
        |one: &&String| [Arch::X86_64, Arch::I386].iter().all(|arch| table::number(*arch, one).is_none());
    let unknown: Vec<&String> = default.syscalls.iter().flat_map(|rule| &rule.names).filter(names).collect();
    assert_eq!(unknown, ["recv", "send", "riscv_hwprobe", "listns", "rseq_slice_yield"]);
    let one = x86(&default);
    assert!(one.len() <= 150, "{}", one.len());
    let mut both = default;
    both.architectures = vec!["SCMP_ARCH_X86".into()];
    assert!(x86(&both).len() <= 330, "{}", x86(&both).len());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_kernel_runs_programs_under_the_default_profile_and_refuses_the_families() {
    let code = "import threading, subprocess\n\
        thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n\
        print(subprocess.run(['/bin/sh', '-c', 'echo child'], stdout=subprocess.PIPE).stdout)\n\
        print([call(41, family, 3, 0) for family in (1, 2, 10, 16, 17, 38, 40, 0x100000026, 0x100000028)])\n\
        print(call(435, 0, 0), call(470), call(469), call(425), call(0x40000027), call(165, 0, 0, 0, 0, 0))\n";
    if let Some(text) = under(&default_profile(), code) {
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["thread", "b'child\\n'"]);
        // AF_PACKET, AF_ALG and AF_VSOCK, the last two also with a bit that the kernel does not look at.
        assert!(lines[2].ends_with(", 1, 1, 1, 1, 1]"), "{text}");
        assert!(!lines[2].starts_with("[1, "), "{text}");
        assert_eq!(lines[3], "38 38 38 1 1 1");
    }
}

/// All rules of a profile applied to one call, written without a table or a tree.
fn oracle(profile: &Seccomp, arch: Arch, number: u32, args: [u64; 6]) -> u32 {
    let default = action::parse(&profile.default_action, profile.default_errno_ret).unwrap();
    let passes = matches!(profile.default_action.as_str(), "SCMP_ACT_ALLOW" | "SCMP_ACT_LOG");
    if arch == Arch::X86_64 && number >= 0x4000_0000 {
        return if passes { errno(38) } else { default };
    }
    let Some((name, _)) = table::of(arch).iter().find(|(_, one)| *one == number) else {
        return if passes || number < table::last(arch) { default } else { errno(38) };
    };
    let named = |one: &&SeccompSyscall| one.names.iter().any(|given| given == name);
    let value = |one: &SeccompSyscall| action::parse(&one.action, one.errno_ret).unwrap();
    let rules: Vec<&SeccompSyscall> = profile.syscalls.iter().filter(named).collect();
    if let Some(one) = rules.iter().find(|one| one.args.is_empty()) {
        return value(one);
    }
    let short = |value: u64| if arch == Arch::I386 { value & 0xffff_ffff } else { value };
    let holds = |one: &SeccompArg| {
        let (left, right) = (args[one.index as usize], short(one.value));
        match one.op.as_str() {
            "SCMP_CMP_EQ" => left == right,
            "SCMP_CMP_NE" => left != right,
            "SCMP_CMP_LT" => left < right,
            "SCMP_CMP_LE" => left <= right,
            "SCMP_CMP_GT" => left > right,
            "SCMP_CMP_GE" => left >= right,
            _ => left & right == short(one.value_two),
        }
    };
    let meets = |one: &&&SeccompSyscall| {
        let twice =
            one.args.iter().enumerate().any(|(at, a)| one.args[..at].iter().any(|b| a.index == b.index));
        if twice { one.args.iter().any(holds) } else { one.args.iter().all(holds) }
    };
    rules.iter().find(meets).map_or(default, |one| value(one))
}

fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..4,
        Just(u64::from(u32::MAX)),
        Just(1 << 32),
        (1_u64 << 32)..(1 << 32) + 4,
        Just(u64::MAX),
        any::<u64>()
    ]
}

fn any_arg() -> impl Strategy<Value = SeccompArg> {
    let ops = ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"];
    (0_u32..3, proptest::sample::select(ops.to_vec()), word(), word())
        .prop_map(|(index, op, value, two)| arg(index, op, value, two))
}

fn any_profile(calls: usize) -> impl Strategy<Value = Seccomp> {
    let names: Vec<&str> = table::of(Arch::X86_64).iter().map(|(name, _)| *name).take(calls).collect();
    let actions = vec!["ALLOW", "ERRNO", "KILL_PROCESS", "LOG", "TRAP"];
    let one = (
        proptest::collection::vec(proptest::sample::select(names), 1..20),
        proptest::sample::select(actions.clone()),
        proptest::collection::vec(any_arg(), 0..4),
    );
    let rule = one.prop_map(|(names, action, args)| rule(&names, action, None, &args));
    (proptest::sample::select(actions), proptest::collection::vec(rule, 0..30)).prop_map(
        |(default, rules)| {
            let architectures = vec!["SCMP_ARCH_X86".to_owned()];
            Seccomp { architectures, ..profile(default, rules) }
        },
    )
}

proptest! {
    #[test]
    fn the_filter_decides_as_the_rules_do(
        profile in prop_oneof![any_profile(12), any_profile(400)],
        calls in proptest::collection::vec((any::<bool>(), 0_u32..480, word(), word(), word()), 40),
        odd in any::<u32>(),
    ) {
        // A large profile with many conditions can be too long, which is refused.
        let Ok(code) = compile_for(Arch::X86_64, &profile) else { return Ok(()) };
        for (narrow, number, a, b, c) in calls.into_iter().chain([(false, odd, 0, 0, 0), (true, odd, 0, 0, 0)]) {
            let (arch, mask) = if narrow { (Arch::I386, 0xffff_ffff) } else { (Arch::X86_64, u64::MAX) };
            let args = [a & mask, b & mask, c & mask, 0, 0, 0];
            let expected = oracle(&profile, arch, number, args);
            prop_assert_eq!(run(&code, arch.audit(), number, args), expected, "{:?} {}", arch, number);
        }
    }
}
