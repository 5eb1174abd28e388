//! A server that dies, stops or is hard to reach: callers get right values in bounded time, and the server is used again.

use crate::load::{BACK, Felt, Load};
use crate::proxy::{Proxy, Weather};
use crate::servers::Server;
use std::time::Duration;

/// While it is known that there is nobody to ask, calls take much less than a time-out, on any machine.
#[track_caller]
fn known(felt: &Felt) {
    let (half, most) = (Duration::from_millis(50), Duration::from_millis(200));
    assert!(felt.median < half && felt.p99 < most, "a server that is known to be away costs {felt:?}");
}

#[test]
fn a_server_that_is_killed_is_missed_by_nobody() {
    let server = Server::start();
    let load = Load::on(&server.url());
    for round in 0..3 {
        server.kill();
        load.go_on(300);
        load.felt().bounded("killed");
        load.go_on(300);
        let felt = load.felt().bounded("dead");
        assert_eq!(felt.hits, 0);
        known(&felt);
        server.restart();
        println!("used again after {:?}, round {round}", load.until_used(BACK));
    }
    assert!(load.end().count() > 0, "faults are told");
}

#[test]
fn a_server_that_is_stopped_is_waited_for_by_few() {
    let server = Server::start();
    let load = Load::on(&server.url());
    server.stop();
    load.go_on(50);
    load.felt().bounded("stopped");
    std::thread::sleep(Duration::from_secs(1));
    load.felt();
    load.go_on(200);
    let felt = load.felt().bounded("still stopped");
    known(&felt);
    server.cont();
    println!("used again after {:?}", load.until_used(BACK));
    assert!(load.end().count() > 0, "faults are told");
}

/// Under load, `weather` for a second, then again, then a clear sky.
fn sail_through(weather: Weather) -> Felt {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let load = Load::on(&proxy.url());
    let before = proxy.struck();
    let mut felt = Felt::default();
    for _ in 0..2 {
        proxy.set(weather);
        std::thread::sleep(Duration::from_millis(1_000));
        load.go_on(50);
        felt = load.felt().bounded(&format!("{weather:?}"));
        proxy.set(Weather::Clear);
        println!("used again after {:?}", load.until_used(BACK));
        load.felt();
    }
    assert!(proxy.struck() > before, "the weather had no chance");
    let faults = load.end();
    let slow_only = weather == Weather::Delay(Duration::from_millis(100));
    assert!(slow_only || faults.count() > 0, "faults are told");
    felt
}

#[test]
fn a_black_hole() {
    sail_through(Weather::Hole);
}

#[test]
fn replies_a_tenth_of_a_second_late_are_used() {
    let felt = sail_through(Weather::Delay(Duration::from_millis(100)));
    assert!(felt.hits > 0, "within the time-out");
}

#[test]
fn replies_a_second_late() {
    sail_through(Weather::Delay(Duration::from_secs(1)));
}

#[test]
fn replies_cut_in_the_middle() {
    sail_through(Weather::Cut);
}

#[test]
fn connections_that_are_reset() {
    sail_through(Weather::Reset);
}

#[test]
fn replies_that_trickle() {
    sail_through(Weather::Trickle(Duration::from_millis(20)));
}

#[test]
fn a_server_that_hangs_up() {
    sail_through(Weather::HangUp);
}
