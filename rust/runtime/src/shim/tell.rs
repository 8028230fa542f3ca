//! Events of the container, for those who follow `events`.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use rocker_core::events::{self, Message};
use rocker_core::protocol::State;
use rocker_core::spec::Mount;

use super::network::Network;
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

/// A volume of a container, as its events tell of it.
#[derive(Debug)]
pub struct Volume {
    name: String,
    destination: String,
    read_only: bool,
}

impl Volume {
    /// Those among a specification's mounts; the directory of each has its name.
    pub fn among(mounts: &[Mount]) -> Vec<Self> {
        let volumes = mounts.iter().filter(|mount| mount.kind == "volume");
        let told = |mount: &Mount| {
            Some(Self {
                name: mount.source.as_ref()?.file_name()?.to_string_lossy().into_owned(),
                destination: mount.destination.to_string_lossy().into_owned(),
                read_only: mount.options.iter().any(|option| option == "ro"),
            })
        };
        volumes.filter_map(told).collect()
    }
}

impl Shim<'_> {
    /// The events of the volumes and networks that the container uses from now on; written with that of its start.
    pub(super) fn tell_use(&self) {
        let id = self.record.state.id.as_str();
        for volume in &self.volumes {
            let writable = if volume.read_only { "false" } else { "true" };
            let more = [
                ("container", id),
                ("destination", &*volume.destination),
                ("driver", "local"),
                ("propagation", ""),
                ("read/write", writable),
            ];
            self.other_later("volume", "mount", &volume.name, &more);
        }
        for (network, name, driver) in self.network.iter().flat_map(Network::names) {
            self.network_later("connect", network, name, driver);
        }
    }

    /// The events of what the container does not use any more, in Docker's order.
    pub(super) fn tell_end_of_use(&self) {
        for (network, name, driver) in self.network.iter().flat_map(Network::names) {
            self.network_later("disconnect", network, name, driver);
        }
        for volume in &self.volumes {
            let more = [("container", self.record.state.id.as_str()), ("driver", "local")];
            self.other_later("volume", "unmount", &volume.name, &more);
        }
        self.say_events();
    }

    /// An event of the container's in a network.
    pub(super) fn network_later(&self, action: &str, network: &str, name: &str, driver: &str) {
        let more = [("container", self.record.state.id.as_str()), ("name", name), ("type", driver)];
        self.other_later("network", action, network, &more);
    }

    fn other_later(&self, kind: &str, action: &str, id: &str, more: &[(&str, &str)]) {
        let message = Message { kind, action, id, attributes: &BTreeMap::new(), more };
        self.unsaid.borrow_mut().extend(message.line());
    }

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
