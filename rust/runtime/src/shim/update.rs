//! Other limits and another restart policy for a container that runs.

use std::os::fd::OwnedFd;

use rocker_core::Result;
use rocker_core::protocol::UpdateRequest;

use super::kept::Kept;
use super::prepare::Handed;
use super::supervise::Shim;

impl Shim<'_> {
    /// Changes limits first, because the kernel may refuse them; then what the next start is made from.
    pub(super) fn update(&mut self, request: UpdateRequest, fds: Vec<OwnedFd>) -> Result<()> {
        let mut handed = Handed::sort(&request.fds, fds)?;
        let kept = match &request.launch {
            Some(launch) => Some(Kept::new(self.host, launch, &mut handed)?),
            None => None,
        };
        if let Some(cgroup) = &mut self.cgroup {
            cgroup.update(&request.resources)?;
            // It may be in a hierarchy now in which it was not before.
            self.join = None;
        }
        self.backoff.policy = request.launch.map(|launch| launch.restart).unwrap_or_default();
        self.record.keep = kept.is_some();
        self.kept = kept;
        if self.restart_at.is_some() && !self.backoff.is_active() {
            self.give_up_restart();
        } else if self.record.keep {
            self.record.keep_now(self.root.as_ref())?;
        }
        Ok(())
    }
}
