//! Classic BPF as the kernel executes it on `struct seccomp_data`; for tests.

use super::program::{AND, EQUAL, GREATER, GREATER_OR_EQUAL, Instruction, JUMP, LOAD, RETURN};

/// Runs a filter and gives the action. Panics where the kernel's verifier would
/// have refused the filter.
pub(super) fn run(code: &[Instruction], arch: u32, number: u32, args: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_ne_bytes());
    data.extend(arch.to_ne_bytes());
    data.extend(0_u64.to_ne_bytes());
    args.iter().for_each(|arg| data.extend(arg.to_ne_bytes()));
    let mut accumulator = 0_u32;
    let mut at = 0;
    loop {
        let Instruction { code: operation, jt, jf, k } = code[at];
        at += 1;
        let mut jump = |holds: bool| at += usize::from(if holds { jt } else { jf });
        match operation {
            LOAD => {
                let start = usize::try_from(k).unwrap();
                assert!(start.is_multiple_of(4) && start < data.len(), "load from {start}");
                accumulator = u32::from_ne_bytes(data[start..start + 4].try_into().unwrap());
            }
            AND => accumulator &= k,
            EQUAL => jump(accumulator == k),
            GREATER => jump(accumulator > k),
            GREATER_OR_EQUAL => jump(accumulator >= k),
            JUMP => at += usize::try_from(k).unwrap(),
            RETURN => return k,
            other => panic!("instruction {other:#x}"),
        }
    }
}
