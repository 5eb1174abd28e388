//! What kind of cache it is.

/// Who leaves when a cache is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nobody: it is never full.
    Unbounded,
    /// The least recently used, exactly.
    Recency,
    /// Whom a policy of the core names.
    Policy,
    /// Nothing is kept.
    Off,
}

/// Everything that the way of a hit depends on. Known when a function is decorated, so that each kind has code of its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) order: Order,
    /// Whether arguments of different types are different.
    pub(crate) typed: bool,
    /// Whether entries have an end.
    pub(crate) timed: bool,
}

impl Mode {
    const TYPED: u8 = 4;
    const TIMED: u8 = 8;

    pub(crate) const fn bits(self) -> u8 {
        let order = match self.order {
            Order::Unbounded => 0,
            Order::Recency => 1,
            Order::Policy => 2,
            Order::Off => 3,
        };
        order | if self.typed { Mode::TYPED } else { 0 } | if self.timed { Mode::TIMED } else { 0 }
    }

    #[inline(always)]
    pub(crate) const fn from_bits(bits: u8) -> Mode {
        let order = match bits & 3 {
            0 => Order::Unbounded,
            1 => Order::Recency,
            2 => Order::Policy,
            _ => Order::Off,
        };
        Mode { order, typed: bits & Mode::TYPED != 0, timed: bits & Mode::TIMED != 0 }
    }
}
