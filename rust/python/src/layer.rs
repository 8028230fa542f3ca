//! Image layers, and overlays of them.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rocker_core::client::files;
use rocker_core::container::overlay::{self, Overlay};
use rocker_core::{Error, layer};

use crate::error::detached;

#[pyfunction]
#[pyo3(signature = (source, destination, *, limit = None))]
pub fn layer_apply(
    py: Python<'_>,
    source: i32,
    destination: PathBuf,
    limit: Option<u64>,
) -> PyResult<Py<PyDict>> {
    let applied = detached(py, || {
        files::in_new_directory(&destination, |directory| {
            let options = layer::Options { limit, sync: false };
            layer::apply(files::reader(source)?, directory, &options)
        })
    })?;
    let result = PyDict::new(py);
    result.set_item("diff_id", applied.diff_id)?;
    result.set_item("digest", applied.digest)?;
    result.set_item("size", applied.size)?;
    result.set_item("unpacked_size", applied.unpacked_size)?;
    result.set_item("entries", applied.entries)?;
    Ok(result.unbind())
}

#[pyfunction]
#[pyo3(signature = (source, destination, *, whiteouts = true, changing = false))]
pub fn layer_pack(
    py: Python<'_>,
    source: PathBuf,
    destination: i32,
    whiteouts: bool,
    changing: bool,
) -> PyResult<Py<PyDict>> {
    let packed = detached(py, || {
        let directory = files::directory(&source)?;
        let options = layer::PackOptions { whiteouts, mounts: false, changing, ids: None };
        layer::pack(std::os::fd::AsFd::as_fd(&directory), files::writer(destination)?, &options)
    })?;
    let result = PyDict::new(py);
    result.set_item("diff_id", packed.digest.clone())?;
    result.set_item("digest", packed.digest)?;
    result.set_item("size", packed.size)?;
    result.set_item("unpacked_size", packed.size)?;
    result.set_item("entries", packed.entries)?;
    Ok(result.unbind())
}

#[pyfunction]
pub fn layer_compress(py: Python<'_>, source: i32, destination: i32) -> PyResult<Py<PyDict>> {
    let made = detached(py, || layer::compress(files::reader(source)?, files::writer(destination)?))?;
    let result = PyDict::new(py);
    result.set_item("diff_id", made.diff_id)?;
    result.set_item("digest", made.digest)?;
    result.set_item("size", made.size)?;
    result.set_item("unpacked_size", made.unpacked_size)?;
    Ok(result.unbind())
}

#[pyfunction]
pub fn digest_file(py: Python<'_>, source: i32) -> PyResult<(String, u64)> {
    detached(py, || layer::digest(files::reader(source)?))
}

#[pyfunction]
pub fn sha256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &layer::sha256(data))
}

#[pyfunction]
pub fn remove_tree(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    detached(py, || files::remove_tree(&path))
}

#[pyfunction]
#[pyo3(signature = (target, lower, *, upper = None, work = None, volatile = false))]
pub fn mount_overlay(
    py: Python<'_>,
    target: PathBuf,
    lower: Vec<PathBuf>,
    upper: Option<PathBuf>,
    work: Option<PathBuf>,
    volatile: bool,
) -> PyResult<()> {
    detached(py, || {
        let upper = match (upper, work) {
            (Some(upper), Some(work)) => Some((upper, work)),
            (None, None) => None,
            _ => return Err(Error::invalid("upper and work go together: give both or neither")),
        };
        overlay::mount_overlay(&target, &Overlay { lower, upper, volatile })
    })
}

#[pyfunction]
#[pyo3(signature = (target, *, lazy = false))]
pub fn unmount(py: Python<'_>, target: PathBuf, lazy: bool) -> PyResult<()> {
    detached(py, || overlay::unmount(&target, lazy))
}
