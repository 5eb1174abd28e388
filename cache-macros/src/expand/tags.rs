//! The tags of a computed value, from the arguments and the value.

use crate::model::{Model, Parameter, Tags};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{FnArg, ReceiverKind, Type};

/// Copies of the arguments that the function takes away and the rule asks for.
pub(super) fn kept_for(model: &Model) -> TokenStream {
    let Some(tags) = &model.tags else { return TokenStream::new() };
    let root = &model.root;
    let all = model.parameters.iter().enumerate();
    let copies = all.filter(|(at, parameter)| tags.asks(*at) && !is_borrowed(parameter)).map(|(at, parameter)| {
        let (kept, name) = (kept(at), &parameter.name);
        quote!(let #kept = #root::Clone::clone(&#name);)
    });
    quote!(#(#copies)*)
}

/// `fill`, with a lease that knows the tags.
pub(super) fn tagged(model: &Model, (lease, value): (&Ident, &Ident), fill: TokenStream) -> TokenStream {
    let Some(tags) = &model.tags else { return fill };
    let root = &model.root;
    let views = model.parameters.iter().enumerate().map(|(at, parameter)| match is_borrowed(parameter) {
        true => {
            let name = &parameter.name;
            quote!(#name)
        }
        false => {
            let kept = kept(at);
            quote!(&#kept)
        }
    });
    let views: Vec<TokenStream> = views.chain([quote!(&#value)]).collect();
    let given = match tags {
        Tags::Given(rule) => quote!((#rule)(#(#views),*)),
        Tags::Closure { inputs, body } => {
            let asked: Vec<usize> = (0..views.len()).filter(|at| tags.asks(*at)).collect();
            let seen: Vec<Ident> = asked.iter().map(|at| name("seen", *at)).collect();
            let (views, inputs) = (asked.iter().map(|at| &views[*at]), asked.iter().map(|at| &inputs[*at]));
            // All at once, for the closure may call one argument as the function calls another.
            quote!({
                #(let #seen = #views;)*
                #(let #inputs = #seen;)*
                (#body)()
            })
        }
    };
    quote!({
        let #lease = #root::with_tags(#lease, #given);
        #fill
    })
}

/// Whether the argument is there, as a reference, when the function has returned.
fn is_borrowed(parameter: &Parameter) -> bool {
    match &parameter.declared {
        FnArg::Receiver(receiver) => matches!(receiver.kind, ReceiverKind::Reference(..)),
        FnArg::Typed(typed) => matches!(*typed.ty, Type::Reference(_)),
    }
}

fn kept(at: usize) -> Ident {
    name("kept", at)
}

/// A local that is out of reach of the user's own.
fn name(role: &str, at: usize) -> Ident {
    format_ident!("memolith_{role}_{at}", span = Span::mixed_site())
}
