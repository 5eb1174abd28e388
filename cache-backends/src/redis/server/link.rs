//! One connection for all threads and tasks, without a pool.
//!
//! Callers append their commands to one buffer, and themselves to the line of those who wait. Whoever finds nobody
//! writing writes for all; whichever thread waits and finds nobody reading reads for all, until it has its own replies,
//! and leaves the reading to another who waits. So a thread that is alone pays one system call to write and one to read,
//! and never for a change of threads; and the commands of many go together. Tasks never block: for them two threads of
//! the link write and read, which are there only while there are tasks.

use super::call::{Alarm, Answer, Call};
use super::hand::Hand;
use super::wait::by_thread;
use crate::redis::lock::{Mutex, MutexGuard};
use crate::redis::wire::dial::Dialled;
use crate::redis::wire::fault::Fault;
use crate::redis::wire::ghosts::{self, Trace};
use crate::redis::wire::parse::{Garbled, Parser};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::Request;
use crate::redis::wire::stream::{Stream, is_silence};
use memolith_core::__private::forks;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{io, thread};

/// So many bytes without an answer fit into the buffers of every socket: who sends no more does not block.
const FREE: usize = 16 * 1024;
/// A buffer that a large value has made larger is given back.
const KEPT: usize = 1 << 20;
/// So many writes are on their way at once, to a server that is near. What comes then waits for the first of them to be
/// answered and goes together with the others: so a few callers never wait for each other, and of many each pays for a
/// fraction of a system call.
pub(crate) const WRITES: usize = 4;
/// To one that is far it is one write for each of these in the time of a round trip: there a system call costs less than
/// to wait for an answer to somebody else.
const PACE: Duration = Duration::from_micros(125);
/// So often a thread writes what others have appended meanwhile, before it looks after its own replies.
const TURNS: u32 = 8;

/// Numbers for the connections of this process, from 1.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A connection on which many wait for replies.
pub(crate) struct Link {
    /// No other of this process has it.
    pub(crate) number: u64,
    stream: Arc<Stream>,
    timeout: Duration,
    trace: Option<Trace>,
    opened: Instant,
    /// Where it was opened.
    forks: u32,
    /// Whether there is a [`State::fault`], for those who look before they send: whoever misses it is told when it sends.
    ended: AtomicBool,
    state: Mutex<State>,
    /// Of whoever has [`State::reading`].
    reader: Mutex<Reader>,
    /// Of whoever has [`State::writing`]: what is being written.
    sent: Mutex<Vec<u8>>,
    reading_hand: Hand,
    writing_hand: Hand,
}

#[derive(Default)]
struct State {
    /// Commands that nobody has begun to write.
    out: Vec<u8>,
    /// In the order of their commands.
    line: VecDeque<Place>,
    /// Somebody writes, and does not stop before `out` is empty, the hand was called, or enough is on its way.
    writing: bool,
    /// Somebody reads, and wakes a successor.
    reading: bool,
    /// How many in the line need the hand to read for them.
    tasks: usize,
    /// Bytes that were written, or are being, and not answered.
    unanswered: usize,
    /// Of how many writes that holds.
    writes: usize,
    /// The least that an answer has taken.
    round_trip: Duration,
    /// When a write began that was alone on its way, if its answer is to be timed.
    alone: Option<Instant>,
    /// Why the connection has ended. Nothing is appended from then on.
    fault: Option<Fault>,
}

struct Place {
    call: Arc<Call>,
    deadline: Instant,
    replies: Vec<Reply>,
    wanted: usize,
    bytes: usize,
    /// Whether it was the last of those that were written with it.
    ends_write: bool,
    by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Thread,
    Task,
}

struct Reader {
    parser: Parser,
    batch: Vec<Reply>,
    served: Vec<Place>,
}

impl Link {
    pub(crate) fn new(dialled: Dialled) -> Arc<Self> {
        let state = State { round_trip: dialled.round_trip(), ..State::default() };
        let (stream, parser, timeout, trace) = dialled.into_parts();
        Arc::new(Link {
            number: NUMBERS.fetch_add(1, Relaxed),
            stream,
            timeout,
            trace,
            opened: Instant::now(),
            forks: forks(),
            ended: AtomicBool::new(false),
            state: Mutex::new(state),
            reader: Mutex::new(Reader { parser, batch: Vec::new(), served: Vec::new() }),
            sent: Mutex::default(),
            reading_hand: Hand::new("memolith-read"),
            writing_hand: Hand::new("memolith-write"),
        })
    }

