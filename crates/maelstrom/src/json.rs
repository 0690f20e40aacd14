//! JSON values as values of ours: ordered, and written the same way each time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON value, as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Json(String);

impl Json {
    /// Of a value.
    pub(crate) fn of(value: &Value) -> Self {
        Self(value.to_string())
    }

    /// The value; what is no JSON, as text.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_else(|_| Value::from(self.0.as_str()))
    }
}
