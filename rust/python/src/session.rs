//! `Session`: a client's connection.

use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rocker_core::client::{self, ProxyOptions};
use rocker_core::protocol::Event;
use rocker_core::{Error, Kind};

use crate::error::{detached, interruptible, to_python};
use crate::value;

#[pyclass(module = "rocker._core", frozen)]
pub struct Session {
    inner: std::sync::Mutex<Option<client::Session>>,
}

/// What `communicate` gives: output, errors, the event.
type Communicated = (Py<PyBytes>, Py<PyBytes>, Py<PyAny>);

impl Session {
    pub fn new(session: client::Session) -> Self {
        Self { inner: std::sync::Mutex::new(Some(session)) }
    }

    /// Takes the session out while a blocking call uses it: another thread gets an error instead of a dead lock.
    fn borrow<T>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut client::Session) -> PyResult<T>,
    ) -> PyResult<T> {
        let taken = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut session) = taken else {
            return Err(to_python(
                py,
                Error::new(Kind::Conflict, "the session is closed or in use by another thread"),
            ));
        };
        let outcome = work(&mut session);
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner).replace(session);
        outcome
    }
}

pub(crate) fn seconds(timeout: Option<f64>) -> Option<Duration> {
    timeout.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

#[pymethods]
impl Session {
    #[getter]
    fn pid(&self, py: Python<'_>) -> PyResult<i32> {
        self.borrow(py, |session| Ok(session.pid()))
    }

    #[getter]
    fn stdin(&self, py: Python<'_>) -> PyResult<Option<RawFd>> {
        self.borrow(py, |session| Ok(session.stdin.as_ref().map(AsRawFd::as_raw_fd)))
    }

    #[getter]
    fn stdout(&self, py: Python<'_>) -> PyResult<Option<RawFd>> {
        self.borrow(py, |session| Ok(session.stdout.as_ref().map(AsRawFd::as_raw_fd)))
    }

    #[getter]
    fn stderr(&self, py: Python<'_>) -> PyResult<Option<RawFd>> {
        self.borrow(py, |session| Ok(session.stderr.as_ref().map(AsRawFd::as_raw_fd)))
    }

    fn detach_fd(&self, py: Python<'_>, name: &str) -> PyResult<RawFd> {
        self.borrow(py, |session| {
            let stream = match name {
                "stdin" => &mut session.stdin,
                "stdout" => &mut session.stdout,
                "stderr" => &mut session.stderr,
                _ => return Err(to_python(py, Error::invalid(format!("`{name}` is no stream")))),
            };
            match stream.take() {
                Some(fd) => Ok(fd.into_raw_fd()),
                None => Err(to_python(py, Error::invalid(format!("{name} is not attached")))),
            }
        })
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<RawFd> {
        self.borrow(py, |session| Ok(session.socket().as_raw_fd()))
    }

    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Py<PyAny>>> {
        let exit = self.borrow(py, |session| {
            interruptible(py, |interrupted| session.wait(seconds(timeout), interrupted))
        })?;
        exit.map(|exit| value::to_python(py, &Event::Exited(exit))).transpose()
    }

    #[pyo3(signature = (input = None, *, timeout = None, max_output = None))]
    fn communicate(
        &self,
        py: Python<'_>,
        input: Option<&[u8]>,
        timeout: Option<f64>,
        max_output: Option<usize>,
    ) -> PyResult<Communicated> {
        let input = input.unwrap_or_default();
        let outcome = self.borrow(py, |session| {
            interruptible(py, |interrupted| {
                session.communicate(input, seconds(timeout), max_output, interrupted)
            })
        })?;
        let event = value::to_python(py, &Event::Exited(outcome.exit))?;
        let members = event.bind(py).cast::<PyDict>()?;
        members.set_item("truncated", outcome.truncated)?;
        members.set_item("timed_out", outcome.timed_out)?;
        Ok((PyBytes::new(py, &outcome.stdout).unbind(), PyBytes::new(py, &outcome.stderr).unbind(), event))
    }

    #[pyo3(signature = (stdin, stdout, stderr, *, tty, detach_keys, sig_proxy))]
    #[allow(clippy::too_many_arguments)] // the keywords of the documented call
    fn proxy(
        &self,
        py: Python<'_>,
        stdin: RawFd,
        stdout: RawFd,
        stderr: RawFd,
        tty: bool,
        detach_keys: Vec<u8>,
        sig_proxy: bool,
    ) -> PyResult<Py<PyAny>> {
        let options = ProxyOptions { tty, detach_keys, sig_proxy };
        let event = self.borrow(py, |session| {
            interruptible(py, |interrupted| {
                session.proxy_numbers([stdin, stdout, stderr], &options, interrupted)
            })
        })?;
        value::to_python(py, &event)
    }

    fn resize(&self, py: Python<'_>, width: u16, height: u16) -> PyResult<()> {
        self.borrow(py, |session| detached(py, || session.resize(width, height)))
    }

    fn signal(&self, py: Python<'_>, number: i32) -> PyResult<()> {
        self.borrow(py, |session| detached(py, || session.signal(number)))
    }

    fn close(&self) {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, _details: &Bound<'_, pyo3::types::PyTuple>) {
        self.close();
    }
}
