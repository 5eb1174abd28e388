//! Servers that live, die and move, and what the backend makes of it.
#![expect(clippy::unwrap_used, reason = "tests")]

<<<<<<< HEAD
mod claims;
=======
mod failover;
>>>>>>> rtests
mod first;
mod foreign;
mod load;
<<<<<<< HEAD
mod news;
=======
mod losses;
mod moods;
>>>>>>> rtests
mod outage;
mod processes;
mod proxy;
mod refusals;
mod servers;
mod workers;
