//! What in a type would keep a value from outliving the call.

use syn::visit::{self, Visit};
use syn::{Lifetime, ParenthesizedGenericArguments, Type, TypeFnPtr, TypeImplTrait, TypeReference, spanned::Spanned};

/// Where a type borrows, changes its caller's data, or has no name.
#[derive(Default)]
pub(crate) struct Loans {
    /// A reference or a lifetime other than `'static`.
    pub(crate) borrow: Option<proc_macro2::Span>,
    /// `&mut`.
    pub(crate) exclusive: Option<proc_macro2::Span>,
    /// `impl Trait`.
    pub(crate) unnamed: Option<proc_macro2::Span>,
}

impl Loans {
    pub(crate) fn of(ty: &Type) -> Self {
        let mut loans = Loans::default();
        loans.visit_type(ty);
        loans
    }
}

impl<'ast> Visit<'ast> for Loans {
    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.borrow.get_or_insert(lifetime.span());
        }
    }

    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if let Some(mutability) = &reference.mutability {
            self.exclusive.get_or_insert(mutability.span());
        }
        if reference.lifetime.is_none() {
            self.borrow.get_or_insert(reference.and_token.span());
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_type_impl_trait(&mut self, unnamed: &'ast TypeImplTrait) {
        self.unnamed.get_or_insert(unnamed.impl_token.span());
    }

    // The references in `fn(&str)` and `Fn(&str)` are arguments of a later call, not borrows.
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'ast ParenthesizedGenericArguments) {}
}
