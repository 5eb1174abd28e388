//! A second process that works while ours has its turn, and at no other time.

use crate::clock;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::{env, io, process, thread};

/// What goes through the pipes: begin, and stop. The other side answers with the same byte.
const BEGIN: u8 = b'b';
const STOP: u8 = b's';

/// The other process, this program once more; it ends when this value is dropped, or when our process ends.
#[derive(Debug)]
pub struct Beside(Child);

impl Beside {
    /// Starts this program with `words`, which it asks [`started`] for; it has to call [`serve`].
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(words: &[&str]) -> Self {
        let child = again(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Beside(child.expect("what runs once can be started twice"))
    }

    /// Does `work` while the other process is at its own. To wait for it takes no CPU time.
    ///
    /// # Panics
    ///
    /// If the other process has ended.
    pub fn meanwhile(&mut self, work: impl FnOnce()) {
        self.tell(BEGIN).expect("the other process lives until we end it");
        work();
        self.tell(STOP).expect("the other process lives until we end it");
    }

    /// Returns when the other process has done what it was told.
    fn tell(&mut self, what: u8) -> io::Result<()> {
        let pipes = self.0.stdin.as_mut().zip(self.0.stdout.as_mut());
        let (to, from) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        to.write_all(&[what])?;
        from.read_exact(&mut [0])
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// With this a program starts itself.
const ASIDE: &str = "--aside";

/// This program once more, told `words` that are for it alone.
///
/// # Panics
///
/// If the system does not say which program runs.
#[must_use]
pub fn again(words: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("the system says which program runs"));
    command.arg(ASIDE).args(words);
    command
}

/// Those words, if this process was started by [`again`].
#[must_use]
pub fn started() -> Option<Vec<String>> {
    let mut words = env::args().skip(1);
    (words.next()? == ASIDE).then(|| words.collect())
}

/// Does `work` over and over, on the second core, whenever the process that started this one says so.
pub fn serve(mut work: impl FnMut()) -> ! {
    static BUSY: AtomicBool = AtomicBool::new(false);
    let worker = thread::current();
    thread::spawn(move || {
        let mut told = [0];
        while io::stdin().read_exact(&mut told).is_ok() {
            BUSY.store(told[0] == BEGIN, SeqCst);
            worker.unpark();
        }
        process::exit(0)
    });
    clock::pin(1);
    loop {
        while !BUSY.load(SeqCst) {
            thread::park();
        }
        answer(BEGIN);
        while BUSY.load(SeqCst) {
            work();
        }
        answer(STOP);
    }
}

/// Nobody listens any more when this fails, and the end is near.
fn answer(what: u8) {
    let mut out = io::stdout();
    let _ = out.write_all(&[what]).and_then(|()| out.flush());
}
