//! Connections that others cannot read: the same servers, the same bad days.

use crate::load::{BACK, Load, ask, cache};
use crate::proxy::{Proxy, Weather};
use crate::servers::{Server, free_port};
use memolith_backends::Redis;
use memolith_core::ErrorKind;
use std::time::Duration;

/// A file of the certificates of `localhost`.
fn file(name: &str) -> String {
    format!("{}/src/redis/wire/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A server, and the port at which it speaks TLS.
fn server() -> (Server, u16) {
    let port = free_port();
    let [certificate, key, authority] = ["server.pem", "server-key.pem", "authority.pem"].map(file);
    let server = Server::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    (server, port)
}

/// Whether this build speaks TLS; where it does not it says so.
fn is_built() -> bool {
    let Err(error) = Redis::open("rediss://localhost") else { return true };
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("feature `tls`"), "{error}");
    false
}

#[test]
fn what_cannot_be_read_by_others_can_by_us() {
    if !is_built() {
        return;
    }
    let (server, port) = server();
    let proxy = Proxy::to(port);
    let url = format!("rediss://localhost:{}?ca={}", proxy.port(), file("authority.pem"));
    let load = Load::on(&url);
    let weathers = [
        Weather::Hole,
        Weather::Cut,
        Weather::Reset,
        Weather::HangUp,
        Weather::Delay(Duration::from_millis(600)),
        Weather::Trickle(Duration::from_millis(5)),
    ];
    for weather in weathers {
        proxy.set(weather);
        std::thread::sleep(Duration::from_millis(400));
        load.go_on(50);
        load.felt().bounded(&format!("{weather:?}"));
        proxy.set(Weather::Clear);
        println!("used again after {:?}", load.until_used(BACK));
    }
    server.restart();
    println!("used again after {:?}", load.until_used(BACK));
    assert!(load.end().count() > 0, "faults are told");
}

#[test]
fn who_is_not_trusted_is_told_nothing() {
    if !is_built() {
        return;
    }
    let (server, port) = server();
    // Without the authority, by another name, and where no TLS is spoken.
    let authority = file("authority.pem");
    let urls = [
        format!("rediss://:marker-7f3a@localhost:{port}"),
        format!("rediss://:marker-7f3a@127.0.0.2:{port}?ca={authority}"),
        format!("rediss://:marker-7f3a@localhost:{}?ca={authority}", server.port()),
        format!("redis://:marker-7f3a@localhost:{port}"),
    ];
    for url in urls {
        let (cache, faults) = cache(Redis::open(&url).unwrap(), None);
        assert_eq!((ask(&cache, 0..3, 0), ask(&cache, 0..3, 0)), (0, 0), "{url}");
        let texts = faults.texts();
        assert!(!texts.is_empty(), "{url}");
        assert!(!texts.iter().any(|text| text.contains("marker-7f3a")), "{texts:#?}");
    }
    assert_eq!(server.cli(&["DBSIZE"]), "0");
}
