//! The typed tier in the process.

mod expiry;
