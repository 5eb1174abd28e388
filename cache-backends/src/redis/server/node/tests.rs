//! A node, and servers that answer as they please.

use super::fake::{Fake, both, comes_back, echo, node, numbered, run};
use super::{Node, wait};
use crate::redis::lock::Mutex;
use crate::redis::server::link::WRITES;
use crate::redis::server::timer::{until, within};
use crate::redis::wire::request::{Request, Route};
use memolith_core::ErrorKind;
use std::future::Future;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for whatever is to come.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);
/// What a machine with too much to do may add.
const SLACK: Duration = Duration::from_millis(400);

/// Answers rightly, in pieces, and not always at once.
fn erratic() -> Fake {
    let seed = AtomicU64::new(1);
    let held = Mutex::new(Vec::new());
    Fake::start(move |command, out| {
        let random = seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32;
        let mut held = held.lock();
        held.extend_from_slice(&echo(command));
        if random.is_multiple_of(64) {
            thread::sleep(Duration::from_micros(random % 1000));
        }
        // The rest comes with the next answer, or with the news that one was expected.
        let now = if random.is_multiple_of(4) { held.len() / 2 } else { held.len() };
        out.write_all(&held[..now])?;
        held.drain(..now);
        if !held.is_empty() {
            thread::yield_now();
            out.write_all(&held)?;
            held.clear();
        }
        Ok(())
    })
}

/// How many of the commands of 40 tasks are sent to a server that takes `pause` for an answer before it has given the first.
fn sent_ahead(pause: Duration) -> u64 {
    const TASKS: i64 = 40;
    let ahead = Arc::new(AtomicU64::new(1));
    let (seen, (come, came)) = (Arc::clone(&ahead), channel());
    let fake = Fake::far(pause, move |command, out| {
        if seen.load(Ordering::Relaxed) == 0 {
            come.send(()).map_err(std::io::Error::other)?;
            // Time for all of them to write what they may.
            thread::sleep(SHORT);
            out.set_nonblocking(true)?;
            let come = out.peek(&mut [0; 16 * 1024]).unwrap_or(0);
            out.set_nonblocking(false)?;
            seen.store(1 + come as u64, Ordering::Relaxed);
        }
        out.write_all(&echo(command))
    });
    let node = fake.node(LONG);
    // Often enough for one of them to be as quick as the way is.
    for _ in 0..20 {
        assert!(run([comes_back(&node, &[1])]).remove(0).expect("the server answers"));
    }
    ahead.store(0, Ordering::Relaxed);
    let numbers: Vec<i64> = (0..TASKS).collect();
    let (node, came) = (&node, &came);
    let back = run(numbers.chunks(1).map(|number| async move {
        if number[0] == 1 {
            came.recv().expect("the first has come alone");
        }
        comes_back(node, number).await
    }));
    assert!(back.into_iter().all(|back| back.expect("the server answers")));
    let mut one = Vec::new();
    numbered(TASKS).write(&mut one);
    (ahead.load(Ordering::Relaxed) - 1).div_ceil(one.len() as u64)
}

/// What comes while some writes are on their way waits for the first of them, and goes together.
#[test]
fn many_callers_write_few_times() {
    let sent = sent_ahead(Duration::ZERO);
    assert!(sent <= WRITES as u64, "{sent} commands were sent without an answer to what came before");
}

/// Where an answer takes long nobody waits for that of another.
#[test]
fn who_is_far_is_sent_what_there_is() {
    let sent = sent_ahead(Duration::from_millis(10));
    assert!(sent >= 30, "{sent} of 40 commands were sent, the others wait for an answer");
}

#[test]
fn everybody_gets_the_own_replies() {
    let fake = erratic();
    let node = fake.node(LONG);
    let begun = Instant::now();
    thread::scope(|scope| {
        for id in 0..8_i64 {
            let node = &node;
            scope.spawn(move || {
                for round in 0..300 {
                    let numbers: Vec<_> = (0..1 + (round + id) % 5).map(|n| id * 1_000_000 + round * 10 + n).collect();
                    assert!(wait(comes_back(node, &numbers)).expect("the server answers"));
                }
            });
        }
        for id in 8..10_i64 {
            let node = &node;
            scope.spawn(move || {
                let tasks = (0..50).map(|task| async move {
                    for round in 0..20 {
                        let number = id * 1_000_000 + task * 1000 + round;
                        assert!(comes_back(node, &[number, -number]).await.expect("the server answers"));
                    }
                });
                run(tasks);
            });
        }
    });
    assert_eq!(fake.connections(), 1, "one connection serves all");
    // Who is not told that nobody reads any more looks when its time is up.
    assert!(begun.elapsed() < LONG, "somebody was forgotten");
}

