//! Servers of a test's own, on free ports of this machine, gone when it ends.

use memolith_backends::Redis;
use memolith_core::{Backend, Record, Space, Timestamp};
use std::process::{Child, Command, Stdio};

/// A server that dies with it.
pub(crate) struct Server(Child, u16);

impl Server {
    pub(crate) fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = port.to_string();
        let child = Command::new("redis-server")
            .args(["--port", &text, "--save", "", "--bind", "127.0.0.1", "--daemonize", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Server(child, port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_is_put_is_there() {
    let server = Server::start();
    let redis = Redis::open(&server.url()).unwrap();
    let (space, now) = (Space::new("f"), Timestamp::from_micros(1));
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    redis.put(&space, b"key", &record, now).unwrap();
    assert_eq!(redis.get(&space, b"key", now).unwrap(), Some(record));
}
