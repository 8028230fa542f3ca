//! Events of the container, for those who follow `events`.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use rocker_core::events::{self, Message};
use rocker_core::protocol::{NetworkMode, State, UsedNetwork, Uses};
use rocker_core::spec::Mount;

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

/// What a request has its container use.
pub fn uses(network: &rocker_core::protocol::Network, volumes: &[Volume]) -> Uses {
    let used = |id: &str, name: &str, driver: &str| UsedNetwork {
        id: id.to_owned(),
        name: name.to_owned(),
        driver: driver.to_owned(),
    };
    let networks = match network.mode {
        NetworkMode::Bridge => {
            network.endpoints.iter().map(|one| used(&one.network, &one.name, one.bridge.driver())).collect()
        }
        NetworkMode::Host if !network.id.is_empty() => vec![used(&network.id, "host", "host")],
        NetworkMode::None if !network.id.is_empty() => vec![used(&network.id, "none", "null")],
        _ => Vec::new(),
    };
    Uses { networks, volumes: volumes.iter().map(|volume| volume.name.clone()).collect() }
}

impl Shim<'_> {
    /// The events of the volumes and networks that the container uses from now on; written with that of its start.
    pub(super) fn tell_use(&self) {
        let id = self.record.state.id.as_str();
        let mut unsaid = self.unsaid.borrow_mut();
        for volume in &self.volumes {
            let writable = if volume.read_only { "false" } else { "true" };
            let more = [
                ("container", id),
                ("destination", &*volume.destination),
                ("driver", "local"),
                ("propagation", ""),
                ("read/write", writable),
            ];
            let (id, attributes) = (&*volume.name, &BTreeMap::new());
            unsaid.extend(Message { kind: "volume", action: "mount", id, attributes, more: &more }.line());
        }
        for network in &self.record.state.uses.networks {
            unsaid.extend(network.line("connect", id));
        }
    }

    /// The events of what the container does not use any more.
    pub(super) fn tell_end_of_use(&self) {
        let lines = self.record.state.uses.end_lines(&self.record.state.id);
        self.unsaid.borrow_mut().extend(lines);
        self.say_events();
    }

    /// Writes the event of a network that was joined or left.
    pub(super) fn network_event(&self, action: &str, network: &UsedNetwork) {
        self.unsaid.borrow_mut().extend(network.line(action, &self.record.state.id));
        self.say_events();
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
