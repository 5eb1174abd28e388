//! From bytes to replies, in whatever pieces they come.

use super::reply::{Reply, ServerError};

/// How deep replies may be nested. Servers stay below ten.
const DEPTH: usize = 64;
/// A line, which is all that a reply is before its bytes, is shorter.
const ROOM: usize = 64 * 1024;
/// The longest value that servers keep, unless told otherwise.
const LONGEST: usize = 512 << 20;
/// How much is taken for what is announced, before it comes.
const TRUST: usize = 64 * 1024;

/// Takes bytes, gives replies. What has been announced and has not come costs next to nothing.
#[derive(Debug)]
pub(crate) struct Parser {
    /// Of which `start..end` has come and was not looked at.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// How much of that is known to hold no end of a line.
    searched: usize,
    /// The value that is coming.
    bulk: Option<Bulk>,
    /// What the value will be a part of, the innermost last.
    nest: Vec<Nest>,
}

/// The bytes are no replies: nothing that follows can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Bytes whose number is known.
#[derive(Debug)]
struct Bulk {
    kind: BulkKind,
    bytes: Vec<u8>,
    length: usize,
}

#[derive(Clone, Copy, Debug)]
enum BulkKind {
    Plain,
    /// Three letters and a colon come before the text.
    Verbatim,
    Error,
}

/// Replies whose number is known.
#[derive(Debug)]
struct Nest {
    kind: NestKind,
    left: usize,
    items: Vec<Reply>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NestKind {
    Array,
    Push,
    /// What servers may say about the reply that follows; it is dropped.
    Attribute,
}

impl Parser {
    pub(crate) fn new() -> Self {
        let buffer = vec![0; ROOM].into_boxed_slice();
        Parser { buffer, start: 0, end: 0, searched: 0, bulk: None, nest: Vec::new() }
    }

    /// Where bytes are to be read to; it is never empty once [`next`](Self::next) has given `None`.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Says how many have been.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// The next reply that is complete, `None` if none is.
    pub(crate) fn next(&mut self) -> Result<Option<Reply>, Garbled> {
        loop {
            let item = match &self.bulk {
                Some(_) => self.bulk(),
                None => self.line(),
            };
            let Some(item) = item? else { return Ok(None) };
            match item {
                Item::Reply(reply) => match self.place(reply)? {
                    Some(reply) => return Ok(Some(reply)),
                    None => continue,
                },
                Item::Bulk(kind, length) => {
                    let bytes = Vec::with_capacity(length.min(TRUST));
                    self.bulk = Some(Bulk { kind, bytes, length });
                }
                Item::Nest(kind, left) => {
                    let items = Vec::with_capacity(left.min(DEPTH));
                    let nest = Nest { kind, left, items };
                    if self.nest.len() == DEPTH || (kind == NestKind::Push && !self.nest.is_empty()) {
                        return Err(Garbled);
                    }
                    self.nest.push(nest);
                    if left == 0
                        && let Some(reply) = self.close()?
                    {
                        return Ok(Some(reply));
                    }
                }
            }
        }
    }

    /// A line, and what it announces.
    fn line(&mut self) -> Result<Option<Item>, Garbled> {
        let come = &self.buffer[self.start..self.end];
        let Some(newline) = come[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = come.len();
            return if come.len() == self.buffer.len() { Err(Garbled) } else { Ok(None) };
        };
        let length = self.searched + newline;
        let item = announced(come[..length].strip_suffix(b"\r").ok_or(Garbled)?);
        self.start += length + 1;
        self.searched = 0;
        item.map(Some)
    }