    /// Why it has ended, if it has.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.ended.load(Relaxed).then(|| self.state.lock().fault.clone()).flatten()
    }

    /// Sends commands, at least one. The replies have time until `deadline`.
    pub(crate) fn call(self: &Arc<Self>, requests: &[Request], deadline: Instant) -> Answer {
        let call = Arc::new(Call::new(self, deadline, by_thread()));
        let by = if call.by_thread() { By::Thread } else { By::Task };
        let replies = Vec::with_capacity(requests.len());
        let mut state = self.state.lock();
        if let Some(fault) = &state.fault {
            // Nobody waits yet whom it could tell.
            drop(call.settle(Err(fault.clone())));
            return Answer(call);
        }
        let before = state.out.len();
        requests.iter().for_each(|request| request.write(&mut state.out));
        let bytes = state.out.len() - before;
        state.line.push_back(Place {
            call: Arc::clone(&call),
            deadline,
            replies,
            wanted: requests.len(),
            bytes,
            ends_write: false,
            by,
        });
        state.tasks += usize::from(by == By::Task);
        if by == By::Task && !state.reading {
            state = self.ask_hand(state, &self.reading_hand, Link::read_for_tasks);
        }
        match by {
            // Whoever writes, or else whoever reads the next answer, writes that too.
            _ if state.writing || !state.is_to_write() => {}
            By::Thread => self.write(state, Some(&call)),
            By::Task => drop(self.write_little(state)),
        }
        Answer(call)
    }

    /// Works for `call`, or sleeps, until it is settled.
    pub(crate) fn drive(self: &Arc<Self>, call: &Arc<Call>) {
        loop {
            let mut state = self.state.lock();
            call.awake();
            if call.is_settled() {
                return self.pass_on(state);
            }
            if !state.reading {
                state.reading = true;
                drop(state);
                self.read(|_| call.is_settled());
                continue;
            }
            let Some(left) = call.deadline.checked_duration_since(Instant::now()) else {
                return self.fail(state, Fault::late());
            };
            call.sleep();
            // Replies are brought without the lock: who brought these may have come before that was said.
            if call.is_settled() {
                continue;
            }
            drop(state);
            thread::park_timeout(left);
        }
    }

    /// Looks after a call whose thread does not wait for it any more.
    pub(crate) fn adopt(self: &Arc<Self>, call: &Arc<Call>) {
        let mut state = self.state.lock();
        let Some(place) = state.line.iter_mut().find(|place| Arc::ptr_eq(&place.call, call)) else { return };
        if std::mem::replace(&mut place.by, By::Task) == By::Thread {
            state.tasks += 1;
            drop(self.ask_hand(state, &self.reading_hand, Link::read_for_tasks));
        }
    }

    /// Writes until nothing is to be written; then, or when `call` has its replies or others have had their turns, somebody
    /// else does.
    fn write<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>, call: Option<&Call>) {
        state.writing = true;
        let mut turns = 0;
        while state.is_to_write() {
            if call.is_some_and(|call| turns == TURNS || (turns > 0 && call.is_settled())) {
                state.writing = false;
                drop(self.ask_hand(state, &self.writing_hand, Link::write_for_tasks));
                return;
            }
            state = self.write_once(state);
            turns += 1;
        }
        state.writing = false;
    }

    /// Writes while that cannot block; the rest is left to the hand.
    fn write_little<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.writing = true;
        while state.is_to_write() && state.unanswered + state.out.len() <= FREE {
            state = self.write_once(state);
        }
        state.writing = false;
        match state.is_to_write() {
            true => self.ask_hand(state, &self.writing_hand, Link::write_for_tasks),
            false => state,
        }
    }

    /// Writes what there is, without the lock.
    fn write_once<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let mut sent = self.sent.lock();
        std::mem::swap(&mut state.out, &mut sent);
        state.unanswered += sent.len();
        // All that stand in the line are written by now.
        if let Some(last) = state.line.back_mut().filter(|last| !last.ends_write) {
            last.ends_write = true;
            // A login that was slow does not make a server far. One that is near needs no clock.
            if state.writes == 0 && state.window() > WRITES {
                state.alone = Some(Instant::now());
            }
            state.writes += 1;
        }
        let deadline = state.line.front().map_or_else(|| Instant::now() + self.timeout, |place| place.deadline);
        drop(state);
        let outcome = self.stream.write_all(&sent, deadline);
        sent.clear();
        sent.shrink_to(KEPT);
        drop(sent);
        if let Err(error) = outcome {
            self.fail(self.state.lock(), error.into());
        }
        self.state.lock()
    }

    fn write_for_tasks(self: &Arc<Self>) {
        let state = self.state.lock();
        if !state.writing {
            self.write(state, None);
        }
    }

    fn read_for_tasks(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.reading || state.tasks == 0 {
            return;
        }
        state.reading = true;
        drop(state);
        // It stays when all tasks are served, because more are likely to come, until a thread has had to wait for it or
        // nothing has come for the whole of the time-out.
        self.read(|after| after.tasks == 0 && (after.served_threads || after.is_silent));
        self.pass_on(self.state.lock());
    }

    /// Reads for all, as long as the connection holds and until `is_done`. Then the caller has to [`pass_on`](Self::pass_on).
    fn read(self: &Arc<Self>, is_done: impl Fn(After) -> bool) {
        let mut reader = self.reader.lock();
        let Reader { parser, batch, served } = &mut *reader;
        // What was to come earlier may have come, and nobody has looked: what has begun to come is given some time.
        let mut least = None;
        loop {
            let deadline =
                self.earliest().unwrap_or_else(|| Instant::now() + self.timeout).max(least.unwrap_or(self.opened));
            let come = self.stream.read(parser.room(), deadline);
            let outcome = match &come {
                Ok(0) => Err(Fault::closed()),
                Ok(count) => {
                    parser.filled(*count);
                    parse(parser, batch).map_err(Fault::from)
                }
                Err(error) if is_silence(error) => Ok(()),
                Err(error) => Err(Fault::from(io::Error::from(error.kind()))),
            };
            let taken = if batch.is_empty() { Ok(()) } else { self.state.lock().take_served(batch, served) };
            let outcome = taken.map_err(Fault::from).and(outcome);
            let alarms = hand_out(batch, served);
            let served_threads = alarms.iter().any(|alarm| matches!(alarm, Alarm::Thread(_)));
            let mut state = self.state.lock();
            let late = match (state.line.front(), least) {
                (Some(_), _) if come.is_err() => Instant::now() >= deadline,
                (Some(first), Some(least)) => Instant::now() >= first.deadline.max(least),
                _ => false,
            };
            let outcome = outcome.and(if late { Err(Fault::late()) } else { Ok(()) });
            if outcome.is_err() || state.fault.is_some() {
                state.reading = false;
                self.fail(state, outcome.err().unwrap_or_else(Fault::closed));
                drop(reader);
                return alarms.into_iter().for_each(Alarm::ring);
            }
            if !state.writing && state.is_to_write() {
                state = self.write_little(state);
            }
            let after = After { tasks: state.tasks, served_threads, is_silent: come.is_err() };
            if is_done(after) {
                state.reading = false;
                drop((reader, state));
                return alarms.into_iter().for_each(Alarm::ring);
            }
            drop(state);
            alarms.into_iter().for_each(Alarm::ring);
            least.get_or_insert_with(|| Instant::now() + self.grace());
        }
    }

    /// Wakes somebody to read, if nobody does and somebody waits. Whoever stops reading or waiting has to call it.
    fn pass_on<'a>(self: &'a Arc<Self>, state: MutexGuard<'a, State>) {
        if state.reading || state.fault.is_some() {
            return;
        }
        match state.line.iter().find_map(|place| place.call.sleeper()) {
            Some(thread) => {
                drop(state);
                thread.unpark();
            }
            None if state.tasks > 0 => drop(self.ask_hand(state, &self.reading_hand, Link::read_for_tasks)),
            // Those who are not here yet will look.
            None => {}
        }
    }

    /// Ends the connection, and tells all who wait for it.
    fn fail(&self, mut state: MutexGuard<'_, State>, fault: Fault) {
        if state.fault.is_some() {
            return;
        }
        // What is on its way must not arrive after what is sent once the fault is known. A child leaves that to its parent.
        if let Some(trace) = &self.trace
            && self.forks == forks()
        {
            ghosts::remember(trace);
        }
        state.out = Vec::new();
        state.tasks = 0;
        let alarms: Vec<_> = state.line.drain(..).map(|place| place.call.settle(Err(fault.clone()))).collect();
        state.fault = Some(fault);
        self.ended.store(true, Relaxed);
        drop(state);
        self.stream.close();
        alarms.into_iter().for_each(Alarm::ring);
    }

    fn ask_hand<'a>(
        self: &'a Arc<Self>,
        state: MutexGuard<'a, State>,
        hand: &Hand,
        work: fn(&Arc<Self>),
    ) -> MutexGuard<'a, State> {
        match hand.call(self, work) {
            Ok(()) => state,
            Err(error) => {
                self.fail(
                    state,
                    Fault::unavailable(format!("no thread could be started to wait for the server: {error}")),
                );
                self.state.lock()
            }
        }
    }

    /// Until when the first reply has to be there that somebody waits for. Nearly always it is the first in the line.
    fn earliest(&self) -> Option<Instant> {
        self.state.lock().line.iter().map(|place| place.deadline).min()
    }

    /// What replies that are late may take when it may not be the server that is.
    fn grace(&self) -> Duration {
        self.timeout / 8
    }
}

