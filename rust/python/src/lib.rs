//! The export table of `rocker._core`; `python/rocker/_core.pyi` documents what it exports.
//!
//! | file | exports |
//! |---|---|
//! | `error` | the one conversion of errors |
//! | `container` | start, request, call, states |
//! | `session` | `Session` |
//! | `counters` | cgroup counters, seccomp compiler |
//! | `files` | the files of a container, and of the host, as archives |
//! | `layer` | apply, pack, digest, remove; overlays |
//! | `events` | write, read and follow events |
//! | `log` | read, follow and copy logs |
//! | `network` | make and remove networks; what the host has |
//! | `value` | JSON values as Python objects |

mod container;
mod counters;
mod error;
mod events;
mod files;
mod layer;
mod log;
mod network;
mod session;
mod value;

use pyo3::prelude::*;

/// The native core of rocker.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<session::Session>()?;
    module.add_class::<log::LogReader>()?;
    module.add_class::<events::EventReader>()?;
    module.add_function(wrap_pyfunction!(container::ensure_launcher, module)?)?;
    module.add_function(wrap_pyfunction!(container::shut_down_launcher, module)?)?;
    module.add_function(wrap_pyfunction!(container::start, module)?)?;
    module.add_function(wrap_pyfunction!(container::request, module)?)?;
    module.add_function(wrap_pyfunction!(container::call, module)?)?;
    module.add_function(wrap_pyfunction!(container::update, module)?)?;
    module.add_function(wrap_pyfunction!(container::read_states, module)?)?;
    module.add_function(wrap_pyfunction!(container::settle, module)?)?;
    module.add_function(wrap_pyfunction!(counters::seccomp_compile, module)?)?;
    module.add_function(wrap_pyfunction!(counters::cgroup_stats, module)?)?;
    module.add_function(wrap_pyfunction!(layer::layer_apply, module)?)?;
    module.add_function(wrap_pyfunction!(layer::layer_compress, module)?)?;
    module.add_function(wrap_pyfunction!(layer::layer_pack, module)?)?;
    module.add_function(wrap_pyfunction!(files::path_stat, module)?)?;
    module.add_function(wrap_pyfunction!(files::copy_out, module)?)?;
    module.add_function(wrap_pyfunction!(files::copy_in, module)?)?;
    module.add_function(wrap_pyfunction!(files::export, module)?)?;
    module.add_function(wrap_pyfunction!(files::changes, module)?)?;
    module.add_function(wrap_pyfunction!(files::pack_entry, module)?)?;
    module.add_function(wrap_pyfunction!(files::unpack, module)?)?;
    module.add_function(wrap_pyfunction!(layer::digest_file, module)?)?;
    module.add_function(wrap_pyfunction!(layer::sha256, module)?)?;
    module.add_function(wrap_pyfunction!(layer::remove_tree, module)?)?;
    module.add_function(wrap_pyfunction!(layer::mount_overlay, module)?)?;
    module.add_function(wrap_pyfunction!(layer::unmount, module)?)?;
    module.add_function(wrap_pyfunction!(log::log_read, module)?)?;
    module.add_function(wrap_pyfunction!(log::log_copy, module)?)?;
    module.add_function(wrap_pyfunction!(events::event_write, module)?)?;
    module.add_function(wrap_pyfunction!(events::event_read, module)?)?;
    module.add_function(wrap_pyfunction!(network::network_create, module)?)?;
    module.add_function(wrap_pyfunction!(network::network_remove, module)?)?;
    module.add_function(wrap_pyfunction!(network::parent_remove, module)?)?;
    module.add_function(wrap_pyfunction!(network::host_networks, module)?)?;
    module.add_function(wrap_pyfunction!(network::links, module)?)?;
    Ok(())
}
