//! Who leaves, in the same transaction as who comes.
//!
//! Hits are in memory and scores in the file, so whoever is next to leave is first asked for in memory: one that was
//! used meanwhile gets its true score, and the next is looked at. So a hit costs a write when its entry would have left.

use super::recency::Hit;
use super::scores;
use super::writer::Writer;
use memolith_core::{End, Space};
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;

/// Entries that are spared in one eviction because they were used, at most: it ends whatever is hit meanwhile.
const SPARED: usize = 8;

/// Hits that are written because they would be forgotten soon, or because the highest score leaves and those in memory
/// are the highest, at most.
const WRITTEN: usize = 64;

impl Writer {
    /// Evicts until the bounds hold, sparing `own`. Returns the score of the last one that left.
    pub(super) fn evict(&mut self, space: &Space, own: &HashSet<i64>) -> rusqlite::Result<Option<i64>> {
        if self.ledger.account(&self.connection, &space.name)?.fits(space) {
            return Ok(None);
        }
        let (hits, end) = (self.hits.clone(), space.policy.score().leaves);
        let pressing = if end == End::Highest || hits.is_crowded() { hits.take(WRITTEN) } else { vec![] };
        self.touch(&pressing)?;
        let (mut last, mut spared) = (None, 0);
        while let Some(hit) = self.leave(space, (own, spared < SPARED), &mut last)? {
            self.touch(&[hit])?;
            spared += 1;
        }
        Ok(last)
    }

    /// Takes away those who are next to leave, until the bounds hold or, if `sparing`, one was used since its score was
    /// written: that hit is returned.
    fn leave(
        &mut self,
        space: &Space,
        (own, sparing): (&HashSet<i64>, bool),
        last: &mut Option<i64>,
    ) -> rusqlite::Result<Option<Hit>> {
        let account = self.ledger.account(&self.connection, &space.name)?;
        let sql = match space.policy.score().leaves {
            End::Lowest => "SELECT id, size, score FROM entries INDEXED BY by_score WHERE space = ?1 ORDER BY score",
            End::Highest => {
                "SELECT id, size, score FROM entries INDEXED BY by_score WHERE space = ?1 ORDER BY score DESC"
            }
        };
        let (mut leaving, mut used) = (vec![], None);
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query([account.id])?;
        while !account.fits(space) {
            let Some(row) = rows.next()? else { break };
            let (id, size, score): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if own.contains(&id) {
                continue;
            }
            used = self.hits.take_row(id).filter(|hit| sparing && hit.space == account.id && hit.moves(score));
            if used.is_some() {
                break;
            }
            account.add(-1, -size);
            *last = Some(score);
            leaving.push(id);
        }
        drop(rows);
        let mut delete = self.connection.prepare_cached("DELETE FROM entries WHERE id = ?1")?;
        for id in leaving {
            delete.execute([id])?;
        }
        Ok(used)
    }

    /// Writes hits into the order.
    pub(super) fn touch(&mut self, hits: &[Hit]) -> rusqlite::Result<()> {
        for hit in hits {
            let mut select =
                self.connection.prepare_cached("SELECT score FROM entries WHERE id = ?1 AND space = ?2")?;
            let score: Option<i64> = select.query_row([hit.row, hit.space], |row| row.get(0)).optional()?;
            // Gone, or replaced by an entry that is fresher than the hit.
            let Some(score) = score.filter(|score| hit.moves(*score)) else { continue };
            let score = scores::used(hit.policy, score, (hit.times, hit.at));
            let mut update = self.connection.prepare_cached("UPDATE entries SET score = ?2 WHERE id = ?1")?;
            update.execute(params![hit.row, score])?;
        }
        Ok(())
    }
}
