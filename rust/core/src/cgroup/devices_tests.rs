use proptest::prelude::*;

use super::*;

fn rule(allow: bool, kind: DeviceType, major: Option<i64>, minor: Option<i64>, access: &str) -> DeviceCgroup {
    DeviceCgroup { allow, kind, major, minor, access: Some(access.to_owned()) }
}

fn everything(allow: bool) -> DeviceCgroup {
    DeviceCgroup { allow, ..DeviceCgroup::default() }
}

/// What the v1 kernel decides (`security/device_cgroup.c`, `__devcgroup_check_permission`).
fn decide(rules: &Rules, block: bool, major: u32, minor: u32, wanted: u32) -> bool {
    let meant = |one: &&Exception| {
        one.block == block
            && one.major.is_none_or(|number| number == major)
            && one.minor.is_none_or(|number| number == minor)
    };
    let mut meant = rules.exceptions.iter().filter(meant);
    if rules.allowed {
        !meant.any(|one| one.access & wanted != 0)
    } else {
        meant.any(|one| wanted & !one.access == 0)
    }
}

/// Runs a device program as the kernel would.
fn run(program: &[u64], block: bool, major: u32, minor: u32, wanted: u32) -> bool {
    let context = [wanted << 16 | if block { 1 } else { 2 }, major, minor];
    let mut registers = [0_u64; 11];
    let mut at = 0_usize;
    loop {
        let bytes = program[at].to_ne_bytes();
        let (target, source) = (usize::from(bytes[1] & 15), usize::from(bytes[1] >> 4));
        let offset = i16::from_ne_bytes([bytes[2], bytes[3]]);
        let value = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        at += 1;
        let low = u32::try_from(registers[target] & 0xffff_ffff).unwrap();
        let jump = match bytes[0] {
            LOAD_WORD => {
                registers[target] = u64::from(context[usize::try_from(offset / 4).unwrap()]);
                false
            }
            MOVE_REGISTER => {
                registers[target] = registers[source];
                false
            }
            MOVE => {
                registers[target] = u64::from(value);
                false
            }
            AND => {
                registers[target] = u64::from(low & value);
                false
            }
            SHIFT_RIGHT => {
                registers[target] = u64::from(low >> value);
                false
            }
            JUMP_NOT_EQUAL => low != value,
            JUMP_EQUAL => low == value,
            EXIT => return registers[0] == 1,
            other => panic!("instruction {other:#x}"),
        };
        if jump {
            at += usize::try_from(offset).unwrap();
        }
    }
}

#[test]
fn dockers_rules_become_a_deny_all_with_exceptions() {
    let rules = Rules::new(&[
        everything(false),
        rule(true, DeviceType::Char, None, None, "m"),
        rule(true, DeviceType::Char, Some(1), Some(3), "rw"),
        rule(true, DeviceType::Char, Some(1), Some(3), "m"),
        rule(true, DeviceType::Char, Some(136), Some(-1), "rwm"),
    ])
    .unwrap();
    assert!(!rules.allowed());
    assert_eq!(rules.lines(), ["c *:* m", "c 1:3 rwm", "c 136:* rwm"]);
}

#[test]
fn taking_back_a_part_is_refused_because_v1_would_ignore_it() {
    let list = [
        everything(false),
        rule(true, DeviceType::Char, Some(1), None, "rwm"),
        rule(false, DeviceType::Char, Some(1), Some(3), "w"),
    ];
    let error = Rules::new(&list).unwrap_err();
    assert_eq!(error.message, "devices: `c 1:3 w` takes back a part of `c 1:* rwm`");
}

#[test]
fn taking_back_the_same_device_leaves_the_rest_of_its_access() {
    let list = [
        everything(false),
        rule(true, DeviceType::Block, Some(8), Some(0), "rwm"),
        rule(false, DeviceType::Block, Some(8), Some(0), "w"),
    ];
    assert_eq!(Rules::new(&list).unwrap().lines(), ["b 8:0 rm"]);
}

#[test]
fn an_unknown_letter_is_refused() {
    let error = Rules::new(&[rule(true, DeviceType::Char, None, None, "rx")]).unwrap_err();
    assert_eq!(error.message, "devices: access `rx`");
}

#[test]
fn the_kernel_accepts_the_program() {
    let rules = Rules::new(&[
        everything(false),
        rule(true, DeviceType::Char, None, None, "m"),
        rule(true, DeviceType::Block, Some(8), None, "r"),
        rule(true, DeviceType::Char, Some(1), Some(0xffff_fffe), "rwm"),
    ])
    .unwrap();
    match rocker_sys::bpf::load_cgroup_device(&rules.program()) {
        Ok(_) | Err(nix::errno::Errno::EPERM) => {}
        Err(errno) => panic!("the verifier refused it: {errno}"),
    }
}

fn any_rule() -> impl Strategy<Value = DeviceCgroup> {
    let kind = prop_oneof![Just(DeviceType::All), Just(DeviceType::Char), Just(DeviceType::Block)];
    let number = || proptest::option::of(-1_i64..3);
    let access = proptest::option::of("[rwm]{1,3}");
    (any::<bool>(), kind, number(), number(), access)
        .prop_map(|(allow, kind, major, minor, access)| DeviceCgroup { allow, kind, major, minor, access })
}

proptest! {
    #[test]
    fn the_program_decides_as_v1_does(
        list in proptest::collection::vec(any_rule(), 0..8),
        block: bool, major in 0_u32..4, minor in 0_u32..4, wanted in 1_u32..8,
    ) {
        if let Ok(rules) = Rules::new(&list) {
            let expected = decide(&rules, block, major, minor, wanted);
            prop_assert_eq!(run(&rules.program(), block, major, minor, wanted), expected);
        }
    }
}
