//! One cache per set of type arguments: a generic function's `static` is shared by all its instances.

use std::any::{Any, TypeId};
use std::sync::OnceLock;

/// Values of different types behind one `static`, told apart by a type. For generated code.
///
/// A chain that only grows, read without a lock: a function has few instances, and each is found by comparing type ids.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Instances {
    first: OnceLock<Box<Node>>,
}

#[derive(Debug)]
struct Node {
    id: TypeId,
    value: Box<dyn Any + Send + Sync>,
    next: OnceLock<Box<Node>>,
}

impl Instances {
    pub const fn new() -> Self {
        Instances { first: OnceLock::new() }
    }

    /// The value of instance `I`, made by `init` at the first call. `init` may ask for other instances.
    pub fn get<I: 'static, T: Send + Sync + 'static>(&'static self, init: impl FnOnce() -> T) -> &'static T {
        let id = TypeId::of::<(I, T)>();
        let mut init = Some(init);
        let mut made: Option<Box<Node>> = None;
        let mut link = &self.first;
        loop {
            let node = match link.get() {
                Some(node) => node,
                None => {
                    let mine = match (made.take(), init.take()) {
                        (Some(node), _) => node,
                        (None, Some(init)) => Box::new(Node { id, value: Box::new(init()), next: OnceLock::new() }),
                        (None, None) => unreachable!("a node is made once and then kept until it is linked"),
                    };
                    // Another thread may link first; then ours goes to a later link, or is dropped if theirs is the same instance.
                    if let Err(rejected) = link.set(mine) {
                        made = Some(rejected);
                    }
                    link.get().expect("set by us or by whoever was first")
                }
            };
            if node.id == id {
                return node.value.downcast_ref().expect("the id names the type of the value");
            }
            link = &node.next;
        }
    }
}
