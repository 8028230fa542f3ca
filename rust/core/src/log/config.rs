//! The `log` object of a start request (docs/protocol.md).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Docker's JSON lines.
    #[default]
    JsonFile,
    /// Our compact binary records.
    Local,
    /// Nothing is kept.
    None,
}

/// What to log, where, and when to rotate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The format.
    #[serde(default)]
    pub driver: Driver,
    /// The file, relative to the descriptor given to [`super::Writer::open`]; without `..`.
    #[serde(default)]
    pub path: PathBuf,
    /// A file of this many bytes or more is rotated before the next record; absent or 0: never.
    #[serde(default)]
    pub max_size: Option<u64>,
    /// How many files are kept, the current one included; 0 means 1. Default 1.
    #[serde(default = "one")]
    pub max_files: u32,
    /// Whether rotated files are compressed with gzip.
    #[serde(default)]
    pub compress: bool,
    /// Attributes that every json-file record repeats.
    #[serde(default)]
    pub attrs: BTreeMap<String, String>,
    /// A server that gets the records, too.
    #[serde(default)]
    pub remote: Option<super::RemoteConfig>,
}

const fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_of_the_protocol_is_read() {
        let text = r#"{"driver": "json-file", "path": "containers/a/log/a-json.log", "max_size": 10485760,
            "max_files": 3, "compress": false, "attrs": {"a": "b"}}"#;
        let config: LogConfig = serde_json::from_str(text).unwrap();
        assert_eq!((config.driver, config.max_size, config.max_files), (Driver::JsonFile, Some(10 << 20), 3));
        assert_eq!(config.attrs["a"], "b");
        let config: LogConfig = serde_json::from_str(r#"{"driver": "none"}"#).unwrap();
        assert_eq!((config.driver, config.max_files), (Driver::None, 1));
    }
}
