//! Tags of all spaces, in one key: if the server loses it, it loses all, and another epoch begins.

use super::removal::Told;
use super::store::Store;
use crate::redis::fleet::slots::slot_of;
use crate::redis::keys::script::{Call, INVALIDATE, Script, TAGS};
use crate::redis::wire::random::random;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Route;
use memolith_core::{Result, TagState};
use xxhash_rust::xxh3::xxh3_128;

/// Beyond that the hash of a tag stands for it: two that share one are invalidated together.
const LONGEST: usize = 64;

impl Store {
    pub(crate) async fn tag_state(&self, tags: &[&[u8]]) -> Result<TagState> {
        let reply = self.tag_call(&TAGS, |call| call, tags).run(&self.client).await?;
        let numbers: Vec<u64> = reply.into_array()?.into_iter().map(number).collect::<Result<_>>()?;
        match numbers.split_first_chunk() {
            Some((&[epoch, clock], invalidated)) if invalidated.len() == tags.len() => {
                Ok(TagState { epoch, clock, invalidated: invalidated.to_vec() })
            }
            _ => Err(unexpected()),
        }
    }

    pub(crate) async fn invalidate(&self, tags: &[&[u8]]) -> Result<TagState> {
        let tell = |call: Call<'static>| call.arg(self.id().to_vec()).text(self.tell.letter());
        let (asks, key) = (self.client.asks(), self.layout.tags());
        let reply = self.tag_call(&INVALIDATE, tell, tags).run(&self.client).await?;
        self.tell_owners((asks, Told::Everybody), &[(&key, Route::Slot(slot_of(&key)))]).await?;
        let [epoch, clock] = <[Reply; 2]>::try_from(reply.into_array()?).map_err(|_| unexpected())?;
        let (epoch, clock) = (number(epoch)?, number(clock)?);
        Ok(TagState { epoch, clock, invalidated: vec![clock; tags.len()] })
    }

    fn tag_call(
        &self,
        script: &'static Script,
        tell: impl FnOnce(Call<'static>) -> Call<'static>,
        tags: &[&[u8]],
    ) -> Call<'static> {
        let key = self.layout.tags();
        let call = Call::new(script, Route::Slot(slot_of(&key))).key(key).text(random().max(1));
        tags.iter().fold(tell(call), |call, tag| call.arg(field(tag)))
    }
}

/// The field of `tag`, which is neither that of the epoch nor that of the clock.
fn field(tag: &[u8]) -> Vec<u8> {
    match tag.len() {
        0..=LONGEST => [b"t:", tag].concat(),
        _ => format!("h:{:032x}", xxh3_128(tag)).into_bytes(),
    }
}

/// 0 where nothing is kept.
fn number(reply: Reply) -> Result<u64> {
    let Some(text) = reply.into_bytes()? else { return Ok(0) };
    std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).ok_or_else(unexpected)
}
