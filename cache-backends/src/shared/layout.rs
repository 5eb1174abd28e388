//! Where everything lies in a region, from four numbers.
//!
//! | part | words of 8 bytes | what |
//! |---|---|---|
//! | header | 512 | magic, version, the four numbers and their checksum, boot id; the lock of the table of spaces |
//! | board | 512 | words that are raised by whoever invalidates |
//! | spaces | 128 × 32 | identity, bounds and policy of each, and the start of its name |
//! | sessions | 256 × 8 | the generation of each process that uses the region |
//! | claims | 4,096 | who computes what |
//! | lanes | 256 × 4 × 256 | hits and misses: by process, by thread, by space |
//! | tags | 512 + 65,536 | epoch and clock; the clock of the last invalidation, in two places for each tag |
//! | stripes | | lock, totals, books, index: see [`Stripe`] |
//! | data | stripes × segments × their length | the log |
//!
//! Nothing here is read from the map a second time: a region that is damaged later keeps the shape it was opened with.

/// Words of 8 bytes in a page.
pub(super) const PAGE: usize = 512;
/// Processes that may write to a region at a time.
pub(super) const SESSIONS: usize = 256;
/// Functions that may share a region.
pub(super) const SPACES: usize = 128;
/// Keys that may be announced at a time.
pub(super) const CLAIMS: usize = 4096;
/// Threads of a process that count apart; those after them share the last lane.
pub(super) const LANES: usize = 4;
/// Places of the clocks of tags; a power of two.
pub(super) const TAGS: usize = 1 << 16;
/// Words of a row in the table of spaces.
pub(super) const SPACE: usize = 32;
/// Words of a session: a line of its own.
pub(super) const SESSION: usize = 8;
/// Words of a lane: hits and misses of each space.
pub(super) const LANE: usize = SPACES * 2;
/// Slots of a bucket.
pub(super) const SLOTS: usize = 14;
/// Words of a bucket: a line of slots.
pub(super) const BUCKET: usize = 8;
/// Words of an entry are counted in pairs, so that a place has 21 bits in a stripe of 32 MiB.
pub(super) const UNIT: usize = 2;
/// Bits of a place: units within a stripe's data.
pub(super) const PLACE_BITS: u32 = 21;

/// The word of the lock of the table of spaces.
pub(super) const SPACES_LOCK: usize = 64;
const BOARD: usize = PAGE;
const SPACES_AT: usize = BOARD + PAGE;
const SESSIONS_AT: usize = SPACES_AT + SPACES * SPACE;
const CLAIMS_AT: usize = SESSIONS_AT + SESSIONS * SESSION;
const LANES_AT: usize = CLAIMS_AT + CLAIMS;
const TAGS_AT: usize = LANES_AT + SESSIONS * LANES * LANE;
const STRIPES_AT: usize = TAGS_AT + PAGE + TAGS;

/// Words of a stripe before its table of spaces: the lock in the first line, totals in the second.
const STRIPE_HEAD: usize = 16;
/// Words of a stripe for each space: see [`Book`](super::stripe::Book).
pub(super) const SPACE_BOOK: usize = 4;
/// Words of a stripe for each segment beside its generation.
pub(super) const SEGMENT_BOOK: usize = 4;

/// The shape of a region. Every offset is in words from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// How many stripes; a power of two.
    pub(super) stripes: usize,
    /// Buckets of each stripe.
    pub(super) buckets: usize,
    /// Segments of each stripe.
    pub(super) segments: usize,
    /// Words of a segment; a power of two.
    pub(super) segment: usize,
    /// The same as a power of two.
    pub(super) segment_bits: u32,
    /// Where the data begins, on a page.
    pub(super) data: usize,
    /// The length of the file.
    pub(super) words: usize,
    stripe: Stripe,
}

/// The parts of a stripe, in words from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stripe {
    books: usize,
    generations: usize,
    segments: usize,
    buckets: usize,
    scores: usize,
    links: usize,
    words: usize,
    /// Words of its data, which lie elsewhere.
    data: usize,
}

