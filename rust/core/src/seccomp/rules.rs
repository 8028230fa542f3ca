//! A profile's rules sorted by system call, and calls joined to intervals.

use std::collections::BTreeMap;

use super::action;
use super::arch::Arch;
use super::table;
use crate::spec::{Seccomp, SeccompArg};
use crate::{Error, Result};

/// A comparison of one argument, which stands on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// The argument's bits under this mask are equal.
    Masked(u64),
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    /// 0 to 5.
    pub(super) index: u32,
    pub(super) operator: Operator,
    pub(super) value: u64,
}

/// What happens to a call: the action of the first entry all of whose
/// conditions hold, else the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) conditional: Vec<(Vec<Condition>, u32)>,
    pub(super) otherwise: u32,
}

impl Decision {
    fn always(action: u32) -> Self {
        Self { conditional: Vec::new(), otherwise: action }
    }
}

/// All numbers from `start` to the next interval's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: u32,
    pub(super) decision: Decision,
}

/// The rules that name one call.
#[derive(Default)]
struct Rules {
    always: Option<u32>,
    conditional: Vec<(Vec<Condition>, u32)>,
}

/// Every number of an architecture in intervals; the first starts at 0.
pub(super) fn intervals(arch: Arch, profile: &Seccomp) -> Result<Vec<Interval>> {
    let default = action::parse(&profile.default_action, profile.default_errno_ret)?;
    let unknown = if action::passes(default) { default } else { action::NO_SUCH_CALL };
    let end = table::last(arch) + 1;
    let mut rules = collect(arch, profile)?;
    let mut list = Vec::new();
    for number in 0..end {
        push(&mut list, number, decide(rules.remove(&number), default));
    }
    push(&mut list, end, Decision::always(unknown));
    if let Some(start) = arch.other_abi() {
        let refused = if action::passes(default) { action::NO_SUCH_CALL } else { default };
        push(&mut list, start, Decision::always(refused));
    }
    Ok(list)
}

fn push(list: &mut Vec<Interval>, start: u32, decision: Decision) {
    if list.last().is_none_or(|last| last.decision != decision) {
        list.push(Interval { start, decision });
    }
}

fn decide(rules: Option<Rules>, default: u32) -> Decision {
    match rules {
        None => Decision::always(default),
        Some(Rules { always: Some(action), .. }) => Decision::always(action),
        Some(Rules { conditional, .. }) => Decision { conditional, otherwise: default },
    }
}

fn collect(arch: Arch, profile: &Seccomp) -> Result<BTreeMap<u32, Rules>> {
    let mut all: BTreeMap<u32, Rules> = BTreeMap::new();
    for rule in &profile.syscalls {
        let action = action::parse(&rule.action, rule.errno_ret)?;
        let alternatives = alternatives(arch, &rule.args)?;
        for number in rule.names.iter().filter_map(|name| table::number(arch, name)) {
            let rules = all.entry(number).or_default();
            if alternatives.is_empty() {
                rules.always.get_or_insert(action);
            }
            rules.conditional.extend(alternatives.iter().map(|one| (one.clone(), action)));
        }
    }
    Ok(all)
}

/// The conditions of a rule: one list, all of which must hold, or several lists
/// of one condition when an argument is named twice. Empty: no condition.
fn alternatives(arch: Arch, args: &[SeccompArg]) -> Result<Vec<Vec<Condition>>> {
    let conditions = args.iter().map(|arg| condition(arch, arg)).collect::<Result<Vec<_>>>()?;
    let mut seen = 0_u8;
    let repeated = conditions.iter().fold(false, |repeated, one| {
        let again = seen & 1 << one.index != 0;
        seen |= 1 << one.index;
        repeated || again
    });
    Ok(match conditions {
        none if none.is_empty() => Vec::new(),
        all if repeated => all.into_iter().map(|one| vec![one]).collect(),
        all => vec![all],
    })
}

fn condition(arch: Arch, arg: &SeccompArg) -> Result<Condition> {
    if arg.index > 5 {
        return Err(Error::invalid(format!("seccomp argument index {} is above 5", arg.index)));
    }
    let cut = |value: u64| if arch.narrow() { value & 0xffff_ffff } else { value };
    let (operator, value) = match arg.op.as_str() {
        "SCMP_CMP_EQ" => (Operator::Equal, arg.value),
        "SCMP_CMP_NE" => (Operator::NotEqual, arg.value),
        "SCMP_CMP_LT" => (Operator::Less, arg.value),
        "SCMP_CMP_LE" => (Operator::LessOrEqual, arg.value),
        "SCMP_CMP_GT" => (Operator::Greater, arg.value),
        "SCMP_CMP_GE" => (Operator::GreaterOrEqual, arg.value),
        "SCMP_CMP_MASKED_EQ" => (Operator::Masked(cut(arg.value)), arg.value_two),
        other => {
            return Err(Error::invalid(format!("unknown seccomp operator `{}`", other.escape_default()))
                .hint("known are SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT and _MASKED_EQ"));
        }
    };
    Ok(Condition { index: arg.index, operator, value: cut(value) })
}