#[test]
fn who_reads_for_tasks_leaves_it_to_a_thread() {
    // The first and the third answer are held back until they are asked for.
    let ((come, came), (go, gone)) = (channel(), channel::<()>());
    let (count, gone) = (AtomicU64::new(0), Mutex::new(gone));
    let fake = Fake::start(move |command, out| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            come.send(()).map_err(std::io::Error::other)?;
        }
        if number != 1 {
            gone.lock().recv().map_err(std::io::Error::other)?;
        }
        out.write_all(&echo(command))
    });
    let node = &fake.node(LONG);
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(run([comes_back(node, &[1])]).remove(0).ok(), Some(true)));
        came.recv().expect("it is asked");
        let (done, is_done) = channel();
        for number in [2, 3] {
            let done = done.clone();
            scope.spawn(move || {
                assert!(wait(comes_back(node, &[number])).expect("it answers"));
                // Only the first is waited for.
                let _ = done.send(());
            });
        }
        // Time to fall asleep.
        thread::sleep(SHORT);
        go.send(()).expect("the server listens");
        is_done.recv().expect("one of them is answered");
        go.send(()).expect("the server listens");
    });
    assert!(begun.elapsed() < LONG / 2, "nobody read for the last one");
}

#[test]
fn tasks_alone_are_served() {
    let fake = erratic();
    let node = fake.node(LONG);
    let node = &node;
    for round in 0..20 {
        let came = run((0..100).map(|n| async move { comes_back(node, &[round, n]).await }));
        assert!(came.into_iter().all(|came| came.expect("the server answers")));
    }
}

/// Wakers are the executor's, and may fail as all code may.
#[test]
fn a_waker_that_panics_stops_nobody_else() {
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("planned");
        }
    }
    let waker = Waker::from(Arc::new(Bomb));
    let fake = Fake::start(|command, out| out.write_all(&echo(command)));
    let node = fake.node(LONG);
    // Before there is a connection, and when there is one.
    for round in 0..10 {
        let numbers = [round];
        let mut bad = Box::pin(comes_back(&node, &numbers));
        let mut moment = Box::pin(until(Instant::now() + Duration::from_millis(20)));
        // Where there is a connection the answer may be here already.
        let is_pending = bad.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        assert!(is_pending || round > 0);
        assert!(moment.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let asked = within(Instant::now() + SHORT * 10, comes_back(&node, &[7]));
        assert_eq!(run([asked]).remove(0).and_then(Result::ok), Some(true), "tasks are served in round {round}");
        let begun = Instant::now();
        run([until(begun + Duration::from_millis(30))]);
        assert!(begun.elapsed() < LONG, "moments come in round {round}");
    }
}

#[test]
fn a_large_value_goes_and_comes() {
    let fake = Fake::start(|command, out| {
        out.write_all(format!("${}\r\n", command[1].len()).as_bytes())?;
        out.write_all(&command[1])?;
        out.write_all(b"\r\n")
    });
    let node = fake.node(LONG);
    let value: Vec<u8> = (0..5_000_000_u32).map(|n| (n >> 3) as u8).collect();
    let requests = [Request::new("ECHO", Route::Any).arg(&value)];
    let ask = || node.exchange(&requests);
    for replies in [wait(ask()), run([ask()]).remove(0)] {
        let reply = replies.expect("the server answers").remove(0);
        assert!(reply.into_bytes().expect("it is bytes") == Some(value.clone()));
    }
}

/// How long a call takes that the server does not answer, for threads and for tasks.
fn vain(node: impl Fn() -> Node, request: Request) {
    let requests = [request];
    for by_task in [false, true] {
        let node = node();
        let begun = Instant::now();
        let outcome = if by_task { run([node.exchange(&requests)]).remove(0) } else { wait(node.exchange(&requests)) };
        let error = outcome.expect_err("there is no answer");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(begun.elapsed() < SHORT + SLACK, "{:?} by {by_task}", begun.elapsed());
    }
}

#[test]
fn a_server_that_is_silent_is_not_waited_for() {
    let fake = Fake::start(|_, _| Ok(()));
    vain(|| fake.node(SHORT), numbered(1));
}

#[test]
fn a_server_that_trickles_is_not_waited_for() {
    let fake = Fake::start(|_, out| {
        out.write_all(b"$1000\r\n")?;
        (0..1000).try_for_each(|_| {
            thread::sleep(Duration::from_millis(5));
            out.write_all(b"x")
        })
    });
    vain(|| fake.node(SHORT), numbered(1));
}

#[test]
fn a_server_that_does_not_read_is_not_waited_for() {
    let fake = Fake::start(|_, _| {
        thread::sleep(LONG);
        Ok(())
    });
    let stuck = || {
        let node = fake.node(SHORT);
        // The server is busy with this, and takes nothing more.
        let mut first = Box::pin(async { node.exchange(&[numbered(1)]).await });
        run([std::future::poll_fn(|context| {
            let _ = first.as_mut().poll(context);
            Poll::Ready(())
        })]);
        drop(first);
        node
    };
    vain(stuck, Request::new("SET", Route::Any).arg(vec![0; 30_000_000]));
}

#[test]
fn a_server_that_does_not_let_in_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let port = listener.local_addr().expect("it is bound").port();
    vain(|| node(port, SHORT), numbered(1));
}

