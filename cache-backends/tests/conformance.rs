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

#[cfg(all(feature = "shared", target_os = "linux"))]
mod shared {
    use memolith_backends::Shared;
    use memolith_core::{Backend, conformance};
    use std::sync::Arc;

    fn run(name: &str, max_bytes: u64) {
        let dir = std::env::temp_dir().join(format!("memolith-conformance-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory can be made");
        let make = || -> Arc<dyn Backend> {
            Arc::new(Shared::sized(dir.join("region"), max_bytes).expect("a fresh directory is usable"))
        };
        conformance::run(make);
        conformance::reopened(make);
        std::fs::remove_dir_all(&dir).expect("the directory was made by this test");
    }

    #[test]
    fn of_the_usual_size() {
        run("shared", 64 << 20);
    }

    #[test]
    fn of_a_small_size() {
        run("small", 16 << 20);
    }
}
