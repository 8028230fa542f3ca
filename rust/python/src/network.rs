//! Networks of the host: made, removed, listed.

use std::os::fd::AsFd;

use pyo3::prelude::*;
use rocker_core::protocol::Bridge;
use rocker_core::{Error, network};

use crate::error::detached;
use crate::value;

/// What `network_create` is given.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    bridge: Bridge,
    table: String,
}

#[pyfunction]
pub fn network_create(py: Python<'_>, plan: &Bound<'_, PyAny>) -> PyResult<()> {
    let plan: Plan = value::from_python(plan)?;
    detached(py, || {
        let proc = std::fs::File::open("/proc").map_err(|error| Error::io_at("open", "/proc", &error))?;
        network::make_bridge(proc.as_fd(), &plan.bridge, &plan.table)
    })
}

#[pyfunction]
pub fn network_remove(py: Python<'_>, bridge: &str, table: &str) -> PyResult<()> {
    detached(py, || network::remove_bridge(bridge, table))
}

#[pyfunction]
pub fn parent_remove(py: Python<'_>, name: &str) -> PyResult<()> {
    detached(py, || network::remove_parent(name))
}

#[pyfunction]
pub fn host_networks(py: Python<'_>) -> PyResult<Vec<String>> {
    detached(py, || Ok(network::host_networks()?.into_iter().map(String::from).collect()))
}

#[pyfunction]
pub fn links(py: Python<'_>) -> PyResult<Vec<String>> {
    detached(py, network::links)
}