impl Layout {
    /// `None` when the numbers make no region. They may come from a damaged file: each is bounded before any product
    /// is formed.
    pub(super) fn new(stripes: usize, buckets: usize, segments: usize, segment: usize) -> Option<Layout> {
        let sane = stripes.is_power_of_two()
            && stripes <= 1024
            && (2..=1 << 20).contains(&buckets)
            && (3..=4096).contains(&segments)
            && segment.is_power_of_two()
            && (64..=1 << 15).contains(&segment)
            && segments * segment / UNIT <= 1 << PLACE_BITS;
        if !sane {
            return None;
        }
        let books = STRIPE_HEAD;
        let generations = books + SPACES * SPACE_BOOK;
        let segment_books = generations + segments;
        let bucket_lines = (segment_books + segments * SEGMENT_BOOK).next_multiple_of(BUCKET);
        let scores = bucket_lines + buckets * BUCKET;
        let links = scores + buckets * SLOTS / 2;
        let words = (links + buckets * SLOTS).next_multiple_of(PAGE);
        let stripe = Stripe {
            books,
            generations,
            segments: segment_books,
            buckets: bucket_lines,
            scores,
            links,
            words,
            data: segments * segment,
        };
        let data = STRIPES_AT + stripes * words;
        let words = data + (stripes * segments * segment).next_multiple_of(PAGE);
        let segment_bits = segment.trailing_zeros();
        Some(Layout { stripes, buckets, segments, segment, segment_bits, data, words, stripe })
    }

    /// The shape of a region whose index and data take `bytes` at most: one slot for each 160 bytes.
    /// `None` when that is less than a megabyte, or more than some 30 GiB.
    pub(super) fn of_bytes(bytes: u64) -> Option<Layout> {
        let words = usize::try_from(bytes / 8).ok().filter(|words| *words >= 1 << 17)?;
        // Stripes of 8 MiB, of 32 MiB in the largest regions; smaller ones where there would be fewer than eight.
        let wanted = (words >> 20).max((words >> 17).min(8)).clamp(1, 256);
        let stripes = if words >> 30 > 0 { (words >> 22).min(1024) } else { wanted };
        let stripes = 1 << stripes.ilog2();
        let share = words / stripes;
        let segment = 1_usize.checked_shl((share / 32).checked_ilog2()?)?.clamp(PAGE * 4, 1 << 15);
        let buckets = (share * 8 / 160).div_ceil(SLOTS).max(2);
        let fixed = Layout::new(1, buckets, 3, segment)?.stripe.words + PAGE;
        let segments = (share.checked_sub(fixed)? / segment).min((UNIT << PLACE_BITS) / segment).min(4096);
        Layout::new(stripes, buckets, segments, segment)
    }

    /// Words of the largest entry that is kept in one piece.
    pub(super) fn largest_piece(&self) -> usize {
        self.segment / 2
    }

    /// The board of words that are raised.
    pub(super) fn board(&self) -> usize {
        BOARD
    }

    /// The row of a space.
    pub(super) fn space(&self, space: usize) -> usize {
        SPACES_AT + space * SPACE
    }

    /// The words of a session.
    pub(super) fn session(&self, session: usize) -> usize {
        SESSIONS_AT + session * SESSION
    }

    /// The words of a claim.
    pub(super) fn claim(&self, claim: usize) -> usize {
        CLAIMS_AT + claim
    }

    /// The counters of a thread of a session.
    pub(super) fn lane(&self, session: usize, lane: usize) -> usize {
        LANES_AT + (session * LANES + lane) * LANE
    }

    /// The epoch of the tags; the word after it is their clock.
    pub(super) fn tag_state(&self) -> usize {
        TAGS_AT
    }

    /// A place of the clocks of tags.
    pub(super) fn tag(&self, place: usize) -> usize {
        TAGS_AT + PAGE + place
    }

    /// The lock of a stripe; its totals are in the words that follow a line later.
    pub(super) fn stripe(&self, stripe: usize) -> usize {
        STRIPES_AT + stripe * self.stripe.words
    }

