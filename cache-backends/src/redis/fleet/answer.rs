//! What a server's refusal means for who asked: to ask elsewhere, later, or never again.

use super::slots::SLOTS;
use crate::redis::settings::target::Address;
use crate::redis::wire::reply::{Reply, ServerError};

/// What is to be done about a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is what was asked for, or an error that stays.
    Final,
    /// The slot lives elsewhere now. Without an address whoever refused did not know a way there.
    Moved(u16, Option<Address>),
    /// The key may have gone elsewhere already, the slot has not.
    Ask(Address),
    /// It passes: the servers are the same, this one is not ready yet.
    Later,
    /// It passes, and the servers have perhaps changed places meanwhile.
    Changed,
}

/// What the reply of the server at `asked` means.
pub(crate) fn answer(reply: &Reply, asked: &Address) -> Answer {
    let Reply::Error(error) = reply else { return Answer::Final };
    match error.code.as_str() {
        "MOVED" => match redirection(&error.message, asked) {
            Some((slot, address)) => Answer::Moved(slot, address),
            None => Answer::Changed,
        },
        "ASK" => match redirection(&error.message, asked) {
            Some((_, Some(address))) => Answer::Ask(address),
            _ => Answer::Changed,
        },
        "TRYAGAIN" => Answer::Later,
        "CLUSTERDOWN" | "READONLY" | "LOADING" | "MASTERDOWN" => Answer::Changed,
        "ERR" if refused_in_script(error) => Answer::Changed,
        _ => Answer::Final,
    }
}

/// Whether some of the keys have gone to another node, and others not yet.
pub(crate) fn is_split(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(error) if error.code == "TRYAGAIN")
}

/// Before version 7 the refusal of a command in a script is told in the middle of the script's.
fn refused_in_script(error: &ServerError) -> bool {
    error.message.starts_with("Error running script") && error.message.contains(" -READONLY ")
}

/// From `3999 127.0.0.1:6381`.
fn redirection(message: &str, asked: &Address) -> Option<(u16, Option<Address>)> {
    let mut words = message.split_ascii_whitespace();
    let slot = words.next()?.parse().ok().filter(|&slot| slot < SLOTS)?;
    let (host, port) = words.next()?.rsplit_once(':')?;
    Some((slot, address(host, port.parse().ok()?, asked)))
}

/// A place as the server at `asked` names it: who knows no name of its own leaves it out, and means where it was asked.
pub(crate) fn address(host: &str, port: u16, asked: &Address) -> Option<Address> {
    let host = match (host.trim_start_matches('[').trim_end_matches(']'), asked) {
        ("?", _) => return None,
        ("", Address::Tcp(asked, _)) => asked,
        ("", Address::Unix(_)) => return None,
        (host, _) => host,
    };
    (port != 0).then(|| Address::Tcp(host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(error: &str) -> Answer {
        let (code, message) = error.split_once(' ').unwrap_or((error, ""));
        let error = ServerError { code: code.to_owned(), message: message.to_owned() };
        answer(&Reply::Error(error), &at("asked", 1))
    }

    fn at(host: &str, port: u16) -> Address {
        Address::Tcp(host.to_owned(), port)
    }

    #[test]
    fn a_redirection_names_a_place() {
        assert_eq!(meaning("MOVED 3999 127.0.0.1:6381"), Answer::Moved(3999, Some(at("127.0.0.1", 6381))));
        assert_eq!(meaning("MOVED 0 ::1:6381"), Answer::Moved(0, Some(at("::1", 6381))));
        assert_eq!(meaning("MOVED 0 [::1]:6381"), Answer::Moved(0, Some(at("::1", 6381))));
        assert_eq!(meaning("MOVED 16383 :6381"), Answer::Moved(16383, Some(at("asked", 6381))));
        assert_eq!(meaning("MOVED 5 ?:6381"), Answer::Moved(5, None));
        assert_eq!(meaning("ASK 5 cache.example:6381"), Answer::Ask(at("cache.example", 6381)));
    }

    #[test]
    fn a_redirection_to_nowhere_sends_nobody_there() {
        for error in
            ["MOVED", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1", "MOVED 1 a", "MOVED 1 a:99999", "ASK 1 ?:1"]
        {
            assert_eq!(meaning(error), Answer::Changed, "{error}");
        }
        assert_eq!(meaning("MOVED 1 a:0"), Answer::Moved(1, None));
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        assert_eq!(meaning("TRYAGAIN Multiple keys request during rehashing of slot"), Answer::Later);
        for error in
            ["CLUSTERDOWN Hash slot not served", "READONLY You can't write", "LOADING Redis is", "MASTERDOWN Link"]
        {
            assert_eq!(meaning(error), Answer::Changed, "{error}");
        }
        let old = "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write";
        assert_eq!(meaning(old), Answer::Changed);
        for error in
            ["ERR no such key", "WRONGTYPE Operation", "NOSCRIPT No matching script", "OOM command not allowed", ""]
        {
            assert_eq!(meaning(error), Answer::Final, "{error}");
        }
        assert_eq!(answer(&Reply::Bytes(b"MOVED 1 a:1".to_vec()), &at("asked", 1)), Answer::Final);
    }
}
