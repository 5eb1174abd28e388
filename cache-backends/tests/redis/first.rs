//! The least that must hold.

use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Backend, Record, Space, Timestamp};

#[test]
fn what_is_put_is_there() {
    let redis = Redis::open(&Server::shared().url()).unwrap();
    let (space, now) = (Space::new("first"), Timestamp::from_micros(1));
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(&space, b"key", &record, now).unwrap();
    assert_eq!(redis.get(&space, b"key", now).unwrap(), Some(record));
}
