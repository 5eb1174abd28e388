//! Uses memolith under another name.