    /// The totals of a stripe.
    pub(super) fn totals(&self, stripe: usize) -> usize {
        self.stripe(stripe) + 8
    }

    /// What a stripe knows of a space.
    pub(super) fn book(&self, stripe: usize, space: usize) -> usize {
        self.stripe(stripe) + self.stripe.books + space * SPACE_BOOK
    }

    /// The generation of a segment; odd while it is free.
    pub(super) fn generation(&self, stripe: usize, segment: usize) -> usize {
        self.stripe(stripe) + self.stripe.generations + segment
    }

    /// What a stripe knows of a segment beside that.
    pub(super) fn segment_book(&self, stripe: usize, segment: usize) -> usize {
        self.stripe(stripe) + self.stripe.segments + segment * SEGMENT_BOOK
    }

    /// The first bucket of a stripe; the others follow.
    pub(super) fn buckets(&self, stripe: usize) -> usize {
        self.stripe(stripe) + self.stripe.buckets
    }

    /// The first scores of a stripe; there is half a word for each slot.
    pub(super) fn scores(&self, stripe: usize) -> usize {
        self.stripe(stripe) + self.stripe.scores
    }

    /// The first link of a stripe; there is one for each slot.
    pub(super) fn links(&self, stripe: usize) -> usize {
        self.stripe(stripe) + self.stripe.links
    }

    /// The first word of a stripe's data.
    #[inline(always)]
    pub(super) fn data(&self, stripe: usize) -> usize {
        self.data + stripe * self.stripe.data
    }

    /// The first word of a segment.
    pub(super) fn segment_at(&self, stripe: usize, segment: usize) -> usize {
        self.data(stripe) + segment * self.segment
    }

    /// Bytes of all segments.
    pub(super) fn capacity(&self) -> u64 {
        (self.stripes * self.segments * self.segment) as u64 * 8
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_region_takes_what_it_may_and_uses_it() {
        for mib in [1, 2, 3, 4, 7, 8, 16, 64, 100, 256, 1000, 4096, 16 << 10, 32 << 10] {
            let bytes: u64 = mib << 20;
            let layout = Layout::of_bytes(bytes).unwrap_or_else(|| panic!("{mib} MiB make no region"));
            let taken = (layout.words - STRIPES_AT) as u64 * 8;
            assert!(taken <= bytes, "{mib} MiB: {taken} bytes, {layout:?}");
            assert!(layout.capacity() * 5 > bytes * 4, "{mib} MiB: {} bytes of data, {layout:?}", layout.capacity());
        }
    }

    #[test]
    fn the_parts_do_not_overlap() {
        let layout = Layout::of_bytes(64 << 20).unwrap();
        assert_eq!(layout.buckets(0) % 8, 0);
        assert!(layout.lane(SESSIONS - 1, LANES - 1) + LANE <= layout.tag_state());
        assert!(layout.tag_state() + PAGE <= layout.tag(0) && layout.tag(TAGS - 1) < layout.stripe(0));
        assert!(layout.segment_book(0, layout.segments - 1) + SEGMENT_BOOK <= layout.buckets(0));
        assert_eq!(layout.scores(0), layout.buckets(0) + layout.buckets * BUCKET);
        assert!(layout.scores(0) + layout.buckets * SLOTS / 2 <= layout.links(0));
        assert!(layout.links(0) + layout.buckets * SLOTS <= layout.stripe(1));
        assert!(layout.stripe(layout.stripes) <= layout.data);
        assert!(layout.segment_at(layout.stripes - 1, layout.segments - 1) + layout.segment <= layout.words);
    }

    #[test]
    fn too_little_and_too_much_are_no_region() {
        assert_eq!(Layout::of_bytes(0), None);
        assert_eq!(Layout::of_bytes(64 << 10), None);
        assert_eq!(Layout::new(usize::MAX, 8, 8, 512), None);
        assert_eq!(Layout::new(1, usize::MAX, 8, 512), None);
        assert_eq!(Layout::new(1, 8, usize::MAX, 512), None);
        assert_eq!(Layout::new(1, 8, 8, usize::MAX), None);
    }
}
