//! Interleaved turns: the only honest way to time on a shared machine.

use crate::standings::{Role, Standing, Standings};
use crate::{Options, clock};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Does as many operations as it is told.
pub type Work<'a> = Box<dyn FnMut(u64) + Send + 'a>;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// CPU time of the thread: for work that waits for nobody.
    Cpu,
    /// Time of day of each thread, each on a core of its own, per operation of that thread.
    Wall,
    /// Time of day from the first thread's start to the last one's end, per operation of any thread.
    Together,
}

impl Measure {
    /// Nanoseconds of one round, from the turns of its threads.
    fn figure(self, turns: &Turns) -> f64 {
        let total: Duration = match self {
            Measure::Cpu => turns.iter().map(|(cpu, _, _)| *cpu).sum(),
            Measure::Wall => turns.iter().map(|(_, start, end)| *end - *start).sum(),
            Measure::Together => spans(turns).1,
        };
        total.as_nanos() as f64 / turns.len() as f64
    }
}

/// Who takes part: a name, and the work of each thread.
pub struct Contender<'a> {
    name: String,
    role: Role,
    works: Vec<Work<'a>>,
}

impl<'a> Contender<'a> {
    /// One work for each thread.
    pub fn new(name: impl Into<String>, role: Role, works: Vec<Work<'a>>) -> Self {
        Contender { name: name.into(), role, works }
    }

    /// A contender on one thread.
    pub fn single(name: impl Into<String>, role: Role, work: impl FnMut(u64) + Send + 'a) -> Self {
        Contender::new(name, role, vec![Box::new(work)])
    }
}

impl std::fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// How a race is run.
#[derive(Clone, Copy, Debug)]
pub struct Race {
    measure: Measure,
    rounds: usize,
    turn: Duration,
}

/// Turns with one contender, those of one thread or those of one round: CPU time, start and end.
type Turns = Vec<(Duration, Instant, Instant)>;

impl Race {
    /// A race at the pace that the options ask for.
    #[must_use]
    pub fn new(measure: Measure, options: &Options) -> Self {
        // Threads that share cores take turns of a few milliseconds: a race of theirs has to last longer.
        let factor = if measure == Measure::Together { 4 } else { 1 };
        Race { measure, rounds: options.rounds(), turn: options.turn() * factor }
    }

    /// Every contender in turn, all over again for each round, on threads that live for the whole race.
    ///
    /// How many operations make a turn is found by trying, so that turns last equally long.
    ///
    /// # Panics
    ///
    /// If the contenders do not have equally many works.
    #[must_use]
    pub fn run(self, contenders: Vec<Contender<'_>>) -> Standings {
        let threads = contenders.first().map_or(0, |contender| contender.works.len());
        let operations: Vec<AtomicU64> = contenders.iter().map(|_| AtomicU64::new(u64::MAX)).collect();
        let (barrier, mut names) = (Barrier::new(threads), Vec::new());
        let mut lanes: Vec<Vec<Work<'_>>> = (0..threads).map(|_| Vec::new()).collect();
        for contender in contenders {
            assert_eq!(contender.works.len(), threads, "{}: a work for each thread", contender.name);
            names.push((contender.name, contender.role));
            lanes.iter_mut().zip(contender.works).for_each(|(lane, work)| lane.push(work));
        }
        let turns: Vec<Vec<Turns>> = std::thread::scope(|scope| {
            let (barrier, operations) = (&barrier, &operations);
            let lane = |(core, works)| {
                scope.spawn(move || {
                    if self.measure != Measure::Together {
                        clock::pin(core);
                    }
                    self.lane(works, operations, barrier)
                })
            };
            let running: Vec<_> = lanes.into_iter().enumerate().map(lane).collect();
            running.into_iter().map(|lane| lane.join().expect("works do not panic")).collect()
        });
        let standing = |(at, (name, role)): (usize, (String, Role))| {
            let operations = operations[at].load(SeqCst) as f64;
            let rounds: Vec<Turns> =
                (0..self.rounds).map(|round| turns.iter().map(|lane| lane[at][round]).collect()).collect();
            let figures =
                |measure: Measure| rounds.iter().map(move |turns| measure.figure(turns) / operations).collect();
            let (nanos, wall) = (figures(self.measure), figures(Measure::Wall));
            Standing { name, role, nanos, wall, fair: rounds.iter().map(|turns| self.is_fair(turns)).collect() }
        };
        Standings::new(names.into_iter().enumerate().map(standing).collect())
    }

    /// What one thread does.
    fn lane(self, mut works: Vec<Work<'_>>, operations: &[AtomicU64], barrier: &Barrier) -> Vec<Turns> {
        for (work, operations) in works.iter_mut().zip(operations) {
            barrier.wait();
            operations.fetch_min(self.turn_length(work), SeqCst);
        }
        let mut turns = vec![Turns::new(); works.len()];
        for _ in 0..self.rounds {
            for ((work, operations), turns) in works.iter_mut().zip(operations).zip(&mut turns) {
                let operations = operations.load(SeqCst);
                barrier.wait();
                // The one before has filled the processor's caches with what is its own.
                work(operations / 4);
                barrier.wait();
                let (cpu, start) = (clock::cpu_time(), Instant::now());
                work(operations);
                turns.push((clock::cpu_time() - cpu, start, Instant::now()));
            }
        }
        turns
    }

    /// How many operations of `work` last a turn.
    fn turn_length(self, work: &mut Work<'_>) -> u64 {
        let mut operations = 256;
        // What happens once in a process, as the first call of a cache, is not part of any turn.
        work(operations);
        loop {
            let (cpu, start) = (clock::cpu_time(), Instant::now());
            work(operations);
            let (cpu, wall) = (clock::cpu_time() - cpu, start.elapsed());
            // Where CPU time counts, a wait for somebody else must not make the turn short, only not too long.
            let took = if self.measure == Measure::Cpu { cpu.max(wall / 16) } else { wall };
            if took * 4 > self.turn {
                return (operations as f64 * self.turn.as_secs_f64() / took.as_secs_f64()) as u64 + 1;
            }
            operations *= 2;
        }
    }

    /// Whether the threads ran side by side: where one had to wait for a core, the other had nobody to get on with.
    fn is_fair(self, turns: &Turns) -> bool {
        let (common, whole) = spans(turns);
        self.measure != Measure::Wall || common.as_secs_f64() >= whole.as_secs_f64() * 0.8
    }
}

/// How long all threads were at it, and how long any was.
fn spans(turns: &Turns) -> (Duration, Duration) {
    let (starts, ends) = (turns.iter().map(|(_, start, _)| *start), turns.iter().map(|(_, _, end)| *end));
    let between = |start: Option<Instant>, end: Option<Instant>| {
        start.zip(end).map_or(Duration::ZERO, |(start, end)| end.saturating_duration_since(start))
    };
    (between(starts.clone().max(), ends.clone().min()), between(starts.min(), ends.max()))
}
