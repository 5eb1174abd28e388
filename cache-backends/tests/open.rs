//! From URLs to backends.
#![expect(clippy::unwrap_used, reason = "tests")]

use memolith_backends::open;
use memolith_core::{ErrorKind, Record, Space, Timestamp};

#[test]
fn memory_is_a_new_one_each_time() {
    let (one, other, space) = (open("memory:").unwrap(), open("memory:").unwrap(), Space::new("s"));
    let record = Record { value: vec![1], expires: Timestamp::NEVER };
    one.put(&space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    assert_eq!((one.len(&space).unwrap(), other.len(&space).unwrap()), (1, 0));
}

#[test]
fn what_is_wrong_is_said_without_secrets() {
    let urls =
        ["", "cache.db", "nonsense:x", "redis://user:marker@host:port/", "marker", "user:marker@host", "memory:marker"];
    for url in urls.into_iter().chain(["ftp://marker@host", " sqlite:marker", "marker word:pass"]) {
        let error = open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(!format!("{error} {error:?}").contains("marker"), "{url}: {error}");
    }
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn a_feature_that_is_off_is_named() {
    let error = open("sqlite:cache.db").unwrap_err();
    assert!(error.to_string().contains("feature `sqlite`"), "{error}");
}

#[cfg(not(feature = "redis"))]
#[test]
fn servers_need_their_feature() {
    for url in ["redis://host", "rediss://host", "redis+cluster://host", "valkey://host", "unix:///path"] {
        let error = open(url).unwrap_err();
        assert!(error.to_string().contains("feature `redis`"), "{error}");
    }
}

#[cfg(feature = "redis")]
#[test]
fn servers_are_named_by_many_schemes() {
    let parameters = "?prefix=app&stripes=4&scope=shared&scores=sequence&space_ttl=1h&sliding=yes&timeout=100ms";
    for scheme in ["redis://host", "valkey://:secret@host/2", "redis+cluster://one,two:7000", "unix:///run/redis.sock"]
    {
        open(scheme).unwrap();
        open(&format!("{scheme}{parameters}")).unwrap();
    }
    for wrong in ["redis:host", "redis://host?stripes=0", "redis://host?marker=1", "redis+nothing://host"] {
        assert_eq!(open(wrong).unwrap_err().kind(), ErrorKind::Config, "{wrong}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_paths() {
    let dir = std::env::temp_dir().join(format!("memolith-open-{}", std::process::id()));
    let path = dir.join("cache.db");
    let (space, record) = (Space::new("s"), Record { value: vec![1], expires: Timestamp::NEVER });
    let one = open(&format!("sqlite:{}", path.display())).unwrap();
    one.put(&space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    let other = open(&format!("sqlite://{}", path.display())).unwrap();
    assert_eq!(other.get(&space, b"key", Timestamp::from_micros(2)).unwrap(), Some(record.clone()));
    let (memory, second) = (open("sqlite::memory:").unwrap(), open("sqlite::memory:").unwrap());
    memory.put(&space, b"key", &record, Timestamp::from_micros(1)).unwrap();
    assert_eq!((memory.len(&space).unwrap(), second.len(&space).unwrap()), (1, 0));
    assert_eq!(open("sqlite://relative/cache.db").unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(open("sqlite:/").unwrap_err().kind(), ErrorKind::Config);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[cfg(all(feature = "shared", target_os = "linux"))]
#[test]
fn a_url_names_a_region_and_its_size() {
    let dir = std::env::temp_dir().join(format!("memolith-open-shm-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let url = |rest: &str| format!("shm:{}{rest}", dir.join("region").display());
    let backend = open(&url("?max_bytes=2MiB")).unwrap();
    let mut space = Space::new("s");
    space.maxsize = Some(10);
    backend.open(&space).unwrap();
    let record = |length| Record { value: vec![1; length], expires: Timestamp::NEVER };
    backend.put(&space, b"key", &record(100_000), Timestamp::from_micros(1)).unwrap();
    assert_eq!(backend.get(&space, b"key", Timestamp::from_micros(2)).unwrap(), Some(record(100_000)));
    let refused = backend.put(&space, b"key", &record(1 << 20), Timestamp::from_micros(3)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "an eighth of two megabytes is less");
    for wrong in ["?max_bytes=2", "?max_bytes=many", "?size=2MiB", "?max_bytes=2MiB&x"] {
        assert_eq!(open(&url(wrong)).unwrap_err().kind(), ErrorKind::Config, "{wrong}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
