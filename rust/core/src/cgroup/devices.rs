//! Device rules: one meaning for cgroup v1 and v2.
//!
//! The specification's rules are applied in order. They are first reduced to
//! what v1 itself keeps: a default, and exceptions to it. From that come the
//! lines for `devices.allow` or `devices.deny`, or the program for v2.
//!
//! Kernel: `cgroup-v1/devices.rst`; `cgroup-v2.rst`, "Device controller".

use crate::spec::{DeviceCgroup, DeviceType};
use crate::{Error, Result};

const MKNOD: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 4;
const ALL: u32 = MKNOD | READ | WRITE;

/// One exception to the default; `None` is any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Exception {
    block: bool,
    major: Option<u32>,
    minor: Option<u32>,
    access: u32,
}

impl Exception {
    fn same_device(&self, other: &Self) -> bool {
        (self.block, self.major, self.minor) == (other.block, other.major, other.minor)
    }

    /// Whether some device is meant by both.
    fn meets(&self, other: &Self) -> bool {
        let one = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        self.block == other.block && one(self.major, other.major) && one(self.minor, other.minor)
    }

    /// As `devices.allow` takes it, for example `c 1:* rwm`.
    fn line(&self) -> String {
        let number = |value: Option<u32>| value.map_or_else(|| "*".to_owned(), |value| value.to_string());
        let access: String = [(READ, 'r'), (WRITE, 'w'), (MKNOD, 'm')]
            .into_iter()
            .filter_map(|(bit, letter)| (self.access & bit != 0).then_some(letter))
            .collect();
        let kind = if self.block { 'b' } else { 'c' };
        format!("{kind} {}:{} {access}", number(self.major), number(self.minor))
    }
}

/// A default and its exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    allowed: bool,
    exceptions: Vec<Exception>,
}

impl Rules {
    /// Reduces the specification's rules; before the first, all is allowed.
    ///
    /// Unsupported: a rule that takes back a part of an earlier one, which v1
    /// would ignore without a word.
    pub(super) fn new(list: &[DeviceCgroup]) -> Result<Self> {
        let mut rules = Self { allowed: true, exceptions: Vec::new() };
        for rule in list {
            rules.add(rule)?;
        }
        Ok(rules)
    }

    /// What happens to a device that no exception names.
    pub(super) fn allowed(&self) -> bool {
        self.allowed
    }

    /// The exceptions as lines for `devices.deny` when all else is allowed, for
    /// `devices.allow` otherwise.
    pub(super) fn lines(&self) -> Vec<String> {
        self.exceptions.iter().map(Exception::line).collect()
    }

    fn add(&mut self, rule: &DeviceCgroup) -> Result<()> {
        let access = access(rule)?;
        let (major, minor) = (number(rule.major)?, number(rule.minor)?);
        let kinds: &[bool] = match rule.kind {
            DeviceType::All if major.is_none() && minor.is_none() && access == ALL => {
                *self = Self { allowed: rule.allow, exceptions: Vec::new() };
                return Ok(());
            }
            DeviceType::All => &[false, true],
            DeviceType::Char => &[false],
            DeviceType::Block => &[true],
            DeviceType::Fifo => return Err(Error::invalid("devices: a FIFO has no device rules")),
        };
        for block in kinds {
            let exception = Exception { block: *block, major, minor, access };
            if rule.allow == self.allowed {
                self.withdraw(exception)?;
            } else {
                self.except(exception);
            }
        }
        Ok(())
    }

    fn except(&mut self, new: Exception) {
        match self.exceptions.iter_mut().find(|one| one.same_device(&new)) {
            Some(one) => one.access |= new.access,
            None => self.exceptions.push(new),
        }
    }

    fn withdraw(&mut self, gone: Exception) -> Result<()> {
        for one in &mut self.exceptions {
            let covers = gone.meets(one) && {
                let whole = |a: Option<u32>, b: Option<u32>| a.is_none() || a == b;
                whole(gone.major, one.major) && whole(gone.minor, one.minor)
            };
            if covers {
                one.access &= !gone.access;
            } else if gone.meets(one) && gone.access & one.access != 0 {
                return Err(Error::unsupported(format!(
                    "devices: `{}` takes back a part of `{}`",
                    gone.line(),
                    one.line()
                ))
                .hint("name the devices one by one"));
            }
        }
        self.exceptions.retain(|one| one.access != 0);
        Ok(())
    }

