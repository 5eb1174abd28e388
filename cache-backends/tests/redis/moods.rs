//! Servers that are there and do not answer for a while.

use crate::load::{BACK, Load};
use crate::servers::{Server, eventually};
use std::time::Duration;

#[test]
fn a_server_that_loads_its_data() {
    let server = Server::in_a_directory(&[
        "--enable-debug-command",
        "yes",
        "--key-load-delay",
        "500",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    assert_eq!(server.cli(&["DEBUG", "POPULATE", "3000"]), "OK");
    let load = Load::on(&server.url());
    server.connect().unwrap().send(&["DEBUG", "RELOAD"]).unwrap();
    eventually("it loads", || server.try_cli(&["GET", "x"]).is_ok_and(|said| said.starts_with("LOADING")));
    load.felt();
    load.go_on(50);
    load.felt().bounded("loading");
    println!("used again after {:?}", load.until_used(BACK));
    load.end();
}

#[test]
fn a_server_that_pauses_its_clients() {
    let server = Server::start();
    let load = Load::on(&server.url());
    assert_eq!(server.cli(&["CLIENT", "PAUSE", "1000", "ALL"]), "OK");
    load.felt();
    load.go_on(50);
    load.felt().bounded("paused");
    println!("used again after {:?}", load.until_used(BACK));
    assert!(load.end().count() > 0, "faults are told");
}

#[test]
fn a_server_that_is_busy_with_something_else() {
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let load = Load::on(&server.url());
    server.connect().unwrap().send(&["DEBUG", "SLEEP", "1"]).unwrap();
    load.felt();
    load.go_on(50);
    load.felt().bounded("asleep");
    println!("used again after {:?}", load.until_used(BACK));
    load.end();
}

#[test]
fn a_server_that_runs_a_slow_script() {
    let server = Server::with(&["--lua-time-limit", "50"]);
    let load = Load::on(&server.url());
    let mut script = server.connect().unwrap();
    script.send(&["EVAL", "while true do end", "0"]).unwrap();
    eventually("it is busy", || server.try_cli(&["GET", "x"]).is_ok_and(|said| said.starts_with("BUSY")));
    load.felt();
    std::thread::sleep(Duration::from_millis(500));
    load.go_on(50);
    load.felt().bounded("busy");
    eventually("the script ends", || server.try_cli(&["SCRIPT", "KILL"]).is_ok_and(|said| said == "OK"));
    println!("used again after {:?}", load.until_used(BACK));
    assert!(load.end().count() > 0, "faults are told");
}
