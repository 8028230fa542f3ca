//! Start containers and talk to their shims.

use std::path::PathBuf;

use pyo3::prelude::*;
use rocker_core::client::{self, Attach};
use rocker_core::protocol::Event;
use rocker_core::{Error, Kind};

use crate::error::{detached, interruptible};
use crate::session::{Session, seconds};
use crate::value;

fn streams((stdin, stdout, stderr): (bool, bool, bool)) -> Attach {
    Attach { stdin, stdout, stderr }
}

#[pyfunction]
pub fn ensure_launcher(py: Python<'_>, runtime: PathBuf, root: PathBuf, run: PathBuf) -> PyResult<()> {
    detached(py, || client::ensure(&runtime, &root, &run).map(drop))
}

#[pyfunction]
pub fn shut_down_launcher(py: Python<'_>, run: PathBuf) -> PyResult<()> {
    detached(py, || client::shut_down(&run))
}

#[pyfunction]
#[pyo3(signature = (runtime, root, run, request, *, attach, bind_to_caller = false))]
pub fn start(
    py: Python<'_>,
    runtime: PathBuf,
    root: PathBuf,
    run: PathBuf,
    request: &[u8],
    attach: (bool, bool, bool),
    bind_to_caller: bool,
) -> PyResult<Session> {
    let started =
        detached(py, || client::start(&runtime, &root, &run, request, streams(attach), bind_to_caller));
    started.map(Session::new)
}

#[pyfunction]
#[pyo3(signature = (run, id, body, *, attach = (false, false, false)))]
pub fn request(
    py: Python<'_>,
    run: PathBuf,
    id: &str,
    body: &[u8],
    attach: (bool, bool, bool),
) -> PyResult<Session> {
    let session = detached(py, || {
        let mut session = client::request(&run, id, body, streams(attach))?;
        session.wait_started()?;
        Ok(session)
    });
    session.map(Session::new)
}

#[pyfunction]
#[pyo3(signature = (run, id, body, *, timeout = None))]
pub fn call(
    py: Python<'_>,
    run: PathBuf,
    id: &str,
    body: &[u8],
    timeout: Option<f64>,
) -> PyResult<Py<PyAny>> {
    let event = interruptible(py, |interrupted| {
        let mut session = client::request(&run, id, body, Attach::default())?;
        match session.wait_readable(seconds(timeout), interrupted)? {
            true => session.next_event(),
            false => Err(Error::new(Kind::Timeout, "there was no answer in time")),
        }
    })?;
    answer(py, event)
}

#[pyfunction]
pub fn update(py: Python<'_>, root: PathBuf, run: PathBuf, id: &str, body: &[u8]) -> PyResult<()> {
    let event = detached(py, || client::update(&root, &run, id, body))?;
    answer(py, event).map(drop)
}

fn answer(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
    match &event {
        Event::Exited(_) | Event::Ok { .. } => value::to_python(py, &event),
        other => {
            let error = Error::new(Kind::System, format!("unexpected answer {other:?}"));
            Err(crate::error::to_python(py, error))
        }
    }
}

#[pyfunction]
pub fn settle(py: Python<'_>, run: PathBuf, root: PathBuf, id: &str) -> PyResult<()> {
    detached(py, || client::settle(&run, &root, id))
}

#[pyfunction]
pub fn read_states(py: Python<'_>, run: PathBuf, root: PathBuf, ids: Vec<String>) -> PyResult<Py<PyAny>> {
    let states = detached(py, || Ok(client::read_states(&run, &root, &ids)))?;
    value::to_python(py, &states)
}
