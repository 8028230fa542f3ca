//! The files of a container, and of the host, as archives.

use std::os::fd::AsFd;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rocker_core::client::files;
use rocker_core::layer::{self, PackOptions};
use rocker_core::view::{self, Access, CopyIn, Request, Stop, View};
use rocker_core::{Error, Result};

use crate::error::interruptible;

fn parse(request: &[u8]) -> Result<Request> {
    serde_json::from_slice(request).map_err(|error| {
        Error::invalid(format!("the request for a container's files is not understood: {error}"))
    })
}

/// Runs `work` on a thread, without the GIL, until it is done or Python's signal handlers raise.
fn stoppable<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(&Stop) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    interruptible(py, |interrupted| Stop::run(interrupted, work))
}

#[pyfunction]
pub fn path_stat(
    py: Python<'_>,
    run: PathBuf,
    root: PathBuf,
    request: &[u8],
    path: Vec<u8>,
) -> PyResult<Py<PyDict>> {
    let request = request.to_vec();
    let found = stoppable(py, move |_| {
        let seen = View::open(&run, &root, &parse(&request)?, Access::Read)?;
        view::stat(seen.root(), &path)
    })?;
    let result = PyDict::new(py);
    result.set_item("mode", found.mode)?;
    result.set_item("size", found.size)?;
    result.set_item("mtime_ns", found.modified_ns)?;
    result.set_item("target", found.target.map(|target| PyBytes::new(py, &target).unbind()))?;
    Ok(result.unbind())
}

#[pyfunction]
pub fn copy_out(
    py: Python<'_>,
    run: PathBuf,
    root: PathBuf,
    request: &[u8],
    path: Vec<u8>,
    label: Vec<u8>,
    destination: i32,
) -> PyResult<u64> {
    let (request, out) = (request.to_vec(), files::reader(destination));
    stoppable(py, move |stop| {
        let out = stop.writer(out?);
        let seen = View::open(&run, &root, &parse(&request)?, Access::Read)?;
        view::copy_out(&seen, &path, &label, out).map(|packed| packed.size)
    })
}

#[pyfunction]
#[pyo3(signature = (run, root, request, path, source, *, user = None))]
pub fn copy_in(
    py: Python<'_>,
    run: PathBuf,
    root: PathBuf,
    request: &[u8],
    path: Vec<u8>,
    source: i32,
    user: Option<String>,
) -> PyResult<u64> {
    let (request, source) = (request.to_vec(), files::reader(source));
    stoppable(py, move |stop| {
        let source = stop.reader(source?);
        let seen = View::open(&run, &root, &parse(&request)?, Access::Write)?;
        view::copy_in(&seen, &path, source, &CopyIn { user }).map(|applied| applied.unpacked_size)
    })
}

#[pyfunction]
pub fn export(
    py: Python<'_>,
    run: PathBuf,
    root: PathBuf,
    request: &[u8],
    destination: i32,
) -> PyResult<u64> {
    let (request, out) = (request.to_vec(), files::reader(destination));
    stoppable(py, move |stop| {
        let out = stop.writer(out?);
        let seen = View::open(&run, &root, &parse(&request)?, Access::Root)?;
        let options =
            PackOptions { whiteouts: false, mounts: false, changing: true, ids: seen.ids().cloned() };
        layer::pack(seen.root(), out, &options).map(|packed| packed.size)
    })
}

#[pyfunction]
pub fn changes(
    py: Python<'_>,
    run: PathBuf,
    root: PathBuf,
    request: &[u8],
) -> PyResult<Vec<(u8, Py<PyBytes>)>> {
    let request = request.to_vec();
    let found = stoppable(py, move |_| {
        let request = parse(&request)?;
        let upper = root.join("containers").join(&request.id).join("upper");
        if !upper.exists() {
            return Ok(Vec::new());
        }
        let seen = View::open(&run, &root, &request, Access::Image)?;
        layer::changes(files::directory(&upper)?.as_fd(), seen.root())
    })?;
    Ok(found.into_iter().map(|(change, path)| (change as u8, PyBytes::new(py, &path).unbind())).collect())
}

#[pyfunction]
pub fn pack_entry(
    py: Python<'_>,
    directory: PathBuf,
    name: Vec<u8>,
    label: Vec<u8>,
    destination: i32,
) -> PyResult<u64> {
    let out = files::reader(destination);
    stoppable(py, move |stop| {
        let out = stop.writer(out?);
        view::pack_below(&directory, &name, &label, out).map(|packed| packed.size)
    })
}

#[pyfunction]
#[pyo3(signature = (directory, source, *, owner = None))]
pub fn unpack(py: Python<'_>, directory: PathBuf, source: i32, owner: Option<(u32, u32)>) -> PyResult<u64> {
    let source = files::reader(source);
    stoppable(py, move |stop| {
        let source = stop.reader(source?);
        view::unpack_at(&directory, source, owner).map(|applied| applied.unpacked_size)
    })
}
