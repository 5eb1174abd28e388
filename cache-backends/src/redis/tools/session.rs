//! Sessions of users, on all machines.

use super::tool::Tool;
use crate::redis::Redis;
use crate::redis::claims::holds::LONGEST;
use crate::redis::keys::script::{Call, ROTATE, TOUCH};
use crate::redis::keys::secret::{hex, secret};
use crate::redis::server::node::wait;
use crate::redis::wire::reply::unexpected;
use crate::redis::wire::request::{Request, Route};
use memolith_core::Result;
use std::fmt;
use std::time::Duration;

/// What is known of each user between two requests, under an id that nobody can guess, for as long as they come back.
///
/// The data are bytes; to keep a type, encode it. Each operation is one round trip, and each but
/// [`delete`](Self::delete) begins the time of the session anew. Of two updates at once the later one stays.
/// Whoever can read the server's keys knows the ids.
///
/// ```no_run
/// use memolith_backends::Redis;
/// use memolith_backends::redis::{SessionId, Sessions};
/// use std::time::Duration;
///
/// let redis = Redis::open("redis://localhost")?;
/// let sessions = Sessions::new(&redis, "shop", Duration::from_secs(30 * 60));
/// let id = sessions.create(b"guest")?;
/// // The text goes into a cookie, and comes back with the next request.
/// let id = SessionId::parse(id.as_str()).ok_or_else(|| std::io::Error::other("no id"))?;
/// assert_eq!(sessions.get(&id)?.as_deref(), Some(&b"guest"[..]));
/// // After a login the id of before is worth nothing.
/// let id = sessions.rotate(&id)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sessions {
    tool: Tool,
    ttl: Duration,
}

/// Names a session: 128 random bits of the operating system, and 8 that say where it lies, in hexadecimal digits.
///
/// Whoever knows it is taken for the user: its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl Sessions {
    /// The sessions called `name`, each of which ends when it was not used for `ttl`. Nothing is asked of the servers
    /// yet.
    pub fn new(redis: &Redis, name: &str, ttl: Duration) -> Self {
        Sessions { tool: Tool::new(redis, "session", name), ttl }
    }

    /// A new session with `data`.
    ///
    /// # Errors
    /// When no server answers in time. There may be a session then whose id nobody knows.
    pub fn create(&self, data: &[u8]) -> Result<SessionId> {
        wait(self.create_async(data))
    }

    /// As [`create`](Self::create), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn create_async(&self, data: &[u8]) -> Result<SessionId> {
        let id = SessionId::new(&hex(&secret()?[..1]))?;
        let (key, slot) = self.key(&id);
        let request = Request::new("SET", Route::Slot(slot)).arg(key).arg(data).arg("PX").int(self.millis());
        self.tool.client().call(request).await?.checked()?;
        Ok(id)
    }

    /// The data of a session; none if it has ended.
    ///
    /// # Errors
    /// When no server answers in time.
    pub fn get(&self, id: &SessionId) -> Result<Option<Vec<u8>>> {
        wait(self.get_async(id))
    }

    /// As [`get`](Self::get), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn get_async(&self, id: &SessionId) -> Result<Option<Vec<u8>>> {
        let (key, slot) = self.key(id);
        let call = Call::new(&TOUCH, Route::Slot(slot)).key(key).text(self.millis());
        call.run(self.tool.client()).await?.into_bytes()
    }

    /// Replaces the data of a session; false if it has ended.
    ///
    /// # Errors
    /// When no server answers in time. The data may have been replaced or not.
    pub fn update(&self, id: &SessionId, data: &[u8]) -> Result<bool> {
        wait(self.update_async(id, data))
    }

    /// As [`update`](Self::update), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn update_async(&self, id: &SessionId, data: &[u8]) -> Result<bool> {
        let (key, slot) = self.key(id);
        let request = Request::new("SET", Route::Slot(slot)).arg(key).arg(data).arg("XX").arg("PX").int(self.millis());
        Ok(self.tool.client().call(request).await?.into_bytes()?.is_some())
    }

    /// Gives a session another id, in one step, and the one of before is worth nothing: to be called when rights change,
    /// as with a login. None if it has ended.
    ///
    /// # Errors
    /// When no server answers in time. The session may have lost its id then.
    pub fn rotate(&self, id: &SessionId) -> Result<Option<SessionId>> {
        wait(self.rotate_async(id))
    }

    /// As [`rotate`](Self::rotate), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn rotate_async(&self, id: &SessionId) -> Result<Option<SessionId>> {
        let new = SessionId::new(id.place())?;
        let ((old_key, slot), (new_key, _)) = (self.key(id), self.key(&new));
        let rotate = Call::new(&ROTATE, Route::Slot(slot)).key(old_key).key(new_key).text(self.millis());
        match rotate.run(self.tool.client()).await?.into_int()? {
            0 => Ok(None),
            1 => Ok(Some(new)),
            _ => Err(unexpected()),
        }
    }

    /// Ends a session; whether there was one.
    ///
    /// # Errors
    /// When no server answers in time. There may still be a session then.
    pub fn delete(&self, id: &SessionId) -> Result<bool> {
        wait(self.delete_async(id))
    }

    /// As [`delete`](Self::delete), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn delete_async(&self, id: &SessionId) -> Result<bool> {
        let (key, slot) = self.key(id);
        Ok(self.tool.client().call(Request::new("DEL", Route::Slot(slot)).arg(key)).await?.into_int()? > 0)
    }

    /// What an id begins with decides the slot, and stays when the id is rotated.
    fn key(&self, id: &SessionId) -> (Vec<u8>, u16) {
        let (mut key, slot) = self.tool.key(id.place());
        key.push(b':');
        key.extend_from_slice(id.0.as_bytes());
        (key, slot)
    }

    fn millis(&self) -> i64 {
        i64::try_from(self.ttl.min(LONGEST).as_millis()).unwrap_or(i64::MAX).max(1)
    }
}

impl SessionId {
    /// The id that `text` is, as [`as_str`](Self::as_str) has given it; none if it is not one. Text of strangers is fine.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 34 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| SessionId(text.to_owned()))
    }

    /// The id as text of 34 digits, for a cookie.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(place: &str) -> Result<Self> {
        Ok(SessionId([place, &hex(&secret()?)].concat()))
    }

    /// Two digits.
    fn place(&self) -> &str {
        &self.0[..2]
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionId").finish_non_exhaustive()
    }
}
