//! Names on the servers, and scripts that work on them.

pub(crate) mod clock;
pub(crate) mod counted;
pub(crate) mod id;
pub(crate) mod layout;
pub(crate) mod lent;
pub(crate) mod noted;
mod places;
pub(crate) mod script;
pub(crate) mod secret;
pub(crate) mod sha1;
pub(crate) mod sizes;
pub(crate) mod tell;
