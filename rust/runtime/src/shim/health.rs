//! Probes of a container's health: a command in it, again and again, and what the results say.
//!
//! The rules are Docker's (`HEALTHCHECK` in its documentation), but that the first probe runs at once.

use std::os::fd::AsFd;

use nix::sys::signal::{Signal, killpg};
use rocker_core::cgroup::Nest;
use rocker_core::protocol::{self, ExecRequest, HealthCheck, HealthStatus, Probe};
use rocker_core::{Error, Kind, Result};

use super::exec::command_line;
use super::supervise::Shim;
use crate::clock;

/// How many results are kept.
const RESULTS: usize = 5;
/// The least time between two probes, in nanoseconds.
const LEAST: i64 = 1_000_000;
/// How much of a probe's output is kept, in bytes.
const OUTPUT: usize = 4096;

/// The health check with what runs of it.
#[derive(Debug)]
pub struct Health {
    check: HealthCheck,
    /// Monotonic time of the program's start.
    since: i64,
    /// Monotonic time of the next probe.
    next: Option<i64>,
    /// The probe that runs.
    probe: Option<Running>,
    /// Monotonic time at which the container was paused.
    held: Option<i64>,
    /// How many probes there were.
    number: u64,
}

#[derive(Debug)]
struct Running {
    /// Its position among the processes.
    task: usize,
    start: String,
    start_at: i64,
    kill_at: Option<i64>,
    timed_out: bool,
    output: Vec<u8>,
    cut: bool,
    nest: Option<Nest>,
}

impl Health {
    /// A check that has not begun.
    pub fn new(check: HealthCheck) -> Self {
        Self { check, since: 0, next: None, probe: None, held: None, number: 0 }
    }

    /// Monotonic time at which something is to be done.
    pub fn next_at(&self) -> Option<i64> {
        if self.held.is_some() {
            return None;
        }
        self.probe.as_ref().map_or(self.next, |probe| probe.kill_at)
    }

    fn interval(&self, status: HealthStatus, now: i64) -> i64 {
        let starting = status == HealthStatus::Starting && self.in_start_period(now);
        // However little an image says: a probe costs the host more than the container.
        ns(if starting { self.check.start_interval } else { self.check.interval }).max(LEAST)
    }

    fn in_start_period(&self, at: i64) -> bool {
        at - self.since < ns(self.check.start_period)
    }
}

