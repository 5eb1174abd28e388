//! Tags: when each was invalidated last, by a clock that each invalidation moves.

use memolith_core::TagState;
use rusqlite::{Connection, OptionalExtension, params};

/// Tags listed at most; beyond that the older half is forgotten, and counts as invalidated when the last of it was.
const MOST: i64 = 100_000;

/// How far the tags have come.
pub(super) fn state(connection: &Connection, tags: &[&[u8]]) -> rusqlite::Result<TagState> {
    let mut select = connection.prepare_cached("SELECT epoch, clock, floor FROM tag_state")?;
    let (epoch, clock, floor): (i64, i64, i64) =
        select.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut select = connection.prepare_cached("SELECT clock FROM tags WHERE tag = ?1")?;
    let mut invalidated = Vec::with_capacity(tags.len());
    for tag in tags {
        let at: Option<i64> = select.query_row([tag], |row| row.get(0)).optional()?;
        invalidated.push(at.unwrap_or(floor) as u64);
    }
    Ok(TagState { epoch: epoch as u64, clock: clock as u64, invalidated })
}

/// Moves the clock, and notes it for each of `tags`. Within a transaction.
///
/// The clock is not behind the time: where a file takes the place of a newer copy of itself, what was made with that in
/// mind is older than what is invalidated from then on.
pub(super) fn invalidate(connection: &Connection, tags: &[&[u8]]) -> rusqlite::Result<()> {
    let now = "UPDATE tag_state SET clock = max(clock + 1, unixepoch() * 1000000) RETURNING clock";
    let now: i64 = connection.prepare_cached(now)?.query_row([], |row| row.get(0))?;
    let mut new = 0;
    for tag in tags {
        let update = "UPDATE tags SET clock = ?2 WHERE tag = ?1";
        if connection.prepare_cached(update)?.execute(params![tag, now])? == 0 {
            connection.prepare_cached("INSERT INTO tags(tag, clock) VALUES (?1, ?2)")?.execute(params![tag, now])?;
            new += 1;
        }
    }
    if new == 0 {
        return Ok(());
    }
    let listed = "UPDATE tag_state SET listed = listed + ?1 RETURNING listed";
    let listed: i64 = connection.prepare_cached(listed)?.query_row([new], |row| row.get(0))?;
    if listed > MOST { forget(connection) } else { Ok(()) }
}

fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let middle = "SELECT clock FROM tags ORDER BY clock LIMIT 1 OFFSET (SELECT count(*) / 2 FROM tags)";
    let floor: i64 = connection.query_row(middle, [], |row| row.get(0))?;
    connection.execute("DELETE FROM tags WHERE clock <= ?1", [floor])?;
    connection.execute("UPDATE tag_state SET floor = ?1, listed = (SELECT count(*) FROM tags)", [floor]).map(drop)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_counts_as_invalidated() {
        let connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&connection).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        let names: Vec<Vec<u8>> = (0..=MOST).map(|at| at.to_le_bytes().to_vec()).collect();
        for names in names.chunks(1000) {
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            invalidate(&connection, &names).unwrap();
        }
        let count: i64 = connection.query_row("SELECT count(*) FROM tags", [], |row| row.get(0)).unwrap();
        assert!((1..=MOST).contains(&count), "{count} are listed");
        let before = state(&connection, &[&names[0], b"never"]).unwrap();
        assert_eq!(before.invalidated[0], before.invalidated[1]);
        assert!(0 < before.invalidated[0] && before.invalidated[0] <= before.clock);
        invalidate(&connection, &[&names[0]]).unwrap();
        let after = state(&connection, &[&names[0], b"never"]).unwrap();
        assert_eq!((after.epoch, after.invalidated), (before.epoch, vec![after.clock, before.invalidated[1]]));
        assert!(after.clock > before.clock);
    }
}
