//! A place for bytes of one's own: here a map, in real life a store that memolith does not know.

use memolith::{Backend, Error, ErrorKind, Record, Result, Space, Timestamp, lru_cache};
use parking_lot::Mutex;
use std::collections::HashMap;

#[derive(Debug, Default)]
struct Shelf(Mutex<HashMap<String, HashMap<Vec<u8>, Record>>>);

impl Backend for Shelf {
    fn open(&self, space: &Space) -> Result<()> {
        match space.maxsize.or(space.max_bytes) {
            Some(_) => Err(Error::new(ErrorKind::Unsupported, "a shelf keeps no bounds, set maxsize = None")),
            None => Ok(()),
        }
    }
    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        Ok(self.0.lock().get(&*space.name).and_then(|it| it.get(key)).filter(|it| it.expires > now).cloned())
    }
    fn put(&self, space: &Space, key: &[u8], record: &Record, _: Timestamp) -> Result<()> {
        self.0.lock().entry(space.name.to_string()).or_default().insert(key.to_vec(), record.clone());
        Ok(())
    }
    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        Ok(self.0.lock().get_mut(&*space.name).is_some_and(|it| it.remove(key).is_some()))
    }
    fn clear(&self, space: &Space) -> Result<()> {
        self.0.lock().remove(&*space.name);
        Ok(())
    }
    fn len(&self, space: &Space) -> Result<u64> {
        Ok(self.0.lock().get(&*space.name).map_or(0, |it| it.len() as u64))
    }
}

#[lru_cache(maxsize = None, memory = 0, backend = Shelf::default())]
fn shout(text: &str) -> String {
    text.to_uppercase()
}

fn main() {
    assert_eq!((shout("stone"), shout("stone")), ("STONE".to_owned(), "STONE".to_owned()));
    assert_eq!(shout::cache_info().backend_hits, 1);
}
