//! Events of the container, for those who follow `events`.

use std::os::fd::AsFd;

use rocker_core::events::{self, Message};
use rocker_core::protocol::State;

use super::supervise::Shim;
use super::task::Task;
use crate::host::Host;

/// Writes an event of a container. A full run root must not end it: then the event is lost.
pub fn tell(host: &Host, state: &State, action: &str, more: &[(&str, &str)]) {
    let _ = events::append(host.run.as_fd(), &line(state, action, more));
}

fn line(state: &State, action: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let message = Message { kind: "container", action, id: &state.id, attributes: &state.attributes, more };
    message.line()
}

impl Shim<'_> {
    /// Writes an event of this container.
    pub(super) fn event(&self, action: &str, more: &[(&str, &str)]) {
        self.event_later(action, more);
        self.say_events();
    }

    /// An event that is written with the next: one system call for both, on the way of a start.
    pub(super) fn event_later(&self, action: &str, more: &[(&str, &str)]) {
        self.unsaid.borrow_mut().extend(line(&self.record.state, action, more));
    }

    /// Writes the events that wait for another.
    pub(super) fn say_events(&self) {
        let lines = self.unsaid.take();
        if !lines.is_empty() {
            let _ = events::append(self.host.run.as_fd(), &lines);
        }
    }

    /// Writes an event of a process made by exec.
    pub(super) fn exec_event(&self, action: &str, task: &Task, more: &[(&str, &str)]) {
        let mut all = vec![("execID", task.exec_id.as_str())];
        all.extend_from_slice(more);
        self.event(action, &all);
    }
}