#[test]
fn bytes_that_are_no_replies_end_the_connection() {
    for bytes in ["HTTP/1.1 400 Bad Request\r\n", ":1\r\n:2\r\n", "$5\r\nabcdefgh\r\n"] {
        let fake = Fake::start(move |_, out| out.write_all(bytes.as_bytes()));
        let node = fake.node(LONG);
        // What is too much may be found after the first reply.
        let _ = [(); 2].map(|()| wait(node.exchange(&[numbered(1)])));
        assert_eq!(fake.connections(), 2, "{bytes:?}");
    }
}

#[test]
fn all_is_sent_before_anything_is_awaited() {
    // Each answers only when the other has been asked.
    let (left, right) = (sync_channel(9), sync_channel(9));
    let pair = [(left.0, right.1), (right.0, left.1)].map(|(tell, told)| {
        let told = Mutex::new(told);
        Fake::start(move |command, out| {
            tell.send(()).map_err(std::io::Error::other)?;
            told.lock().recv().map_err(std::io::Error::other)?;
            out.write_all(&echo(command))
        })
    });
    let nodes = [pair[0].node(LONG), pair[1].node(LONG)];
    for round in 0..3 {
        let ask = || both(comes_back(&nodes[0], &[1]), comes_back(&nodes[1], &[2]));
        let (one, two) = if round == 1 { run([ask()]).remove(0) } else { wait(ask()) };
        assert!(one.expect("it answers") && two.expect("it answers"));
    }
}

#[test]
fn a_server_that_stalls_does_not_cost_another_its_connection() {
    let stalled = Fake::start(|_, _| Ok(()));
    let well = Fake::start(|command, out| out.write_all(&echo(command)));
    let (first, second) = (stalled.node(SHORT), well.node(SHORT));
    assert!(wait(comes_back(&second, &[1])).expect("it answers"));
    for _ in 0..2 {
        let (one, two) = wait(both(comes_back(&first, &[1]), comes_back(&second, &[2])));
        one.expect_err("it is stalled");
        assert!(two.expect("it has answered long ago"));
    }
    assert_eq!(well.connections(), 1);
}

#[test]
fn who_goes_takes_nobody_along() {
    let (go, wait_for_it) = channel::<()>();
    let gate = Mutex::new(wait_for_it);
    let fake = Fake::start(move |command, out| {
        if command[1] == b"1" {
            gate.lock().recv().map_err(std::io::Error::other)?;
        }
        out.write_all(&echo(command))
    });
    let node = fake.node(LONG);
    assert!(wait(comes_back(&node, &[0])).expect("it answers"));
    let numbers = [1];
    let mut gone = Box::pin(comes_back(&node, &numbers));
    assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(gone);
    go.send(()).expect("the server listens");
    assert!(wait(comes_back(&node, &[2])).expect("it answers"));
    assert_eq!(run([comes_back(&node, &[3])]).remove(0).ok(), Some(true));
    assert_eq!(fake.connections(), 1);
}

#[test]
fn a_thread_that_gives_up_one_of_two_leaves_its_reply_to_be_read() {
    let fake = Fake::start(|command, out| out.write_all(&echo(command)));
    let other = Fake::start(|command, out| out.write_all(&echo(command)));
    let (node, second) = (fake.node(SHORT), other.node(SHORT));
    assert!(wait(comes_back(&node, &[0])).expect("it answers"));
    wait(async {
        let mut forgotten = Box::pin(comes_back(&node, &[1]));
        let asked = std::future::poll_fn(|context| Poll::Ready(forgotten.as_mut().poll(context).is_pending()));
        assert!(asked.await);
        drop(forgotten);
        assert!(comes_back(&second, &[2]).await.expect("it answers"));
    });
    thread::sleep(SHORT * 2);
    assert!(wait(comes_back(&node, &[3])).expect("it answers"));
    assert_eq!(fake.connections(), 1);
}

#[test]
fn a_server_that_is_gone_costs_nothing_until_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let node = Arc::new(node(port, SHORT));
    for _ in 0..3 {
        wait(comes_back(&node, &[1])).expect_err("nobody is there");
    }
    let begun = Instant::now();
    for _ in 0..1000 {
        wait(comes_back(&node, &[1])).expect_err("nobody is there");
    }
    assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
    let fake = Fake::start_at(port, |command, out| out.write_all(&echo(command)));
    let begun = Instant::now();
    while !wait(comes_back(&node, &[1])).is_ok_and(|same| same) {
        assert!(begun.elapsed() < Duration::from_secs(5), "it is back");
        thread::yield_now();
    }
    assert!(fake.connections() >= 1);
}

#[test]
fn many_connect_once() {
    let fake = Fake::start(|command, out| out.write_all(&echo(command)));
    let node = fake.node(LONG);
    thread::scope(|scope| {
        for n in 0..16 {
            let node = &node;
            scope.spawn(move || assert!(wait(comes_back(node, &[n])).expect("it answers")));
        }
        scope.spawn(|| {
            run((0..16).map(|_| comes_back(&node, &[7]))).into_iter().for_each(|came| {
                assert!(came.expect("it answers"));
            })
        });
    });
    assert_eq!(fake.connections(), 1);
}
