//! The parts of a line over 16 KiB, as Docker's drivers name them: one id, numbers from 1, and which is the last.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::log::Stream;
use crate::log::lines::Line;

/// What a driver says of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub id: String,
    pub ordinal: u64,
    pub last: bool,
}

/// The unfinished lines of both streams.
#[derive(Debug, Default)]
pub(super) struct Parts([Option<(String, u64)>; 2]);

impl Parts {
    /// What is said of a line: None for a whole one.
    pub fn next(&mut self, stream: Stream, line: &Line) -> Option<Part> {
        let begun = &mut self.0[stream.index()];
        let (id, ordinal) = match begun.take() {
            Some((id, ordinal)) => (id, ordinal + 1),
            None if line.partial => (random_id(), 1),
            None => return None,
        };
        if line.partial {
            *begun = Some((id.clone(), ordinal));
        }
        Some(Part { id, ordinal, last: !line.partial })
    }
}

/// 64 hex digits that nobody else has: names, not secrets.
pub(super) fn random_id() -> String {
    (0..4).map(|_| format!("{:016x}", random())).collect()
}

/// The keys of a new hasher come from getrandom(2) once for each thread, and differ from then on.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
