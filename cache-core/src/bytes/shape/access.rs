//! The insides of sequences, structs, maps and enums, as the tracer answers them.

use super::de::{Refused, Visit};
use super::form::{Form, Leaf, merge_at};
use super::tracer::{Identity, Kind, Tracer, Tried};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::any::type_name;

/// Parts in order, and where what is seen of them goes.
pub(super) struct Parts<'t> {
    tracer: &'t mut Tracer,
    notes: Notes<'t>,
    at: usize,
    len: usize,
}

enum Notes<'t> {
    Container(usize),
    Tuple(&'t mut Vec<Form>),
    Nowhere,
}

impl<'t> Parts<'t> {
    pub(super) fn of_container(tracer: &'t mut Tracer, number: usize, len: usize) -> Self {
        Parts { tracer, notes: Notes::Container(number), at: 0, len }
    }

    pub(super) fn of_tuple(tracer: &'t mut Tracer, forms: &'t mut Vec<Form>, len: usize) -> Self {
        Parts { tracer, notes: Notes::Tuple(forms), at: 0, len }
    }

    pub(super) fn ending(tracer: &'t mut Tracer, len: usize) -> Self {
        Parts { tracer, notes: Notes::Nowhere, at: 0, len }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if self.at == self.len {
            return Ok(None);
        }
        let at = self.at;
        self.at += 1;
        self.tracer.stand_at(at);
        let mut form = Form::Unknown;
        let result = seed.deserialize(self.tracer.probe(&mut form));
        match &mut self.notes {
            Notes::Container(number) => self.tracer.note_field(*number, at, form),
            Notes::Tuple(forms) => merge_at(forms, at, form),
            Notes::Nowhere => {}
        }
        if let (Notes::Container(number), Err(_)) = (&self.notes, &result) {
            self.tracer.note_failure(*number, at);
        }
        result.map(Some)
    }

    /// Not more than a type may reserve without harm.
    fn size_hint(&self) -> Option<usize> {
        Some((self.len - self.at).min(64))
    }
}

/// The fields of a struct by name, those that refuse last.
pub(super) struct NamedFields<'t> {
    tracer: &'t mut Tracer,
    number: usize,
    order: Vec<usize>,
    at: usize,
}

impl<'t> NamedFields<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, number: usize) -> Self {
        let container = &tracer.containers[number];
        let fields = 0..container.identity.parts.len();
        let willing = fields.filter(|field| !container.refusing.contains(field));
        let order = willing.chain(container.refusing.iter().copied()).collect();
        NamedFields { tracer, number, order, at: 0 }
    }
}

impl<'de> MapAccess<'de> for NamedFields<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let Some(&field) = self.order.get(self.at) else { return Ok(None) };
        let name = self.tracer.containers[self.number].identity.parts[field];
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let Some(&field) = self.order.get(self.at) else { return Err(Refused) };
        self.at += 1;
        self.tracer.stand_at(field);
        let mut form = Form::Unknown;
        let result = seed.deserialize(self.tracer.probe(&mut form));
        self.tracer.note_field(self.number, field, form);
        if result.is_err() {
            self.tracer.note_failure(self.number, field);
        }
        result
    }
}

/// The one entry of a map, or none where it has to end.
pub(super) struct Entry<'t> {
    tracer: &'t mut Tracer,
    forms: &'t mut [Form; 2],
    left: bool,
}

impl<'t> Entry<'t> {
    pub(super) fn new(tracer: &'t mut Tracer, forms: &'t mut [Form; 2], visit: Visit) -> Self {
        Entry { tracer, forms, left: visit == Visit::First }
    }
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if !std::mem::take(&mut self.left) {
            return Ok(None);
        }
        seed.deserialize(self.tracer.probe(&mut self.forms[0])).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        seed.deserialize(self.tracer.probe(&mut self.forms[1]))
    }
}

/// The chosen variant of an enum.
pub(super) struct Variant<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) number: usize,
    pub(super) variant: usize,
    pub(super) visit: Visit,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refused> {
        let name = self.tracer.containers[self.number].identity.parts[self.variant];
        let chosen = seed.deserialize(BorrowedStrDeserializer::<Refused>::new(name))?;
        Ok((chosen, self))
    }
}

impl Variant<'_> {
    /// Notes the payload, and that the variant can be made if it could.
    fn note<R>(self, payload: Form, result: Result<R, Refused>) -> Result<R, Refused> {
        if self.visit == Visit::Again {
            return result;
        }
        let container = &mut self.tracer.containers[self.number];
        let mut learned = container.forms[self.variant].is_unknown();
        container.forms[self.variant].merge(payload);
        if result.is_ok() {
            learned |= container.tried[self.variant] == Tried::No;
            container.tried[self.variant] = Tried::Yes;
        }
        if learned {
            self.tracer.learn();
        }
        result
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.note(Form::Leaf(Leaf::UnitVariant), Ok(()))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        let mut form = Form::Unknown;
        let result = seed.deserialize(self.tracer.probe(&mut form));
        self.note(Form::Tuple(1, vec![form]), result)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        let mut parts = Vec::new();
        let result = visitor.visit_seq(Parts::of_tuple(self.tracer, &mut parts, len));
        self.note(Form::Tuple(len, parts), result)
    }

    /// A container of its own, so that the names of its fields count.
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        let name = self.tracer.containers[self.number].identity.parts[self.variant];
        // Variants of one enum share a visitor's name and a size, so the size tells them apart instead.
        let size = usize::MAX - self.variant;
        let identity = Identity { kind: Kind::Struct, name, visitor: type_name::<V>(), size, parts: fields };
        let mut form = Form::Unknown;
        let result = self.tracer.probe(&mut form).fields(identity, fields.len(), visitor);
        self.note(form, result)
    }
}
