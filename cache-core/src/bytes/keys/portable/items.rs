use super::super::Fault;
use super::grammar::{self, split};
use crate::error::{Error, ErrorKind, Result};

/// One step through the portable form: a value, or the head of one whose parts follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// Nothing.
    None,
    /// A whole number of 64 bits and a sign at most.
    Int(i128),
    /// A longer one.
    Big {
        /// Whether it is -1 - n.
        is_negative: bool,
        /// n, the highest byte first.
        bytes: &'a [u8],
    },
    /// A number that is no whole one, or -0.0.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// Text with surrogates that stand alone, each in three bytes.
    Surrogates(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// So many elements follow.
    Tuple(usize),
    /// So many elements follow.
    List(usize),
    /// So many elements follow.
    Set(usize),
    /// So many keys follow, and behind each its value.
    Dict(usize),
    /// One value follows, of the class of this name.
    Extension(&'a str),
}

/// The steps through bytes in the portable form, in their order. What it takes to follow them is bounded by the bytes; how
/// deep they go is for the caller to bound.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    /// The steps through all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Items { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether [`Item::None`] is next.
    pub(super) fn is_none_next(&self) -> bool {
        self.rest.first() == Some(&grammar::NONE)
    }

    /// The next one.
    pub(super) fn step(&mut self) -> std::result::Result<Item<'a>, Fault> {
        if self.is_none_next() {
            self.take(1)?;
            return Ok(Item::None);
        }
        let (kind, n) = self.head()?;
        Ok(match kind {
            grammar::POSITIVE => Item::Int(n.into()),
            grammar::NEGATIVE => Item::Int(-1 - i128::from(n)),
            grammar::BYTES => Item::Bytes(self.take(n)?),
            grammar::TEXT => Item::Text(self.text(n)?),
            grammar::ARRAY => Item::Tuple(self.len(n)?),
            grammar::MAP => Item::Dict(self.len(n)?),
            grammar::TAG => self.tagged(n)?,
            _ => Item::Float(f64::from_bits(n)),
        })
    }

    fn tagged(&mut self, tag: u64) -> std::result::Result<Item<'a>, Fault> {
        let (kind, n) = self.head()?;
        Ok(match (tag, kind) {
            (grammar::LIST, grammar::ARRAY) => Item::List(self.len(n)?),
            (grammar::SET, grammar::ARRAY) => Item::Set(self.len(n)?),
            (grammar::BIG_POSITIVE, grammar::BYTES) => Item::Big { is_negative: false, bytes: self.take(n)? },
            (grammar::BIG_NEGATIVE, grammar::BYTES) => Item::Big { is_negative: true, bytes: self.take(n)? },
            (grammar::SURROGATES, grammar::BYTES) => Item::Surrogates(self.take(n)?),
            (grammar::EXTENSION, grammar::ARRAY) if n == 2 => match self.head()? {
                (grammar::TEXT, n) => Item::Extension(self.text(n)?),
                _ => return Err(Fault::new("a class has no name")),
            },
            _ => return Err(Fault::new("a tag is not known, or what it stands before")),
        })
    }

    fn head(&mut self) -> std::result::Result<(u8, u64), Fault> {
        if let Some((&grammar::FLOAT, rest)) = self.rest.split_first() {
            let (bits, rest) = rest.split_first_chunk().ok_or_else(|| Fault::new("the bytes end too early"))?;
            self.rest = rest;
            return Ok((grammar::FLOAT, u64::from_be_bytes(*bits)));
        }
        let split = split(self.rest).filter(|(kind, ..)| *kind <= grammar::TAG);
        let (kind, n, rest) = split.ok_or_else(|| Fault::new("a value does not begin as one"))?;
        self.rest = rest;
        Ok((kind, n))
    }

    fn take(&mut self, n: u64) -> std::result::Result<&'a [u8], Fault> {
        let split = usize::try_from(n).ok().and_then(|n| self.rest.split_at_checked(n));
        let (taken, rest) = split.ok_or_else(|| Fault::new("the bytes end too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, n: u64) -> std::result::Result<&'a str, Fault> {
        std::str::from_utf8(self.take(n)?).map_err(|_| Fault::new("a text is not UTF-8"))
    }

    /// A number of elements. Each takes a byte at least, so that no claim makes anyone reserve more than there is.
    fn len(&self, n: u64) -> std::result::Result<usize, Fault> {
        let len = usize::try_from(n).ok().filter(|len| *len <= self.rest.len());
        len.ok_or_else(|| Fault::new("more elements are claimed than there are bytes"))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_at_end() {
            return None;
        }
        let step = self.step().map_err(|fault| {
            self.rest = &[];
            Error::new(ErrorKind::Codec, "the bytes are not those of a portable key, clear the cache")
                .with_source(fault)
        });
        Some(step)
    }
}