impl Shim<'_> {
    /// The program has started: it has no health yet, and the first probe begins at once.
    pub(super) fn begin_health(&mut self) {
        let now = clock::monotonic_ns();
        let (Some(health), Some(document)) = (self.health.as_mut(), self.record.state.health.as_mut()) else {
            return;
        };
        (health.since, health.next, health.held) = (now, Some(now), None);
        (document.status, document.failing_streak) = (HealthStatus::Starting, 0);
    }

    /// The program has ended and starts again: nothing is known until then.
    pub(super) fn pause_health(&mut self) {
        self.leave_health(HealthStatus::Starting);
    }

    /// The container has ended. Docker calls one that is no longer looked at unhealthy.
    pub(super) fn end_health(&mut self) {
        self.leave_health(HealthStatus::Unhealthy);
    }

    fn leave_health(&mut self, status: HealthStatus) {
        if let Some(health) = self.health.as_mut() {
            (health.next, health.probe) = (None, None);
        }
        if let Some(document) = self.record.state.health.as_mut() {
            document.status = status;
        }
    }

    /// The container was paused, or goes on: the time in between does not count.
    pub(super) fn hold_health(&mut self, hold: bool) {
        let now = clock::monotonic_ns();
        let Some(health) = self.health.as_mut() else { return };
        if hold {
            health.held = Some(now);
        } else if let Some(since) = health.held.take() {
            let later = |at: i64| at + (now - since);
            health.next = health.next.map(later);
            if let Some(probe) = health.probe.as_mut() {
                probe.kill_at = probe.kill_at.map(later);
            }
        }
    }

    /// Whether this process is the probe.
    pub(super) fn is_probe(&self, index: usize) -> bool {
        self.health.as_ref().and_then(|health| health.probe.as_ref()).is_some_and(|probe| probe.task == index)
    }

    /// It is time for the next probe, or for the end of this one.
    pub(super) fn check_health(&mut self, now: i64) {
        let Some(health) = self.health.as_mut() else { return };
        let Some(probe) = health.probe.as_mut() else { return self.start_probe(now) };
        (probe.kill_at, probe.timed_out) = (None, true);
        let killed = probe.nest.as_ref().map(Nest::kill);
        let index = probe.task;
        if !matches!(killed, Some(Ok(())))
            && let Some(Some(task)) = self.tasks.get(index)
        {
            // It leads a session of its own (exec).
            let _ = killpg(task.pid, Signal::SIGKILL);
            let _ = rocker_sys::pidfd::kill(task.pidfd.as_fd());
        }
    }

    fn start_probe(&mut self, now: i64) {
        let Some(health) = self.health.as_mut() else { return };
        health.next = None;
        health.number += 1;
        let (name, timeout) = (format!("health.{}", health.number), ns(health.check.timeout));
        let command = command_line(&health.check.process.args);
        let request = ExecRequest {
            id: exec_id(),
            process: health.check.process.clone(),
            user: health.check.user.clone(),
            groups: health.check.groups.clone(),
            ..ExecRequest::default()
        };
        // Without one only its process group can be killed; that is no reason not to look.
        let nest = self.cgroup.as_ref().and_then(|cgroup| cgroup.nest(&name).ok()).flatten();
        let begun = self.clone_exec(request, nest.as_ref().map(Nest::fd)).and_then(|task| {
            self.tell_exec(&command, &task);
            let index = self.seat(task);
            self.watch_task(index).map(|()| index)
        });
        let Some(health) = self.health.as_mut() else { return };
        let (task, error) = match begun {
            Ok(index) => (index, None),
            Err(error) => (usize::MAX, Some(error)),
        };
        health.probe = Some(Running {
            task,
            start: clock::rfc3339(clock::now_ns()),
            start_at: now,
            kill_at: Some(now + timeout),
            timed_out: false,
            output: Vec::new(),
            cut: false,
            nest,
        });
        if let Some(error) = error {
            self.probe_failed(error);
        }
    }

    /// Keeps what a probe writes, as far as it is shown.
    pub(super) fn keep_probe_output(&mut self, index: usize, chunk: &[u8]) {
        if !self.is_probe(index) {
            return;
        }
        if let Some(probe) = self.health.as_mut().and_then(|health| health.probe.as_mut()) {
            let room = OUTPUT - probe.output.len();
            probe.output.extend_from_slice(&chunk[..chunk.len().min(room)]);
            probe.cut |= chunk.len() > room;
        }
    }

    /// A probe could not be run.
    pub(super) fn probe_failed(&mut self, error: Error) {
        self.note_probe(-1, Some(error.message));
    }

    /// A probe has ended.
    pub(super) fn probe_ended(&mut self, exit_code: i32) {
        self.note_probe(exit_code, None);
    }

    fn note_probe(&mut self, exit_code: i32, why: Option<String>) {
        let now = clock::monotonic_ns();
        let (Some(health), Some(document)) = (self.health.as_mut(), self.record.state.health.as_mut()) else {
            return;
        };
        let Some(probe) = health.probe.take() else { return };
        let output = why.unwrap_or_else(|| text(&probe.output, probe.cut));
        let (exit_code, output) = match probe.timed_out {
            true => (-1, timed_out(health.check.timeout, &output)),
            false => (exit_code, output),
        };
        let before = document.status;
        let counts = before != HealthStatus::Starting || !health.in_start_period(probe.start_at);
        judge(document, exit_code == 0, counts, health.check.retries);
        document.log.push(Probe {
            start: probe.start,
            end: clock::rfc3339(clock::now_ns()),
            exit_code,
            output,
        });
        if document.log.len() > RESULTS {
            document.log.remove(0);
        }
        let status = document.status;
        health.next = Some(now + health.interval(status, now));
        if let Some(nest) = probe.nest {
            nest.remove();
        }
        let _ = self.record.write();
        if status != before {
            let word = if status == HealthStatus::Healthy { "healthy" } else { "unhealthy" };
            self.event(&format!("health_status: {word}"), &[]);
            self.tell_health(status);
        }
    }

    /// Answers as soon as it is known whether the container is healthy.
    pub(super) fn wait_healthy(&mut self, index: usize) -> Result<()> {
        let Some(document) = &self.record.state.health else {
            let id = &self.record.state.id;
            return Err(Error::new(Kind::Conflict, format!("Container {id} has no health check"))
                .hint("give it one with --health-cmd"));
        };
        let status = document.status;
        if let Some(client) = self.clients[index].as_mut() {
            client.waits_for_health = true;
        }
        if status != HealthStatus::Starting {
            self.tell_health(status);
        }
        Ok(())
    }

    fn tell_health(&mut self, status: HealthStatus) {
        for index in 0..self.clients.len() {
            if self.clients[index].as_ref().is_some_and(|client| client.waits_for_health) {
                self.say_last(index, protocol::Event::Ok { pids: None, health: Some(status) });
            }
        }
    }
}

