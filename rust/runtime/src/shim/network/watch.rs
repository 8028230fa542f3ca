//! What happens while the container runs: questions for the resolver, and changes of the host's rule set by others.

use std::os::fd::{AsFd, BorrowedFd};

use super::Network;
use crate::clock;

/// Nanoseconds within which a change of the rule set is looked at: each shim at another moment, so that the first repairs
/// the table for all, and they do not all come at once.
const SPREAD: u64 = 100_000_000;
/// Nanoseconds before it: whoever flushes the rule set and loads another does both within this.
const PAUSE: i64 = 5_000_000;

impl Network {
    /// Readable when there is a question.
    pub fn resolver_fd(&self) -> Option<BorrowedFd<'_>> {
        self.resolver.as_ref().map(super::Resolver::as_fd)
    }

    /// Readable when something of the rule set has gone.
    pub fn news_fd(&self) -> Option<BorrowedFd<'_>> {
        self.news.as_ref().map(AsFd::as_fd)
    }

    /// Answers questions.
    pub fn answer(&mut self) {
        if let (Some(resolver), Some(inside)) = (&mut self.resolver, &self.inside) {
            resolver.handle(inside);
        }
    }

    /// Hears that something of the rule set has gone.
    pub fn hear(&mut self) {
        let heard = self.news.as_ref().is_some_and(rocker_sys::nft::News::drain);
        if heard && self.repair_at.is_none() {
            let mut bytes = [0; 8];
            let _ = rocker_sys::random(&mut bytes);
            let share = (u64::from_ne_bytes(bytes) % SPREAD).cast_signed();
            self.repair_at = Some(clock::monotonic_ns() + PAUSE + share);
        }
    }

    /// Monotonic time at which [`Network::act_on_time`] has something to do.
    pub fn deadline(&self) -> Option<i64> {
        self.resolver.as_ref().and_then(super::Resolver::deadline).into_iter().chain(self.repair_at).min()
    }

    /// Does what is due.
    pub fn act_on_time(&mut self, now: i64) {
        if self.repair_at.is_some_and(|at| at <= now) {
            self.repair_at = None;
            // What cannot be made good now is tried again with the next news.
            let _ = self.repair();
        }
        if let (Some(resolver), Some(inside)) = (&mut self.resolver, &self.inside) {
            resolver.act_on_time(inside);
        }
    }
}