    /// The value that was announced, once all of it is there.
    fn bulk(&mut self) -> Result<Option<Item>, Garbled> {
        let Some(mut bulk) = self.bulk.take() else { return Ok(None) };
        let come = &self.buffer[self.start..self.end];
        let part = &come[..come.len().min(bulk.length - bulk.bytes.len())];
        bulk.bytes.extend_from_slice(part);
        self.start += part.len();
        if bulk.bytes.len() < bulk.length || self.end - self.start < 2 {
            self.bulk = Some(bulk);
            return Ok(None);
        }
        if &self.buffer[self.start..self.start + 2] != b"\r\n" {
            return Err(Garbled);
        }
        self.start += 2;
        let reply = match bulk.kind {
            BulkKind::Plain => Reply::Bytes(bulk.bytes),
            BulkKind::Error => error(&bulk.bytes),
            BulkKind::Verbatim => Reply::Bytes(bulk.bytes.get(4..).ok_or(Garbled)?.to_vec()),
        };
        Ok(Some(Item::Reply(reply)))
    }

    /// Puts a reply where it belongs, and gives the one that it completes, if it does.
    fn place(&mut self, reply: Reply) -> Result<Option<Reply>, Garbled> {
        let Some(nest) = self.nest.last_mut() else { return Ok(Some(reply)) };
        nest.items.push(reply);
        nest.left -= 1;
        if nest.left > 0 { Ok(None) } else { self.close() }
    }

    /// Closes the innermost nest, which is full, and those that are full by it.
    fn close(&mut self) -> Result<Option<Reply>, Garbled> {
        while let Some(nest) = self.nest.pop() {
            let reply = match nest.kind {
                NestKind::Attribute => return Ok(None),
                NestKind::Array => Reply::Array(nest.items),
                NestKind::Push => Reply::Push(nest.items),
            };
            let Some(outer) = self.nest.last_mut() else { return Ok(Some(reply)) };
            outer.items.push(reply);
            outer.left -= 1;
            if outer.left > 0 {
                return Ok(None);
            }
        }
        Err(Garbled)
    }
}

/// What a line begins, or is.
enum Item {
    Reply(Reply),
    Bulk(BulkKind, usize),
    Nest(NestKind, usize),
}

fn announced(line: &[u8]) -> Result<Item, Garbled> {
    let (kind, rest) = line.split_first().ok_or(Garbled)?;
    // What has no type of its own here is its text.
    let text = || Ok(Item::Reply(Reply::Bytes(rest.to_vec())));
    let count = |each: usize| usize::try_from(number(rest)?).ok().and_then(|n| n.checked_mul(each)).ok_or(Garbled);
    match kind {
        b'$' | b'*' if rest == b"-1" => Ok(Item::Reply(Reply::Nil)),
        b'$' => bulk(BulkKind::Plain, count(1)?),
        b'=' => bulk(BulkKind::Verbatim, count(1)?),
        b'!' => bulk(BulkKind::Error, count(1)?),
        b'*' | b'~' => Ok(Item::Nest(NestKind::Array, count(1)?)),
        b'%' => Ok(Item::Nest(NestKind::Array, count(2)?)),
        b'>' => Ok(Item::Nest(NestKind::Push, count(1)?)),
        b'|' => Ok(Item::Nest(NestKind::Attribute, count(2)?)),
        b'+' | b',' | b'(' => text(),
        b'-' => Ok(Item::Reply(error(rest))),
        b':' => Ok(Item::Reply(Reply::Int(number(rest)?))),
        b'#' if rest == b"t" => Ok(Item::Reply(Reply::Int(1))),
        b'#' if rest == b"f" => Ok(Item::Reply(Reply::Int(0))),
        b'_' if rest.is_empty() => Ok(Item::Reply(Reply::Nil)),
        _ => Err(Garbled),
    }
}

fn bulk(kind: BulkKind, length: usize) -> Result<Item, Garbled> {
    if length > LONGEST { Err(Garbled) } else { Ok(Item::Bulk(kind, length)) }
}

fn number(text: &[u8]) -> Result<i64, Garbled> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Garbled)
}

fn error(line: &[u8]) -> Reply {
    let line = String::from_utf8_lossy(line);
    let (code, message) = line.split_once(' ').unwrap_or((&line, ""));
    Reply::Error(ServerError { code: code.to_owned(), message: message.to_owned() })
}

#[cfg(test)]
#[path = "parse/tests.rs"]
mod tests;
