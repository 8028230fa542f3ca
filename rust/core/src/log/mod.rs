//! To come.

/// The `log` object of a launch request.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct LogConfig {
    /// `json-file`, `local` or `none`.
    #[serde(default)]
    pub driver: String,
}
