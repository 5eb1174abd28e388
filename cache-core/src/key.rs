//! Keys, and borrowed views of them: a lookup by `&str` needs no `String`.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// What can be a key: anything that hashes, compares, clones and may be shared between threads.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
impl<T: Hash + Eq + Clone + Send + Sync + 'static> Key for T {}

/// What can be cached: a hit is a clone, so wrap what is costly to clone in an `Arc`.
pub trait Value: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Value for T {}

/// A borrowed view of a `K`: it hashes and compares like the key, and can become one.
///
/// `&K` is one, and so is every `Q` with `K: Borrow<Q>`: a `Cache<String, V>` is asked with a `&str`.
/// An implementation must hash exactly as `K` does.
pub trait KeyRef<K>: Hash {
    /// Whether this view is of a key equal to `key`.
    fn is(&self, key: &K) -> bool;
    /// The key itself. Called at a miss, never at a hit.
    fn to_key(&self) -> K;
}

impl<K, Q> KeyRef<K> for Q
where
    K: Borrow<Q>,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
{
    #[inline]
    fn is(&self, key: &K) -> bool {
        self == key.borrow()
    }

    #[inline]
    fn to_key(&self) -> K {
        self.to_owned()
    }
}

/// One borrowed argument of a call: `&T`, or `Option<&T>`.
#[doc(hidden)]
pub trait Arg: Hash {
    type Owned;
    fn is(&self, owned: &Self::Owned) -> bool;
    fn to_key(&self) -> Self::Owned;
}

impl<T: Hash + Eq + ToOwned + ?Sized> Arg for &T {
    type Owned = T::Owned;

    #[inline]
    fn is(&self, owned: &T::Owned) -> bool {
        **self == *owned.borrow()
    }

    #[inline]
    fn to_key(&self) -> T::Owned {
        (*self).to_owned()
    }
}

impl<T: Hash + Eq + ToOwned + ?Sized> Arg for Option<&T> {
    type Owned = Option<T::Owned>;

    #[inline]
    fn is(&self, owned: &Option<T::Owned>) -> bool {
        match (self, owned) {
            (Some(one), Some(other)) => **one == *other.borrow(),
            (None, None) => true,
            _ => false,
        }
    }

    #[inline]
    fn to_key(&self) -> Option<T::Owned> {
        self.map(T::to_owned)
    }
}

/// The borrowed arguments of one call, as generated code makes them: a view of the tuple of the owned arguments.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "lives for one lookup in generated code")]
pub struct Args<T>(pub T);

macro_rules! args {
    ($($t:ident $i:tt),*) => {
        impl<$($t: Arg),*> Hash for Args<($($t,)*)> {
            #[inline]
            #[allow(unused_variables, clippy::allow_attributes, reason = "the empty tuple uses no hasher")]
            fn hash<H: Hasher>(&self, state: &mut H) {
                $(self.0.$i.hash(state);)*
            }
        }
        impl<$($t: Arg),*> KeyRef<($($t::Owned,)*)> for Args<($($t,)*)> {
            #[inline]
            #[allow(unused_variables, clippy::allow_attributes, reason = "the empty tuple compares nothing")]
            fn is(&self, key: &($($t::Owned,)*)) -> bool {
                true $(&& self.0.$i.is(&key.$i))*
            }

            #[inline]
            #[allow(clippy::unused_unit, clippy::allow_attributes, reason = "the empty tuple is a unit")]
            fn to_key(&self) -> ($($t::Owned,)*) {
                ($(self.0.$i.to_key(),)*)
            }
        }
    };
}
args!();
args!(A 0);
args!(A 0, B 1);
args!(A 0, B 1, C 2);
args!(A 0, B 1, C 2, D 3);
args!(A 0, B 1, C 2, D 3, E 4);
args!(A 0, B 1, C 2, D 3, E 4, F 5);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8, J 9);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8, J 9, K1 10);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H1 7, I 8, J 9, K1 10, L 11);
