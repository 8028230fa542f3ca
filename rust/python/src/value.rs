//! Serializable values as Python objects.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList};
use rocker_core::Error;
use serde_json::Value;

/// A serializable value as dicts, lists, strings and numbers.
pub fn to_python<T: serde::Serialize>(py: Python<'_>, value: &T) -> PyResult<Py<PyAny>> {
    let value = serde_json::to_value(value)
        .map_err(|error| crate::error::to_python(py, Error::invalid(error.to_string())))?;
    convert(py, &value)
}

fn convert(py: Python<'_>, value: &Value) -> PyResult<Py<PyAny>> {
    match value {
        Value::Null => Ok(py.None()),
        Value::Bool(value) => value.into_py_any(py),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(value), ..) => value.into_py_any(py),
            (_, Some(value), _) => value.into_py_any(py),
            (.., value) => value.into_py_any(py),
        },
        Value::String(text) => text.into_py_any(py),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(convert(py, item)?)?;
            }
            list.into_py_any(py)
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (key, member) in members {
                dict.set_item(key, convert(py, member)?)?;
            }
            dict.into_py_any(py)
        }
    }
}

/// A value of dicts, lists, strings, numbers, booleans and None as a typed one.
pub fn from_python<T: serde::de::DeserializeOwned>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    let read = serde_json::from_value(read(value)?);
    read.map_err(|error| crate::error::to_python(value.py(), Error::invalid(error.to_string())))
}

fn read(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let member = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| Ok((key.extract()?, read(&value)?));
        return dict.iter().map(member).collect::<PyResult<serde_json::Map<_, _>>>().map(Value::Object);
    }
    // A boolean of Python is a number too: asked first.
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if let Ok(text) = value.extract::<String>() {
        return Ok(Value::String(text));
    }
    if let Ok(number) = value.extract::<i64>() {
        return Ok(Value::from(number));
    }
    if let Ok(number) = value.extract::<f64>() {
        return Ok(Value::from(number));
    }
    value.try_iter()?.map(|item| read(&item?)).collect::<PyResult<Vec<_>>>().map(Value::Array)
}
