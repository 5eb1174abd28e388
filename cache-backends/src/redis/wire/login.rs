//! The first words on a connection: who asks, in which version of the protocol, for which database.

use super::dial::Dialled;
use super::fault::Fault;
use super::ghosts::{self, Trace};
use super::reply::{Reply, ServerError};
use super::request::{Request, Route};
use crate::redis::settings::target::Login;
use std::time::Instant;

/// How connections are called in the server's list of clients.
const NAME: &str = "memolith";

/// Asks for RESP3, which servers know since Redis 6, and all Valkeys; without it speaks RESP2. Gives how the server knows the
/// connection, which it is asked in the same go.
pub(crate) fn log_in(dialled: &mut Dialled, login: &Login, deadline: Instant) -> Result<Option<Trace>, Fault> {
    let mut hello = request("HELLO").arg("3");
    if let Some(password) = &login.password {
        hello = hello.arg("AUTH").arg(login.username.as_deref().unwrap_or("default")).arg(password);
    }
    let hello = hello.arg("SETNAME").arg(NAME);
    let select = (login.database > 0).then(|| request("SELECT").int(login.database.into()));
    let requests = [hello].into_iter().chain(select.clone()).chain(ghosts::questions());
    let mut answers = dialled.ask(requests, deadline)?;
    let told = answers.split_off(1 + usize::from(select.is_some()));
    match answers.into_iter().find_map(refusal) {
        None => ghosts::trace(told),
        Some(error) if is_old(&error, login) => {
            let name = request("CLIENT").arg("SETNAME").arg(NAME);
            let requests = auth(login).into_iter().chain(select);
            let refused = dialled.ask(requests, deadline)?.into_iter().find_map(refusal);
            refused.map_or(Ok(()), |error| Err(refused_login(&error)))?;
            // Servers that refuse a name are served without one.
            let told = dialled.ask([name].into_iter().chain(ghosts::questions()), deadline)?;
            ghosts::trace(told.into_iter().skip(1))
        }
        Some(error) => Err(refused_login(&error)),
    }
}

/// As servers before Redis 6 understand it.
fn auth(login: &Login) -> Option<Request> {
    let password = login.password.as_ref()?;
    let auth = match &login.username {
        Some(username) => request("AUTH").arg(username),
        None => request("AUTH"),
    };
    Some(auth.arg(password))
}

/// The server, or what stands before it, does not know HELLO, or not this protocol.
fn is_old(error: &ServerError, login: &Login) -> bool {
    let message = error.message.to_ascii_lowercase();
    match error.code.as_str() {
        "NOPROTO" => true,
        "ERR" => message.contains("unknown") || message.contains("unsupported"),
        // Valkey 9 does not tell strangers which commands it knows. The password was in the one that it did not read.
        "NOAUTH" => login.password.is_some(),
        _ => false,
    }
}

/// Why the server cannot do now what it may do later.
pub(crate) fn unready(error: &ServerError) -> Option<Fault> {
    let ServerError { code, message } = error;
    let is_unready = matches!(code.as_str(), "LOADING" | "MASTERDOWN" | "BUSY");
    is_unready.then(|| Fault::unavailable(format!("the server is not ready: {code} {message}")))
}

fn refused_login(error: &ServerError) -> Fault {
    if let Some(fault) = unready(error) {
        return fault;
    }
    let ServerError { code, message } = error;
    match code.as_str() {
        _ if message.contains("max number of clients") => {
            Fault::unavailable("the server has as many clients as it allows, raise its `maxclients`")
        }
        "NOAUTH" => Fault::config("the server wants a password, write `redis://user:password@host`"),
        "WRONGPASS" => Fault::config("the server does not know this user with this password, check both"),
        // Servers do not repeat passwords, but what else claims to be one might: only the code is told.
        _ => Fault::config(format!("the server refused the login with {code}, check user, password and database")),
    }
}

fn request(command: &str) -> Request {
    Request::new(command, Route::Any)
}

fn refusal(reply: Reply) -> Option<ServerError> {
    match reply {
        Reply::Error(error) => Some(error),
        _ => None,
    }
}
