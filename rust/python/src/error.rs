//! The one conversion from the mechanism's errors to Python's exceptions.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rocker_core::{Error, Kind};

/// The class of `rocker.errors` that stands for a kind.
fn class_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "InvalidArgumentError",
        Kind::NotFound => "NotFoundError",
        Kind::Conflict => "ConflictError",
        Kind::NotRunning => "NotRunningError",
        Kind::Unsupported => "UnsupportedError",
        Kind::CommandNotFound => "CommandNotFoundError",
        Kind::CommandNotExecutable => "CommandNotExecutableError",
        Kind::Denied => "DeniedError",
        Kind::NoSpace => "NoSpaceError",
        Kind::Corrupt => "CorruptError",
        Kind::Timeout => "TimeoutError",
        Kind::Gone => "GoneError",
        Kind::System => "SystemCallError",
    }
}

/// Makes the exception, with the error's data as attributes.
pub fn to_python(py: Python<'_>, error: Error) -> PyErr {
    match build(py, error) {
        Ok(exception) | Err(exception) => exception,
    }
}

fn build(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let class = py.import("rocker.errors")?.getattr(class_name(error.kind))?;
    let fields = PyDict::new(py);
    fields.set_item("hint", error.hint)?;
    fields.set_item("errno", error.errno)?;
    fields.set_item("path", error.path.map(|path| path.to_string_lossy().into_owned()))?;
    fields.set_item("step", error.step)?;
    Ok(PyErr::from_value(class.call((error.message,), Some(&fields))?))
}

/// Runs `work` without the GIL.
pub fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> rocker_core::Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| to_python(py, error))
}

/// Runs `work` without the GIL; `work` calls its argument before each wait, so that Python can run its handlers.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut dyn FnMut() -> rocker_core::Result<()>) -> rocker_core::Result<T> + Send,
) -> PyResult<T> {
    let mut raised: Option<PyErr> = None;
    let outcome = py.detach(|| {
        work(&mut || match Python::attach(|py| py.check_signals()) {
            Ok(()) => Ok(()),
            Err(exception) => {
                raised = Some(exception);
                Err(Error::new(Kind::System, "interrupted"))
            }
        })
    });
    match (raised, outcome) {
        (Some(exception), _) => Err(exception),
        (None, outcome) => outcome.map_err(|error| to_python(py, error)),
    }
}
