//! Counters of cgroups, and the compiler of system call filters.

use std::path::Path;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rocker_core::cgroup::Hierarchies;
use rocker_core::{Error, seccomp};

use crate::error::detached;
use crate::value;

/// The host's hierarchies do not change while it runs: found once a process.
static HIERARCHIES: OnceLock<Hierarchies> = OnceLock::new();

fn hierarchies() -> rocker_core::Result<&'static Hierarchies> {
    match HIERARCHIES.get() {
        Some(found) => Ok(found),
        None => {
            let found = Hierarchies::detect()?;
            Ok(HIERARCHIES.get_or_init(|| found))
        }
    }
}

#[pyfunction]
pub fn cgroup_stats(py: Python<'_>, cgroup: &str) -> PyResult<Py<PyAny>> {
    let path = cgroup.trim_start_matches('/');
    let stats = detached(py, || hierarchies()?.open(Path::new(path))?.stats())?;
    value::to_python(py, &stats)
}

#[pyfunction]
pub fn seccomp_compile(py: Python<'_>, profile: &[u8]) -> PyResult<Py<PyBytes>> {
    let program = detached(py, || {
        let profile = serde_json::from_slice(profile)
            .map_err(|error| Error::invalid(format!("the seccomp profile is not understood: {error}")))?;
        seccomp::compile(&profile)
    })?;
    Ok(PyBytes::new(py, &program).unbind())
}