impl State {
    /// Whether somebody should write.
    fn is_to_write(&self) -> bool {
        // Four are compared first: most connections need no more.
        !self.out.is_empty() && (self.writes < WRITES || self.writes < self.window())
    }

    /// Takes those from the line who have all their replies with `batch`, and gives the first who has not what there is.
    fn take_served(&mut self, batch: &mut Vec<Reply>, served: &mut Vec<Place>) -> Result<(), Garbled> {
        let mut left = batch.len();
        while left > 0 {
            // A reply to nothing: the two sides do not speak of the same.
            let first = self.line.front_mut().ok_or(Garbled)?;
            let missing = first.wanted - first.replies.len();
            if left < missing {
                first.replies.extend(batch.drain(batch.len() - left..));
                return Ok(());
            }
            left -= missing;
            served.extend(self.line.pop_front().inspect(|place| self.forget(place)));
        }
        Ok(())
    }

    /// It is answered.
    fn forget(&mut self, place: &Place) {
        self.unanswered = self.unanswered.saturating_sub(place.bytes);
        if place.ends_write {
            self.writes -= 1;
            let taken = self.alone.take().map(|begun| begun.elapsed());
            self.round_trip = taken.map_or(self.round_trip, |taken| taken.min(self.round_trip));
        }
        self.tasks -= usize::from(place.by == By::Task);
    }

