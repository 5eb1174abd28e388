//! What is logged about a server before anything fails.

use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Backend, Space};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What was logged, a text for each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(format!("{}:", event.metadata().level()));
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!(" {field}={value:?}");
    }
}

/// What is logged when these spaces are opened: none has bounds, some have a time to live.
fn said(server: &Server, lives: &[Option<Duration>]) -> Vec<String> {
    let (log, redis) = (Log::default(), Redis::open(&server.url()).unwrap());
    tracing::subscriber::with_default(log.clone(), || {
        for (number, ttl) in lives.iter().enumerate() {
            let mut space = Space::new(format!("space {number}"));
            space.ttl = *ttl;
            redis.open(&space).unwrap();
        }
    });
    let said = log.0.lock().unwrap();
    said.clone()
}

#[test]
fn a_server_that_evicts_nothing_is_warned_of_once() {
    let hour = Some(Duration::from_secs(3600));
    let full = Server::with(&["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]);
    let said_of = said(&full, &[hour, None, None]);
    assert!(matches!(&said_of[..], [one] if one.starts_with("WARN: ") && one.contains("space 1")), "{said_of:#?}");
    assert!(said_of[0].contains("noeviction") && said_of[0].contains("maxsize"), "{said_of:#?}");
    assert_eq!(said(&full, &[hour]), Vec::<String>::new());
    let evicts = Server::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    assert_eq!(said(&evicts, &[None]), Vec::<String>::new());
    assert_eq!(said(&Server::start(), &[None]), Vec::<String>::new());
}
