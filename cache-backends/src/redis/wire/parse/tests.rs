//! Any bytes, in any pieces.

use super::{Garbled, Parser};
use crate::redis::wire::reply::{Reply, ServerError};
use proptest::collection::vec;
use proptest::prelude::*;

/// What the bytes are when they come in pieces of these sizes, in turn.
fn parsed(bytes: &[u8], sizes: &[usize]) -> Result<Vec<Reply>, Garbled> {
    let (mut parser, mut replies, mut rest) = (Parser::new(), Vec::new(), bytes);
    for size in sizes.iter().cycle() {
        while let Some(reply) = parser.next()? {
            replies.push(reply);
        }
        if rest.is_empty() {
            break;
        }
        let room = parser.room();
        assert!(!room.is_empty(), "there is always room");
        let (piece, left) = rest.split_at(rest.len().min(*size).min(room.len()));
        room[..piece.len()].copy_from_slice(piece);
        parser.filled(piece.len());
        rest = left;
    }
    Ok(replies)
}

fn one(bytes: &[u8]) -> Reply {
    let mut replies = parsed(bytes, &[usize::MAX]).expect("these are replies");
    assert_eq!(replies.len(), 1);
    replies.remove(0)
}

fn text(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

#[test]
fn each_type_has_a_form() {
    let refusal =
        |code: &str, message: &str| Reply::Error(ServerError { code: code.to_owned(), message: message.to_owned() });
    for (bytes, reply) in [
        ("+OK\r\n", text("OK")),
        ("-WRONGTYPE it is a list\r\n", refusal("WRONGTYPE", "it is a list")),
        ("-ERR\r\n", refusal("ERR", "")),
        ("!9\r\nBUSY wait\r\n", refusal("BUSY", "wait")),
        (":-42\r\n", Reply::Int(-42)),
        (":+7\r\n", Reply::Int(7)),
        ("$5\r\na\r\nbc\r\n", text("a\r\nbc")),
        ("$0\r\n\r\n", text("")),
        ("$-1\r\n", Reply::Nil),
        ("*-1\r\n", Reply::Nil),
        ("_\r\n", Reply::Nil),
        ("#t\r\n", Reply::Int(1)),
        ("#f\r\n", Reply::Int(0)),
        (",3.25\r\n", text("3.25")),
        ("(349239\r\n", text("349239")),
        ("=8\r\ntxt:some\r\n", text("some")),
        ("*0\r\n", Reply::Array(vec![])),
        ("*2\r\n*0\r\n:1\r\n", Reply::Array(vec![Reply::Array(vec![]), Reply::Int(1)])),
        ("~1\r\n+a\r\n", Reply::Array(vec![text("a")])),
        ("%1\r\n+a\r\n:1\r\n", Reply::Array(vec![text("a"), Reply::Int(1)])),
        (">1\r\n+a\r\n", Reply::Push(vec![text("a")])),
        ("|1\r\n+a\r\n:1\r\n+OK\r\n", text("OK")),
        ("*1\r\n|1\r\n+a\r\n%0\r\n:5\r\n", Reply::Array(vec![Reply::Int(5)])),
        ("|0\r\n:5\r\n", Reply::Int(5)),
    ] {
        assert_eq!(one(bytes.as_bytes()), reply, "{bytes:?}");
    }
}

#[test]
fn what_is_no_reply_is_refused() {
    let deep = "*1\r\n".repeat(100);
    for bytes in [
        "hello\r\n",
        "\r\n",
        "+a\n",
        "$x\r\n",
        "$-2\r\n",
        "$1\r\nabc",
        ":\r\n",
        ":1.5\r\n",
        "#x\r\n",
        "_x\r\n",
        "=2\r\nab\r\n",
        "*9223372036854775808\r\n",
        "$9999999999\r\n",
        "*1\r\n>0\r\n",
        &deep,
    ] {
        assert_eq!(parsed(bytes.as_bytes(), &[usize::MAX]), Err(Garbled), "{bytes:?}");
    }
    assert_eq!(parsed(&[b'+'; 1 << 17], &[usize::MAX]), Err(Garbled), "a line without an end");
}

#[test]
fn what_is_only_announced_takes_no_memory() {
    let mut parser = Parser::new();
    let hostile = b"*1000000000\r\n$500000000\r\nabc";
    parser.room()[..hostile.len()].copy_from_slice(hostile);
    parser.filled(hostile.len());
    assert_eq!(parser.next(), Ok(None));
    assert!(parser.bulk.as_ref().is_some_and(|bulk| bulk.bytes.capacity() <= 1 << 16));
    assert!(parser.nest.iter().all(|nest| nest.items.capacity() <= 64));
}

#[test]
fn a_large_value_comes_whole() {
    let value: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let bytes = [b"$3000000\r\n", &value[..], b"\r\n:1\r\n"].concat();
    assert_eq!(parsed(&bytes, &[1000, 70_000, 1]), Ok(vec![Reply::Bytes(value), Reply::Int(1)]));
}

/// Bytes that look like replies more often than random ones do.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        "[-+:$*_#,(=!%~>|][-0-9a-z ]{0,3}\r\n".prop_map(String::into_bytes),
        "[*%~>|][0-3]\r\n".prop_map(String::into_bytes),
        "[a-z]{0,9}".prop_map(|text| format!("${}\r\n{text}\r\n", text.len()).into_bytes()),
        vec(any::<u8>(), 0..4),
    ];
    vec(token, 0..20).prop_map(|tokens| tokens.concat())
}

/// A reply as it goes over the wire, and what it is read as.
fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        Just(Reply::Nil),
        any::<i64>().prop_map(Reply::Int),
        vec(any::<u8>(), 0..50).prop_map(Reply::Bytes),
        ("[A-Z]{1,8}", "[a-z ]{0,8}").prop_map(|(code, message)| Reply::Error(ServerError { code, message })),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| vec(inner, 0..5).prop_map(Reply::Array))
}

fn write(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Nil => out.extend_from_slice(b"_\r\n"),
        Reply::Int(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
        Reply::Bytes(bytes) => {
            out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        Reply::Array(items) | Reply::Push(items) => {
            out.extend_from_slice(format!("*{}\r\n", items.len()).as_bytes());
            items.iter().for_each(|item| write(item, out));
        }
        Reply::Error(error) => out.extend_from_slice(format!("-{} {}\r\n", error.code, error.message).as_bytes()),
    }
}

proptest! {
    #[test]
    fn pieces_do_not_matter(bytes in plausible(), sizes in vec(1_usize..9, 1..9)) {
        prop_assert_eq!(parsed(&bytes, &sizes), parsed(&bytes, &[usize::MAX]));
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200), sizes in vec(1_usize..9, 1..9)) {
        prop_assert_eq!(parsed(&bytes, &sizes), parsed(&bytes, &[usize::MAX]));
    }

    #[test]
    fn what_is_written_is_read(replies in vec(reply(), 0..9), sizes in vec(1_usize..9, 1..9)) {
        let mut bytes = Vec::new();
        replies.iter().for_each(|reply| write(reply, &mut bytes));
        prop_assert_eq!(parsed(&bytes, &sizes), Ok(replies));
    }
}
