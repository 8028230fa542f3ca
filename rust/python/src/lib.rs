//! The export table of `rocker._core`.
use pyo3::prelude::*;

/// The native core of rocker.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
