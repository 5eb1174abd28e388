//! One server, and the connection that all share.

pub(crate) mod attempt;
pub(crate) mod breaker;
pub(crate) mod call;
pub(crate) mod hand;
pub(crate) mod link;
pub(crate) mod node;
pub(crate) mod timer;
pub(crate) mod wait;
