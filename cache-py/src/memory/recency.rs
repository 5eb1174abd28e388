//! Entries in the order of their last use.

/// A list through numbers, as a ring through number 0: the latest used is next to it, the one to leave is before it.
///
/// The links lie apart from the entries: those of a hundred thousand fit in a cache where the entries do not.
#[derive(Default)]
pub(super) struct Recency {
    links: Vec<Link>,
}

#[derive(Clone, Copy, Default)]
struct Link {
    before: u32,
    next: u32,
}

impl Recency {
    /// `id` is used.
    #[inline(always)]
    pub(super) fn touch(&mut self, id: u32) {
        if self.link(0).next != id {
            self.remove(id);
            self.push(id);
        }
    }

    /// `id` is new.
    pub(super) fn insert(&mut self, id: u32) {
        if self.links.len() <= id as usize {
            self.links.resize((id as usize + 1).next_power_of_two().max(16), Link::default());
        }
        self.push(id);
    }

    #[inline(always)]
    pub(super) fn remove(&mut self, id: u32) {
        let Link { before, next } = *self.link(id);
        self.link(before).next = next;
        self.link(next).before = before;
    }

    /// Who was not used for longest; 0 if nobody is there.
    #[inline(always)]
    pub(super) fn last(&self) -> u32 {
        self.links.first().map_or(0, |ring| ring.before)
    }

    /// Who would be the last without `id`.
    #[inline(always)]
    pub(super) fn before(&mut self, id: u32) -> u32 {
        self.link(id).before
    }

    pub(super) fn clear(&mut self) {
        self.links = Vec::new();
    }

    #[inline(always)]
    fn push(&mut self, id: u32) {
        let next = self.link(0).next;
        *self.link(id) = Link { before: 0, next };
        self.link(next).before = id;
        self.link(0).next = id;
    }

    #[inline(always)]
    fn link(&mut self, id: u32) -> &mut Link {
        debug_assert!((id as usize) < self.links.len());
        // SAFETY: `insert` makes room for a number and for 0 before anything else is done with it, and links lead to
        // numbers that were inserted.
        unsafe { self.links.get_unchecked_mut(id as usize) }
    }
}
