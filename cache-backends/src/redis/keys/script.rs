//! Scripts on the server: called by their digest, sent in full where the server has not seen them.

use super::sha1::sha1;
use crate::redis::fleet::client::Client;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::{Request, Route};
use memolith_core::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::sync::LazyLock;

/// One script. They work on servers since Redis 5, name all their keys, which are in one slot, and set no globals.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    digest: LazyLock<String>,
}

/// A script out of one file or several, which follow each other.
macro_rules! script {
    ($name:ident, $doc:literal, $($file:literal),+) => {
        #[doc = $doc]
        pub(crate) static $name: Script = Script {
            text: concat!($(include_str!($file)),+),
            digest: LazyLock::new(|| sha1(concat!($(include_str!($file)),+).as_bytes())),
        };
    };
}

script!(
    PUT,
    "Stores entries of a tracked space, and makes room for them.",
    "lua/one.lua",
    "lua/room.lua",
    "lua/put.lua"
);
script!(FIT, "Evicts until the bounds of a tracked space hold.", "lua/room.lua", "lua/fit.lua");
script!(GET, "Entries of a tracked space, and notes their use.", "lua/get.lua");
script!(REMOVE, "Removes an entry in whatever form, and tells.", "lua/tell.lua", "lua/remove.lua");
script!(CLEAR, "Removes a tracked space, and tells.", "lua/tell.lua", "lua/clear.lua");
script!(DISCARD, "Removes fields from a space that several functions share.", "lua/discard.lua");
script!(TAGS, "What is known of tags, and that nothing is known if so.", "lua/epoch.lua", "lua/tags.lua");
script!(INVALIDATE, "Invalidates tags, and tells.", "lua/tell.lua", "lua/epoch.lua", "lua/invalidate.lua");
script!(TELL, "Tells of a removal.", "lua/tell.lua", "lua/told.lua");

script!(TAKE, "Takes what one at a time may hold.", "lua/take.lua");
script!(RENEW, "Holds it for longer.", "lua/renew.lua");
script!(RELEASE, "Lets go of it, and tells.", "lua/tell.lua", "lua/release.lua");
script!(FIXED, "A limit to the calls of a window.", "lua/fixed.lua");
script!(SLIDING, "A limit to the calls of any window.", "lua/sliding.lua");
script!(BUCKET, "A bucket of tokens.", "lua/bucket.lua");
script!(TOUCH, "A session, for longer.", "lua/touch.lua");
script!(ROTATE, "Gives a session another key.", "lua/rotate.lua");

/// A script with what it is to work on.
pub(crate) struct Call<'a> {
    script: &'static Script,
    route: Route,
    keys: Vec<Cow<'a, [u8]>>,
    arguments: Vec<Cow<'a, [u8]>>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(script: &'static Script, route: Route) -> Self {
        Call { script, route, keys: Vec::with_capacity(4), arguments: Vec::with_capacity(12) }
    }

    pub(crate) fn key(mut self, key: impl Into<Cow<'a, [u8]>>) -> Self {
        self.keys.push(key.into());
        self
    }

    pub(crate) fn arg(mut self, argument: impl Into<Cow<'a, [u8]>>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn text(self, argument: impl ToString) -> Self {
        self.arg(argument.to_string().into_bytes())
    }

    /// Runs it.
    pub(crate) async fn run(self, client: &Client) -> Result<Reply> {
        let reply = client.call(self.by_digest()).await;
        match reply.as_ref().is_ok_and(is_unseen) {
            true => understood(client.call(self.in_full()).await),
            false => understood(reply),
        }
    }

    /// Runs all in one go; those that a server has not seen in a second one.
    pub(crate) async fn run_all(calls: &[Call<'_>], client: &Client) -> Vec<Result<Reply>> {
        let mut replies = client.call_all(calls.iter().map(Call::by_digest).collect()).await;
        let unseen: Vec<usize> = (0..replies.len()).filter(|i| replies[*i].as_ref().is_ok_and(is_unseen)).collect();
        if unseen.is_empty() {
            return replies.into_iter().map(understood).collect();
        }
        let again = unseen.iter().filter_map(|i| calls.get(*i)).map(Call::in_full).collect();
        let mut again = client.call_all(again).await.into_iter();
        for i in unseen {
            replies[i] = again.next().unwrap_or_else(|| Err(unexpected()));
        }
        replies.into_iter().map(understood).collect()
    }

    pub(crate) fn by_digest(&self) -> Request {
        self.request("EVALSHA", &self.script.digest)
    }

    fn in_full(&self) -> Request {
        self.request("EVAL", self.script.text)
    }

    fn request(&self, command: &str, script: &str) -> Request {
        let request = Request::new(command, self.route).arg(script).int(self.keys.len() as i64);
        self.keys.iter().chain(&self.arguments).fold(request, Request::arg)
    }
}

fn is_unseen(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(error) if error.code == "NOSCRIPT")
}

/// A server that runs no scripts at all says so in a way that repeats our keys.
fn understood(reply: Result<Reply>) -> Result<Reply> {
    match reply {
        Ok(Reply::Error(error)) if error.code == "ERR" && error.message.starts_with("unknown command") => {
            let message = "the server runs no scripts, let it know EVAL and EVALSHA";
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        reply => reply,
    }
}
