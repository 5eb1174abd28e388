//! Results that say what they were made from: one call ends all that were made from it, of every function, everywhere.

use memolith::{invalidate_tag, lru_cache};

#[lru_cache(tags = |user, _| [format!("user:{user}")])]
fn name(user: u64) -> String {
    println!("reading user {user}");
    format!("user {user}")
}

/// What is known only when the value is there is a tag as well.
#[lru_cache(
    backend = "memory:",
    tags = |team, members| members.iter().map(|user| format!("user:{user}")).chain([format!("team:{team}")])
)]
fn members(team: &str) -> Vec<u64> {
    println!("reading team {team}");
    vec![5, team.len() as u64]
}

fn main() -> memolith::Result<()> {
    let all = || (name(5), name(6), members("red"), members("white"));
    let before = all();
    // User 5 has another name, and is in both teams.
    invalidate_tag("user:5")?;
    assert_eq!((name::get(5), name::get(6)), (None, Some("user 6".to_owned())));
    assert_eq!((members::get("red"), members::get("white")), (None, None));
    assert_eq!(all(), before);
    invalidate_tag("team:red")?;
    assert_eq!((members::get("red"), members::get("white").is_some()), (None, true));
    println!("{:?}", members::cache_info());
    Ok(())
}
