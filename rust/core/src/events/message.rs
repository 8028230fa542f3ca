//! One event as Docker's API writes it (`api/types/events.Message`), with the members of its first version (`status`,
//! `id`, `from`) that containers and images have.

use std::collections::BTreeMap;

use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// What happened.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `container`, `image`, `network`, `volume`, `daemon`.
    pub kind: &'a str,
    /// `start`, `exec_create: ls -l`, …
    pub action: &'a str,
    /// Id of what it happened to; for an image that was pulled, its name.
    pub id: &'a str,
    /// What is said of it in each of its events: name, image, labels.
    pub attributes: &'a BTreeMap<String, String>,
    /// What is said in this event alone; wins over a label of the same name.
    pub more: &'a [(&'a str, &'a str)],
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(rename = "Type")]
    kind: &'a str,
    #[serde(rename = "Action")]
    action: &'a str,
    #[serde(rename = "Actor")]
    actor: Actor<'a>,
    scope: &'a str,
    time: i64,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Serialize)]
struct Actor<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "Attributes")]
    attributes: BTreeMap<&'a str, &'a str>,
}

impl Message<'_> {
    /// The event of this moment as a line with its newline.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let now = clock_gettime(ClockId::CLOCK_REALTIME);
        self.line_at(now.map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec()))
    }

    /// The event as it would be at `ns` since 1970.
    #[must_use]
    pub fn line_at(&self, ns: i64) -> Vec<u8> {
        let mut attributes: BTreeMap<&str, &str> =
            self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        attributes.extend(self.more.iter().copied());
        let is_container = self.kind == "container";
        let has_status = is_container || self.kind == "image";
        let line = Line {
            status: has_status.then_some(self.action),
            id: has_status.then_some(self.id),
            from: if is_container { attributes.get("image").copied() } else { None },
            kind: self.kind,
            action: self.action,
            actor: Actor { id: self.id, attributes },
            scope: "local",
            time: ns.div_euclid(1_000_000_000),
            time_nano: ns,
        };
        let mut text = Vec::with_capacity(512);
        // Writing strings and numbers to memory does not fail.
        let _ = serde_json::to_writer(&mut text, &line);
        text.push(b'\n');
        text
    }
}
