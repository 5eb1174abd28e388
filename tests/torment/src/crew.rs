//! Child processes: this program once more, with a role.

use crate::ledger::Ledger;
use crate::random::Random;
use crate::site::Site;
use crate::{Outcome, because};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a child is told beside its role and where things are.
pub(crate) type Argument<'a> = (&'a str, u64);

/// A child in `role`.
pub(crate) fn command(role: &str, site: &Site, arguments: &[Argument<'_>]) -> Outcome<Command> {
    let program = std::env::current_exe().map_err(because("the program does not find itself"))?;
    let mut command = Command::new(program);
    command.arg("child").arg(role).arg("--site").arg(site.root()).stdin(Stdio::null());
    for (name, value) in arguments {
        command.arg(format!("--{name}")).arg(value.to_string());
    }
    Ok(command)
}

/// Starts a child.
pub(crate) fn spawn(role: &str, site: &Site, arguments: &[Argument<'_>]) -> Outcome<Child> {
    command(role, site, arguments)?.spawn().map_err(because("a child cannot be started"))
}

/// Waits until the child ends, and ends it itself after `patience`, which is an error.
pub(crate) fn wait(child: &mut Child, patience: Duration) -> Outcome<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(because("a child cannot be waited for"))? {
            return Ok(status);
        }
        if start.elapsed() > patience {
            kill(child)?;
            return Err(format!("a child had not ended after {patience:?}"));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// SIGKILL, and until it is gone.
pub(crate) fn kill(child: &mut Child) -> Outcome {
    child.kill().map_err(because("a child cannot be killed"))?;
    child.wait().map_err(because("a child cannot be waited for"))?;
    Ok(())
}

/// Sees to it that a child does not outlive its parent.
pub(crate) fn end_with_parent() -> Outcome {
    let signal = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(signal).map_err(because("the kernel refuses a death signal"))
}

/// Processes that do the same, each with an owner's number, replaced when they are killed.
#[derive(Debug)]
pub(crate) struct Crew<'a> {
    site: &'a Site,
    role: &'static str,
    arguments: Vec<Argument<'a>>,
    pub(crate) members: Vec<Child>,
}

impl<'a> Crew<'a> {
    /// A crew in `role`, of nobody yet; members are told their `owner`, a `seed`, and `arguments`.
    pub(crate) fn new(site: &'a Site, role: &'static str, arguments: &[Argument<'a>]) -> Self {
        Crew { site, role, arguments: arguments.to_vec(), members: Vec::new() }
    }

    /// Starts one more, or one in the place of the member that was killed.
    pub(crate) fn start(&mut self, owner: usize, random: &mut Random) -> Outcome {
        let mut arguments = self.arguments.clone();
        arguments.extend([("owner", owner as u64), ("seed", random.next())]);
        let child = spawn(self.role, self.site, &arguments)?;
        match self.members.get_mut(owner) {
            Some(place) => *place = child,
            None => self.members.push(child),
        }
        Ok(())
    }

    /// Kills a member. One that has ended by itself is a fault, which the journal gets.
    pub(crate) fn kill(&mut self, owner: usize, ledger: &Ledger) -> Outcome {
        let member = &mut self.members[owner];
        if let Some(status) = member.try_wait().map_err(because("a child cannot be waited for"))? {
            return ledger.tell("crash", &format!("process {owner} ended by itself with {status}"));
        }
        kill(member)
    }

    /// Stops a member, or lets it go on.
    pub(crate) fn signal(&self, owner: usize, signal: rustix::process::Signal) -> Outcome {
        let pid = rustix::process::Pid::from_child(&self.members[owner]);
        rustix::process::kill_process(pid, signal).map_err(because("a child cannot be signalled"))
    }

    /// Waits for all to end, who have been asked to.
    pub(crate) fn dismiss(mut self, ledger: &Ledger) -> Outcome {
        for (owner, member) in self.members.iter_mut().enumerate() {
            match wait(member, Duration::from_secs(30)) {
                Ok(status) if status.success() => {}
                Ok(status) => ledger.tell("crash", &format!("process {owner} ended by itself with {status}"))?,
                Err(message) => ledger.tell("hang", &message)?,
            }
        }
        Ok(())
    }
}