    /// How many writes may be on their way.
    fn window(&self) -> usize {
        WRITES.max((self.round_trip.as_micros() / PACE.as_micros()) as usize)
    }
}

/// What a turn of reading has brought.
#[derive(Clone, Copy)]
struct After {
    tasks: usize,
    served_threads: bool,
    is_silent: bool,
}

/// All that have come and are replies.
fn parse(parser: &mut Parser, batch: &mut Vec<Reply>) -> Result<(), Garbled> {
    while let Some(reply) = parser.next()? {
        if !matches!(reply, Reply::Push(_)) {
            batch.push(reply);
        }
    }
    Ok(())
}

/// Gives their replies to all of them, without the lock: callers add to the line meanwhile. Who is to be told so is left.
fn hand_out(batch: &mut Vec<Reply>, served: &mut Vec<Place>) -> Vec<Alarm> {
    let mut replies = batch.drain(..);
    let settle = |mut place: Place| {
        let missing = place.wanted - place.replies.len();
        place.replies.extend(replies.by_ref().take(missing));
        place.call.settle(Ok(place.replies))
    };
    served.drain(..).map(settle).filter(|alarm| !matches!(alarm, Alarm::Nobody)).collect()
}

impl Drop for Link {
    fn drop(&mut self) {
        // A child of this process has the same connection, and must leave it alone.
        if self.forks == forks() {
            self.stream.close();
            self.reading_hand.end();
            self.writing_hand.end();
        }
    }
}