    /// The program for `BPF_PROG_TYPE_CGROUP_DEVICE`, as `struct bpf_insn`.
    ///
    /// Its context is `struct bpf_cgroup_dev_ctx`: kind (low half: 1 block, 2
    /// character) and access wanted (high half) in one word, major, minor.
    /// It returns 1 to allow.
    pub(super) fn program(&self) -> Vec<u64> {
        let mut code = vec![
            insn(LOAD_WORD, KIND, CONTEXT, 0, 0),
            insn(MOVE_REGISTER, WANTED, KIND, 0, 0),
            insn(AND, KIND, 0, 0, 0xffff),
            insn(SHIFT_RIGHT, WANTED, 0, 0, 16),
            insn(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
            insn(LOAD_WORD, MINOR, CONTEXT, 8, 0),
        ];
        for exception in &self.exceptions {
            code.extend(self.block(exception));
        }
        code.extend([insn(MOVE, RESULT, 0, 0, u32::from(self.allowed)), insn(EXIT, 0, 0, 0, 0)]);
        code
    }

    /// Instructions that return the opposite of the default where the exception
    /// holds, and otherwise fall through.
    fn block(&self, exception: &Exception) -> Vec<u64> {
        let mut tests = vec![(KIND, if exception.block { 1 } else { 2 })];
        tests.extend(exception.major.map(|number| (MAJOR, number)));
        tests.extend(exception.minor.map(|number| (MINOR, number)));
        // An allowing exception must have all that is wanted, a denying one any.
        let mask = if self.allowed { exception.access } else { ALL & !exception.access };
        let end = [insn(MOVE, RESULT, 0, 0, u32::from(!self.allowed)), insn(EXIT, 0, 0, 0, 0)];
        let mut tail = vec![insn(MOVE_REGISTER, SCRATCH, WANTED, 0, 0), insn(AND, SCRATCH, 0, 0, mask)];
        let jump = if self.allowed { JUMP_EQUAL } else { JUMP_NOT_EQUAL };
        tail.push(insn(jump, SCRATCH, 0, 2, 0));
        tail.extend(end);
        let total = tests.len() + tail.len();
        let mut code = Vec::with_capacity(total);
        for (index, (register, value)) in tests.into_iter().enumerate() {
            // At most eight instructions, so the distance fits.
            let rest = i16::try_from(total - index - 1).unwrap_or_default();
            code.push(insn(JUMP_NOT_EQUAL, register, 0, rest, value));
        }
        code.extend(tail);
        code
    }
}

fn access(rule: &DeviceCgroup) -> Result<u32> {
    let Some(text) = rule.access.as_deref().filter(|text| !text.is_empty()) else { return Ok(ALL) };
    text.chars().try_fold(0, |bits, letter| match letter {
        'r' => Ok(bits | READ),
        'w' => Ok(bits | WRITE),
        'm' => Ok(bits | MKNOD),
        _ => Err(Error::invalid(format!("devices: access `{}`", text.escape_default()))
            .hint("give some of the letters r, w and m")),
    })
}

fn number(value: Option<i64>) -> Result<Option<u32>> {
    match value {
        None | Some(-1) => Ok(None),
        Some(value) => u32::try_from(value)
            .map(Some)
            .map_err(|_| Error::invalid(format!("devices: number {value}")).hint("-1 is any")),
    }
}

const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const WANTED: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// `BPF_LDX | BPF_MEM | BPF_W`.
const LOAD_WORD: u8 = 0x61;
/// `BPF_ALU64 | BPF_MOV | BPF_X`.
const MOVE_REGISTER: u8 = 0xbf;
/// `BPF_ALU64 | BPF_MOV | BPF_K`.
const MOVE: u8 = 0xb7;
/// `BPF_ALU | BPF_AND | BPF_K`.
const AND: u8 = 0x54;
/// `BPF_ALU | BPF_RSH | BPF_K`.
const SHIFT_RIGHT: u8 = 0x74;
/// `BPF_JMP32 | BPF_JNE | BPF_K`: an immediate above 2^31 is not sign-extended (Linux 5.1).
const JUMP_NOT_EQUAL: u8 = 0x56;
/// `BPF_JMP32 | BPF_JEQ | BPF_K`.
const JUMP_EQUAL: u8 = 0x16;
/// `BPF_JMP | BPF_EXIT`.
const EXIT: u8 = 0x95;

/// `struct bpf_insn` as an integer.
fn insn(code: u8, target: u8, source: u8, offset: i16, value: u32) -> u64 {
    let registers = if cfg!(target_endian = "little") { source << 4 | target } else { target << 4 | source };
    let [o0, o1] = offset.to_ne_bytes();
    let [v0, v1, v2, v3] = value.to_ne_bytes();
    u64::from_ne_bytes([code, registers, o0, o1, v0, v1, v2, v3])
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
