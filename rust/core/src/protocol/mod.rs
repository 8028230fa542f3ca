//! What travels between client, launcher and shim: `docs/protocol.md` in types.

mod event;
mod frame;
mod life;
mod network;
mod request;
mod state;

pub use event::{Event, Exit, Usage};
pub use frame::{Inbox, receive, send, send_json};
pub use life::{Health, HealthCheck, HealthStatus, Probe, Restart, RestartPolicy};
pub use network::{
    Bridge, Cidr, Dns, Endpoint, EndpointState, Mac, Network, NetworkMode, NetworkState, OwnParent, Parent,
    ParentKind, ParentMode, Port, Protocol, check_link_name, check_table,
};
pub use request::{
    AttachRequest, ConnectRequest, Control, DisconnectRequest, ExecRequest, Fd, Files, Request, Rootfs,
    StartRequest, StdinMode, Streams, UpdateRequest, WaitCondition,
};
pub use state::{
    FILE as STATE_FILE, LENT, RUN_FILES, SOCKET as SHIM_SOCKET, State, Status, TEARDOWN_PATIENCE,
    UsedNetwork, Uses,
};
