//! Connections that were given up here, and may still live at their servers.
//!
//! What a network or a kernel holds back of one may reach the server after commands of a later connection: a value would
//! come back that was removed meanwhile. So before the first command of a new connection the server is told to end those
//! of this process that were given up, and then reads nothing of them any more.
//!
//! A server gives no number to two connections, and starts with 1 again when it starts again: only together with the id of
//! its process a number says which connection is meant. That id cannot change while a connection to it holds.

use super::dial::Dialled;
use super::fault::Fault;
use super::login::unready;
use super::reply::Reply;
use super::request::{Request, Route};
use crate::redis::lock::{Mutex, MutexGuard};
use crate::redis::process::PerProcess;
use std::collections::VecDeque;
use std::time::Instant;

/// How a server knows a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Of the server's process.
    run: String,
    id: i64,
}

/// Of all nodes, because a node may be forgotten and met again, and another may lead to the same server. Those of servers
/// that never came back leave when there are too many.
static GHOSTS: PerProcess<Mutex<VecDeque<Trace>>> = PerProcess::new();
const MOST: usize = 1024;

/// Notes that a connection was given up. To be said before anybody can look for another.
pub(crate) fn remember(trace: &Trace) {
    let mut ghosts = ghosts();
    if ghosts.len() == MOST {
        ghosts.pop_front();
    }
    ghosts.push_back(trace.clone());
}

/// Whether there are some where `trace` leads to.
pub(crate) fn haunt(trace: Option<&Trace>) -> bool {
    trace.is_some_and(|trace| !beside(trace).is_empty())
}

/// Has the server end all that are left. A server that refuses keeps them.
///
/// # Errors
/// When it has not answered, or cannot now.
pub(crate) fn end(dialled: &mut Dialled, deadline: Instant) -> Result<(), Fault> {
    let left = dialled.trace().map(beside).unwrap_or_default();
    if left.is_empty() {
        return Ok(());
    }
    let kills = left.iter().map(|ghost| command("KILL").arg("ID").int(ghost.id));
    for answer in dialled.ask(kills, deadline)? {
        if let Reply::Error(error) = &answer
            && let Some(fault) = unready(error)
        {
            return Err(fault);
        }
    }
    ghosts().retain(|ghost| !left.contains(ghost));
    Ok(())
}

/// What a server is asked for a [`Trace`].
pub(crate) fn questions() -> [Request; 2] {
    [command("ID"), Request::new("INFO", Route::Any).arg("server")]
}

/// What it has answered. `None` from servers that do not tell, or not this user.
///
/// # Errors
/// When it cannot now.
pub(crate) fn trace(answers: impl IntoIterator<Item = Reply>) -> Result<Option<Trace>, Fault> {
    let (mut id, mut run) = (None, None);
    for answer in answers {
        match answer {
            Reply::Int(number) => id = Some(number),
            Reply::Bytes(info) => run = run_of(&info),
            Reply::Error(error) => unready(&error).map_or(Ok(()), Err)?,
            _ => {}
        }
    }
    Ok(id.zip(run).map(|(id, run)| Trace { run, id }))
}

fn run_of(info: &[u8]) -> Option<String> {
    let run = info.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"run_id:"))?;
    let run = std::str::from_utf8(run.trim_ascii()).ok()?;
    (!run.is_empty()).then(|| run.to_owned())
}

fn beside(trace: &Trace) -> Vec<Trace> {
    let is_beside = |ghost: &&Trace| ghost.run == trace.run && ghost.id != trace.id;
    ghosts().iter().filter(is_beside).cloned().collect()
}

/// Those of this process: a child leaves those of its parent to it.
fn ghosts() -> MutexGuard<'static, VecDeque<Trace>> {
    GHOSTS.get(Mutex::default).lock()
}

fn command(what: &str) -> Request {
    Request::new("CLIENT", Route::Any).arg(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::wire::reply::ServerError;

    fn refusal(code: &str) -> Reply {
        Reply::Error(ServerError { code: code.into(), message: "it says".into() })
    }

    #[test]
    fn a_trace_needs_the_connection_and_the_process() {
        let info = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
        let run = "# Server\r\nredis_version:5.0.14\r\nrun_id:0123abcd\r\ntcp_port:6379\r\n";
        let known = trace([Reply::Int(7), info(run)]).expect("it answers");
        assert_eq!(known, Some(Trace { run: "0123abcd".into(), id: 7 }));
        for unknown in ["", "run_id:", "run_id:\r\n", "old_run_id:1\r\n", "run_id:\u{fffd}\r\nrun_id:2"] {
            let found = trace([Reply::Int(7), info(unknown)]).expect("it answers");
            assert_eq!(found.map(|trace| trace.run), unknown.contains('\u{fffd}').then(|| "\u{fffd}".into()));
        }
        for code in ["ERR", "NOPERM", "NOAUTH"] {
            assert_eq!(trace([refusal(code), info(run)]).expect("it answers"), None);
            assert_eq!(trace([Reply::Int(7), refusal(code)]).expect("it answers"), None);
        }
        for code in ["BUSY", "LOADING", "MASTERDOWN"] {
            assert!(trace([Reply::Int(7), refusal(code)]).is_err(), "{code} passes");
        }
    }

    #[test]
    fn only_those_of_the_same_process_haunt() {
        let trace = |run: &str, id| Trace { run: run.into(), id };
        remember(&trace("one", 1));
        assert!(haunt(Some(&trace("one", 2))) && !haunt(Some(&trace("two", 2))) && !haunt(None));
        assert!(!haunt(Some(&trace("one", 1))), "a connection does not end itself");
        (0..2 * MOST as i64).for_each(|id| remember(&trace("gone", id)));
        assert_eq!(beside(&trace("gone", -1)).len(), MOST, "servers that are gone are forgotten");
    }
}
