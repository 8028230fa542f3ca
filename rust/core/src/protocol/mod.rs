//! What travels between client, launcher and shim: `docs/protocol.md` in types.

mod event;
mod frame;
mod life;
mod request;
mod state;

pub use event::{Event, Exit, Usage};
pub use frame::{Inbox, receive, send, send_json};
pub use life::{Health, HealthCheck, HealthStatus, Probe, Restart, RestartPolicy};
pub use request::{
    AttachRequest, Control, ExecRequest, Fd, Files, Network, NetworkMode, Request, Rootfs, StartRequest,
    StdinMode, Streams, UpdateRequest, WaitCondition,
};
pub use state::{FILE as STATE_FILE, RUN_FILES, SOCKET as SHIM_SOCKET, State, Status, TEARDOWN_PATIENCE};
