//! The key of a function with a backend, where its type is inferred.

use crate::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A key that can leave the process.
pub trait StoredKey: Key + Serialize + DeserializeOwned {}
impl<T: Key + Serialize + DeserializeOwned> StoredKey for T {}
