//! What users say: where servers are, and how to use them.

pub(crate) mod options;
pub(crate) mod target;
pub(crate) mod url;
