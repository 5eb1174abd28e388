//! Types that are known by name, to say early and in words what is no key.

use super::key::peeled;
use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{GenericArgument, ParenthesizedGenericArguments, Path, PathArguments, Type, TypeFnPtr, TypePath};

const KEYS: [&str; 18] = [
    "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "str",
    "String", "Path", "PathBuf",
];
const CONTAINERS: [&str; 5] = ["Vec", "Option", "Box", "Arc", "BTreeSet"];

/// Whether a type is a key as far as its name tells.
pub(crate) fn is_certain(ty: &Type) -> bool {
    match peeled(ty) {
        Type::Slice(slice) => is_certain(&slice.elem),
        Type::Array(array) => is_certain(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_certain),
        Type::Path(TypePath { qself: None, path, .. }) => is_certain_path(path),
        _ => false,
    }
}

fn is_certain_path(path: &Path) -> bool {
    let Some(last) = path.segments.last() else { return false };
    match &last.arguments {
        PathArguments::None => KEYS.iter().any(|name| last.ident == name),
        PathArguments::AngleBracketed(generics) => {
            let all = generics.args.iter().all(|argument| match argument {
                GenericArgument::Type(ty) => is_certain(ty),
                _ => false,
            });
            all && CONTAINERS.iter().any(|name| last.ident == name)
        }
        PathArguments::Parenthesized(_) => false,
    }
}

/// The `f64` or `f32` that a value of this type would hold.
pub(crate) fn float(ty: &Type) -> Option<&Ident> {
    let mut floats = Floats(None);
    floats.visit_type(ty);
    floats.0
}

struct Floats<'a>(Option<&'a Ident>);

impl<'a> Visit<'a> for Floats<'a> {
    fn visit_path(&mut self, path: &'a Path) {
        if let Some(ident) = path.get_ident().filter(|ident| *ident == "f64" || *ident == "f32") {
            self.0.get_or_insert(ident);
        }
        // Of types by other names, such as `Ordered<f64>`, nothing is known.
        let holds = |segment: &syn::PathSegment| CONTAINERS.iter().any(|name| segment.ident == name);
        if path.segments.last().is_some_and(holds) {
            visit::visit_path(self, path);
        }
    }

    fn visit_type_fn_ptr(&mut self, _: &'a TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'a ParenthesizedGenericArguments) {}
}
