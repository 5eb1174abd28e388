//! Everything that can happen to servers, in any order, for as long as one likes.
//!
//! `MEMOLITH_REDIS_SECONDS` says how long, `MEMOLITH_REDIS_SEED` which order.

use crate::load::{BACK, Load, Memory};
use crate::proxy::{Proxy, Weather};
use crate::servers::{Cluster, Server, eventually};
use std::time::{Duration, Instant};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Numbers from a seed that is told, so that what has failed can be done again.
struct Draw(u64);

impl Draw {
    fn new() -> Self {
        let seed = setting("MEMOLITH_REDIS_SEED", u64::from(std::process::id()));
        println!("MEMOLITH_REDIS_SEED={seed}");
        Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % bound
    }

    fn pause(&mut self, most: u64) {
        std::thread::sleep(Duration::from_millis(self.below(most)));
    }
}

#[test]
fn a_long_day_of_one_server() {
    let (mut draw, end) = (Draw::new(), Instant::now() + Duration::from_secs(setting("MEMOLITH_REDIS_SECONDS", 8)));
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let proxy = Proxy::to(server.port());
    let loads = [None, Some(60)].map(|maxsize| Load::with(&proxy.url(), maxsize, Memory::Exact));
    let mut events = 0;
    while Instant::now() < end {
        let event = draw.below(14);
        match event {
            0 => {
                server.kill();
                draw.pause(400);
                server.restart();
            }
            1 => {
                server.stop();
                draw.pause(800);
                server.cont();
            }
            2 => _ = server.try_cli(&["FLUSHALL"]),
            3 => _ = server.try_cli(&["SCRIPT", "FLUSH"]),
            4 => _ = server.try_cli(&["CLIENT", "KILL", "SKIPME", "yes"]),
            5 => _ = server.try_cli(&["CLIENT", "PAUSE", "400", "WRITE"]),
            6 => _ = server.connect().and_then(|mut connection| connection.send(&["DEBUG", "SLEEP", "0.4"])),
            7 => {
                let _ = server.try_cli(&["CONFIG", "SET", "maxmemory", "1"]);
                draw.pause(300);
                let _ = server.try_cli(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            8.. => {
                let weathers = [
                    Weather::Hole,
                    Weather::Cut,
                    Weather::Reset,
                    Weather::HangUp,
                    Weather::Delay(Duration::from_millis(draw.below(600))),
                    Weather::Trickle(Duration::from_millis(draw.below(20))),
                ];
                proxy.set(weathers[event as usize - 8]);
                draw.pause(500);
                proxy.set(Weather::Clear);
            }
        }
        events += 1;
        loads.iter().for_each(|load| load.go_on(30));
        if draw.below(4) == 0 {
            eventually("the server takes commands", || server.try_cli(&["PING"]).is_ok_and(|said| said == "PONG"));
            loads.iter().for_each(|load| _ = load.until_used(BACK));
        }
        loads.iter().for_each(|load| _ = load.felt().bounded(&format!("event {event}")));
    }
    println!("{events} events");
    loads.into_iter().for_each(|load| _ = load.end());
}

#[test]
fn a_long_day_of_a_cluster() {
    let cluster = Cluster::start();
    let loads = [None, Some(60)].map(|maxsize| Load::with(&cluster.url(), maxsize, Memory::Late));
    let (mut draw, end) = (Draw::new(), Instant::now() + Duration::from_secs(setting("MEMOLITH_REDIS_SECONDS", 8)));
    let mut events = 0;
    while Instant::now() < end {
        let slot = draw.below(16_384) as u16;
        let victim = cluster.owner(slot);
        let event = draw.below(5);
        match event {
            0 => {
                victim.kill();
                eventually("another has taken over", || cluster.accepts(slot));
                draw.pause(500);
                cluster.restore();
            }
            1 => {
                victim.stop();
                eventually("another has taken over", || cluster.accepts(slot));
                draw.pause(500);
                victim.cont();
                cluster.settle();
            }
            2 => {
                // A replica: nobody should notice.
                let replica = cluster.replicas()[draw.below(3) as usize];
                replica.kill();
                draw.pause(500);
                cluster.restore();
            }
            3 => {
                let masters = cluster.masters();
                let to = masters.iter().find(|master| master.port() != victim.port());
                cluster.reshard(victim, to.expect("there are three"), 1 + draw.below(300) as u16);
                cluster.settle();
            }
            _ => _ = victim.try_cli(&["CLIENT", "KILL", "SKIPME", "yes"]),
        }
        events += 1;
        loads.iter().for_each(|load| load.go_on(30));
        loads.iter().for_each(|load| _ = load.until_used(BACK));
        loads.iter().for_each(|load| _ = load.felt().bounded(&format!("event {event}")));
    }
    println!("{events} events");
    loads.into_iter().for_each(|load| _ = load.end());
}
