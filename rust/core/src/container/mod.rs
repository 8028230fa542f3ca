//! A container's inside: what the cloned child does until it becomes the program.
//!
//! [`init::run`] is the story of a start, [`exec::run`] that of another process. Both run in a child of
//! clone3 that is a copy of a single-threaded process, and end in execve or in one [`Report`] to the shim.
//!
//! | file | step |
//! |---|---|
//! | `init` | namespaces, root, mounts, pivot, program: in order |
//! | `gate` | where init waits for its shim |
//! | `userns` | a user namespace, and what its ids are |
//! | `furnish` | what only the host's root can mount, for an init in a user namespace |
//! | `exec`, `appear` | join a running container |
//! | `root`, `root_by_path` | overlay of layers |
//! | `overlay` | an overlay without a container |
//! | `options`, `mounts`, `cgroupfs`, `dev`, `masks` | what is mounted over it |
//! | `volume` | what the image has, copied into a new volume |
//! | `hooks` | programs of the host that complete the root |
//! | `path` | paths below the root, resolved by the kernel |
//! | `sysctl`, `user`, `capability`, `terminal` | one subject each |
//! | `process`, `diagnosis` | execve, and why it failed |
//! | `joined`, `appear` | a pid namespace of others: its procfs, and how a process comes into it |
//! | `reaper` | the init of `--init` |

mod appear;
mod capability;
mod cgroupfs;
mod copy_up;
mod dev;
mod diagnosis;
pub mod exec;
pub mod furnish;
mod gate;
mod hooks;
pub mod init;
mod joined;
mod masks;
mod mounts;
mod options;
pub mod overlay;
mod path;
mod process;
mod reaper;
mod report;
mod root;
mod root_by_path;
mod sysctl;
mod terminal;
mod user;
pub mod userns;
mod volume;

pub use capability::{Masks, NAMES as CAPABILITY_NAMES};
pub use gate::Gate;
pub use hooks::Hooks;
pub use joined::Joined;
pub use mounts::{Planned, bind as attach_bind, file_system as mount_file_system};
pub use options::MountOptions;
pub use path::open_in_root;
pub use process::Program;
pub use report::{Report, exit_code};
pub use root::{MOUNT_POINT, Overlay, open_below};
pub use sysctl::{apply as set_sysctls, check as check_sysctls};
pub use user::look_up as look_up_user;
pub use userns::{FileOwner, IdMaps, Userns};
pub use volume::fill as fill_volume;
