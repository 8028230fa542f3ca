//! Whether a container that has ended is started again, and when: Docker's rules and its back-off.

use rocker_core::protocol::{Restart, RestartPolicy};

/// Nanoseconds before the first restart.
const FIRST: i64 = 100_000_000;
/// The most that it grows to, doubling.
const MOST: i64 = 60_000_000_000;
/// A program that ran this long has the back-off begin anew.
const STEADY: i64 = 10_000_000_000;

/// The restart policy with what it remembers.
#[derive(Debug, Default)]
pub struct Backoff {
    /// The policy.
    pub policy: Restart,
    /// How often the container was started again.
    pub count: u32,
    delay: i64,
}

impl Backoff {
    /// Begins with a container that a user has started.
    pub fn new(policy: Restart) -> Self {
        Self { policy, count: 0, delay: 0 }
    }

    /// Whether there is a policy at all.
    pub fn is_active(&self) -> bool {
        self.policy.policy != RestartPolicy::No
    }

    /// The program has ended after so many nanoseconds: how many to wait before it is started again. None: it is not.
    pub fn next(&mut self, exit_code: i32, ran: i64) -> Option<i64> {
        let delay = if ran >= STEADY || self.delay == 0 { FIRST } else { (self.delay * 2).min(MOST) };
        let wanted = match self.policy.policy {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure => {
                let most = self.policy.max_retries;
                exit_code != 0 && (most == 0 || self.count < most)
            }
        };
        if !wanted {
            return None;
        }
        self.delay = delay;
        self.count += 1;
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(policy: RestartPolicy, max_retries: u32) -> Backoff {
        Backoff::new(Restart { policy, max_retries })
    }

    fn milliseconds(backoff: &mut Backoff, code: i32, ran: i64) -> Option<i64> {
        backoff.next(code, ran).map(|delay| delay / 1_000_000)
    }

    #[test]
    fn the_delay_doubles_from_a_tenth_of_a_second_to_a_minute() {
        let mut always = backoff(RestartPolicy::Always, 0);
        let delays: Vec<_> = (0..12).filter_map(|_| milliseconds(&mut always, 0, 0)).collect();
        let expected = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000];
        assert_eq!(delays, expected);
        assert_eq!(always.count, 12);
    }

    #[test]
    fn ten_seconds_of_running_begin_anew_and_do_not_reset_the_count() {
        let mut policy = backoff(RestartPolicy::OnFailure, 4);
        assert_eq!(milliseconds(&mut policy, 1, 0), Some(100));
        assert_eq!(milliseconds(&mut policy, 1, STEADY - 1), Some(200));
        assert_eq!(milliseconds(&mut policy, 1, STEADY), Some(100));
        assert_eq!(milliseconds(&mut policy, 1, 0), Some(200));
        assert_eq!(milliseconds(&mut policy, 1, STEADY), None);
    }

    #[test]
    fn success_ends_on_failure_and_nothing_else() {
        assert_eq!(backoff(RestartPolicy::OnFailure, 0).next(0, 0), None);
        assert_eq!(backoff(RestartPolicy::OnFailure, 0).next(137, 0), Some(FIRST));
        assert_eq!(backoff(RestartPolicy::UnlessStopped, 0).next(0, 0), Some(FIRST));
        assert_eq!(backoff(RestartPolicy::No, 0).next(1, 0), None);
    }
}
