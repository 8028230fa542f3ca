//! Events of a run root.

use std::path::PathBuf;

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rocker_core::client::files;
use rocker_core::events::{Reader, append, reader::Waited};

use crate::error::{interruptible, to_python};

#[pyfunction]
pub fn event_write(py: Python<'_>, run: PathBuf, line: &[u8]) -> PyResult<()> {
    // Shorter than letting go of the interpreter's lock.
    let run = files::directory(&run).map_err(|error| to_python(py, error))?;
    append(std::os::fd::AsFd::as_fd(&run), line).map_err(|error| to_python(py, error))
}

/// Iterator of `event_read`.
#[pyclass(module = "rocker._core", frozen)]
pub struct EventReader {
    reader: std::sync::Mutex<Reader>,
    follow: bool,
    until: Option<std::time::SystemTime>,
}

#[pymethods]
impl EventReader {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let next = interruptible(py, |interrupted| {
            let mut reader = self.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let mut over = !self.follow;
            loop {
                // Once more after the time is over: what came until then is still to be given.
                match reader.next_line()? {
                    None if over => return Ok(None),
                    None => {}
                    line => return Ok(line),
                }
                over = reader.wait(self.left(), interrupted)? == Waited::TimedOut;
            }
        })?;
        match next {
            Some(line) => Ok(PyBytes::new(py, &line).unbind()),
            None => Err(PyStopIteration::new_err(())),
        }
    }
}

impl EventReader {
    /// Milliseconds until the end, rounded up.
    fn left(&self) -> Option<u64> {
        let left = self.until?.duration_since(std::time::SystemTime::now()).unwrap_or_default();
        Some(u64::try_from((left + std::time::Duration::from_micros(999)).as_millis()).unwrap_or(u64::MAX))
    }
}

#[pyfunction]
#[pyo3(signature = (run, *, past = true, follow = false, until_ns = None))]
pub fn event_read(
    py: Python<'_>,
    run: PathBuf,
    past: bool,
    follow: bool,
    until_ns: Option<u64>,
) -> PyResult<EventReader> {
    let reader = files::directory(&run).and_then(|run| Reader::open(run, past));
    let reader = reader.map_err(|error| to_python(py, error))?;
    let until = until_ns.map(|ns| std::time::UNIX_EPOCH + std::time::Duration::from_nanos(ns));
    Ok(EventReader { reader: std::sync::Mutex::new(reader), follow, until })
}
