//! `cargo xtask`: the one script that local use and CI share.
fn main() {}
