//! Every backend passes the suite that defines one.

use memolith_backends::Memory;
use memolith_core::conformance;
use std::sync::Arc;

#[test]
fn memory() {
    conformance::run(|| Arc::new(Memory::new()));
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use memolith_backends::Sqlite;
    use memolith_core::{Backend, conformance};
    use std::sync::Arc;

    #[test]
    fn in_memory() {
        conformance::run(|| Arc::new(Sqlite::open(":memory:").expect("memory is always there")));
    }

    #[test]
    fn in_a_file() {
        let dir = std::env::temp_dir().join(format!("memolith-conformance-{}", std::process::id()));
        let path = dir.join("cache.db");
        let make = || -> Arc<dyn Backend> { Arc::new(Sqlite::open(&path).expect("a fresh directory is usable")) };
        conformance::run(make);
        conformance::reopened(make);
        std::fs::remove_dir_all(&dir).expect("the directory was made by this test");
    }
}
