//! Intervals turned into classic BPF (`linux/filter.h`, `linux/seccomp.h`).

use super::action;
use super::arch::Arch;
use super::rules::{Condition, Decision, Interval, Operator};

/// `BPF_LD | BPF_W | BPF_ABS`: load a word of `struct seccomp_data`.
pub(super) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(super) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`: the distance is in `k`, which has 32 bits.
pub(super) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`.
pub(super) const GREATER: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const GREATER_OR_EQUAL: u16 = 0x35;
/// `BPF_RET | BPF_K`.
pub(super) const RETURN: u16 = 0x06;

/// Offset of `seccomp_data.nr`.
const NUMBER: u32 = 0;
/// Offset of `seccomp_data.arch`.
const ARCH: u32 = 4;
/// Offset of `seccomp_data.args`.
const ARGUMENTS: u32 = 16;

/// `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    /// Instructions skipped when a comparison holds.
    pub(super) jt: u8,
    /// Instructions skipped when it does not.
    pub(super) jf: u8,
    pub(super) k: u32,
}

impl Instruction {
    const fn new(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }

    const fn test(code: u16, k: u32, jt: u8, jf: u8) -> Self {
        Self { code, jt, jf, k }
    }

    /// As the kernel reads it.
    pub(super) fn bytes(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_ne_bytes();
        let [k0, k1, k2, k3] = self.k.to_ne_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

/// The whole filter. An architecture without a section ends the process.
pub(super) fn generate(sections: &[(Arch, Vec<Interval>)]) -> Vec<Instruction> {
    let mut code = vec![Instruction::new(LOAD, ARCH)];
    for (arch, intervals) in sections {
        let mut section = vec![Instruction::new(LOAD, NUMBER)];
        section.extend(search(intervals));
        // Execution never leaves a section: every path in it returns.
        code.extend(unless(EQUAL, arch.audit(), section.len()));
        code.extend(section);
    }
    code.push(Instruction::new(RETURN, action::KILL_PROCESS));
    code
}

/// A test that skips `distance` instructions when it does not hold. Conditional
/// jumps reach 255 instructions; beyond, an unconditional one is put between.
fn unless(code: u16, k: u32, distance: usize) -> Vec<Instruction> {
    match u8::try_from(distance) {
        Ok(near) => vec![Instruction::test(code, k, 0, near)],
        Err(_) => vec![Instruction::test(code, k, 1, 0), far(distance)],
    }
}

/// A test that skips `distance` instructions when it holds.
fn when(code: u16, k: u32, distance: usize) -> Vec<Instruction> {
    match u8::try_from(distance) {
        Ok(near) => vec![Instruction::test(code, k, near, 0)],
        Err(_) => vec![Instruction::test(code, k, 0, 1), far(distance)],
    }
}

/// A distance that does not fit makes the program too long to be accepted.
fn far(distance: usize) -> Instruction {
    Instruction::new(JUMP, u32::try_from(distance).unwrap_or(u32::MAX))
}

/// Binary search for the interval of the number in the accumulator.
fn search(intervals: &[Interval]) -> Vec<Instruction> {
    match intervals {
        [] => Vec::new(),
        [one] => decision(&one.decision),
        several => {
            let (low, high) = several.split_at(several.len() / 2);
            let low = search(low);
            let mut code = when(GREATER_OR_EQUAL, high[0].start, low.len());
            code.extend(low);
            code.extend(search(high));
            code
        }
    }
}

/// Tests of the arguments, then the action. The accumulator is lost.
fn decision(decision: &Decision) -> Vec<Instruction> {
    let mut code = Vec::new();
    for (conditions, action) in &decision.conditional {
        let lengths: usize = conditions.iter().map(|one| condition(one, 0).len()).sum();
        let mut rest = lengths + 1;
        for one in conditions {
            let length = condition(one, 0).len();
            rest -= length;
            // At most six conditions of six instructions, so the distance fits.
            code.extend(condition(one, u8::try_from(rest).unwrap_or(u8::MAX)));
        }
        code.push(Instruction::new(RETURN, *action));
    }
    code.push(Instruction::new(RETURN, decision.otherwise));
    code
}

/// Falls through when the condition holds, else skips `fail` instructions after
/// its own. Arguments have 64 bits and the accumulator 32: high half, then low.
fn condition(condition: &Condition, fail: u8) -> Vec<Instruction> {
    let (high, low) = halves(condition.value);
    let at = ARGUMENTS + 8 * condition.index;
    let [low_at, high_at] = if cfg!(target_endian = "little") { [at, at + 4] } else { [at + 4, at] };
    let (load_high, load_low) = (Instruction::new(LOAD, high_at), Instruction::new(LOAD, low_at));
    let test = Instruction::test;
    match condition.operator {
        Operator::Equal => {
            vec![load_high, test(EQUAL, high, 0, fail + 2), load_low, test(EQUAL, low, 0, fail)]
        }
        Operator::NotEqual => {
            vec![load_high, test(EQUAL, high, 0, 2), load_low, test(EQUAL, low, fail, 0)]
        }
        Operator::Greater => ordered(load_high, load_low, high, test(GREATER, low, 0, fail), fail, true),
        Operator::GreaterOrEqual => {
            ordered(load_high, load_low, high, test(GREATER_OR_EQUAL, low, 0, fail), fail, true)
        }
        Operator::Less => {
            ordered(load_high, load_low, high, test(GREATER_OR_EQUAL, low, fail, 0), fail, false)
        }
        Operator::LessOrEqual => ordered(load_high, load_low, high, test(GREATER, low, fail, 0), fail, false),
        Operator::Masked(mask) => {
            let (mask_high, mask_low) = halves(mask);
            vec![
                load_high,
                Instruction::new(AND, mask_high),
                test(EQUAL, high, 0, fail + 3),
                load_low,
                Instruction::new(AND, mask_low),
                test(EQUAL, low, 0, fail),
            ]
        }
    }
}

/// An order is decided by the high halves unless they are equal.
fn ordered(
    load_high: Instruction,
    load_low: Instruction,
    high: u32,
    last: Instruction,
    fail: u8,
    greater_holds: bool,
) -> Vec<Instruction> {
    // Skip to the end (3 more instructions) where it holds, past it where not.
    let (when_greater, when_less) = if greater_holds { (3, fail + 2) } else { (fail + 3, 2) };
    vec![
        load_high,
        Instruction::test(GREATER, high, when_greater, 0),
        Instruction::test(EQUAL, high, 0, when_less),
        load_low,
        last,
    ]
}

fn halves(value: u64) -> (u32, u32) {
    // Truncation is the point: both halves fit by construction.
    (u32::try_from(value >> 32).unwrap_or_default(), u32::try_from(value & 0xffff_ffff).unwrap_or_default())
}
