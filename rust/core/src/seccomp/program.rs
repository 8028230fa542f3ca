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

    /// As the kernel reads it.
    pub(super) fn bytes(self) -> [u8; 8] {
        let [c0, c1] = self.code.to_ne_bytes();
        let [k0, k1, k2, k3] = self.k.to_ne_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

/// The whole filter. An architecture without a section ends the process.
pub(super) fn generate(sections: &[(Arch, Vec<Interval>)]) -> Vec<Instruction> {
    let mut code = Backwards::default();
    let entries: Vec<(Arch, usize)> = sections
        .iter()
        .map(|(arch, intervals)| {
            let search = code.search(intervals);
            code.follow(search);
            (*arch, code.push(Instruction::new(LOAD, NUMBER)))
        })
        .collect();
    let mut next = code.answer(action::KILL_PROCESS);
    for (arch, entry) in entries.into_iter().rev() {
        next = code.branch(EQUAL, arch.audit(), entry, next);
    }
    code.follow(next);
    code.push(Instruction::new(LOAD, ARCH));
    code.0.reverse();
    code.0
}

/// A program written from its end. BPF jumps only forward, so every target is
/// there before the jump to it, and equal answers are written once. A place is
/// an instruction's distance from the end.
#[derive(Default)]
struct Backwards(Vec<Instruction>);

impl Backwards {
    fn push(&mut self, one: Instruction) -> usize {
        self.0.push(one);
        self.0.len() - 1
    }

    /// How many instructions lie between the next one to be written and a place.
    fn distance(&self, place: usize) -> usize {
        self.0.len() - 1 - place
    }

    /// Makes the next instruction to be written fall through to a place.
    fn follow(&mut self, place: usize) {
        if self.distance(place) > 0 {
            self.jump(place);
        }
    }

    /// A jump to a place however far it is.
    fn jump(&mut self, place: usize) -> usize {
        // A distance that does not fit makes the program too long to be accepted.
        let distance = u32::try_from(self.distance(place)).unwrap_or(u32::MAX);
        self.push(Instruction::new(JUMP, distance))
    }

    /// A place that a conditional jump reaches, which goes no further than 255,
    /// also after another `slack` instructions.
    fn near(&mut self, place: usize, slack: usize) -> usize {
        if self.distance(place) + slack <= 255 { place } else { self.jump(place) }
    }

    /// A comparison that goes on at one of two places.
    fn branch(&mut self, code: u16, k: u32, yes: usize, no: usize) -> usize {
        let yes = self.near(yes, 1);
        let no = self.near(no, 0);
        let reach = |place| u8::try_from(self.distance(place)).unwrap_or(u8::MAX);
        let one = Instruction { code, jt: reach(yes), jf: reach(no), k };
        self.push(one)
    }

    /// The end of the filter with this action, written again when it is far.
    fn answer(&mut self, action: u32) -> usize {
        let wanted = Instruction::new(RETURN, action);
        let recent = self.0.len().saturating_sub(200);
        match self.0[recent..].iter().rposition(|one| *one == wanted) {
            Some(place) => recent + place,
            None => self.push(wanted),
        }
    }

    /// Binary search for the interval of the number in the accumulator.
    fn search(&mut self, intervals: &[Interval]) -> usize {
        match intervals {
            [] => self.answer(action::KILL_PROCESS),
            [one] => self.decision(&one.decision),
            several => {
                let (low, high) = several.split_at(several.len() / 2);
                let yes = self.search(high);
                let no = self.search(low);
                self.branch(GREATER_OR_EQUAL, high[0].start, yes, no)
            }
        }
    }

    /// Tests of the arguments, then the action. The accumulator is lost.
    fn decision(&mut self, decision: &Decision) -> usize {
        let mut next = self.answer(decision.otherwise);
        for (conditions, action) in decision.conditional.iter().rev() {
            let mut pass = self.answer(*action);
            for one in conditions.iter().rev() {
                pass = self.condition(one, pass, next);
            }
            next = pass;
        }
        next
    }

    /// Arguments have 64 bits and the accumulator 32: high half, then low.
    fn condition(&mut self, condition: &Condition, pass: usize, fail: usize) -> usize {
        let (high, low) = halves(condition.value);
        let at = ARGUMENTS + 8 * condition.index;
        let [low_at, high_at] = if cfg!(target_endian = "little") { [at, at + 4] } else { [at + 4, at] };
        let (masks, code, yes, no) = match condition.operator {
            Operator::Equal => (None, EQUAL, pass, fail),
            Operator::NotEqual => (None, EQUAL, fail, pass),
            Operator::Greater => (None, GREATER, pass, fail),
            Operator::GreaterOrEqual => (None, GREATER_OR_EQUAL, pass, fail),
            Operator::Less => (None, GREATER_OR_EQUAL, fail, pass),
            Operator::LessOrEqual => (None, GREATER, fail, pass),
            Operator::Masked(mask) => (Some(halves(mask)), EQUAL, pass, fail),
        };
        self.branch(code, low, yes, no);
        let low_half = self.load(low_at, masks.map(|(_, mask)| mask));
        // Unequal high halves decide alone: an order by which is greater, an
        // equality as not equal.
        let mut unequal = no;
        if code != EQUAL {
            unequal = self.branch(GREATER, high, yes, no);
        }
        self.branch(EQUAL, high, low_half, unequal);
        self.load(high_at, masks.map(|(mask, _)| mask))
    }

    /// Loads a half of an argument, under a mask; goes on at what was written last.
    fn load(&mut self, at: u32, mask: Option<u32>) -> usize {
        if let Some(mask) = mask {
            self.push(Instruction::new(AND, mask));
        }
        self.push(Instruction::new(LOAD, at))
    }
}

fn halves(value: u64) -> (u32, u32) {
    // Truncation is the point: both halves fit by construction.
    (u32::try_from(value >> 32).unwrap_or_default(), u32::try_from(value & 0xffff_ffff).unwrap_or_default())
}