/// A probe's name in the events: 64 hex digits, as those of other processes in a container.
fn exec_id() -> String {
    let mut bytes = [0; 32];
    // Without one the events only cannot be told from those of another probe.
    let _ = rocker_sys::random(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What one more result says. `counts`: a failure counts, which it does not in the start period.
fn judge(document: &mut protocol::Health, success: bool, counts: bool, retries: u32) {
    if success {
        (document.status, document.failing_streak) = (HealthStatus::Healthy, 0);
    } else if counts {
        document.failing_streak += 1;
        if document.failing_streak >= retries {
            document.status = HealthStatus::Unhealthy;
        }
    }
}

/// Output as text; a character that the cut has torn is left out.
fn text(output: &[u8], cut: bool) -> String {
    let whole = match std::str::from_utf8(output) {
        Err(error) if cut && error.error_len().is_none() => &output[..error.valid_up_to()],
        _ => output,
    };
    let mut text = String::from_utf8_lossy(whole).into_owned();
    if cut {
        text.push_str("...");
    }
    text
}

fn timed_out(seconds: f64, output: &str) -> String {
    let message = format!("Health check exceeded timeout ({})", duration(ns(seconds)));
    if output.is_empty() { message } else { format!("{message}: {output}") }
}

/// Nanoseconds, at most some thirty years: sums of it and of a clock stay within 64 bits.
fn ns(seconds: f64) -> i64 {
    (seconds.clamp(0.0, 1e9) * 1e9) as i64
}

/// A duration as Go writes it: `1m30s`, `1.5s`, `250ms`.
fn duration(ns: i64) -> String {
    let number = |value: f64| format!("{value}");
    if ns < 1_000_000_000 {
        return format!("{}ms", number(ns as f64 / 1e6));
    }
    let (minutes, rest) = (ns / 60_000_000_000, (ns % 60_000_000_000) as f64 / 1e9);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{}s", number(rest)),
        (0, minutes) => format!("{minutes}m{}s", number(rest)),
        (hours, minutes) => format!("{hours}h{minutes}m{}s", number(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_from_the_end_of_the_start_period_and_success_forgets_them() {
        let mut document = protocol::Health::default();
        let mut steps = Vec::new();
        for (success, counts) in
            [(false, false), (false, true), (false, true), (true, true), (false, true), (false, true)]
        {
            judge(&mut document, success, counts, 2);
            steps.push((document.status, document.failing_streak));
        }
        use HealthStatus::{Healthy, Starting, Unhealthy};
        let expected =
            [(Starting, 0), (Starting, 1), (Unhealthy, 2), (Healthy, 0), (Healthy, 1), (Unhealthy, 2)];
        assert_eq!(steps, expected);
    }

    #[test]
    fn output_is_text_whatever_it_was_and_ends_with_whole_characters() {
        assert_eq!(text(b"a\xff\xc3", false), "a\u{fffd}\u{fffd}");
        assert_eq!(text(b"a\xc3", true), "a...");
        assert_eq!(text(b"a\xffb", true), "a\u{fffd}b...");
    }

    #[test]
    fn durations_are_written_as_in_go() {
        assert!(ns(f64::MAX) + i64::MAX / 2 > 0);
        let texts = [30.0, 60.0, 90.0, 1.5, 0.25, 3600.0].map(|seconds| duration(ns(seconds)));
        assert_eq!(texts, ["30s", "1m0s", "1m30s", "1.5s", "250ms", "1h0m0s"]);
    }
}
