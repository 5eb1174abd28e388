//! Arguments whose types may be no keys, so that the compiler says it once and in words.
//!
//! Companions ask `for<'x> T: KeyArgument<'x>`, and the cached function alone has to show it, by calling one of them.
//! The lifetime means nothing: a bound under `for<'x>` is checked by whoever calls and not where it is written, which
//! would be an error more for each companion. It is load-bearing.
//! The names of the items are odd because such a bound brings them into the scope of `T::..` and `value.name()`.

use crate::Key;
use crate::key::Arg;
use std::hash::{Hash, Hasher};

/// The form in which an argument of a type that is known to be a key is kept.
pub type Owned<T> = <T as ToOwned>::Owned;

/// The form in which an argument of type `T` is kept.
pub type OwnedArgument<T> = <T as KeyArgument<'static>>::Kept;

/// The form in which `self` is kept.
pub type OwnedSelf<T> = <T as KeyReceiver<'static>>::Kept;

macro_rules! checked {
    ($(#[$docs:meta])* $name:ident, $(#[$view_docs:meta])* $view:ident) => {
        $(#[$docs])*
        pub trait $name<'x> {
            /// What is kept.
            type Kept: Key;
            /// As `Hash` does.
            fn key_hash<H: Hasher>(&self, state: &mut H);
            /// Whether this is a view of something equal to `owned`.
            fn key_is(&self, kept: &Self::Kept) -> bool;
            /// What is kept.
            fn key_kept(&self) -> Self::Kept;
        }

        #[diagnostic::do_not_recommend]
        impl<'x, T: Hash + Eq + ToOwned<Owned: Key> + ?Sized> $name<'x> for T {
            type Kept = T::Owned;

            #[inline]
            fn key_hash<H: Hasher>(&self, state: &mut H) {
                self.hash(state);
            }

            #[inline]
            fn key_is(&self, kept: &T::Owned) -> bool {
                *self == *std::borrow::Borrow::<T>::borrow(kept)
            }

            #[inline]
            fn key_kept(&self) -> T::Owned {
                self.to_owned()
            }
        }

        $(#[$view_docs])*
        #[expect(missing_debug_implementations, reason = "lives for one lookup in generated code")]
        pub struct $view<'a, T: ?Sized>(pub &'a T);

        impl<T: for<'x> $name<'x> + ?Sized> Hash for $view<'_, T> {
            #[inline]
            fn hash<H: Hasher>(&self, state: &mut H) {
                <T as $name<'static>>::key_hash(self.0, state);
            }
        }

        impl<T: for<'x> $name<'x> + ?Sized> Arg for $view<'_, T> {
            type Owned = <T as $name<'static>>::Kept;

            #[inline]
            fn is(&self, owned: &Self::Owned) -> bool {
                <T as $name<'static>>::key_is(self.0, owned)
            }

            #[inline]
            fn to_key(&self) -> Self::Owned {
                <T as $name<'static>>::key_kept(self.0)
            }
        }
    };
}

checked!(
    /// An argument that can be part of a key.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be part of a cache key",
        label = "this argument would be part of the key",
        note = "an argument in the key is `Hash + Eq + Clone + Send + Sync + 'static`",
        note = "say `skip(..)` where it does not decide the result, or `key = ..` for what of it does"
    )]
    KeyArgument,
    /// A borrowed argument.
    Given
);

checked!(
    /// A `self` that can be part of a key.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is no key, so its cached method must say what `self` counts for",
        label = "this `self` would be part of the key",
        note = "say `key = (self.id, x)` where a part of it decides the result",
        note = "say `skip(self)` where nothing of it does",
        note = "or derive `Clone`, `PartialEq`, `Eq` and `Hash` for `{Self}` where all of it does"
    )]
    KeyReceiver,
    /// A borrowed `self`.
    This
);

impl<T: for<'x> KeyArgument<'x> + ?Sized> Arg for Option<Given<'_, T>> {
    type Owned = Option<OwnedArgument<T>>;

    #[inline]
    fn is(&self, owned: &Self::Owned) -> bool {
        match (self, owned) {
            (Some(one), Some(other)) => one.is(other),
            (None, None) => true,
            _ => false,
        }
    }

    #[inline]
    fn to_key(&self) -> Self::Owned {
        self.as_ref().map(Arg::to_key)
    }
}

/// An optional argument as it is looked up.
#[inline]
pub fn given<T: ?Sized>(argument: Option<&T>) -> Option<Given<'_, T>> {
    argument.map(Given)
}
