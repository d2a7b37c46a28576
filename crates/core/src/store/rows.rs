//! Between column values and model types.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::model::WorkspaceId;

/// A timestamp as the store keeps it.
pub(super) fn micros(timestamp: Timestamp) -> i64 {
    timestamp.as_microsecond()
}

/// A timestamp from the store.
pub(super) fn timestamp(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| damaged("timestamp", &micros.to_string(), error))
}

/// A counter from the store.
pub(super) fn unsigned<T: TryFrom<i64>>(value: i64) -> Result<T> {
    T::try_from(value).map_err(|_| damaged("counter", &value.to_string(), "out of range"))
}

/// An id from the store, read by `parse`.
pub(super) fn id<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    parse(text).ok_or_else(|| damaged("id", text, "not an id"))
}

/// A UUID from the store.
pub(super) fn uuid(text: &str) -> Result<uuid::Uuid> {
    uuid::Uuid::try_parse(text).map_err(|error| damaged("id", text, error))
}

/// A workspace's id from the store.
pub(super) fn workspace_id(text: &str) -> Result<WorkspaceId> {
    uuid(text).map(WorkspaceId)
}

/// A JSON column's value.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged("JSON", text, error))
}

/// A JSON column's text.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(format!("could not write metadata as JSON: {error}")))
}

/// The error for a value that this program cannot have written.
pub(super) fn damaged(what: &str, value: &str, reason: impl std::fmt::Display) -> Error {
    Error::internal(format!("the metadata store holds a {what} that cannot be read, {value:?}: {reason}"))
}
