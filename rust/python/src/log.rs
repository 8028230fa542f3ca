//! Container logs.

use std::path::PathBuf;

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rocker_core::client::files;
use rocker_core::log::{CopyOptions, Driver, Entry, Follow, Reader, Stream, copy_to};
use rocker_core::{Error, Result};

use crate::error::{detached, to_python};

fn driver(name: &str) -> Result<Driver> {
    match name {
        "json-file" => Ok(Driver::JsonFile),
        "local" => Ok(Driver::Local),
        "none" => Ok(Driver::None),
        _ => Err(Error::invalid(format!("unknown log driver `{name}`"))),
    }
}

fn reader(
    path: &std::path::Path,
    name: &str,
    tail: Option<u64>,
    since: Option<i64>,
    until: Option<i64>,
) -> Result<Reader> {
    Ok(Reader::open(path, driver(name)?)?.tail(tail).since(since).until(until))
}

/// Follow while `running()`; it is asked when the container's state changes or its shim ends.
fn follow_container<F: FnMut() -> bool>(
    reader: Reader,
    running: F,
    container: Option<&(PathBuf, String)>,
) -> Follow<F> {
    let Some((run, id)) = container else { return reader.follow(running, None) };
    let follow = reader.follow(running, rocker_core::client::shim_pidfd(run, id));
    follow.also_watching(&run.join("containers").join(id))
}

/// Iterator of `log_read`.
#[pyclass(module = "rocker._core", frozen)]
pub struct LogReader {
    entries: std::sync::Mutex<Box<dyn Iterator<Item = Result<Entry>> + Send>>,
}

#[pymethods]
impl LogReader {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<(&'static str, i64, Py<PyBytes>)> {
        let next =
            py.detach(|| self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next());
        match next {
            None => Err(PyStopIteration::new_err(())),
            Some(Err(error)) => Err(to_python(py, error)),
            Some(Ok(entry)) => {
                let stream = if entry.stream == Stream::Stdout { "stdout" } else { "stderr" };
                py.check_signals()?;
                Ok((stream, entry.time_ns, PyBytes::new(py, &entry.line).unbind()))
            }
        }
    }
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // the keywords of the documented call
#[pyo3(signature = (path, driver, *, follow = None, container = None, tail = None, since_ns = None, until_ns = None))]
pub fn log_read(
    py: Python<'_>,
    path: PathBuf,
    driver: &str,
    follow: Option<Py<PyAny>>,
    container: Option<(PathBuf, String)>,
    tail: Option<u64>,
    since_ns: Option<i64>,
    until_ns: Option<i64>,
) -> PyResult<LogReader> {
    let reader = detached(py, || reader(&path, driver, tail, since_ns, until_ns))?;
    let entries: Box<dyn Iterator<Item = Result<Entry>> + Send> = match follow {
        None => Box::new(reader),
        Some(callback) => {
            // A callback that raises, or a pending signal, ends the follow: its caller sees the end.
            let running = move || {
                Python::attach(|py| {
                    py.check_signals().is_ok()
                        && callback.call0(py).and_then(|value| value.is_truthy(py)).unwrap_or(false)
                })
            };
            Box::new(follow_container(reader, running, container.as_ref()))
        }
    };
    Ok(LogReader { entries: std::sync::Mutex::new(entries) })
}

#[pyfunction]
#[pyo3(signature = (path, driver, stdout, stderr, *, container = None, tail = None, since_ns = None, until_ns = None, timestamps = false, details = ""))]
#[allow(clippy::too_many_arguments)] // the keywords of the documented call
pub fn log_copy(
    py: Python<'_>,
    path: PathBuf,
    driver: &str,
    stdout: i32,
    stderr: i32,
    container: Option<(PathBuf, String)>,
    tail: Option<u64>,
    since_ns: Option<i64>,
    until_ns: Option<i64>,
    timestamps: bool,
    details: &str,
) -> PyResult<()> {
    crate::error::interruptible(py, |interrupted| {
        let mut reader = reader(&path, driver, tail, since_ns, until_ns)?;
        let (out, err) = (files::borrow(stdout)?, files::borrow(stderr)?);
        let options = CopyOptions { timestamps, details: details.to_owned() };
        let Some((run, id)) = &container else { return copy_to(&mut reader, out, err, &options) };
        let mut failure = None;
        let running = || match interrupted() {
            Ok(()) => rocker_core::client::is_alive(run, id),
            Err(error) => {
                failure = Some(error);
                false
            }
        };
        let mut follow = follow_container(reader, running, container.as_ref());
        let outcome = copy_to(&mut follow, out, err, &options);
        failure.map_or(outcome, Err)
    })
}
